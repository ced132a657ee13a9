#!/usr/bin/env bash
# The deformable transformer's tables 4 and 5 on the mannequins, small: one network for every row, each trained alike, one seed. About an hour and a half
# on two cores; the last lines of each run are its test accuracy.
set -euo pipefail
cd "$(dirname "$0")/.."
small="--data mannequin --clips 60 --model deform-mc3 --recipe deform --argument width=0.25 --argument heads=4 --argument kernel=5 --argument layout=17"
small="$small --argument pose_positions=true --argument size=64 --size 64 --frames 12 --crops near --batch 16 --warmup 1 --lr 0.001 --precision bf16 --epochs 8"
row() {
  local name=$1
  shift
  # shellcheck disable=SC2086
  .venv/bin/python -m actrec train $small "$@" --out "runs/ablate-$name"
}
row all
row no-deform --argument deform=false
row deform-only --argument joint=false --argument temporal=false
row no-temporal --argument temporal=false
row no-joint --argument joint=false
row none --argument 'tokens="none"'
row single --argument 'tokens="single"'

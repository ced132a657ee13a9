#!/usr/bin/env bash
# TPNLST-ResCNN's tables 2 to 5 on the mannequins, small: model A at a quarter of the width, 64 × 64 pixels, one seed. Each run's last line is its test
# accuracy. About two hours on two cores.
#   two_streams.sh [STEP …]    the steps are those below, in this order; all of them when none is named
# Sparsity is 500 times the paper's: γ moves by rate × steps × ζ, and there are a few hundred steps here, where the paper has half a million.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${RUNS:-runs/two}
mannequin="--data mannequin --span 64 --size 64 --crops near"
small="--recipe tpnlst --schedule exponential --flip off --batch 16 --precision bf16 --seed 0 --lr-end 0.02 --warmup 1"
long="--epochs 14 --lr 0.05 --clips 60 $mannequin $small"
further="--epochs 10 --lr 0.03 --clips 60 $mannequin $small"
sparse="--epochs 3 --lr 0.03 --sparsity 0.05 --argument cut=true --clips 60 $mannequin $small"
tune="--epochs 3 --lr 0.01 --clips 60 $mannequin $small --warmup 0"
short="--epochs 2 --lr 0.02 --clips 10 $mannequin $small"

train() { # MODEL RUN OPTIONS…
  local model=$1 run=$2
  shift 2
  .venv/bin/python -m actrec train --model "$model" --out "$runs/$run" "$@"
}
prune() { # MODEL-RUN PERCENT RUN OPTIONS…
  local from=$1 percent=$2 run=$3
  shift 3
  mkdir -p "$runs/$run-untuned"
  .venv/bin/python -m actrec prune --model "$(at "$from")" --percent "$percent" --out "$runs/$run-untuned/model.safetensors" "$@"
}
at() { # the model of a run
  local stream=rgb
  [[ $1 == *flow* ]] && stream=flow
  echo "tst-rescnn-a:$stream@$runs/$1/model.safetensors"
}
tuned() { # RUN OPTIONS…: train on a pruned network
  train "$(at "$1-untuned")" "$1" --init "$runs/$1-untuned/model.safetensors" "${@:2}"
}
init() { echo "--init $runs/$1/model.safetensors"; }
fused() { # RGB-RUN FLOW-RUN NAME TITLE
  mkdir -p "$runs/$3"
  .venv/bin/python -m actrec fuse "$(at "$1")" "$(at "$2")" --out "$runs/$3/model.safetensors" --title "$4 · mannequin" --data mannequin
  .venv/bin/python -m actrec evaluate --model "tst-rescnn-a@$runs/$3/model.safetensors" --data mannequin --out "$runs/$3/on-mannequin"
}

# shellcheck disable=SC2046,SC2086
step() {
  echo "== $1"
  case $1 in
  rgb) train tst-rescnn-a:rgb rgb --argument width=0.25 --frames 16 $long ;;
  flow) train tst-rescnn-a:flow flow --argument width=0.25 --frames 16 $further $(init rgb) ;;
  table-2) fused rgb flow fused "TST-ResCNN A" ;;
  eight) # 8 frames instead of 16
    train tst-rescnn-a:rgb rgb-8 --argument width=0.25 --frames 8 $long
    train tst-rescnn-a:flow flow-8 --argument width=0.25 --frames 8 $further $(init rgb-8)
    fused rgb-8 flow-8 fused-8 "TST-ResCNN A, 8 frames"
    ;;
  table-3) # the paper's thresholds for HMDB51 (40 and 30 %) and for UCF101 (70 and 80 %)
    for stream in rgb flow; do train "$(at $stream)" sparse-$stream $sparse $(init $stream); done
    for percents in "40 30" "70 80"; do
      set -- $percents
      prune sparse-rgb $1 pruned-rgb-$1
      tuned pruned-rgb-$1 $tune
      prune sparse-flow $2 pruned-flow-$2
      tuned pruned-flow-$2 $tune
      fused pruned-rgb-$1 pruned-flow-$2 pruned-$1-$2 "TST-ResCNN A pruned by $1 and $2 %"
    done
    ;;
  table-4)
    for stream in rgb flow; do train "$(at $stream-8)" sparse-$stream-8 $sparse $(init $stream-8); done
    prune sparse-rgb-8 40 pruned-rgb-8-40
    tuned pruned-rgb-8-40 $tune
    prune sparse-flow-8 30 pruned-flow-8-30
    tuned pruned-flow-8-30 $tune
    fused pruned-rgb-8-40 pruned-flow-8-30 pruned-8 "TST-ResCNN A pruned, 8 frames"
    ;;
  fc) # the channels that the last linear layer reads taking part or not
    prune sparse-rgb 80 fc-rgb-80
    tuned fc-rgb-80 $tune
    prune sparse-rgb 80 no-fc-rgb-80 --no-fc
    tuned no-fc-rgb-80 $tune
    ;;
  places) # a non-local block before each stage of the flow stream, and none; 8 frames, where 16 would take hours
    train "$(at flow-8)" flow-none $short $(init flow-8)
    for stage in 2 3 4 5; do train "$(at flow-8)" flow-before-$stage --argument non_local=$stage $short $(init flow-8); done
    ;;
  table-5) # 8 frames too
    for stream in rgb flow; do
      train "$(at $stream-8)" sparse-$stream-nl --argument non_local=2 $sparse --epochs 2 --clips 20 $(init $stream-8)
    done
    prune sparse-rgb-nl 40 pruned-rgb-nl
    tuned pruned-rgb-nl $tune --epochs 2 --clips 20
    prune sparse-flow-nl 30 pruned-flow-nl
    tuned pruned-flow-nl $tune --epochs 2 --clips 20
    fused pruned-rgb-nl pruned-flow-nl pruned-nl "TPNLST-ResCNN A"
    ;;
  *)
    echo "there is no step $1" >&2
    exit 2
    ;;
  esac
}
[[ $# -gt 0 ]] || set -- rgb flow table-2 table-3 fc eight table-4 places table-5
for name in "$@"; do step "$name"; done

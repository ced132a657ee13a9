#!/usr/bin/env bash
# The shift module's questions on the mannequins, small: ResNet-50 at a quarter of the width, 8 frames of 64 × 64 pixels, one seed. Which share of the
# channels should move (shiftvlad, §2.1 and §3.1)? Average pooling or NetVLAD? Pictures, differences, or both? Each run's last line is its test
# accuracy. About an hour and a half on two cores. The steps `filmed` and `filmed-shares` ask the same of filmed people, in data/weizmann (or under
# $DATA). NetVLAD gives vectors of length 1, so its last layer learns slowly: both heads are trained at a larger rate than the rest.
#   shift.sh [STEP …]    the steps are those below, in this order; all of them when none is named
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${RUNS:-runs/shift}
small="--recipe shift --schedule cosine --lr-end 0.02 --norm train --batch 16 --precision fp32 --seed 0 --data mannequin --clips 60"
small="$small --frames 8 --size 64 --crops near --argument width=0.25 --argument last_stride=1"
long="$small --epochs 8 --lr 0.02 --warmup 1 --init assets/checkpoints/c2d-mannequin.safetensors"
further="$small --epochs 8 --lr 0.02 --warmup 1"
head="$small --epochs 6 --lr 0.1 --warmup 1 --argument clusters=16"
weizmann=${DATA:-data}/weizmann
filmed="--recipe shift --schedule cosine --lr-end 0.05 --norm train --batch 7 --precision fp32 --seed 0 --data $weizmann --warmup 2"
filmed="$filmed --epochs 25 --lr 0.05 --frames 8 --size 64 --crops near --argument width=0.25 --argument last_stride=1"

train() { # MODEL RUN OPTIONS…
  local model=$1 run=$2
  shift 2
  .venv/bin/python -m actrec train --model "$model" --out "$runs/$run" "$@"
}
init() { echo "--init $runs/$1/model.safetensors"; }
fused() { # RUN RUN NAME TITLE ARCHITECTURE [DATA SET]: both streams, and their evaluation
  local data=${6:-mannequin} set=${7:-mannequin}
  mkdir -p "$runs/$3"
  .venv/bin/python -m actrec fuse "$5:rgb@$runs/$1/model.safetensors" "$5:difference@$runs/$2/model.safetensors" \
    --out "$runs/$3/model.safetensors" --title "$4 · $set" --data "$data"
  .venv/bin/python -m actrec evaluate --model "$5@$runs/$3/model.safetensors" --data "$data" --out "$runs/$3/on-$set"
}

# shellcheck disable=SC2046,SC2086
step() {
  echo "== $1"
  case $1 in
  eighths) train tsm-difference-r50:rgb rgb $long ;; # a quarter of the channels moves, an eighth each way: the paper's
  none) train tsn-r50 rgb-0 $long ;;
  sixteenths) train tsm-r50 rgb-8 $long --argument before=0.0625 --argument behind=0.0625 ;; # an eighth of the channels moves
  quarters) train tsm-r50 rgb-2 $long --argument before=0.25 --argument behind=0.25 ;;       # half of them
  difference) train tsm-difference-r50:difference difference $further $(init rgb) ;;
  heads) # average pooling and NetVLAD, both trained on for as long
    for stream in rgb difference; do
      train tsm-difference-r50:$stream $stream-pooled $head --argument clusters=0 $(init $stream)
      train tsm-difference-vlad-r50:$stream $stream-vlad $head $(init $stream)
    done
    ;;
  both)
    fused rgb-pooled difference-pooled both-pooled "TSM, pictures and differences" tsm-difference-r50
    fused rgb-vlad difference-vlad both-vlad "TSM with NetVLAD, pictures and differences" tsm-difference-vlad-r50
    ;;
  filmed)
    for stream in rgb difference; do
      train tsm-difference-r50:$stream filmed-$stream $filmed $(init $stream)
      train tsm-difference-vlad-r50:$stream filmed-$stream-vlad $filmed --argument clusters=8 $(init $stream)
    done
    fused filmed-rgb filmed-difference filmed-both "TSM, pictures and differences" tsm-difference-r50 "$weizmann" weizmann
    fused filmed-rgb-vlad filmed-difference-vlad filmed-both-vlad "TSM with NetVLAD, pictures and differences" tsm-difference-vlad-r50 \
      "$weizmann" weizmann
    ;;
  filmed-shares)
    train tsn-r50 filmed-0 $filmed $(init rgb-0)
    train tsm-r50 filmed-8 $filmed --argument before=0.0625 --argument behind=0.0625 $(init rgb-8)
    train tsm-r50 filmed-2 $filmed --argument before=0.25 --argument behind=0.25 $(init rgb-2)
    ;;
  *)
    echo "there is no step $1" >&2
    exit 2
    ;;
  esac
}
[[ $# -gt 0 ]] || set -- eighths none sixteenths quarters difference heads both filmed filmed-shares
for name in "$@"; do step "$name"; done

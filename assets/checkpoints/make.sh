#!/usr/bin/env bash
# Train the demo checkpoints again, from nothing: a C2D first, then every model from its weights, as the paper's start from ImageNet's.
# The deformable transformer starts from nothing at 64 × 64 pixels, with joints, and goes on at 96 × 96.
# The weizmann, arms and pushups sets are not ours to ship: put their clips and an index.csv (file,label,subject,split) into data/weizmann, data/arms
# and data/pushups, the joints of the last two as joints/NAME.npz beside them; every fifth training scene of pushups is its val split.
set -euo pipefail
cd "$(dirname "$0")/../.."
train() { .venv/bin/python -m actrec train "$@"; }

small="--argument width=0.25 --argument last_stride=1 --size 96 --crops near --seed 0"
mannequin="--data mannequin --frames 32 --span 64 --clips 80 --warmup 1 --init runs/c2d-16/model.safetensors $small"
res1='[1,0,"da-poly"],[1,1,"da-poly"],[1,2,"da-poly"]' res2='[2,1,"da-da"],[2,2,"da-da"],[2,3,"da-da"]'
res3='[3,0,"da-nl-1"],[3,1,"da-nl-1"],[3,2,"da-nl-1"],[3,3,"da-nl-1"],[3,4,"da-nl-1"],[3,5,"da-nl-1"]'
before="--argument modules=[$res1,$res2,$res3]"
moved="--data mannequin --frames 32 --span 64 --clips 60 --warmup 0 --lr 0.01 --lr-end 0.02 --epochs 1 --init runs/RUN-before/model.safetensors $small"
weizmann="--data data/weizmann --frames 32 --span 32 --batch 7 --warmup 2 --lr 0.02 --lr-end 0.05 --epochs 40 $small"
short="${weizmann/--warmup 2/--warmup 1}"
short="${short/--epochs 40/--epochs 12}"

# shellcheck disable=SC2086
{
  train --model c2d-r50 --data mannequin --clips 120 --frames 16 --span 64 $small --warmup 1 --lr 0.05 --lr-end 0.02 --epochs 22 --out runs/c2d-16
  train --model c2d-r50 $mannequin --lr 0.02 --lr-end 0.05 --epochs 5 --out runs/c2d-mannequin --title "C2D · mannequin"
  train --model i3d-r50 $mannequin --lr 0.03 --lr-end 0.03 --epochs 7 --out runs/i3d-mannequin --title "I3D · mannequin"
  train --model i3d-r50 ${mannequin/clips 80/clips 120} --init runs/i3d-mannequin/model.safetensors --lr 0.015 --lr-end 0.02 --epochs 3 \
    --out runs/i3d-long --title "I3D · mannequin"
  # These two began with a module before each unit of Res1 and Res3; a last epoch moved the first of each stage behind the last unit.
  train --model c2d-r50 $mannequin $before --lr 0.02 --lr-end 0.05 --epochs 3 --out runs/dam-12-before
  train --model c3d-r50 $mannequin $before --lr 0.03 --lr-end 0.03 --epochs 7 --out runs/dam-12-c3d-before
  train --model dam-12 ${moved/RUN/dam-12} --out runs/dam-12-mannequin --title "DAM-12 on C2D · mannequin"
  train --model dam-12-c3d ${moved/RUN/dam-12-c3d} --out runs/dam-12-c3d-mannequin --title "DAM-12 on C3D · mannequin"
  train --model c2d-r50 $weizmann --init runs/c2d-mannequin/model.safetensors --out runs/c2d-weizmann --title "C2D · weizmann"
  train --model i3d-r50 $weizmann --init runs/i3d-mannequin/model.safetensors --out runs/i3d-weizmann --title "I3D · weizmann"
  train --model dam-12 $short --init runs/dam-12-mannequin/model.safetensors --out runs/dam-12-weizmann --title "DAM-12 on C2D · weizmann"
  train --model dam-12-c3d $short --init runs/dam-12-c3d-mannequin/model.safetensors --out runs/dam-12-c3d-weizmann --title "DAM-12 on C3D · weizmann"
}
deform="--model deform-mc3 --recipe deform --argument width=0.25 --argument heads=4 --argument kernel=5 --argument pose_positions=true --argument size=64"
deform="$deform --frames 12 --crops near --warmup 1 --precision bf16 --seed 0"
on_96="--size 96 --init runs/deform-mannequin/model.safetensors"
# shellcheck disable=SC2086
{
  train --data mannequin --clips 60 $deform --argument layout=17 --size 64 --batch 16 --epochs 12 --lr 0.001 --out runs/deform-64
  train --data mannequin --clips 120 $deform --argument layout=17 --size 96 --batch 16 --epochs 4 --lr 0.0005 --init runs/deform-64/model.safetensors \
    --out runs/deform-mannequin --title "Deformable transformer · mannequin"
  train --data data/arms $deform --argument layout=17 $on_96 --batch 6 --epochs 30 --lr 0.0003 --out runs/deform-arms --title "Deformable transformer · arms"
  train --data data/pushups $deform --argument layout=33 --argument dropout=0.5 $on_96 --whole --batch 8 --epochs 12 --lr 0.0002 --weight-decay 0.1 \
    --flip on --out runs/deform-pushups --title "Deformable transformer · push-ups"
}
# Two streams, the sizes of benchmarks/two_streams.sh: whole, pruned, and pruned with a non-local block; and on filmed people.
RUNS=runs/two benchmarks/two_streams.sh rgb flow table-2 table-3 eight table-5
two="--data data/weizmann --recipe tpnlst --schedule exponential --flip off --argument width=0.25 --frames 16 --span 32 --size 64 --crops near --batch 7"
two="$two --precision bf16 --seed 0 --warmup 2 --lr 0.02 --lr-end 0.05 --epochs 40"
for stream in rgb flow; do
  # shellcheck disable=SC2086
  train --model tst-rescnn-a:$stream $two --init runs/two/$stream/model.safetensors --out runs/two/$stream-weizmann
done
fuse() { # RGB FLOW NAME TITLE SET
  .venv/bin/python -m actrec fuse "tst-rescnn-a:rgb@runs/two/$1/model.safetensors" "tst-rescnn-a:flow@runs/two/$2/model.safetensors" \
    --out "assets/checkpoints/$3.safetensors" --title "$4" --data "$5"
}
fuse rgb flow tst-mannequin "TST-ResCNN A · mannequin" mannequin
fuse pruned-rgb-40 pruned-flow-30 tst-pruned-mannequin "TST-ResCNN A, pruned · mannequin" mannequin
fuse pruned-rgb-nl pruned-flow-nl tpnlst-mannequin "TPNLST-ResCNN A · mannequin" mannequin
fuse rgb-weizmann flow-weizmann tst-weizmann "TST-ResCNN A · weizmann" data/weizmann
# The shift module, from the C2D: its pictures, its differences, average pooling and NetVLAD; and on filmed people.
RUNS=runs/shift benchmarks/shift.sh eighths difference heads both filmed
shifted() { # RUN RUN ARCHITECTURE NAME TITLE SET
  .venv/bin/python -m actrec fuse "$3:rgb@runs/shift/$1/model.safetensors" "$3:difference@runs/shift/$2/model.safetensors" \
    --out "assets/checkpoints/$4.safetensors" --title "$5" --data "$6"
}
shifted rgb-pooled difference-pooled tsm-difference-r50 tsm-mannequin "TSM · mannequin" mannequin
shifted rgb-vlad difference-vlad tsm-difference-vlad-r50 tsm-vlad-mannequin "TSM with NetVLAD · mannequin" mannequin
shifted filmed-rgb-vlad filmed-difference-vlad tsm-difference-vlad-r50 tsm-vlad-weizmann "TSM with NetVLAD · weizmann" data/weizmann
for run in runs/*-mannequin runs/*-weizmann runs/deform-arms runs/deform-pushups; do
  cp "$run/model.safetensors" "assets/checkpoints/$(basename "$run").safetensors"
  cp "$run/README.md" "assets/checkpoints/$(basename "$run").md"
done
cp runs/i3d-long/model.safetensors assets/checkpoints/i3d-mannequin.safetensors
cp runs/i3d-long/README.md assets/checkpoints/i3d-mannequin.md
# What the page Evaluate shows before anyone has evaluated anything.
for model in c2d i3d dam-12 dam-12-c3d deform tst tst-pruned tpnlst tsm tsm-vlad; do
  found="assets/results/$model-mannequin-on-mannequin-test"
  rm -rf "$found"
  .venv/bin/python -m actrec evaluate --model "$model-mannequin" --data mannequin --out "$found"
  rm -rf "$found"/clips "$found"/*.csv "$found"/report.html
done

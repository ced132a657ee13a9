"""Tiny sets of clips in the true layouts of the public ones: names, lists and columns as their makers write them, pictures of 32 × 24 pixels."""

from __future__ import annotations

import json
import pickle
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from scipy.io import savemat

from actrec.clips import video
from actrec.lab import sets

FRAMES = 6


@cache
def _bytes() -> bytes:
    frames = [np.full((24, 32, 3), 40 * i, np.uint8) for i in range(FRAMES)]
    with tempfile.TemporaryDirectory() as folder:
        video.write(Path(folder, "one.mp4"), frames, 25.0)
        return Path(folder, "one.mp4").read_bytes()


def film(path: Path) -> Path:
    """A video of six frames; its content, not its suffix, says what it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_bytes())
    return path


def pictures(folder: Path, pattern: str = "{:05}.jpg", count: int = FRAMES) -> Path:
    """A folder of frames; frame i (from 1) is grey of 20 · i."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(1, count + 1):
        cv2.imwrite(str(folder / pattern.format(i)), np.full((24, 32, 3), 20 * i, np.uint8))
    return folder


def text(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def ucf101(root: Path) -> Path:
    names = {"ApplyEyeMakeup": "ApplyEyeMakeup", "HandstandPushups": "HandStandPushups"}  # the second is written in both ways in the real set
    for label, stem in names.items():
        for group in (1, 2, 8, 9):
            film(root / "UCF-101" / label / f"v_{stem}_g{group:02}_c01.avi")
    lists = root / "ucfTrainTestlist"
    text(lists / "classInd.txt", "1 ApplyEyeMakeup", "2 HandstandPushups")
    for split, tested in ((1, (1, 2)), (2, (8,)), (3, (9,))):
        rows = [(label, group, f"{label}/v_{label}_g{group:02}_c01.avi") for label in names for group in (1, 2, 8, 9)]
        text(lists / f"testlist{split:02}.txt", *(row for _, group, row in rows if group in tested))
        text(lists / f"trainlist{split:02}.txt", *(f"{row} {list(names).index(label) + 1}" for label, group, row in rows if group not in tested))
    return root


def hmdb51(root: Path) -> Path:
    clips = {
        "brush_hair": ["April_09_brush_hair_u_nm_np1_ba_goo_0", "April_09_brush_hair_u_nm_np1_ba_goo_1", "Prelinger_brush_hair_h_nm_np1_le_med_2"],
        "clap": ["#20_Rhythm_clap_u_nm_np1_fr_goo_0", "Alex_clap_u_nm_np1_fr_med_4", "Bob_clap_u_nm_np1_fr_med_0"],
    }
    for label, names in clips.items():
        for name in names:
            film(root / label / f"{name}.avi")
        for split, marks in ((1, "112"), (2, "120"), (3, "211")):
            rows = [f"{name}.avi {mark} " for name, mark in zip(names, marks, strict=True)]
            text(root / "testTrainMulti_7030_splits" / f"{label}_test_split{split}.txt", *rows)
    return root


def kinetics(root: Path) -> Path:
    head = "label,youtube_id,time_start,time_end,split"
    text(
        root / "annotations" / "train.csv",
        head,
        "abseiling,-AbCdEfGhI0,10,20,train",
        '"baking, cookies",zzzzzzzzzz1,0,10,train',
        "abseiling,_ooooooooo2,5,15,train",
    )
    text(root / "annotations" / "val.csv", head, "abseiling,vvvvvvvvvv3,84,94,val")
    text(root / "annotations" / "test.csv", "youtube_id,time_start,time_end,split", "tttttttttt4,1,11,test")
    film(root / "train" / "abseiling" / "-AbCdEfGhI0_000010_000020.mp4")
    pictures(root / "train" / "baking cookies" / "zzzzzzzzzz1_000000_000010", "img_{:05}.jpg")
    film(root / "val" / "vvvvvvvvvv3_000084_000094.mp4")
    return root


def something_v1(root: Path) -> Path:
    for number in (1, 2, 3):
        pictures(root / "20bn-something-something-v1" / str(number))
    text(root / "something-something-v1-labels.csv", "Opening something", "Closing something")
    text(root / "something-something-v1-train.csv", "1;Opening something", "2;Closing something")
    text(root / "something-something-v1-validation.csv", "3;Closing something")
    text(root / "something-something-v1-test.csv", "4")
    return root


def something_v2(root: Path) -> Path:
    for number in (78687, 42326, 100904):
        film(root / "20bn-something-something-v2" / f"{number}.webm")
    entry = {"label": "holding potato next to bottle", "template": "Holding [something] next to [something]", "placeholders": ["potato", "bottle"]}
    other = {"label": "opening a book", "template": "Opening [something]", "placeholders": ["a book"]}
    text(root / "labels" / "labels.json", json.dumps({"Holding something next to something": "1", "Opening something": "0"}))
    text(root / "labels" / "train.json", json.dumps([{"id": "78687", **entry}, {"id": "42326", **other}]))
    text(root / "labels" / "validation.json", json.dumps([{"id": "100904", **entry}]))
    text(root / "labels" / "test.json", json.dumps([{"id": "1420"}]))
    return root


def charades(root: Path) -> Path:
    head = "id,subject,scene,quality,relevance,verified,script,objects,descriptions,actions,length"
    text(root / "Charades_v1_classes.txt", "c000 Holding some clothes", "c001 Putting clothes somewhere", "c002 Taking some clothes from somewhere")
    row = '{},{},Bedroom,6,7,Yes,"A person, standing",clothes,"someone; somewhere",{},0.24'
    text(root / "Charades_v1_train.csv", head, row.format("46GP8", "HR43", "c001 0.00 0.24;c000 0.10 0.16"), row.format("N11GT", "0KZ7", ""))
    text(root / "Charades_v1_test.csv", head, row.format("YSKX3", "HR43", "c002 0.00 0.12;c001 0.20 0.10"))
    for name in ("46GP8", "N11GT", "YSKX3"):
        film(root / "Charades_v1_480" / f"{name}.mp4")
    return root


def penn(root: Path) -> Path:
    for number, (action, train) in enumerate([("baseball_pitch", 1), ("baseball_pitch", -1), ("bowl", 1)], 1):
        pictures(root / "frames" / f"{number:04}", "{:06}.jpg")
        x = np.tile(np.arange(13.0) + 2, (FRAMES, 1))
        seen = np.ones((FRAMES, 13))
        x[:, 3], seen[:, 3] = 1, 0  # a joint outside the picture
        seen[:, 4] = 0  # a hidden one
        y = np.where(x == 1, 1, x + 5)
        marks = {
            "action": action,
            "pose": "back",
            "x": x,
            "y": y,
            "visibility": seen,
            "train": train,
            "nframes": FRAMES,
            "dimensions": [24, 32, FRAMES],
        }
        (root / "labels").mkdir(parents=True, exist_ok=True)
        savemat(root / "labels" / f"{number:04}.mat", marks)
    return root


def ntu_skeleton(path: Path, people: int = 1, frames: int = FRAMES) -> Path:
    """A .skeleton file: person p's joint j is at colour pixel (100 p + j, 200 + frame); the second person comes one frame later."""
    lines = [str(frames)]
    for frame in range(frames):
        here = [p for p in range(people) if p == 0 or frame > 0]
        lines.append(str(len(here)))
        for p in here:
            lines += [f"7205759403792{p} 0 1 1 1 1 0 0.02 -0.1 2", "25"]
            lines += [f"0.2 0.4 3.1 280.1 180.2 {100 * p + j} {200 + frame} 0.1 0.2 0.3 0.4 {1 if j == 24 else 2}" for j in range(25)]
    return text(path, *lines)


NTU60 = ("S001C001P001R001A001", "S001C002P001R001A008", "S002C003P003R002A009", "S002C001P003R001A001")


def ntu(root: Path, names: Iterable[str] = NTU60) -> Path:
    for name in names:
        film(root / "nturgb+d_rgb" / f"{name}_rgb.avi")
        ntu_skeleton(root / "nturgb+d_skeletons" / f"{name}.skeleton")
    return root


GYM = ("0LtLS9wROrk_E_000000_000009_A_0000_0001", "0LtLS9wROrk_E_000000_000009_A_0003_0005", "zfqS-wCJSsw_E_006244_006252_A_0000_0007")


def gym(root: Path) -> Path:
    places = root / "annotations"
    text(places / "gym99_train_element_v1.1.txt", f"{GYM[0]} 1", f"{GYM[1]} 0")
    text(places / "gym99_val_element.txt", f"{GYM[2]} 1")
    text(
        places / "gym99_categories.txt", "Clabel: 0; set: 1; Glabel: 1; (VT) round-off, flic-flac on", "Clabel: 1; set: 1; Glabel: 8; (FX) split jump"
    )
    event = {
        "event": 1,
        "timestamps": [[0.04, 9.0]],
        "segments": {"A_0000_0001": {"stages": 1, "timestamps": [[0.0, 0.08]]}, "A_0003_0005": {"stages": 1, "timestamps": [[0.08, 0.16]]}},
    }
    text(places / "finegym_annotation_info_v1.1.json", json.dumps({"0LtLS9wROrk": {"E_000000_000009": event, "E_000010_000011": {"segments": None}}}))
    film(root / "videos" / "0LtLS9wROrk.mp4")
    film(root / "subactions" / f"{GYM[2]}.mp4")
    return root


def pyskl(path: Path, clips: dict[str, tuple[int, str]], change: Callable[[dict], None] = lambda row: None) -> Path:
    """A skeleton file: {clip: (label, split)}; one person of 17 joints, joint j at (j, frame), nobody in the last frame."""
    rows, splits = [], {}
    for name, (label, split) in clips.items():
        points = np.zeros((1, FRAMES, 17, 2), np.float16)
        points[..., 0], points[..., 1] = np.arange(17), np.arange(FRAMES)[:, None]
        score = np.full((1, FRAMES, 17), 0.75, np.float16)
        points[:, -1], score[:, -1] = 0, 0
        row = {"frame_dir": name, "total_frames": FRAMES, "img_shape": (24, 32), "original_shape": (24, 32), "label": label}
        row |= {"keypoint": points, "keypoint_score": score}
        change(row)
        rows.append(row)
        splits.setdefault(split, []).append(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps({"split": splits, "annotations": rows}))
    return path


def folders(root: Path) -> Path:
    for split, label in (("train", "jump"), ("train", "run"), ("test", "jump")):
        film(root / split / label / "a.mp4")
        pictures(root / split / label / "b", "img_{}.jpg", 12)
    return root


def counts(found: sets.ClipSet) -> dict[str, int]:
    """How many clips each split has."""
    return dict(Counter(item.split for item in found.items))

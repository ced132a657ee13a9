"""torchvision's Kinetics-400 video models, watched: R3D, MC3 and R(2+1)D-18, S3D, MViT and Video Swin.

The networks are torchvision's own and keep their checkpoint keys; we only stand taps behind the stem and behind every stage. A tap's stride is the
product of the strides before it. Its first cell is centred on input index 0 behind odd, 'same'-padded kernels; n cells merged into one centre
between them, so a patch or a pooling of size n without padding adds (n − 1) / 2 cells of the grid it reads.

Everything on the cards is copied from torchvision's weight records (`torchvision.models.get_model_weights(name)`, fields url, meta and transforms),
because importing torchvision takes longer than importing torch; a test holds card against record. Clip length and frame rate stand in the records'
prose only (`meta["_docs"]`): they are those of torchvision's own evaluation, which averages several clips of a video where ours answers for one.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from actrec.core.card import Card, Readout, Weights
from actrec.core.clip import Preprocess, Sampling
from actrec.core.reach import Everywhere, Hop, Slide, Windows
from actrec.core.trace import Axes, Tap, Triple, attach, follow


def build(name: str, classes: int = 400) -> nn.Module:
    """torchvision's network of that name, untrained, with taps: (B, 3, T, H, W) → logits (B, classes)."""
    video = importlib.import_module("torchvision.models.video")  # late: 3 s
    model: nn.Module = getattr(video, name)(weights=None, num_classes=classes)
    _WATCH[name.split("_")[0]](model)
    for part in model.modules():
        if (hop := _HOPS.get(type(part).__name__)) is not None:
            part.hops = (hop(part),)  # type: ignore[assignment]
    follow(model)
    return model


def _tap(model: nn.Module, path: str, stride: Triple, first: Triple = (0.0, 0.0, 0.0), axes: Axes = "b c t h w") -> None:
    attach(model.get_submodule(path), Tap(axes, stride=stride, first=first), _tokens if axes == "b (1 t h w) c" else None)


def _tokens(output: object) -> tuple[Tensor, tuple[int, int, int]]:
    """What MViT's blocks return, taken apart: tokens (B, 1 + t·h·w, C) and (t, h, w)."""
    assert isinstance(output, tuple)
    return output[0], output[1]


def _watch_resnet(model: nn.Module, halves_time: bool = True) -> None:
    """Video ResNets (Tran et al. 2018): the stem halves space, every stage after the first halves space and, but for MC3, time."""
    _tap(model, "stem", (1, 2, 2))
    for stage in range(4):
        _tap(model, f"layer{stage + 1}", (2**stage if halves_time else 1, 2 * 2**stage, 2 * 2**stage))


def _watch_s3d(model: nn.Module) -> None:
    """S3D (Xie et al. 2018). The last pooling takes 2×2×2 cells without padding: half a cell of (4, 16, 16) further."""
    _tap(model, "features.0", (2, 2, 2))
    _tap(model, "features.3", (2, 4, 4))
    _tap(model, "features.6", (2, 8, 8))
    _tap(model, "features.12", (4, 16, 16))
    _tap(model, "features.15", (8, 32, 32), (2, 8, 8))
    kernel = model.get_submodule("avgpool").kernel_size
    assert isinstance(kernel, tuple)
    model.add_module("avgpool", SlidingMean(kernel, Tap(stride=(8, 32, 32), first=(2, 8, 8))))


class SlidingMean(nn.Module):
    """S3D's head, written as one mean. Parameter-free, (B, C, T, H, W) → (B, C, 1, 1, 1).

    torchvision averages over a window sliding in steps of one, classifies at every place, and averages the logits. So cells near the ends lie in
    fewer windows and count less. Here every cell is multiplied by its share first: the tap sees the cells as they count, their plain mean is what the
    classifier gets, and CAM is exact. The sum is the same; its rounding is not.
    """

    def __init__(self, kernel: tuple[int, ...], tap: Tap) -> None:
        super().__init__()
        self.kernel, self.tap = kernel, tap

    def forward(self, x: Tensor) -> Tensor:
        for axis, (size, window) in enumerate(zip(x.shape[2:], self.kernel, strict=True), start=2):
            x = x * self.shares(size, window).to(x).reshape([-1 if i == axis else 1 for i in range(5)])
        x = self.tap(x)
        return x.mean((2, 3, 4), keepdim=True)

    @staticmethod
    def shares(size: int, window: int) -> Tensor:
        """In how many windows each cell lies, over the average: (size), with mean 1.

        Raises:
            ValueError: the grid is smaller than one window.
        """
        if size < window:
            raise ValueError(f"S3D averages over {window} cells, and there are {size}: give at least 14 frames of 224×224 pixels")
        cell, windows = torch.arange(size), size - window + 1
        inside = torch.minimum(torch.minimum(cell + 1, size - cell), torch.tensor(min(window, windows)))
        return inside * (size / (window * windows))


def _watch_mvit(model: nn.Module) -> None:
    """MViT (Fan et al. 2021; Li et al. 2022): blocks 1, 3 and 14 halve space with odd padded kernels.

    The head reads the class token alone, so the patch tokens behind the last block (15) have no gradient at all. Block 14 stands before the class
    token's last look at them: it is the deepest place that Grad-CAM can explain.
    """
    _tap(model, "conv_proj", (2, 4, 4))
    for block, side in ((0, 4), (2, 8), (13, 16), (14, 32), (15, 32)):
        _tap(model, f"blocks.{block}", (2, side, side), axes="b (1 t h w) c")


def _watch_swin3d(model: nn.Module) -> None:
    """Video Swin (Liu et al. 2022): patches of 2×4×4, and 2×2 cells merged between the stages. The final norm stands right before GAP."""
    for path, side in (("patch_embed", 4), ("features.0", 4), ("features.2", 8), ("features.4", 16), ("features.6", 32), ("norm", 32)):
        _tap(model, path, (2, side, side), (0.5, (side - 1) / 2, (side - 1) / 2), "b t h w c")


_WATCH: dict[str, Callable[[nn.Module], None]] = {
    "r3d": _watch_resnet,
    "mc3": functools.partial(_watch_resnet, halves_time=False),
    "r2plus1d": _watch_resnet,
    "s3d": _watch_s3d,
    "mvit": _watch_mvit,
    "swin3d": _watch_swin3d,
}


_HOPS: dict[str, Callable[[Any], Hop]] = {
    "SepInceptionBlock3D": lambda part: Slide(3, 1, 1),  # the longest of its branches
    "MultiscaleAttention": lambda part: Everywhere(),
    "ShiftedWindowAttention3d": lambda part: Windows(part.window_size[0], part.shift_size[0]),
}
"""How torchvision's parts join steps in time, as far as they are not convolutions and poolings in a row."""


def _kinetics400() -> tuple[str, ...]:
    """The class names in the order of the logits, read from torchvision's file of names without importing the rest of it."""
    found = importlib.util.find_spec("torchvision")
    names = Path(found.origin).parent / "models" / "_meta.py" if found and found.origin else None
    listed = runpy.run_path(str(names)).get("_KINETICS400_CATEGORIES") if names and names.is_file() else None
    if listed is None:  # torchvision moved it: the slow way
        listed = importlib.import_module("torchvision.models.video").R3D_18_Weights.KINETICS400_V1.meta["categories"]
    return tuple(listed)


KINETICS400 = _kinetics400()
TERMS = "torchvision's code is BSD-3-Clause; its README says that pre-trained models may carry terms of the data set, here Kinetics-400"

_RESNET = Preprocess((128, 171), (112, 112), (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989), antialias=False)
_S3D = Preprocess((256, 256), (224, 224), _RESNET.mean, _RESNET.std, antialias=False)
_MVIT = Preprocess(256, (224, 224), (0.45, 0.45, 0.45), (0.225, 0.225, 0.225), antialias=False)
_SWIN = Preprocess(256, (224, 224), antialias=False)


Figures = tuple[float, float, int, float, float]
"""meta's acc@1, acc@5, num_params, _ops and _file_size (MB); these GFLOPs are for clips of 16 frames, whatever the sampling."""

FIVE = "The published accuracy averages five clips of every video; here one clip answers."


def _card(
    name: str,
    title: str,
    file: str,
    paper: str,
    sampling: Sampling,
    preprocess: Preprocess,
    figures: Figures,
    *,
    head: str,
    readout: str | None,
    published: str,
    note: str = "",
    id: str = "",
) -> Card:
    """published: what not to expect of these weights; note: of the network, whatever its weights."""
    top1, top5, parameters, gflops, megabytes = figures
    return Card(
        id=id or name,
        title=title,
        family="torchvision_video",
        arguments={"name": name},
        sampling=sampling,
        preprocess=preprocess,
        labels=KINETICS400,
        weights=Weights(
            url=f"https://download.pytorch.org/models/{file}",
            sha256=file.rpartition("-")[2].removesuffix(".pth"),
            licence=TERMS,
            megabytes=megabytes,
            figures={"acc@1": top1, "acc@5": top5},
            note=published,
        ),
        paper=paper,
        readout=Readout(readout, head) if readout else None,
        trained_on="Kinetics-400",
        note=note,
        paper_figures={"parameters": parameters, "gflops": gflops},
        counted_at=(16, *preprocess.crop),
        head=head,
    )


def _resnet(name: str, title: str, file: str, figures: Figures) -> Card:
    sampling = Sampling("dense", 16, rate=15)
    return _card(name, title, file, "tran2018closer", sampling, _RESNET, figures, head="fc", readout="layer4.tap", published=FIVE)


def _s3d(name: str, title: str, file: str, figures: Figures) -> Card:
    published = "This model looks at 8.5 seconds; a shorter video is padded, and it was not evaluated on padded video."
    sampling = Sampling("dense", 128, rate=15)
    return _card(name, title, file, "xie2018rethinking", sampling, _S3D, figures, head="classifier.1", readout="avgpool.tap", published=published)


def _mvit(name: str, title: str, file: str, paper: str, figures: Figures) -> Card:
    note = "This model answers from a class token, so no map of its places is exact."
    sampling = Sampling("dense", 16, rate=7.5)
    return _card(name, title, file, paper, sampling, _MVIT, figures, head="head.1", readout=None, published=FIVE, note=note)


def _swin3d(name: str, title: str, file: str, figures: Figures, id: str = "") -> Card:
    published = "The published accuracy averages twelve clips of every video; here one clip answers."
    sampling = Sampling("dense", 32, rate=15)
    return _card(name, title, file, "liu2022videoswin", sampling, _SWIN, figures, head="head", readout="norm.tap", published=published, id=id)


CARDS: tuple[Card, ...] = (
    _resnet("r3d_18", "R3D-18", "r3d_18-b3b3357e.pth", (63.200, 83.479, 33371472, 40.697, 127.359)),
    _resnet("mc3_18", "MC3-18", "mc3_18-a90a0ba3.pth", (63.960, 84.130, 11695440, 43.343, 44.672)),
    _resnet("r2plus1d_18", "R(2+1)D-18", "r2plus1d_18-91a641e6.pth", (67.463, 86.175, 31505325, 40.519, 120.318)),
    _s3d("s3d", "S3D", "s3d-d76dad2f.pth", (68.368, 88.050, 8320048, 17.979, 31.972)),
    _mvit("mvit_v1_b", "MViT-B", "mvit_v1_b-dbeb1030.pth", "fan2021multiscale", (78.477, 93.582, 36610672, 70.599, 139.764)),
    _mvit("mvit_v2_s", "MViTv2-S", "mvit_v2_s-ae3be167.pth", "li2022mvitv2", (80.757, 94.665, 34537744, 64.224, 131.884)),
    _swin3d("swin3d_t", "Video Swin-T", "swin3d_t-7615ae03.pth", (77.715, 93.519, 28158070, 43.882, 121.543)),
    _swin3d("swin3d_s", "Video Swin-S", "swin3d_s-da41c237.pth", (79.521, 94.158, 49816678, 82.841, 218.288)),
    _swin3d("swin3d_b", "Video Swin-B", "swin3d_b_1k-24f7c7c6.pth", (79.427, 94.386, 88048984, 140.667, 364.134)),
    _swin3d("swin3d_b", "Video Swin-B (ImageNet-22k)", "swin3d_b_22k-7c6ae6fa.pth", (81.643, 95.574, 88048984, 140.667, 364.134), id="swin3d_b_22k"),
)

"""Checkpoints of other programs: how each is recognised by its tensors' names and shapes, and what actrec lacks to use it.

One row for each family; the first that fits is taken. Names and shapes are those of the files that their authors publish. A network whose tensors
fit one of ours but whose forward pass differs stands here too: its answers would be wrong in silence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Family:
    """Networks of one program.

    marks: each must be found in some tensor's name.  lacks: what actrec has not or does differently.  shape: (mark, axis, size) of a tensor that
    tells it from a relative with the same names.
    """

    name: str
    marks: tuple[str, ...]
    lacks: str
    shape: tuple[str, int, int] | None = None

    def __str__(self) -> str:
        return f"{self.name}, and {self.lacks}"

    def fits(self, state: Mapping[str, Tensor], names: str) -> bool:
        """names: all of the state's, one per line."""
        if not all(re.search(mark, names, re.MULTILINE) for mark in self.marks):
            return False
        if self.shape is None:
            return True
        mark, axis, size = self.shape
        return any(tensor.ndim > axis and tensor.shape[axis] == size for name, tensor in state.items() if re.search(mark, name))


def recognise(state: Mapping[str, Tensor]) -> Family | None:
    """The family of a checkpoint that is for none of our networks; None where it is unknown."""
    names = "\n".join(name[-200:] for name in state)
    return next((family for family in FAMILIES if family.fits(state, names)), None)


_SHIFT = "actrec has no network that shifts channels between frames"
_FRAMES = "actrec has no network that looks at frames one by one: its C2D halves the time in Conv1 and pools over three frames"
_ATTENTION = "actrec has no network with its attention"
_PATHWAYS = "actrec has no network with two pathways"
_DEPTHWISE = "actrec has no network with its channel-wise convolutions"
_RESNET = r"layer1\.0\.conv1\."

FAMILIES = (
    # TSM (Lin et al. 2019): as its authors and as MMAction2 write it; a non-local block wraps its unit.
    Family("TSM (mit-han-lab)", (r"layer1\.0\.(block\.)?conv1\.net\.weight$",), _SHIFT),
    Family("TSM on MobileNetV2", (r"features\.3\.conv\.0\.(conv\.)?net\.weight$",), _SHIFT),
    Family("TSM on MobileNetV2, online", (r"^features\.2\.conv\.0\.weight$", r"^features\.18\.0\.weight$", r"^classifier\.weight$"), _SHIFT),
    Family("TSM (MMAction2)", (r"layer1\.0\.(block\.)?conv1\.conv\.net\.weight$",), _SHIFT),
    Family("TSN (mit-han-lab)", (r"base_model\.layer1\.0\.conv1\.weight$", r"new_fc\.weight$"), _FRAMES),
    # MMAction2: C2D and TSN have the same tensors.
    Family(
        "I3D ResNet (MMAction2)",
        (_RESNET + r"conv\.weight$", r"(^|\.)conv1\.conv\.weight$"),
        "actrec's I3D pools over three frames where it pools over one and two",
        (r"(^|\.)conv1\.conv\.weight$", 2, 5),
    ),
    Family("SlowFast (MMAction2)", (r"slow_path\.conv1\.", r"fast_path\.conv1\."), _PATHWAYS),
    Family("R(2+1)D-34 (MMAction2)", (r"conv1\.conv\.conv_s\.weight$",), "actrec's R(2+1)D-34 has a stem of 45 planes, not 83"),
    Family("X3D (MMAction2)", (r"conv1_s\.conv\.weight$", r"conv1_t\.conv\.weight$"), _DEPTHWISE),
    Family("TPN (MMAction2)", (r"cls_head\.new_cls\.weight$",), "actrec has no temporal pyramid"),
    Family(
        "SlowOnly (MMAction2)",
        (_RESNET + r"conv\.weight$", r"(^|\.)conv1\.conv\.weight$"),
        "actrec has no ResNet that keeps every frame",
        (r"(^|\.)conv1\.conv\.weight$", 4, 7),
    ),
    Family("TSN or C2D (MMAction2)", (_RESNET + r"conv\.weight$",), _FRAMES),
    # Transformers, from whichever program.
    Family("VideoMAE (MMAction2)", (r"blocks\.0\.mlp\.layers\.0\.0\.weight$", r"patch_embed\.projection\.weight$"), _ATTENTION),
    Family("TimeSformer (MMAction2)", (r"transformer_layers\.layers\.0\.attentions\.",), _ATTENTION),
    Family(
        "MViTv2 (MMAction2)", (r"blocks\.0\.attn\.rel_pos_t$", r"patch_embed\.projection\.weight$"), "its tensors are not in torchvision's layout"
    ),
    Family("VideoMAE (Hugging Face)", (r"videomae\.encoder\.layer\.0\.",), _ATTENTION),
    Family("TimeSformer (Hugging Face)", (r"timesformer\.encoder\.layer\.0\.",), _ATTENTION),
    Family("TimeSformer", (r"blocks\.0\.temporal_attn\.qkv\.weight$",), _ATTENTION),
    Family("V-JEPA 2, the probe alone", (r"pooler\.query_tokens$",), "the model that it reads is not in the file"),
    Family("VideoMAE", (r"blocks\.0\.attn\.q_bias$", r"blocks\.0\.attn\.qkv\.weight$"), _ATTENTION),
    # PySlowFast and pytorchvideo.
    Family("X3D (PySlowFast)", (r"pathway0_stem\.conv_xy\.weight$",), _DEPTHWISE),
    Family("SlowFast (PySlowFast)", (r"pathway0_stem\.", r"pathway1_stem\."), _PATHWAYS),
    Family(
        "C2D, I3D or Slow (PySlowFast)", (r"s2\.pathway0_res0\.branch2\.a\.weight$",), "its strides and poolings in time are not those of actrec's"
    ),
    Family("MViT (PySlowFast)", (r"blocks\.0\.attn\.pool_q\.", r"patch_embed\.proj\.weight$"), "its tensors are not in torchvision's layout"),
    Family("MViT (pytorchvideo)", (r"cls_positional_encoding\.", r"patch_embed\.patch_model\."), "its tensors are not in torchvision's layout"),
    Family("SlowFast (pytorchvideo)", (r"blocks\.0\.multipathway_blocks\.",), _PATHWAYS),
    Family("X3D (pytorchvideo)", (r"blocks\.0\.conv\.conv_t\.weight$", r"blocks\.\d\.pool\.post_conv\.weight$"), _DEPTHWISE),
    Family(
        "a ResNet of pytorchvideo (Slow, C2D, I3D, CSN or R(2+1)D)",
        (r"blocks\.\d\.res_blocks\.0\.branch2\.conv_a\.",),
        "its strides and poolings in time are not those of actrec's",
    ),
    # Others.
    Family("I3D Inception (piergiaj)", (r"Conv3d_1a_7x7\.conv3d\.weight$",), "actrec's I3D is a ResNet-50"),
    Family("BN-Inception", (r"inception_3a_1x1\.weight$",), "actrec has no Inception network"),
    Family("PWC-Net, which computes optical flow", (r"(module|net)(Extractor|Refiner)\.",), "it names no actions"),
    Family("NetVLAD", (r"(vlad|pool)\.centroids$",), "actrec has no NetVLAD pooling"),
)

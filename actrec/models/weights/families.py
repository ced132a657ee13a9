"""Checkpoints of other programs: how each is recognised by its tensors' names and shapes, what actrec has for it or lacks, and what its tensors are
called here.

One row for each family; the first that fits is taken. Names and shapes are those of the files that their authors publish. A network whose tensors
fit one of ours but whose forward pass differs stands here too: its answers would be wrong in silence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

LONGEST = 200
"""Characters of a name that are looked at; those of the families have 60."""


@dataclass(frozen=True)
class Family:
    """Networks of one program.

    marks: each must be found in some tensor's name.  lacks: what actrec has not or does differently, or which of them it has.  shape: (mark, axis,
    size) of a tensor that tells it from a relative with the same names.  rules: (pattern, what stands there in our names), one after the other; none
    for what is not read.  assumed: what a file of it does not say and is only assumed, in a sentence.
    """

    name: str
    marks: tuple[str, ...]
    lacks: str
    shape: tuple[str, int, int] | None = None
    rules: tuple[tuple[str, str], ...] = ()
    assumed: str = ""

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

    def ours(self, name: str) -> str:
        """What we call the tensor that they call `name`."""
        for pattern, here in self.rules if len(name) <= LONGEST else ():
            name = re.sub(pattern, here, name)
        return name


class Renamed(dict[str, Tensor]):
    """Another program's tensors under our names.  family: by whose rules.  theirs: what the file calls a tensor, by our name for it."""

    def __init__(self, state: Mapping[str, Tensor], family: Family, theirs: Mapping[str, str]) -> None:
        super().__init__(state)
        self.family, self.theirs = family, theirs

    def __str__(self) -> str:
        return f"renamed {len(self.theirs)} tensors by the rules of {self.family.name}"


def recognise(state: Mapping[str, Tensor]) -> Family | None:
    """The family of another program's checkpoint; None where it is unknown."""
    if isinstance(state, Renamed):
        return state.family
    names = "\n".join(name[-LONGEST:] for name in state)
    return next((family for family in FAMILIES if family.fits(state, names)), None)


def renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under our names where they are of a family with rules for that, else as they are. No tensor takes another's place: what would get
    a name that is there already keeps its own.
    """
    family = recognise(state)
    if family is None or not family.rules:
        return state
    found, theirs = dict[str, Tensor](), dict[str, str]()
    for name, tensor in state.items():
        ours = family.ours(name)
        taken = ours in state or ours in found
        found[name if taken else ours] = tensor
        theirs |= {} if taken else {ours: name}
    return Renamed(found, family, theirs)


_SHIFT = "actrec shifts channels between frames in ResNets alone"
_SHIFTS = "of its networks actrec has ResNet-50 and ResNet-101 (tsm-r50, tsm-r101)"
_FRAMES = "of its networks actrec has ResNet-50 (tsn-r50)"
_ATTENTION = "actrec has no network with its attention"
_PATHWAYS = "actrec has no network with two pathways"
_DEPTHWISE = "actrec has no network with its channel-wise convolutions"
_RESNET = r"layer1\.0\.conv1\."
_FIRST = r"^(module\.)?((base_model|backbone)\.)?conv1\.(conv\.)?weight$"
_WRAPPED = r"^(?:(?:module|model)\.)*"
_OFFICIAL = ((_WRAPPED + r"base_model\.", ""), (_WRAPPED + r"new_fc\.", "fc."))
_MMACTION = (
    (_WRAPPED + r"(?:backbone|cls_head)\.", ""),
    (r"conv(\d)\.conv\.", r"conv\1."),
    (r"conv(\d)\.bn\.", r"bn\1."),
    (r"downsample\.conv\.", "downsample.0."),
    (r"downsample\.bn\.", "downsample.1."),
    (r"^fc_cls\.", "fc."),
)

FAMILIES = (
    # TSM (Lin et al. 2019): as its authors and as MMAction2 write it. First what differs from what is read below: a unit wrapped in a non-local
    # block, a stage wrapped in a pooling over time, whole units behind a shift, an input of another kind.
    Family(
        "TSM with non-local blocks",
        (r"layer\d\.\d\.block\.conv1\.", r"\.(nl|non_local_block)\.theta\."),
        "actrec has no such blocks in its shifted networks",
    ),
    Family("TSM with pooling over time", (r"layer2\.net\.0\.",), "actrec has no pooling between the stages of its shifted networks"),
    Family("TSM with shifted shortcuts", (r"layer1\.0\.net\.conv1\.",), "actrec shifts what goes into a residual branch, and not its shortcut"),
    Family("TSM on MobileNetV2", (r"(features\.3|layer2\.1)\.conv\.0\.(conv\.)?net\.",), _SHIFT),
    Family("TSM on MobileNetV2, online", (r"^features\.2\.conv\.0\.weight$", r"^features\.18\.0\.weight$", r"^classifier\.weight$"), _SHIFT),
    Family(
        "TSM or TSN on stacked optical flow",
        (_RESNET + r"(conv\.)?(net\.)?weight$",),
        "actrec has no stream of several steps of flow behind each other",
        (_FIRST, 1, 10),
    ),
    Family(
        "TSM or TSN on RGB differences (mit-han-lab)",
        (r"base_model\." + _RESNET + r"(net\.)?weight$",),
        "of its networks actrec has TSM with ResNet-50 (tsm-difference-r50:difference)",
        (_FIRST, 1, 15),
        _OFFICIAL,
        "Its authors’ training program gives a network differences of pictures in [0, 1] undivided; here they are divided by twice the mean standard "
        "deviation of pictures, which makes them more than twice as large. If this one was trained in that way, its answers may be wrong.",
    ),
    Family("TSM (mit-han-lab)", (_RESNET + r"net\.weight$", r"base_model\." + _RESNET + r"|(^|\.)new_fc\.weight$"), _SHIFTS, rules=_OFFICIAL),
    Family("TSN (mit-han-lab)", (r"base_model\." + _RESNET + r"weight$", r"(new_fc|base_model\.fc)\.weight$"), _FRAMES, rules=_OFFICIAL),
    Family("TPN (MMAction2)", (r"cls_head\.new_cls\.weight$",), "actrec has no temporal pyramid"),
    Family("TSM (MMAction2)", (_RESNET + r"conv\.net\.weight$",), _SHIFTS, rules=_MMACTION),
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
    Family(
        "SlowOnly (MMAction2)",
        (_RESNET + r"conv\.weight$", r"(^|\.)conv1\.conv\.weight$"),
        "actrec has no ResNet that keeps every frame",
        (r"(^|\.)conv1\.conv\.weight$", 4, 7),
    ),
    Family(
        "TSN or C2D (MMAction2)",
        (_RESNET + r"conv\.weight$",),
        _FRAMES,
        rules=_MMACTION,
        assumed="MMAction2’s TSN and its C2D have tensors of the same names and shapes. The file is read as a TSN, which looks at every frame by "
        "itself; if it is of a C2D, which also pools over time, its answers are wrong.",
    ),
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
    Family(
        "NetVLAD",
        (r"(vlad|pool)\.centroids$",),
        "it assigns by a convolution beside its centres, where actrec's NetVLAD assigns by the distances from them",
    ),
)

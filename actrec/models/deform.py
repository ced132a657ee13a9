"""The cross-modal 3D deformable transformer: pictures and joints in one network (Kim, Ahn and Ko, ICCV 2023; eqs. 1–7, algorithms A1–A3).

A clip passes MC3-18 (tran2018closer) up to layer3. `F_a`, behind layer1, gives every joint a token: the features under a Gaussian around it. `F_b`,
behind layer3, gives the RGB tokens Z, 8 pixels apart, one set per frame. Beside them stand three modal tokens for every frame, CLS, RGB and pose,
which are learnt. L blocks follow, each of three attentions:

1. 3D deformable attention: Z, M_RGB and M_CLS ask; keys and values are Z sampled at a few places that the network chooses, M_RGB and M_CLS;
2. joint stride attention: the joints of all people, in windows over all frames, with M_pose and the M′_CLS that comes from 1; a linear layer then
   makes one M_CLS of M′_CLS and the M*_CLS that comes from here;
3. temporal stride attention: all tokens of a frame, in windows of frames.

The modal tokens of the last block, averaged over time and concatenated, go to the classes.

Modal tokens and position embeddings are learnt for `frames` frames and interpolated for other lengths, so any T runs. What the paper leaves open, and
what we add: `_departures.deform`.
"""

from __future__ import annotations

import importlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from actrec.core.card import Card
from actrec.core.clip import Preprocess, Sampling
from actrec.core.reach import Everywhere
from actrec.core.trace import Tap, Triple, follow
from actrec.models import _deform_pose as pose
from actrec.models._deform_attend import STRIDE, Deformable, JointStride, Note, TemporalStride
from actrec.models._departures import deform as departures
from actrec.models._resnet import scaled

__all__ = ["CARDS", "TOKENS", "WITHOUT_WINDOWS", "build", "departures"]

TOKENS: dict[str, tuple[str, ...]] = {"cross-modal": ("rgb", "pose", "cls"), "single": ("cls",), "none": ()}
"""The modal tokens of table 5's rows. "single": one token serves all modalities. "none": the last RGB and pose tokens are averaged instead."""

WINDOWS = ("self", "cross")
"""Which window a window of joints or frames reads: itself, or the one after it, the first after the last."""

WITHOUT_WINDOWS: dict[str, int] = {"joint_window": 1_000_000, "joint_stride": 0, "temporal_window": 1_000_000, "temporal_stride": 0}
"""Arguments of `build` that make every window as long as there are joints and frames; windows have no weights."""

STAGES: dict[str, tuple[int, int]] = {"layer1": (1, 1), "layer2": (2, 2), "layer3": (4, 2)}
"""MC3-18's stages, as far as they are used: width in C, spatial stride."""


def build(
    width: float = 1.0,
    blocks: int = 2,
    heads: int = 8,
    frames: int = 12,
    size: int = 224,
    kernel: int | Sequence[int] = 7,
    depthwise: bool = False,
    mlp: float = 4.0,
    joint_window: int = 8,
    temporal_window: int = 4,
    joint_stride: int = 0,
    temporal_stride: int = 0,
    windows: str = "self",
    sigma: float = 1.0,
    confidence: float = 0.3,
    tokens: str = "cross-modal",
    deform: bool = True,
    joint: bool = True,
    temporal: bool = True,
    pose_positions: bool = False,
    layout: int = 0,
    classes: int = 400,
    dropout: float = 0.0,
) -> DeformableTransformer:
    """An untrained network: clips (B, 3, T, H, W) and joints (B, T, R, 3) → logits (B, classes). All arguments go through JSON.

    width: factor on all channel counts; 1 is the paper's, and the only one that torchvision's weights fit.  frames, size: for which the modal tokens
    and the position embedding are learnt; clips of any other length and size run too.  kernel: 3DTS's k, one number or (t, y, x).  depthwise: 3DTS
    with a kernel for each channel by itself, far smaller.  joint_window … temporal_stride: in joints and frames, strides 0 for half a window
    (fig. 7a).  windows: what a window of joints or frames reads: "self", itself, or "cross", the window after it.
    sigma: of the joints' Gaussians, in cells of F_a, 2 pixels each.  confidence: joints with a lower score count as missing.
    tokens: cross-modal, single or none (table 5).  deform, joint, temporal: the attentions (table 4).
    pose_positions: give pose tokens the position embedding of their frame and place.  layout: joints of one person; each then has a learnt vector,
    the same for all people.

    Raises:
        ValueError: an unknown name, a window that leaves joints or frames out, heads that do not divide the width, no attention at all.
    """
    if tokens not in TOKENS:
        raise ValueError(f"no modal tokens {tokens!r}; there are {', '.join(TOKENS)}")
    if windows not in WINDOWS:
        raise ValueError(f"no windows {windows!r}; there are {', '.join(WINDOWS)}")
    if blocks < 1 or not (deform or joint or temporal):
        raise ValueError(f"{blocks} blocks with deform={deform}, joint={joint}, temporal={temporal} hold nothing; give a block and an attention")
    channels = scaled(64, width)
    dim = 4 * channels
    kernels = (kernel,) * 3 if isinstance(kernel, int) else tuple(int(k) for k in kernel)
    if len(kernels) != 3 or min(kernels) < 1:
        raise ValueError(f"kernel is {kernel}; give one length or three (t, y, x), 1 or more")

    names = TOKENS[tokens]

    def block() -> Block:
        return Block(
            Deformable(dim, heads, mlp, (kernels[0], kernels[1], kernels[2]), depthwise, _but("pose", names)) if deform else None,
            JointStride(dim, heads, mlp, joint_window, joint_stride, _but("rgb", names), windows == "cross") if joint else None,
            TemporalStride(dim, heads, mlp, temporal_window, temporal_stride, names, windows == "cross") if temporal else None,
            nn.Linear(2 * dim, dim) if joint and tokens != "none" else None,
        )

    return DeformableTransformer(
        backbone(channels),
        pose.PoseTokens(channels, dim, sigma, confidence, stride=(1, 2, 2)),
        pose.Positions(dim, frames, -(-size // 8)),
        [block() for _ in range(blocks)],
        names=names,
        frames=frames,
        pose_positions=pose_positions,
        layout=layout,
        head=nn.Sequential(OrderedDict(dropout=nn.Dropout(dropout), fc=nn.Linear((len(names) or 2) * dim, classes))),
    )


def _but(name: str, modal: Iterable[str]) -> tuple[str, ...]:
    """The modal tokens that an attention takes: 3D deformable attention not M_pose, joint stride attention not M_RGB."""
    return tuple(other for other in modal if other != name)


def backbone(channels: int) -> OrderedDict[str, nn.Module]:
    """MC3-18 up to layer3, of torchvision's own parts under its own names: 3-D kernels in stem and layer1, 1×3×3 in layers 2 and 3; time keeps its
    length. Taps stand behind the stem and every stage."""
    resnet = importlib.import_module("torchvision.models.video.resnet")  # late: 3 s
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    first = nn.Conv3d(3, channels, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False)
    parts["stem"] = nn.Sequential(OrderedDict({"0": first, "1": nn.BatchNorm3d(channels), "2": nn.ReLU(inplace=True), "tap": Tap(stride=(1, 2, 2))}))
    inputs, side = channels, 2
    for name, (factor, step) in STAGES.items():
        kind = resnet.Conv3DSimple if name == "layer1" else resnet.Conv3DNoTemporal
        outputs, side = factor * channels, side * step
        shorter = nn.Sequential(nn.Conv3d(inputs, outputs, 1, (1, step, step), bias=False), nn.BatchNorm3d(outputs)) if step > 1 else None
        units = {"0": resnet.BasicBlock(inputs, outputs, kind, step, shorter), "1": resnet.BasicBlock(outputs, outputs, kind)}
        stride: Triple = (1, side, side)
        parts[name] = nn.Sequential(OrderedDict({**units, "tap": Tap(stride=stride)}))
        inputs = outputs
    for module in (module for part in parts.values() for module in part.modules()):
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return parts


class Block(nn.Module):
    """One block: the three attentions in their order, any of them left out (table 4). Tap z: the RGB tokens as they come in."""

    def __init__(self, deform: Deformable | None, joint: JointStride | None, temporal: TemporalStride | None, fuse: nn.Linear | None) -> None:
        super().__init__()
        self.z = Tap(stride=STRIDE)
        self.deform, self.joint, self.temporal, self.fuse = deform, joint, temporal, fuse
        self.hops = (Everywhere(),) if deform or (joint and temporal) else temporal.hops if temporal else ()
        if fuse is not None:
            with torch.no_grad():
                fuse.weight.copy_(torch.eye(fuse.out_features).repeat(1, 2) / 2)
                fuse.bias.zero_()

    def forward(self, z: Tensor, p: Tensor, modal: Mapping[str, Tensor], joints: pose.Joints) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Z (B, D, T, h, w), pose tokens (B, T, R, D) and modal tokens (B, T, D) by name, each as it comes out."""
        z, modal = self.z(z), dict(modal)
        if self.deform is not None:
            names = _but("pose", modal)
            z, out = self.deform(z, [modal[name] for name in names])
            modal |= dict(zip(names, out, strict=True))
        if self.joint is not None:
            names = _but("rgb", modal)
            p, out = self.joint(p, [modal[name] for name in names], joints)
            cls = modal.get("cls")  # M′_CLS
            modal |= dict(zip(names, out, strict=True))
            if self.fuse is not None and cls is not None:
                modal["cls"] = self.fuse(torch.cat([cls, modal["cls"]], -1))
        if self.temporal is not None:
            z, p, out = self.temporal(z, p, list(modal.values()), joints)
            modal = dict(zip(modal, out, strict=True))
        return z, p, modal


class DeformableTransformer(nn.Module):
    """Clips (B, 3, T, H, W), normalised, of any length and any size from 8 pixels, and joints → logits (B, classes).

    joints (B, T, R, 3): x and y in input pixels (pixel i covers [i, i + 1)) and a score from 0 to 1, NaN where missing; R counts the joints of all
    people. A joint that no frame shows changes nothing. joints None, or none to be seen: the pose stream is off — there are no pose tokens, and joint
    stride attention has but the pose and CLS tokens to relate, so the answer comes from the pictures alone.

    Taps: stem.tap, layer1.tap … layer3.tap and blocks.i.z hold maps; `Note`s beside them hold points, queries, keys, values and windows, and under
    `joints` and `seen` which joints the pose tokens stand for (B, R′), −1 for none, and where they were seen (B, T, R′).
    """

    stem: nn.Sequential
    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential

    def __init__(
        self,
        stages: Mapping[str, nn.Module],
        pose_tokens: pose.PoseTokens,
        positions: pose.Positions,
        blocks: Sequence[Block],
        *,
        names: tuple[str, ...],
        frames: int,
        pose_positions: bool,
        layout: int,
        head: nn.Sequential,
    ) -> None:
        super().__init__()
        for name, stage in stages.items():
            self.add_module(name, stage)
        self.pose, self.positions = pose_tokens, positions
        self.joints, self.seen = Note("b joint", {"role": "joints", "spread": "pose"}), Note("b t joint", {"role": "seen"})
        dim = positions.time.shape[1]
        self.names, self.pose_positions = names, pose_positions
        self.modal = nn.Parameter(torch.empty(len(names), dim, frames)) if names else None  # M
        self.kinds = nn.Parameter(torch.empty(layout, dim)) if layout else None
        for table in (self.modal, self.kinds):
            if table is not None:
                nn.init.normal_(table, 0, 0.02)
        self.blocks = nn.ModuleList(blocks)
        self.head = head
        follow(self)

    def forward(self, video: Tensor, joints: Tensor | None = None) -> Tensor:
        low = self.layer1(self.stem(video))
        z = self.layer3(self.layer2(low))
        p, there = self._pose(low, joints, z)
        z = self.positions(z)
        modal = self._modal(len(z), z.shape[2], z.dtype)
        for block in self.blocks:
            z, p, modal = block(z, p, modal, there)
        if modal:
            return self.head(torch.cat([m.mean(1) for m in modal.values()], -1))
        return self.head(torch.cat([z.mean((2, 3, 4)), average(p, there)], -1))

    def _modal(self, clips: int, frames: int, dtype: torch.dtype) -> dict[str, Tensor]:
        if self.modal is None:
            return {}
        tokens = pose.resized(self.modal, (frames,)).transpose(1, 2).to(dtype, copy=True)  # a view would ask for gradients where none are kept
        return {name: token.expand(clips, -1, -1) for name, token in zip(self.names, tokens, strict=True)}

    def _pose(self, low: Tensor, joints: Tensor | None, z: Tensor) -> tuple[Tensor, pose.Joints]:
        """Pose tokens (B, T, R, D) of the joints that are there, and which these are."""
        clips, frames = low.shape[0], low.shape[2]
        if joints is None:
            return z.new_zeros(clips, frames, 0, z.shape[1]), pose.none(clips, z.device)
        if joints.shape[:2] != (clips, frames) or joints.ndim != 4 or joints.shape[3] != 3:
            raise ValueError(f"joints of shape {tuple(joints.shape)} with {clips} clips of {frames} frames: need ({clips}, {frames}, R, 3)")
        if self.kinds is not None and joints.shape[2] % len(self.kinds):
            raise ValueError(f"{joints.shape[2]} joints do not make whole people of {len(self.kinds)} joints each")
        tokens, there = self.pose(low, joints)
        self.joints(there.order)
        if there.seen is not None:
            self.seen(there.seen)
        if self.pose_positions:
            cells = self.pose.cells(pose.chosen(joints, there), STRIDE)
            tokens = tokens + self.positions.at(cells, (frames, z.shape[3], z.shape[4])).to(tokens.dtype)
        if self.kinds is not None:
            tokens = tokens + self.kinds[there.order.clamp(min=0) % len(self.kinds)][:, None].to(tokens.dtype)
        return tokens, there


def average(p: Tensor, joints: pose.Joints) -> Tensor:
    """The mean of the pose tokens (B, T, R, D) that are there, 0 if none is: (B, D)."""
    weight = p.new_ones(p.shape[:3]) if joints.seen is None else joints.seen.to(p.dtype)
    return (p * weight[..., None]).sum((1, 2)) / weight.sum((1, 2)).clamp(min=1)[:, None]


CARDS: tuple[Card, ...] = (
    Card(
        id="deform-mc3",
        title="Cross-modal 3D deformable transformer, MC3-18",
        family="deform",
        arguments={},
        sampling=Sampling("uniform", 12),
        preprocess=Preprocess(256, (224, 224), (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989)),
        labels=(),
        inputs=("rgb", "pose"),
        note=(
            "This model reads frames and joints. Without joints it answers from the frames alone: its pose stream is off, and none of the paper's "
            "figures is for that case."
        ),
        paper_figures={
            "PennAction top-1": 99.7,
            "NTU60 cross-subject top-1": 94.3,
            "NTU60 cross-view top-1": 97.9,
            "NTU120 cross-subject top-1": 90.5,
            "NTU120 cross-set top-1": 91.4,
            "FineGYM mean class accuracy": 90.3,
        },
        head="head.fc",
    ),
)

"""What a network reads in its paper in one of several ways, adds to it or changes: one list for each family, and all that is said about it.

The models' cards, the page and `docs/models.md` are made from these lists, and nothing of it is said anywhere else. A function takes all arguments
that the family's network is built with, and returns sentences.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from actrec.models._attend import BLOCKS

Arguments = Mapping[str, Any]


def dam(arguments: Arguments, blocks: Sequence[str]) -> tuple[str, ...]:
    """DAM, its backbones and its baselines (dam2024). blocks: the kinds of its attention blocks."""
    return (*_backbone(arguments), *_placed(arguments, blocks), *_blocks(arguments, blocks), *_size(arguments))


def _backbone(arguments: Arguments) -> Iterator[str]:
    yield "Conv1 steps by two frames, as the output sizes in table 2 need; the table’s stride column says one."
    yield (
        "The spatial stride of a stage is on the 3×3 convolution of its first unit, as torchvision’s image weights need. C2D on ResNet-50 then "
        "counts 26.7 GFLOPs for 32 frames of 256 × 256 pixels, and the paper says 26.19. It gives this figure for 256 pixels in table 3 and for "
        "224 in table 6; it belongs to 256."
    )
    kind = arguments["backbone"]
    if kind == "c3d":
        yield (
            "C3D 3×1×1: the first 1×1 convolution of units 0, 2, 4 … of each stage is three frames long, which adds 4.69 M parameters. The paper "
            "says 4.33 M, and neither these units nor the others (3.96 M) give that; it is their mean."
        )
    elif kind == "c3d333":
        yield "C3D 3×3×3: the 3×3 convolution of units 0, 2, 4 … of each stage is three frames long; the paper does not say which units."
    elif kind == "i3d":
        yield (
            "The paper does not name I3D’s kernels: these are the ResNet-50 I3D of the non-local networks’ authors, which has table 6’s 28.0 M "
            "parameters. Strides are table 2’s, so that all backbones can be compared; table 6’s 153 GFLOPs need other strides."
        )


def _placed(arguments: Arguments, blocks: Sequence[str]) -> Iterator[str]:
    if arguments["dam"]:
        yield (
            "Fig. 4, which shows where the modules are, is lost in our copy. Of all mixes of DA-NL, DA-DA and DA-Poly over the four stages, "
            "exactly one has DAM-12’s +16.20 M parameters and +10.17 GFLOPs under table 4’s increments: 3 DA-Poly in Res1, 3 DA-DA in Res2 and 6 "
            "DA-NL in Res3. DAM-1, DAM-3 and DAM-6 have their DA-NL in Res3; DAM-9 adds the DA-DA."
        )
        yield (
            "A module is after a unit, on the grid and channels of its own stage: the products between places then cost 10.10 of those 10.17 "
            "GFLOPs, and 15.84 if one were before the first unit of Res1 and of Res3. DAM-1 is before the last unit of Res3 (table 3), DAM-3 "
            "before every second unit (fig. 5)."
        )
        if arguments["backbone"] != "c2d":
            yield "DAM on C3D or I3D is our combination; the paper has DAM on C2D alone."
    if _non_local(arguments, blocks):
        yield (
            "The five blocks of I3D+NL are after every second unit of Res2 and Res3, with half the channels for θ, φ and g, as in the non-local "
            "networks’ paper: they have about the 7.3 M parameters that table 6 adds to I3D."
        )


def _non_local(arguments: Arguments, blocks: Sequence[str]) -> bool:
    """Whether the network is table 6's I3D+NL."""
    return arguments["backbone"] == "i3d" and len(blocks) == 5 and set(blocks) == {"dp-nl"}


def _blocks(arguments: Arguments, blocks: Sequence[str]) -> Iterator[str]:
    parts = {part for name in blocks for part in BLOCKS.get(name, ())}
    relations = {relation for relation, _ in parts}
    if not parts:
        return
    yield (
        "The normalisation after every convolution of a block is batch normalisation, and its last weight is 0 at first: a new block changes nothing."
    )
    if relations - {"poly"} and not _non_local(arguments, blocks):
        yield (
            f"θ and φ have {arguments['qk']:g} of the channels and g {arguments['v']:g}; the paper names no widths. Tables 3 and 4 count 0.257·C "
            "for every two places that a dot product relates, and three times that for a cosine: a dot product and two lengths over about C/4 "
            "channels each, and nothing for g. The parameters, about 1.3·C² for a DA-NL, fit no simple width of g."
        )
    if "cosine" in relations:
        yield (
            "Without a softmax, cosine attention is computed as Q(KᵀV)/N: the same numbers, at next to none of the products between places that "
            "the paper’s increments consist of. Our GFLOPs count the 1×1×1 convolutions, which these increments leave out."
        )
    if ("cosine", "space") in parts:
        yield "In eq. 17 places of the same frame meet; the t′ in it is a misprint for t."
    if "softmax" in relations:
        yield "Dot products are divided by √d before the softmax, as in the non-local networks’ code; eqs. 20 and 22 do not say so."
    if "poly" in relations:
        yield "Poly-NL: ω1 and ω2 keep all channels, which the product with X needs, and ω3 has the width of g, which the paper leaves open."
    if "scaled cosine" in relations:
        yield f"A (eq. 8) is {_scale(arguments['scale'])}. {MATRIX}"
    if arguments["positions"]:
        yield "Every block adds a learnt vector for each time step to its input: our addition, without which it takes its places as a set."


MATRIX = (
    "The paper calls it a hyper-parameter matrix and gives no values; the 0.04 M parameters that DA-NL-2 adds to DA-NL-1 in table 3 are too few "
    "for one learnt number for every two places (0.61 M at 224 × 224 pixels)."
)


def _scale(scale: float | str) -> str:
    learnt = {"learnt": "one learnt number per block, 10 at first", "matrix": "a learnt number for every two places, 10 at first"}
    return learnt[scale] if isinstance(scale, str) else f"the number {scale:g}, which is not learnt"


def _size(arguments: Arguments) -> Iterator[str]:
    if arguments["width"] != 1:
        yield f"All widths are {arguments['width']:g} of the paper’s."
    if arguments.get("last_stride", 2) == 1:
        yield "Res4 does not halve its grid (our choice for small pictures), so that there are enough places to look at."


def deform(arguments: Arguments) -> tuple[str, ...]:
    """The cross-modal 3D deformable transformer (kim2023deform)."""
    return (*_embedding(arguments), *_windows(arguments), *_search(arguments), *_added(arguments), *_size(arguments))


def _embedding(a: Arguments) -> Iterator[str]:
    yield "F_a is the output of MC3-18’s layer1; the stem’s has the same size, and the paper does not say which of them it means."
    yield (
        f"The paper names neither the number of blocks and heads, nor the FFN’s width, nor the windows: here {a['blocks']} blocks of {a['heads']} "
        f"heads, an FFN of {a['mlp']:g} times the width, windows of {a['joint_window']} joints and of {a['temporal_window']} frames. Its size "
        "cannot be compared with the paper’s."
    )
    yield (
        f"The joints’ Gaussians have σ = {a['sigma']:g}, in cells of F_a of 2 pixels. A joint with a score below {a['confidence']:g} counts as "
        "missing; a missing joint is left out of every attention, and one that no frame shows takes no place in a window."
    )
    yield (
        "The position embedding of the RGB tokens is a learnt vector for each frame plus one for each place; the paper says only that there is "
        f"one. It is learnt for {a['frames']} frames of {a['size']} × {a['size']} pixels and interpolated for others, and so are the modal tokens "
        "over time."
    )
    yield (
        "First values: the linear layer that makes M_CLS begins as the mean of its two inputs, the offsets begin near 0, and the weights of the "
        "pose tokens’ linear layer are divided by 2πσ²."
    )
    yield "W_q, W_k and W_v have no bias; the projection after the heads has one."
    if a["tokens"] == "cross-modal":
        yield "The modal tokens of the last block are averaged over time before they are concatenated along the channels."
    elif a["tokens"] == "single":
        yield "The single modal token of table 5 takes part in all three attentions and is averaged over time; the paper does not say more about it."


def _windows(a: Arguments) -> Iterator[str]:
    told = (
        "Algorithms A1 and A2 name separate sets of windows for queries and for keys and values, the text speaks of local window cross attention, "
        "and the algorithms’ loops are lost in our copy."
    )
    if a["windows"] == "cross":
        yield f"{told} Here a window of joints or frames reads the window one stride further, and the last reads the first (`windows=cross`)."
    else:
        yield f"{told} Here a window reads itself; with `windows=cross` it reads the window one stride further, and the last reads the first."
    yield (
        "The last window is flush with the end, so that all joints and frames are in one; a window of one place moves by one. Where windows "
        "overlap their results are averaged, and so are those of the modal tokens over all windows of joints."
    )


def _search(a: Arguments) -> Iterator[str]:
    if a["kernel"] != 7:
        yield f"The kernel of 3DTS is {a['kernel']}; the paper’s is 7."
    yield "A kernel of 3DTS that is longer than the grid is cut to its middle; an axis with one reference point has it in the middle."
    if a["depthwise"]:
        yield "3DTS has one kernel for each channel, as the 2-D network (DAT) from which the paper set out; the paper’s own words do not say so."


def _added(a: Arguments) -> Iterator[str]:
    if a["pose_positions"]:
        yield "Pose tokens have the position embedding of their frame and place: our addition (`pose_positions`)."
    if a["layout"]:
        yield f"Each of a person’s {a['layout']} joints has a learnt vector, the same for all people: our addition (`layout`)."
    if not (a["pose_positions"] or a["layout"]):
        yield (
            "As in the paper, pose tokens know neither their place nor their joint but by the picture there; `pose_positions` and `layout` would "
            "add both."
        )


def rescnn(arguments: Arguments) -> tuple[str, ...]:
    """ST-ResCNN, whole or pruned, with a non-local block or without (qian2024)."""
    return (*_split(arguments), *_pruned(arguments), *_size(arguments))


def _split(a: Arguments) -> Iterator[str]:
    yield (
        "Between the two convolutions of Conv1 there are 45 channels, as in the published R(2+1)D weights; the formula gives 83. With 45 all five "
        "networks of table 1 have the paper’s parameters."
    )
    if a["slope"]:
        yield f"LeakyReLU has the slope {a['slope']:g} below 0; the paper names none."
    else:
        yield "The activation is ReLU, with which the published R(2+1)D-34 weights were trained; the paper has LeakyReLU."
    if a["non_local"]:
        yield (
            "θ, φ and g of the non-local block have half the channels and a bias, and a batch normalisation that is 0 at first stands behind W_Z, as "
            "in the non-local networks’ paper. The products are not divided by √d, as in eq. 4."
        )
        if a["non_local"] == 2 and a["width"] == 1:
            yield (
                "The block adds 8.4 thousand parameters before Conv2_1. The paper counts 8.92 M for model A pruned by 40 % and 10.05 M with the "
                "block: the rest of the difference has to come from what is pruned."
            )
    if a["inputs"] == 2:
        yield "Flow lies between the frames: n frames give n − 1 fields, and the first is at half a frame."


def _pruned(a: Arguments) -> Iterator[str]:
    if a["cut"]:
        yield "The last unit has no shortcut from the beginning, so that its second temporal convolution and the linear layer can be pruned."
    if a["kept"]:
        yield "Of a layer whose scales are all below the threshold the channel with the largest is kept; the paper does not say what happens there."


def shift(arguments: Arguments) -> tuple[str, ...]:
    """The shift module on a ResNet, with NetVLAD or average pooling (shiftvlad)."""
    return (*_shift(arguments), *_words(arguments), *_size(arguments))


def _shift(a: Arguments) -> Iterator[str]:
    if a["before"] or a["behind"]:
        yield (
            "The paper does not say which channels are shifted. Here, as in the shift module’s published weights, the first come from the frame "
            f"behind ({_share(a['behind'])} of them) and the next ones from the previous frame ({_share(a['before'])})."
        )
        yield "What the shift moves out at one end of the clip is lost, and zeros come in at the other, as in fig. 1."
    if a["every"] > 1:
        yield f"Only units 0, {a['every']}, {2 * a['every']} … of each stage shift, as in the published weights of ResNet-101."
    if a["inputs"] != 3:
        yield (
            f"The paper does not say how many differences are stacked: here {a['inputs'] // 3}, of neighbouring source frames from each of the "
            "model’s frames on, as in the temporal segment networks. They are divided by twice the mean standard deviation of pictures."
        )


def _share(share: float) -> str:
    return f"1/{1 / share:g}" if share and (1 / share).is_integer() else f"{share:g}"


def _words(a: Arguments) -> Iterator[str]:
    if not a["clusters"]:
        yield "The head is global average pooling, as in the shift module’s own paper; the paper’s is NetVLAD (`clusters`)."
        return
    yield (
        f"NetVLAD has {a['clusters']} centres; the paper does not say how many. In training they start from k-means of descriptors of training "
        "clips, and α such that the nearest centre gets a hundred times the share of the next, on average; one α for all centres, kept positive."
    )


def shiftdifference(arguments: Arguments) -> tuple[str, ...]:
    """The shift module's two streams of pictures and RGB differences (shiftvlad)."""
    usual = {"before": 0.125, "behind": 0.125, "every": 1, "inputs": 3, "clusters": 0, "width": 1.0, "last_stride": 2}
    given = [{**usual, **arguments.get("rgb", {})}, {**usual, "inputs": 15, **arguments.get("difference", {})}]
    return (*_scores(arguments), *dict.fromkeys(line for one in given for line in shift(one)))


def _scores(a: Arguments) -> Iterator[str]:
    yield "Table 1’s 33 GFLOPs are those of one stream; with the differences it is twice as many."
    if a["fusion"] == "mean":
        yield "The paper averages the streams’ scores; here these are probabilities, after a softmax."
    else:
        yield from _fused(a)


def twostream(arguments: Arguments) -> tuple[str, ...]:
    """Two streams of pictures and flow (qian2024)."""
    of_both = [
        line for name in ("rgb", "flow") for line in rescnn({**_USUAL, **arguments.get(name, {}), **({"inputs": 2} if name == "flow" else {})})
    ]
    return (*_streams(arguments), *dict.fromkeys(of_both))


_USUAL: Arguments = {"inputs": 3, "width": 1.0, "non_local": 0, "cut": False, "kept": (), "slope": 0.01}


def _streams(a: Arguments) -> Iterator[str]:
    yield (
        "Flow is OpenCV’s DIS, which needs no weights; the paper’s is PWC-Net. It is found between the frames as the model resizes them, and 2 "
        "pixels a step are 1 in the network’s input."
    )
    yield from _fused(a)


def _fused(a: Arguments) -> Iterator[str]:
    if a["fusion"] == "max":
        yield "The larger of both scores of each class does not sum to 1 over the classes; it is divided by its sum, and the order stays as it is."
    elif a["fusion"] == "logits":
        yield "The mean of the logits is our addition: with it both streams’ maps add up to the fused logit. The paper takes the mean of the scores."

"""Contract of torchvision's cards: the records they copy, the taps' places, and heads that CAM explains exactly.

Where cells lie is measured, not read: the centre of the squared input gradient of a middle cell must be where `first + k · stride` says. Three things
would blur that centre without moving the grid, so they are taken away first: kernels are made mirror-symmetric (random ones have a random centre of
their own), clips have sizes that put the middle cell in the middle (else the border cuts off one side of what it sees), and MViT's global attention
is silenced, which leaves its pooled skips.
"""

import functools
import re

import pytest
import torch
from taps_made import check_places, check_reach, middle_energy
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from actrec.core import trace
from actrec.core.card import Card
from actrec.models import torchvision_video as family
from actrec.models import weights

CARDS = {card.id: card for card in family.CARDS}
SLOW = {"swin3d_s", "swin3d_b"}
NETWORKS = [pytest.param(c.id, marks=[pytest.mark.slow] if c.id in SLOW else []) for c in family.CARDS if c.id != "swin3d_b_22k"]
CLIPS = {"s3d": (21, 81, 81), "mvit": (8, 64, 64), "swin3d": (16, 64, 64)}  # by family, else:
CLIP = (17, 33, 33)


@functools.cache
def record_of(card_id: str):
    """torchvision's own entry behind a card, found by its address."""
    from torchvision.models import get_model_weights

    card = CARDS[card_id]
    return next(entry for entry in get_model_weights(card.arguments["name"]) if entry.url == card.weights.url)


@functools.cache
def skeleton(card_id: str) -> nn.Module:
    with torch.device("meta"):
        return family.build(**CARDS[card_id].arguments).eval()


@functools.lru_cache(1)
def network(card_id: str) -> nn.Module:
    """A random network that can be measured, on clips as small as `clip_of` makes them."""
    torch.manual_seed(0)
    model = family.build(**CARDS[card_id].arguments, classes=5).eval().requires_grad_(False)
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            for axis in (2, 3, 4):
                module.weight.copy_((module.weight + module.weight.flip(axis)) / 2**0.5)
    if "mvit" in card_id:
        grid = [size // stride for size, stride in zip(CLIPS["mvit"], (2, 4, 4), strict=True)]
        place = model.pos_encoding
        place.temporal_size, place.spatial_size = grid[0], tuple(grid[1:])
        if place.spatial_pos is not None:
            place.spatial_pos = nn.Parameter(torch.zeros(grid[1] * grid[2], place.spatial_pos.shape[1]), requires_grad=False)
            place.temporal_pos = nn.Parameter(torch.zeros(grid[0], place.temporal_pos.shape[1]), requires_grad=False)
    if card_id == "s3d":
        model.avgpool.kernel = (2, 2, 2)
    if CARDS[card_id].readout:
        nn.init.normal_(model.get_submodule(CARDS[card_id].head).bias)
    return model


def clip_of(card_id: str, seed: int) -> Tensor:
    return torch.randn(1, 3, *CLIPS.get(card_id.split("_")[0], CLIP), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("card_id", CARDS)
def test_a_card_says_what_torchvision_recorded(card_id):
    card, record = CARDS[card_id], record_of(card_id)
    preset = record.transforms()
    assert card.preprocess.resize == (preset.resize_size[0] if len(preset.resize_size) == 1 else tuple(preset.resize_size))
    assert card.preprocess.crop == tuple(preset.crop_size)
    assert (card.preprocess.mean, card.preprocess.std) == (tuple(preset.mean), tuple(preset.std))
    assert card.labels == tuple(record.meta["categories"])
    assert len(set(card.labels)) == 400
    said = dict(re.findall(r"`(frame_rate|clip_len|clips_per_video)=([\d.]+)`", record.meta["_docs"]))
    assert (card.sampling.kind, card.sampling.frames, card.sampling.rate) == ("dense", int(said["clip_len"]), float(said["frame_rate"]))
    published = card.weights.note
    assert published.startswith("This model looks at") or {"5": "five", "12": "twelve"}[said["clips_per_video"]] in published
    figures = {**record.meta["_metrics"]["Kinetics-400"], "parameters": record.meta["num_params"], "gflops": record.meta["_ops"]}
    assert {**card.paper_figures, **card.weights.figures} == figures
    assert not any(name.startswith("acc") for name in card.paper_figures), "accuracy belongs to the weights"
    assert card.weights.megabytes == record.meta["_file_size"]
    assert card.weights.url.endswith(f"-{card.weights.sha256}.pth")
    assert len(card.weights.sha256) == 8


def test_every_record_of_torchvision_has_a_card():
    from torchvision.models import get_model_weights, list_models, video

    urls = {entry.url for name in list_models(module=video) for entry in get_model_weights(name)}
    assert urls == {card.weights.url for card in family.CARDS}


@pytest.mark.parametrize("card_id", CARDS)
def test_taps_add_no_numbers_and_torchvisions_own_state_fits(card_id):
    from torchvision.models import get_model

    model = skeleton(card_id)
    with torch.device("meta"):
        plain = get_model(CARDS[card_id].arguments["name"], weights=None)
    assert all(not list(tap.parameters()) and not list(tap.buffers()) for tap in trace.taps(model).values())
    assert list(model.state_dict()) == list(plain.state_dict())
    report = weights.fit(model, plain.state_dict())
    assert report.complete
    assert not report.renamed
    assert not report.ignored
    assert sum(p.numel() for p in model.parameters()) == CARDS[card_id].paper_figures["parameters"]


def test_torchvisions_own_state_gives_torchvisions_own_logits():
    from torchvision.models import get_model

    plain, model = get_model("mc3_18", weights=None).eval(), family.build("mc3_18").eval()
    assert weights.load(model, plain.state_dict()).complete
    clip = clip_of("mc3_18", 0)[..., :33, :33]
    with torch.no_grad(), trace.record(model, trace.taps(model)):
        assert torch.equal(model(clip), plain(clip))


@pytest.mark.parametrize("card_id", CARDS)
def test_the_head_has_a_row_for_every_class(card_id):
    card = CARDS[card_id]
    assert skeleton(card_id).get_submodule(card.head).weight.shape[0] == len(card.labels)
    assert card.readout is None or card.readout.linear == card.head


@pytest.mark.parametrize("card_id", NETWORKS)
def test_grids_at_the_cards_own_size_follow_from_the_strides(card_id):
    card, model = CARDS[card_id], skeleton(card_id)
    size = (card.sampling.frames, *card.preprocess.crop)
    taps = trace.taps(model)
    with torch.no_grad(), trace.record(model, taps) as seen:
        assert model(torch.empty(1, 3, *size, device="meta")).shape == (1, 400)
    assert list(seen) == list(taps), "taps are passed in the order of their names, each once"
    for name, entry in seen.items():
        assert entry.grid().shape[2:] == tuple(-(-n // int(s)) for n, s in zip(size, entry.tap.stride, strict=True)), name


@pytest.mark.parametrize("card_id", ["r3d_18", "s3d", "mvit_v2_s", "swin3d_t"])
def test_torchvisions_gflops_are_for_sixteen_frames(card_id):
    card = CARDS[card_id]
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            skeleton(card_id)(torch.empty(1, 3, *card.counted_at, device="meta"))
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    assert counter.get_total_flops() / 2e9 == pytest.approx(card.paper_figures["gflops"], abs=1e-3)


@pytest.mark.parametrize("card_id", NETWORKS)
def test_every_tap_lies_where_it_says_and_the_head_is_what_the_card_says(card_id):
    card, model = CARDS[card_id], network(card_id)
    heard = {}
    for seed in range(2):
        clip = clip_of(card_id, seed).requires_grad_()
        with trace.record(model, trace.taps(model)) as seen:
            logits = model(clip)
        if seed == 0:
            check_head(card, model, seen, logits)
            check_reach(seen, clip)
            if "mvit" in card_id:  # only now: the class token lives on attention
                for block in model.blocks:
                    nn.init.zeros_(block.attn.project[0].weight)
                with trace.record(model, trace.taps(model)) as seen:
                    model(clip)
        for name, entry in seen.items():
            energy = middle_energy(entry, clip)
            heard[name] = heard.get(name, 0) + energy / energy.sum() / 2
    check_places(seen, heard)


def check_head(card: Card, model: nn.Module, seen: dict[str, trace.Seen], logits: Tensor) -> None:
    if card.readout:
        linear = model.get_submodule(card.readout.linear)
        mean = seen[card.readout.tap].grid().mean((2, 3, 4))
        torch.testing.assert_close(mean @ linear.weight.flatten(1).T + linear.bias, logits, rtol=1e-4, atol=1e-4)
    gradients = torch.autograd.grad(logits[0, 0], [entry.tensor for entry in seen.values()], retain_graph=True)
    dead = [name for (name, entry), gradient in zip(seen.items(), gradients, strict=True) if not entry.grid(gradient).abs().sum() > 0]
    assert dead == ([] if card.readout else ["blocks.15.tap"]), "places that no class can be explained from"


@pytest.mark.parametrize("size", [(2, 7, 7), (5, 8, 9), (16, 7, 7)])
def test_s3ds_head_as_one_mean_is_torchvisions_head(size):
    features = torch.randn(2, 6, *size)
    classifier = nn.Conv3d(6, 4, 1)
    expected = classifier(nn.AvgPool3d((2, 7, 7), stride=1)(features)).mean((2, 3, 4))
    ours = family.SlidingMean((2, 7, 7), trace.Tap(stride=(1, 1, 1)))
    torch.testing.assert_close(classifier(ours(features))[..., 0, 0, 0], expected)


def test_s3d_says_what_is_too_short():
    with pytest.raises(ValueError, match="at least 14 frames"):
        family.SlidingMean((2, 7, 7), trace.Tap(stride=(1, 1, 1)))(torch.zeros(1, 1, 1, 7, 7))


def test_the_cards_come_without_importing_torchvision():
    import subprocess
    import sys

    said = subprocess.run(
        [sys.executable, "-c", "import sys, actrec.models.torchvision_video as f; print(len(f.CARDS), 'torchvision' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == ["10", "False"]

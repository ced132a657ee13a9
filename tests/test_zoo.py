"""Checkpoints that people have of the shift module's family: each goes whole into its card, and into no other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
import zoo_made
from torchvision.models import resnet50, resnet101

from actrec import catalogue
from actrec.catalogue import doctor
from actrec.core.clip import Sampling
from actrec.core.errors import WeightsError
from actrec.core.labels import numbered
from actrec.models import shift, weights
from actrec.models.weights.families import FAMILIES

MIT = "TSM_kinetics_RGB_resnet50_shift8_blockres_avg_segment8_e50.pth"
FILES: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    MIT: ("tsm-r50", "mit", {"depth": 50, "classes": 400, "every": 1}),
    "TSM_something_RGB_resnet50_shift8_blockres_avg_segment16_e45.pth": ("tsm-r50", "mit", {"depth": 50, "classes": 174, "every": 1}),
    "ckpt.best.pth.tar": ("tsm-r50", "mit", {"depth": 50, "classes": 5, "every": 1, "head": "module.base_model.fc"}),
    "TSM_something_RGB_resnet101_shift8_blockres_avg_segment8_e45.pth": ("tsm-r101", "mit", {"depth": 101, "classes": 174, "every": 2}),
    "TSM_kinetics_RGB_resnet50_avg_segment5_e50.pth": ("tsn-r50", "mit", {"depth": 50, "classes": 400}),
    "differences.pth.tar": ("tsm-difference-r50:difference", "mit", {"depth": 50, "classes": 101, "every": 1, "inputs": 15}),
    "tsm_imagenet-pretrained-r50_8xb16-1x1x16-50e_sthv2-rgb_20230317-ec6696ad.pth": (
        "tsm-r50",
        "mmaction",
        {"depth": 50, "classes": 174, "every": 1},
    ),
    "tsm_r101.pth": ("tsm-r101", "mmaction", {"depth": 101, "classes": 174, "every": 2}),
    "tsn_r50.pth": ("tsn-r50", "mmaction", {"depth": 50, "classes": 400}),
    "resnet50-11ad3fa6.pth": ("tsn-r50", "torchvision", {"depth": 50, "classes": 1000}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("zoo")
    for name, (_, program, facts) in FILES.items():
        zoo_made.save(made / name, program, zoo_made.rows(program, **facts))
    return made


@pytest.fixture
def few() -> Iterator[None]:
    """The family and one of another in place of all architectures: laying out takes as long as all else."""
    names = [name for name, card in catalogue.architectures().items() if card.family.startswith("shift")] + ["c2d-r50"]
    chosen = {name: catalogue.architectures()[name] for name in names}
    with patch.object(catalogue, "architectures", lambda: chosen):
        yield


@pytest.mark.parametrize(("depth", "made"), [(50, resnet50), (101, resnet101)])
def test_the_rule_writes_torchvisions_own_names_and_shapes(depth: int, made: Any) -> None:
    with torch.device("meta"):
        known = {name: tuple(tensor.shape) for name, tensor in made(weights=None).state_dict().items()}
    assert {row.theirs: row.shape for row in zoo_made.rows("torchvision", depth, 1000)} == known


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("mit", "module.base_model.layer1.0.conv1.net.weight"),
        ("mit", "module.base_model.layer3.5.conv1.net.weight"),
        ("mit", "module.base_model.layer2.0.downsample.1.running_var"),
        ("mit", "module.new_fc.weight"),
        ("mmaction", "backbone.conv1.conv.weight"),
        ("mmaction", "backbone.conv1.bn.bias"),
        ("mmaction", "backbone.layer1.0.conv1.conv.net.weight"),
        ("mmaction", "backbone.layer4.2.conv3.bn.num_batches_tracked"),
        ("mmaction", "backbone.layer1.0.downsample.conv.weight"),
        ("mmaction", "backbone.layer3.0.downsample.bn.running_mean"),
        ("mmaction", "cls_head.fc_cls.bias"),
    ],
)
def test_the_lists_are_those_of_the_published_files(program: str, name: str) -> None:
    listed = zoo_made.rows(program, 50, 400, every=1)
    assert name in [row.theirs for row in listed]
    assert len(listed[:-2]) == 318
    assert sum(math.prod(row.shape) for row in listed[:-2] if row.learns) == 23_508_032


@pytest.mark.parametrize("name", [family.name for family in FAMILIES if family.rules])
def test_its_rules_leave_our_names_as_they_are(name: str) -> None:
    family = next(each for each in FAMILIES if each.name == name)
    for row in zoo_made.rows("mit", 50, 400, every=1):
        assert family.ours(row.ours) == row.ours


@pytest.mark.parametrize("name", FILES)
def test_a_published_checkpoint_goes_whole_into_its_card(folder: Path, name: str) -> None:
    base, program, facts = FILES[name]
    card = catalogue.card(f"{base}@{folder / name}")
    assert card.labels == numbered(facts["classes"])
    model, about = catalogue.filled(card, folder / name)
    own = model.state_dict()
    listed = zoo_made.rows(program, **facts)
    assert own.keys() == {row.ours for row in listed}
    for number, row in enumerate(listed):
        assert tuple(own[row.ours].shape) == row.shape
        assert bool((own[row.ours] == number).all()), row
    assert about.get("epoch") == (50 if program == "mit" else None)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.usefixtures("few")
def test_the_doctor_names_its_card_first_and_no_other_is_complete(folder: Path, name: str) -> None:
    examined = doctor.examine(folder / name)
    assert [each.architecture for each in examined if each.report.complete] == [FILES[name][0]]
    assert examined[0].architecture == FILES[name][0]
    family = weights.recognise(weights.read(folder / name)[0])
    assert (family is None) == (FILES[name][1] == "torchvision")
    told = f"renamed {len(examined[0].report.matched)} tensors by the rules of {family.name}" if family else ""
    assert examined[0].report.renamed == told


def test_among_all_architectures_too(folder: Path) -> None:
    assert doctor.examine(folder / MIT)[0].architecture == "tsm-r50"


WRONG = [
    (MIT, "tsn-r50", "TSM (mit-han-lab), and of its networks actrec has ResNet-50 and ResNet-101 (tsm-r50, tsm-r101)"),
    (MIT, "c2d-r50", "TSM (mit-han-lab), and of its networks actrec has ResNet-50 and ResNet-101 (tsm-r50, tsm-r101)"),
    (MIT, "tsm-r101", "TSM (mit-han-lab), and of its networks actrec has ResNet-50 and ResNet-101 (tsm-r50, tsm-r101)"),
    (MIT, "tsm-difference-r50:difference", "TSM (mit-han-lab), and of its networks actrec has ResNet-50 and ResNet-101 (tsm-r50, tsm-r101)"),
    ("TSM_kinetics_RGB_resnet50_avg_segment5_e50.pth", "tsm-r50", "TSN (mit-han-lab), and of its networks actrec has ResNet-50 (tsn-r50)"),
    ("tsn_r50.pth", "tsm-r50", "TSN or C2D (MMAction2), and of its networks actrec has ResNet-50 (tsn-r50)"),
    ("tsn_r50.pth", "c2d-r50", "TSN or C2D (MMAction2), and of its networks actrec has ResNet-50 (tsn-r50)"),
    ("differences.pth.tar", "tsm-r50", "actrec has TSM with ResNet-50 (tsm-difference-r50:difference)"),
    ("resnet50-11ad3fa6.pth", "tsm-r50", "choose the model they were trained for"),
]


@pytest.mark.parametrize(("name", "base", "said"), WRONG)
def test_into_another_card_it_is_refused_in_one_line(folder: Path, name: str, base: str, said: str) -> None:
    card = catalogue.card(f"{base}@{folder / name}")
    with pytest.raises(weights.Misfit, match=r"^these weights do not fit this model: ") as refused:
        catalogue.filled(card, folder / name)
    assert str(refused.value).endswith(said)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 1000


def test_what_does_not_fit_is_called_as_it_is_in_the_file(folder: Path) -> None:
    report = weights.fit(catalogue.without_numbers(catalogue.card("tsn-r50")), weights.read(folder / MIT)[0])
    assert set(report.unexpected) == {row.theirs for row in zoo_made.rows("mit", 50, 400, every=1) if ".net." in row.theirs}
    assert set(report.missing) == {row.ours for row in zoo_made.rows("mit", 50, 400) if row.ours.endswith(".conv1.weight")}


def test_own_weights_of_a_shift_fit_no_network_without_one_and_the_other_way_round(tmp_path: Path) -> None:
    made = {base: catalogue.build(catalogue.card(base), 3, width=0.125) for base in ("tsm-r50", "tsn-r50")}
    for (base, model), other in zip(made.items(), reversed(made), strict=True):
        torch.save(model.state_dict(), tmp_path / f"{base}.pth")
        catalogue.filled(catalogue.card(f"{base}@{tmp_path / base}.pth"), tmp_path / f"{base}.pth")
        with pytest.raises(weights.Misfit, match=r"16 missing: .*16 unexpected: "):
            catalogue.filled(catalogue.card(f"{other}@{tmp_path / base}.pth"), tmp_path / f"{base}.pth")


@pytest.mark.usefixtures("few")
def test_stacked_flow_is_refused_by_its_name(tmp_path: Path) -> None:
    file = zoo_made.save(tmp_path / "flow.pth", "mit", zoo_made.rows("mit", 50, 400, every=1, inputs=10))
    with pytest.raises(WeightsError, match=r"it is of TSM or TSN on stacked optical flow, and actrec has no stream of several steps of flow"):
        doctor.examine(file)


def test_what_cannot_be_told_from_a_relative_says_what_was_assumed(folder: Path) -> None:
    cards = {name: catalogue.card(f"{base}@{folder / name}") for name, (base, _, _) in FILES.items()}
    assert {name for name, card in cards.items() if card.assumed} == {"tsn_r50.pth", "differences.pth.tar"}
    assert cards["tsn_r50.pth"].assumed.endswith("if it is of a C2D, which also pools over time, its answers are wrong.")
    assert "divided by twice the mean standard deviation of pictures" in cards["differences.pth.tar"].assumed
    assert cards[MIT].note == catalogue.card("tsm-r50").note, "nothing had to be guessed"


def test_names_of_classes_beside_a_published_checkpoint_are_used(tmp_path: Path) -> None:
    file = zoo_made.save(tmp_path / "five.pth", "mmaction", zoo_made.rows("mmaction", 50, 5, every=1))
    file.with_suffix(".txt").write_text("walk\nrun\njump\nsit\nstand\n")
    assert catalogue.card(f"tsm-r50@{file}").labels == ("walk", "run", "jump", "sit", "stand")


NAMES: Mapping[str, tuple[Sampling, float]] = {
    MIT: (Sampling("segments", 8), 1 / 8),
    MIT.replace("segment8", "segment16"): (Sampling("segments", 16), 1 / 8),
    MIT.replace("e50", "e100_dense"): (Sampling("dense", 8, 64), 1 / 8),
    MIT.replace("shift8", "shift4"): (Sampling("segments", 8), 1 / 4),
    MIT.replace("shift8", "shift1"): (Sampling("segments", 8), 1 / 8),
    MIT.replace("segment8", "segment0"): (Sampling("segments", 8), 1 / 8),
    "tsm_imagenet-pretrained-r50_8xb16-1x1x16-50e_kinetics400-rgb_20220831-042b1748.pth": (Sampling("segments", 16), 1 / 8),
    "tsm_imagenet-pretrained-r50_8xb16-dense-1x1x8-50e_kinetics400-rgb_20220831-f55d3c2b.pth": (Sampling("dense", 8, 64), 1 / 8),
    "mine_shift4_segment16_.pth": (Sampling("segments", 8), 1 / 8),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_files_name_says_frames_and_the_part_that_is_shifted(tmp_path: Path, name: str) -> None:
    sampling, share = NAMES[name]
    card = catalogue.card(f"tsm-r50@{zoo_made.save(tmp_path / name, 'mit', zoo_made.rows('mit', 50, 7, every=1))}")
    assert card.sampling == sampling
    unit = catalogue.without_numbers(card).get_submodule("layer2.0.conv1")
    assert (unit.before, unit.behind) == (256 * share, 256 * share)
    told = [f"{sampling}"] if sampling.kind == "dense" or sampling.frames == 16 else []
    told = [*(["before = 0.25", "behind = 0.25"] if share == 1 / 4 else []), *told]
    assert ("The file’s name says" in card.note) == bool(told)
    assert f"The file’s name says {', '.join(told)}. " in card.note or not told


def test_a_network_without_a_shift_gets_none_from_a_name(tmp_path: Path) -> None:
    file = zoo_made.save(tmp_path / MIT, "mit", zoo_made.rows("mit", 50, 7))
    assert catalogue.card(f"tsn-r50@{file}").arguments == {"before": 0.0, "behind": 0.0}


def test_which_units_shift_is_found_from_the_shapes(tmp_path: Path) -> None:
    for every in (1, 2, 3):
        file = zoo_made.save(tmp_path / f"{every}.pth", "mit", zoo_made.rows("mit", 101, 7, every=every, width=0.125))
        card = catalogue.card(f"tsm-r101@{file}")
        assert card.arguments == {"depth": 101, "every": every, "width": 0.125}
        model, _ = catalogue.filled(card, file)
        wired = [name for name, module in model.named_modules() if isinstance(module, shift.Shifted)]
        assert wired == [row.ours.removesuffix(".net.weight") for row in zoo_made.rows("mit", 101, 7, every=every) if ".net." in row.ours]
        assert (f"every = {every}" in card.note) == (every != 2)

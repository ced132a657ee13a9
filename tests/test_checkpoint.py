"""Checkpoints as people bring them: read safely, matched by name and shape, loaded whole or not at all."""

import contextlib
import json
import os
import pickle
import struct
import zipfile

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from actrec.core.errors import WeightsError
from actrec.models import weights


def network(classes: int = 4) -> nn.Module:
    model = nn.Module()
    model.stem = nn.Sequential(nn.Conv3d(3, 5, 3), nn.BatchNorm3d(5))
    model.fc = nn.Linear(5, classes)
    return model


def same(one: nn.Module, other: nn.Module) -> bool:
    ours, theirs = one.state_dict(), other.state_dict()
    return list(ours) == list(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.fixture
def trained() -> nn.Module:
    torch.manual_seed(1)
    model = network()
    model.stem[1].running_mean.normal_()
    return model


FORMS = {
    "plain": lambda state: state,
    "state_dict": lambda state: {"epoch": 3, "arch": "c2d", "state_dict": state, "optimizer": {"state": {0: torch.ones(2)}}},
    "model_state": lambda state: {"model_state": state, "cfg": "TRAIN: true"},
    "nested": lambda state: {"model": {"state_dict": state}},
    "module.": lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
    "backbone.": lambda state: {f"backbone.{name}" if name.startswith("stem") else name: tensor for name, tensor in state.items()},
    "lightning": lambda state: {
        "state_dict": {f"model.{name}": tensor for name, tensor in state.items()},
        "pytorch-lightning_version": "2.4",
        "global_step": 7,
    },
    "tsm": lambda state: {"state_dict": {("module.base_model." if name.startswith("stem") else "module.") + name: t for name, t in state.items()}},
    "compiled": lambda state: {f"_orig_mod.{name}": tensor for name, tensor in state.items()},
}


@pytest.mark.parametrize("old_form", [False, True], ids=["zip", "before_1.6"])
@pytest.mark.parametrize("form", FORMS)
def test_a_checkpoint_in_every_wrapping_fits_whole(tmp_path, trained, form, old_form):
    file = tmp_path / "checkpoint.pth"
    torch.save(FORMS[form](trained.state_dict()), file, _use_new_zipfile_serialization=not old_form)
    state, about = weights.read(file)
    fresh = network()
    report = weights.load(fresh, state)
    assert report.complete
    assert len(report.matched) == len(trained.state_dict())
    assert same(fresh, trained)
    if form == "lightning":
        assert about == {"pytorch-lightning_version": "2.4", "global_step": 7, "wrapper": "state_dict"}
        assert str(report) == f"{len(report.matched)} of {len(report.matched)} tensors match; took 'model.' from {len(report.matched)} names"


def test_a_name_as_it_stands_goes_before_one_that_is_peeled(trained):
    state = {**{f"module.{name}": tensor + 1 for name, tensor in trained.state_dict().items()}, **trained.state_dict()}
    report = weights.fit(network(), state)
    assert len(report.matched) == len(trained.state_dict())
    assert len(report.unexpected) == len(trained.state_dict()), "the second copy is not silently dropped"


def test_a_model_that_has_a_prefix_of_its_own_keeps_it(trained):
    model = nn.Module()
    model.backbone = network()
    assert weights.fit(model, {f"module.backbone.{name}": tensor for name, tensor in trained.state_dict().items()}).complete


def test_a_renamed_tensor_is_named_on_both_sides_and_nothing_is_written(trained):
    state = dict(trained.state_dict())
    state["stem.0.wieght"] = state.pop("stem.0.weight")
    fresh, before = network(), network()
    before.load_state_dict(fresh.state_dict())
    with pytest.raises(weights.Misfit, match=r"1 missing: stem\.0\.weight; 1 unexpected: stem\.0\.wieght") as caught:
        weights.load(fresh, state)
    assert same(fresh, before)
    report = caught.value.report
    assert (report.missing, report.unexpected, report.complete) == (("stem.0.weight",), ("stem.0.wieght",), False)
    assert str(report) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_number_of_classes_is_a_wrong_shape_with_both_shapes(trained):
    fresh, before = network(7), network(7)
    before.load_state_dict(fresh.state_dict())
    with pytest.raises(weights.Misfit, match=r"2 of the wrong shape: fc\.weight \(file 4×5, model 7×5\), fc\.bias \(file 4, model 7\)") as caught:
        weights.load(fresh, trained.state_dict())
    assert same(fresh, before)
    assert caught.value.report.wrong_shape == (("fc.weight", (4, 5), (7, 5)), ("fc.bias", (4,), (7,)))


def test_a_partial_load_is_asked_for_and_reported(trained):
    fresh = network(7)
    report = weights.load(fresh, trained.state_dict(), strict=False)
    assert not report.complete
    assert torch.equal(fresh.stem[0].weight, trained.stem[0].weight)
    assert fresh.fc.weight.shape == (7, 5)
    with pytest.raises(weights.Misfit, match="0 of"):
        weights.load(fresh, {"other": torch.ones(1)}, strict=False)


def test_a_long_list_of_names_is_cut_short():
    report = weights.Report((), missing=tuple(f"layer{i}" for i in range(9)))
    assert str(report) == "0 of 9 tensors match; 9 missing: layer0, layer1, layer2, layer3 and 5 more"


def test_step_counters_that_old_files_lack_are_not_missed(trained):
    state = {name: tensor for name, tensor in trained.state_dict().items() if "num_batches" not in name}
    report = weights.load(network(), state)
    assert report.complete
    assert report.ignored == ("stem.1.num_batches_tracked",)
    assert "not needed" in str(report)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_spoilt_numbers_are_refused_by_name(trained, bad):
    state = {name: tensor.clone() for name, tensor in trained.state_dict().items()}
    state["fc.weight"][2, 1] = bad
    fresh, before = network(), network()
    before.load_state_dict(fresh.state_dict())
    with pytest.raises(WeightsError, match=r"fc\.weight holds NaN"):
        weights.load(fresh, state)
    assert same(fresh, before)


class Evil:
    def __reduce__(self):
        return os.system, ("touch i_was_here",)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("form", ["zip", "before_1.6", "pickle"])
def test_a_pickle_that_wants_to_run_code_is_refused_by_name(tmp_path, monkeypatch, form, protocol):
    monkeypatch.chdir(tmp_path)
    file, payload = tmp_path / "evil.pth", {"state_dict": {"w": torch.ones(2)}, "extra": Evil()}
    if form == "pickle":
        file.write_bytes(pickle.dumps({"extra": Evil()}, protocol))
    else:
        torch.save(payload, file, pickle_protocol=protocol, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(WeightsError, match=r"evil\.pth wants to run code \((posix|nt)\.system\) and is refused") as caught:
        weights.read(file)
    assert "safetensors" in str(caught.value), "the way out"
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "i_was_here").exists()


def test_a_whole_module_in_a_pickle_is_refused_by_name(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "whole.pt")
    with pytest.raises(WeightsError, match=r"torch\.nn\.modules\.linear\.Linear"):
        weights.read(tmp_path / "whole.pt")


def test_a_program_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        for name in ("script/data.pkl", "script/constants.pkl", "script/code/__torch__.py"):
            archive.writestr(name, b"")
    with pytest.raises(WeightsError, match="TorchScript archive, which is a program"):
        weights.read(tmp_path / "script.pt")


@pytest.mark.parametrize("form", ["zip", "before_1.6", "safetensors"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.999])
def test_a_truncated_file_is_said_to_be_one(tmp_path, form, share):
    file, state = tmp_path / "cut.pth", {"w": torch.randn(100, 10)}
    save_file(state, file) if form == "safetensors" else torch.save(state, file, _use_new_zipfile_serialization=form == "zip")
    file.write_bytes(file.read_bytes()[: max(int(file.stat().st_size * share), 12)])
    with pytest.raises(WeightsError, match=r"cut\.pth is (cut off or )?damaged.*; copy or download it again"):
        weights.read(file)


def _zip_of_pictures(file):
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("holiday.png", b"png")


def _packed(file):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data.pkl", bytes(1 << 20))


def _not_there(file):
    pass


OTHERS = {
    "zip": (_zip_of_pictures, r"zip archive of something else \(holiday\.png\)"),
    "packed": (_packed, r"zip archive of something else \(bomb/data\.pkl\)"),
    "empty": (lambda file: file.touch(), r"is empty \(0 bytes\)"),
    "page": (lambda file: file.write_text("<!DOCTYPE html>"), r"is not a checkpoint \(it begins with b'<!DOCTYP'\)"),
    "folder": (lambda file: file.mkdir(), r"is a folder; give the checkpoint file in it"),
    "nothing": (_not_there, r"there is no file"),
    "list": (lambda file: torch.save([torch.ones(2)], file), "holds list, not tensors by name"),
    "numbers": (lambda file: torch.save({"epoch": 3, "best": 0.5}, file), r"holds no tensors \(found 'epoch', 'best'\)"),
    "empty_wrapper": (lambda file: torch.save({"state_dict": {}}, file), r"holds no tensors \(found nothing\)"),
    "sparse": (lambda file: torch.save({"w": torch.eye(3).to_sparse()}, file), "the tensor w is sparse"),
    "no_tensors": (lambda file: save_file({}, file), "holds no tensors"),
    "bad_metadata": (lambda file: save_file({"w": torch.ones(1)}, file, {"actrec": "[1"}), "damaged or not a safetensors"),
    "list_metadata": (lambda file: save_file({"w": torch.ones(1)}, file, {"actrec": "[1]"}), "metadata that is not an object"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_no_checkpoint_is_told_in_one_line(tmp_path, other):
    make, message = OTHERS[other]
    make(tmp_path / "given.pth")
    with pytest.raises(WeightsError, match=message) as caught:
        weights.read(tmp_path / "given.pth")
    assert "\n" not in str(caught.value)


def test_a_harmless_pickle_that_torch_cannot_read_safely_is_not_called_evil(tmp_path):
    torch.save({"w": torch.ones(2)}, tmp_path / "new.pt", pickle_protocol=4)
    with pytest.raises(WeightsError, match=r"is a pickle of protocol 4, and torch's safe reader knows 2 only; .*safetensors"):
        weights.read(tmp_path / "new.pt")


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_read_or_refused_but_never_worse(tmp_path, data):
    form = data.draw(st.sampled_from(["zip", "before_1.6", "safetensors"]))
    file, state = tmp_path / "hurt.pth", {"state_dict.w": torch.arange(6.0), "v": torch.ones(2, 2)}
    save_file(state, file) if form == "safetensors" else torch.save(state, file, _use_new_zipfile_serialization=form == "zip")
    content = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, 2**20)) % len(content)  # how long the old form is depends on where its storages lie in memory
        content[place] = data.draw(st.integers(0, 255))
    file.write_bytes(content)
    with contextlib.suppress(WeightsError):
        weights.read(file)


def test_what_is_saved_comes_back_to_the_bit_with_its_metadata(tmp_path, trained):
    about = {"family": "dam", "arguments": {"dam": 12, "width": 0.25}, "labels": ["lift", "put down"], "title": "für alle"}
    weights.save(tmp_path / "new" / "model.safetensors", trained, about)
    state, found = weights.read(tmp_path / "new" / "model.safetensors")
    fresh = network()
    assert weights.load(fresh, state).complete
    assert found == about
    assert same(fresh, trained)
    assert [f.name for f in (tmp_path / "new").iterdir()] == ["model.safetensors"]


def test_the_same_numbers_give_the_same_bytes(tmp_path, trained):
    for name in ("one", "two"):
        weights.save(tmp_path / name, trained, {"b": 1, "a": 2})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_half_precision_takes_half_the_room_and_comes_back_as_float32(tmp_path):
    model = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64))
    model[1].running_var[0] = 1e6  # more than 16 bits can hold
    weights.save(tmp_path / "half", model, {}, half=True)
    weights.save(tmp_path / "full", model, {})
    assert (tmp_path / "half").stat().st_size < 0.6 * (tmp_path / "full").stat().st_size
    fresh = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64))
    assert weights.load(fresh, weights.read(tmp_path / "half")[0]).complete
    assert {t.dtype for t in fresh.state_dict().values()} == {torch.float32, torch.int64}
    assert torch.equal(fresh[0].weight, model[0].weight.half().float())
    assert fresh[1].running_var[0] == 1e6


def test_a_failed_save_leaves_the_old_file(tmp_path, trained):
    weights.save(tmp_path / "model", trained, {"epoch": 1})
    with pytest.raises(TypeError, match="object is not JSON serializable"):
        weights.save(tmp_path / "model", trained, {"epoch": object()})
    assert weights.read(tmp_path / "model")[1] == {"epoch": 1}
    assert [f.name for f in tmp_path.iterdir()] == ["model"]


def test_a_header_that_lies_about_its_length_is_refused(tmp_path):
    (tmp_path / "lie.safetensors").write_bytes(struct.pack("<Q", 1 << 30) + json.dumps({}).encode())
    with pytest.raises(WeightsError, match="damaged or not a safetensors"):
        weights.read(tmp_path / "lie.safetensors")

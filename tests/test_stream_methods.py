"""Every way of explaining on each stream of a model with non-local blocks: finite maps that lie where the stream looked; and a layer with time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import streams_made
from app_made import EXPLORE, address, visit

from actrec import catalogue, cli, study
from actrec.core.answer import Explanation
from actrec.core.question import Question
from actrec.lab import fuse
from actrec.study.earlier import earlier

CASES = [("rgb", 0.0), ("flow", 0.5)]


@pytest.fixture(scope="module", autouse=True)
def attending(home: Path) -> Path:
    """A checkpoint of two streams, each with a non-local block before Conv3_1: "both"."""
    folder = home / "checkpoints"
    made = [streams_made.stream(folder, name, seed, non_local=3) for seed, name in enumerate(("rgb", "flow"))]
    fuse.fuse(*(f"tst-rescnn-a:{file.stem.removeprefix('tiny-')}@{file}" for file in made), folder / "both.safetensors", "mean")
    return home


def ways(model: str) -> list[str]:
    return [m.id for m in catalogue.methods().values() if not isinstance(catalogue.layers(catalogue.card(model), m), str)]


@pytest.mark.parametrize(("stream", "delay"), CASES)
def test_every_way_that_fits_explains_each_stream_at_its_own_moments(stream: str, delay: float) -> None:
    model = f"both:{stream}"
    known = ways(model)
    assert {"cam", "gradcam", "directed", "fem"} <= set(known)
    for way in known:
        layers = catalogue.layers(catalogue.card(model), catalogue.methods()[way])
        for layer in {layers[0], layers[-1]}:
            found = study.answer(Question("short", model, way, knobs=(("layer", layer),)))
            assert found.claim
            for heat in found.heats:
                assert np.isfinite(heat.values).all()
                assert heat.bands[0, 0] == found.clip.index[0], "nothing that was seen is left out"
                assert (heat.bands[1:, 0] == heat.bands[:-1, 1]).all()
                lies_amid(found, heat.fields, layer, delay)


def lies_amid(found: Explanation, fields: object, layer: str, delay: float) -> None:
    """What a step has read lies evenly around its moment: for flow half a frame later than for pictures, between two frames.

    Only steps whose reading is not cut by the clip's ends are looked at, and only layers before the attention, behind which each has read all.
    """
    read = np.asarray(fields)
    assert read.shape[1] == 2
    if not layer.startswith("stem"):
        return
    index = found.clip.index
    places = np.searchsorted(index, read - [[0, 1]])
    whole = [k for k, (first, last) in enumerate(places.tolist()) if first > 0 and last < len(index) - 1]
    assert whole
    assert [sum(places[k]) / 2 for k in whole] == [k + delay for k in whole]


@pytest.mark.parametrize("stream", ["rgb", "flow"])
def test_a_clicked_place_of_a_stream_has_its_row_its_reach_and_what_the_block_adds(stream: str) -> None:
    found = study.answer(Question("short", f"both:{stream}", "directed", at=(0.2, 40.0, 30.0)))
    assert found.heat.unit == "probability"
    assert found.heat.values.sum() == pytest.approx(1, abs=1e-4)
    assert [finding.name for finding in found.findings] == ["distance in space", "distance in time", "what the block adds"]
    assert found.findings[0].value < np.hypot(found.clip.video.width, found.clip.video.height)
    whole = study.answer(Question("short", "both", "directed", at=(0.2, 40.0, 30.0), knobs=(("layer", f"{stream}.layer2.attend"),)))
    np.testing.assert_allclose(whole.heat.values, found.heat.values, atol=1e-6)
    assert [finding.value for finding in whole.findings[:2]] == pytest.approx([finding.value for finding in found.findings[:2]], rel=1e-4)


@pytest.mark.parametrize(
    ("model", "method", "way", "layer", "steps"),
    [
        ("both:rgb", "cam", "gradcam", "layer3.tap", 2),
        ("both:flow", "cam", "gradcam", "layer3.tap", 2),
        ("both", "streams", "gradcam", "rgb.layer3.tap", 2),
        ("both:rgb", "hirescam", "hirescam", "layer3.tap", 2),
        ("both:flow", "eigencam", "eigencam", "layer3.tap", 2),
    ],
)
def test_a_map_without_time_offers_the_last_layer_that_has_it(model: str, method: str, way: str, layer: str, steps: int) -> None:
    found = study.answer(Question("short", model, method, "run", knobs=(("layer", "layer4.tap"),) if model != "both" else ()))
    assert len(found.heat.values) == 1
    assert found.earlier == Question("short", model, way, "run", knobs=(("layer", layer),))
    title = catalogue.methods()[way].title
    said = f"one map stands for the whole window. {title} at the earlier layer {layer} still has {steps} steps in time."
    assert any(line.endswith(said) for line in found.cautions)
    other = study.answer(found.earlier)
    assert len(other.heat.values) == steps
    assert other.earlier is None


def test_the_input_of_two_frames_has_no_earlier_layer() -> None:
    found = study.answer(Question("short", "both:flow", "flow"))
    clip, one = (
        replace(found.clip, index=found.clip.index[:2]),
        replace(found.heat, values=found.heat.values[:1], bands=found.heat.bands[:1], fields=None),
    )
    assert earlier(found.question, catalogue.card("both:flow"), catalogue.methods()["flow"], "input", one, clip) is None


def test_the_page_and_the_command_line_lead_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = visit(EXPLORE, clip="short", model="both:rgb", method="cam")
    (button,) = [each for each in page.button if "has a time axis" in each.label]
    assert "layer3.tap" in button.label
    button.click().run()
    assert (address(page)["method"], address(page)["knob.layer"]) == ("gradcam", "layer3.tap")
    assert not [each for each in page.button if "has a time axis" in each.label]
    words = ["explain", "short", "--model", "both:rgb", "--method", "cam", "--out", str(tmp_path)]
    assert cli.main(words) == 0
    command = "python -m actrec explain short --model both:rgb --method gradcam --knob layer=layer3.tap"
    assert f"with a time axis: {command}" in capsys.readouterr().out
    assert cli.main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["with_time"] == command

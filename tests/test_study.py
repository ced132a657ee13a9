"""One question, one answer: the joiner, its identity, its errors, and what it leaves behind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import clips_made
import demo_made
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from actrec import catalogue, study
from actrec.core import trace
from actrec.core.errors import ActrecError, Cancelled, ClipError, QuestionError, WeightsError
from actrec.core.question import Question
from actrec.inputs import pixels, sampling
from actrec.study import answering, loading

pytestmark = pytest.mark.usefixtures("home")


def ask(**changes: object) -> Question:
    return Question("short", "tiny").with_(**changes)


def test_the_same_question_gets_the_same_answer_object_and_another_clip_another() -> None:
    assert study.answer(ask()) is study.answer(ask())
    assert study.answer(ask()) is not study.answer(ask(clip="long"))


def test_the_prediction_is_that_of_a_plain_forward_pass() -> None:
    found = study.answer(ask())
    loaded = study.load("tiny")
    film = study.open_clip("short")
    clip = sampling.load(film, loaded.card.sampling)
    with torch.no_grad():
        logits = loaded.model(pixels.to_input(clip.frames, loaded.card.preprocess, pixels.geometry(film, loaded.card.preprocess)))[0]
    np.testing.assert_array_equal(found.predictions.logits, logits.numpy())
    assert found.probability == pytest.approx(float(logits.softmax(0).max()), abs=1e-6)


def test_the_mean_of_exact_cam_and_the_bias_are_the_logit() -> None:
    found = study.answer(ask(label="walk"))
    bias = study.load("tiny").model.fc.bias[demo_made.LABELS.index("walk")]
    assert float(found.heat.values.mean()) + float(bias) == pytest.approx(found.score, abs=1e-4)


def test_a_class_rather_than_another_is_the_difference_of_the_logits() -> None:
    found = study.answer(ask(label="walk", versus="run"))
    z = dict(zip(found.predictions.labels, found.predictions.logits, strict=True))
    assert found.score == pytest.approx(float(z["walk"] - z["run"]), abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"clip": "nowhere"}, ClipError, "neither a file nor a sample"),
        ({"model": "nothing"}, QuestionError, "no model 'nothing'"),
        ({"model": "dam-12"}, WeightsError, "checkpoints folder"),
        ({"model": "dam-12@gone.pth"}, WeightsError, "gone.pth"),
        ({"method": "magic"}, QuestionError, "no method 'magic'"),
        ({"method": "directed"}, QuestionError, "does not fit"),
        ({"label": "wlak"}, QuestionError, "did you mean walk"),
        ({"label": "walk", "versus": "walk"}, QuestionError, "against itself"),
        ({"knobs": (("layer", "res9.tap"),)}, QuestionError, "res9.tap"),
        ({"knobs": (("colour", "red"),)}, QuestionError, "no setting 'colour'"),
        ({"method": "gradcam", "knobs": (("weights", "both"),)}, QuestionError, "'both'"),
        ({"model": "tinydam", "method": "directed", "at": (0.0, -5.0, 3.0)}, QuestionError, "outside what the model saw"),
    ],
)
def test_a_question_that_cannot_be_answered_says_why_and_what_instead(changes: dict[str, object], kind: type[ActrecError], words: str) -> None:
    with pytest.raises(kind, match=words):
        study.answer(ask(**changes))


def test_every_method_that_fits_answers_and_the_model_is_what_it_was() -> None:
    for name in ("tiny", "tinydam"):
        loaded = study.load(name)
        before = {key: value.clone() for key, value in loaded.model.state_dict().items()}
        hooks = sum(len(m._forward_hooks) for m in loaded.model.modules())
        for method in catalogue.methods().values():
            if isinstance(catalogue.layers(loaded.card, method), str):
                continue
            found = study.answer(ask(model=name, method=method.id))
            assert found.claim.endswith(".")
            assert all(np.isfinite(h.values).any() for h in found.heats), method.id
        assert all(torch.equal(before[key], value) for key, value in loaded.model.state_dict().items())
        assert hooks == sum(len(m._forward_hooks) for m in loaded.model.modules())
        assert not loaded.model.training
        assert all(p.grad is None and not p.requires_grad for p in loaded.model.parameters())


def test_eight_sessions_on_one_model_get_their_own_answers() -> None:
    questions = [
        ask(label=label, method=method, clip=clip) for label in ("walk", "run") for method in ("gradcam", "cam") for clip in ("short", "long")
    ]
    alone = [study.answer(q) for q in questions]
    answering._answers.clear()
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(study.answer, questions))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one.heat.values, other.heat.values, rtol=1e-5, atol=1e-7)
        assert one.label == other.label


def test_an_answer_says_how_few_actions_its_model_knows() -> None:
    found = study.answer(ask())
    known = f"knows {len(found.predictions.labels)} actions, trained on {study.load('tiny').card.trained_on}"
    assert any(known in line for line in found.cautions)


def test_a_clip_shorter_than_the_window_is_answered_by_every_method_and_the_padding_is_told(home: Path) -> None:
    path = home / "clips" / "six.mp4"
    clips_made.clip(path, 6)
    for name, method in (("tiny", "cam"), ("tiny", "gradcam"), ("tiny", "layercam"), ("tinydam", "directed")):
        for label in demo_made.LABELS:  # whichever step is the strongest, also one that stands for held frames alone
            found = study.answer(Question(str(path), name, method, label))
            assert any("held" in line for line in found.cautions)
            assert found.claim.endswith(".")


def test_a_directed_row_is_what_the_model_used() -> None:
    found = study.answer(ask(model="tinydam", method="directed", at=(0.2, 20.0, 20.0)))
    assert found.heats[0].signed
    assert np.nanmax(np.abs(found.heats[0].values)) <= 1 + 1e-5
    assert {"cosine", "dot product"} <= {word for heat in found.heats for word in ("cosine", "dot product") if word in heat.title.lower()}


def test_a_sweep_covers_a_long_clip_and_ends_where_it_ends() -> None:
    track = study.sweep(ask(clip="long"))
    assert len(track.values) == 8
    assert ((track.values >= 0) & (track.values <= 1)).all()
    assert (np.diff(track.seconds) > 0).all()
    alone = study.answer(ask(clip="long", start=0.0, label=study.answer(ask(clip="long")).label))
    assert track.values[0] == pytest.approx(alone.probability, abs=1e-5)


def test_the_arrow_of_time_of_a_model_that_averages_frames_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mean(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = torch.nn.Linear(3, len(demo_made.LABELS))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.fc(x.mean((2, 3, 4)))
            return out

    loaded = study.load("tiny")
    monkeypatch.setattr(loading, "load", lambda name, progress=None: study.Loaded(loaded.card, Mean().eval(), loaded.device, "mean"))
    arrow = study.time_order(ask())
    assert arrow.logits[0] == pytest.approx(arrow.logits[1], abs=1e-5)
    assert "does not matter" in arrow.verdict


def test_the_arrow_of_time_of_a_model_that_compares_ends_turns_round(monkeypatch: pytest.MonkeyPatch) -> None:
    class Order(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            change = 5 * (x[:, :, 0].mean((1, 2, 3)) - x[:, :, -1].mean((1, 2, 3)))
            return torch.stack([change, -change] + [change * 0] * (len(demo_made.LABELS) - 2), 1)

    loaded = study.load("tiny")
    monkeypatch.setattr(loading, "load", lambda name, progress=None: study.Loaded(loaded.card, Order().eval(), loaded.device, "order"))
    arrow = study.time_order(ask())
    assert arrow.logits[0] == pytest.approx(-arrow.logits[1], rel=1e-3)
    assert "matters here" in arrow.verdict


def test_a_model_against_itself_agrees_and_a_comparison_needs_one_clip() -> None:
    same = ask(method="layercam", knobs=(("layer", "res1.tap"),))
    found = study.compare([same, same])
    numbers = found.agreements[0, 1]
    assert numbers.pearson == pytest.approx(1)
    assert numbers.moved == pytest.approx(0, abs=1e-6)
    with pytest.raises(QuestionError, match="one clip"):
        study.compare([ask(), ask(clip="long")])


def test_work_can_be_stopped() -> None:
    def stop(fraction: float, text: str) -> None:
        raise Cancelled("stopped")

    answering._answers.clear()
    with pytest.raises(Cancelled):
        study.answer(ask(), stop)
    assert study.answer(ask()).label


def test_edits_under_a_tap_change_the_logits_as_a_forward_pass_on_edited_features_does() -> None:
    loaded = study.load("tiny")
    inputs = torch.zeros(1, 3, 8, 32, 32)
    film = study.open_clip("short")
    clip, geometry = sampling.load(film, loaded.card.sampling), pixels.geometry(film, loaded.card.preprocess)
    seen = trace.run(loaded.model, {"rgb": inputs}, clip, geometry, watch=("res4.tap",))
    edited = seen.rerun(edits={"res4.tap": torch.zeros_like})
    torch.testing.assert_close(edited[0], loaded.model.fc.bias)
    torch.testing.assert_close(seen.rerun(edits={"res4.tap": lambda x: x}), seen.logits)


words = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=12)
seconds = st.floats(0, 1e4, allow_nan=False)


@given(
    words,
    words,
    words,
    st.none() | words,
    st.none() | words,
    seconds,
    st.none() | st.tuples(seconds, seconds, seconds),
    st.dictionaries(words, words),
)
def test_a_link_brings_back_the_question(
    clip: str,
    model: str,
    method: str,
    label: str | None,
    versus: str | None,
    start: float,
    at: tuple[float, float, float] | None,
    knobs: dict[str, str],
) -> None:
    question = Question(clip, model, method, label, versus, start, at, tuple(knobs.items()))
    assert Question.from_query(question.to_query()) == question


def test_every_card_has_a_cost_and_says_what_it_lacks() -> None:
    for name in ("tiny", "dam-12", "r3d_18"):
        card = catalogue.card(name)
        parameters, gflops = catalogue.counts(card)
        assert parameters > 0
        assert gflops > 0
    assert catalogue.ready(catalogue.card("tiny")) == ""
    assert "no weights" in catalogue.ready(catalogue.card("dam-12"))
    assert "network" in catalogue.ready(catalogue.card("r3d_18"))

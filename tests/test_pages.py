"""The pages without a browser: they run, links restore views, bad links and bad files get one clear sentence and change nothing."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest
from app_made import COMPARE, EXPLORE, address, visit
from streamlit.testing.v1 import AppTest

from actrec.core.errors import ClipError
from actrec.core.question import Question
from actrec.draw import export
from actrec.ui import own, save
from actrec.ui.compare import from_query, to_query
from actrec.ui.frame import plain

ROOT = Path(__file__).parent.parent
LINK = {"clip": "short", "model": "tiny", "method": "gradcam", "label": "walk", "versus": "run"}

pytestmark = pytest.mark.usefixtures("home")


def texts(test: AppTest) -> str:
    return "\n".join(e.value for kind in (test.markdown, test.caption, test.error, test.info, test.warning) for e in kind)


def test_home_runs_and_fills_the_address() -> None:
    test = visit(clip="short", model="tiny")
    assert not test.error
    assert address(test)["method"] == "cam"


EARLY = """
import streamlit as st
from actrec.ui import choose, models
from actrec.ui.frame import asked

if not st.session_state.get("taken"):
    st.session_state["taken"] = True
    {taken}
    st.rerun()
question = choose.complete(asked())
st.text(f"{{question.clip}} {{question.model}} {{question.method}}")
"""


@pytest.mark.parametrize("taken", ['choose._take_clip("long", {})', 'models.take_model("tinydam", {})'])
def test_a_choice_before_the_first_answer_leaves_the_rest_to_the_page(home: Path, taken: str) -> None:
    test = AppTest.from_string(EARLY.format(taken=taken), default_timeout=300).run()
    assert not test.exception, test.exception
    clip, model, method = test.text[0].value.split()
    assert "-" not in (clip, model)
    assert (clip == "long") if "clip" in taken else (model == "tinydam")
    assert method == "cam"


def test_explore_shows_what_its_link_asks_and_keeps_the_link() -> None:
    test = visit(EXPLORE, **LINK)
    assert not test.error
    assert address(test) == LINK
    assert (test.selectbox("explain").value, test.selectbox("rather").value) == ("walk", "run")
    assert "walk" in texts(test)
    assert "What not to conclude" in texts(test)
    assert test.code[0].value == Question.from_query(LINK).to_command()


def test_choosing_on_the_page_changes_the_link() -> None:
    test = visit(EXPLORE, **LINK)
    test.selectbox("explain").select("run").run()
    assert address(test)["label"] == "run"
    assert "versus" not in address(test)
    test.selectbox("clip-select").select("long").run()
    assert address(test) == {"clip": "long", "model": "tiny", "method": "gradcam"}
    assert not test.exception


def test_another_question_keeps_the_look_and_another_clip_loses_the_moment() -> None:
    look = {"look.palette": "viridis", "look.threshold": "0.25", "look.moment": "0.4"}
    test = visit(EXPLORE, **LINK, **look)
    assert address(test) == LINK | look
    assert test.code[0].value.endswith("--palette viridis --threshold 0.25 --moment 0.4")
    test.selectbox("explain").select("run").run()
    assert look.items() <= address(test).items()
    test.selectbox("clip-select").select("long").run()
    del look["look.moment"]
    assert address(test) == {"clip": "long", "model": "tiny", "method": "gradcam"} | look
    assert not test.exception


@pytest.mark.parametrize("page", [EXPLORE, COMPARE])
@pytest.mark.parametrize("bad", [{"look.opacity": "much"}, {"look.palette": "jet"}, {"look.moment": "-2"}])
def test_a_look_that_cannot_be_gets_one_sentence(page: str, bad: dict[str, str]) -> None:
    link = LINK if page == EXPLORE else {"clip": "short", "1.model": "tiny", "1.method": "cam", "2.model": "tinydam", "2.method": "cam"}
    test = visit(page, **link, **bad)
    assert len(test.error) == 1
    assert not set(bad) & set(address(test))
    assert page == COMPARE or address(test) == LINK


def test_another_layer_stands_in_the_link_and_the_first_does_not() -> None:
    test = visit(EXPLORE, **LINK)
    box = test.selectbox("knob-gradcam-layer")
    box.select(box.options[1]).run()
    assert address(test)["knob.layer"] == box.options[1]
    test.selectbox("knob-gradcam-layer").select(box.options[0]).run()
    assert "knob.layer" not in address(test)


@pytest.mark.parametrize(
    "bad",
    [
        {"clip": "/etc/passwd"},
        {"clip": "../short.mp4"},
        {"clip": "no such clip"},
        {"model": "nobody"},
        {"model": "c2d-r50@../checkpoints/tiny.safetensors"},
        {"model": "c2d-r50@/etc/passwd"},
        {"model": "c2d-r50@"},
        {"method": "crystal-ball"},
        {"label": "*fly*"},
        {"versus": "walk"},
        {"start": "soon"},
        {"start": "-1"},
        {"start": "inf"},
        {"at": "1,2"},
        {"knob.layer": "cellar"},
        {"knob.nonsense": "1"},
        {"method": "directed"},
        {"joints": "/etc/passwd"},
        {"joints": "../joints.npz#offset=1"},
        {"joints": "nobody.npz"},
        {"joints": "walk#colour=red"},
        {"hide": "nose"},
    ],
    ids=lambda bad: " ".join(f"{k}={v}" for k, v in bad.items()).replace("/", "|"),
)
def test_a_bad_link_gives_one_clear_sentence(bad: dict[str, str]) -> None:
    test = visit(EXPLORE, **(LINK | bad))
    assert len(test.error) == 1
    sentence = re.sub(r"\\(.)", r"\1", test.error[0].value)
    assert sentence.endswith((".", "?"))
    assert "Traceback" not in sentence


def test_a_path_in_a_link_leads_nowhere_even_to_a_good_clip(home: Path) -> None:
    test = visit(EXPLORE, **(LINK | {"clip": str(home / "clips" / "short.mp4")}))
    assert len(test.error) == 1


def test_a_bad_upload_gets_one_sentence_and_leaves_the_app_as_it_was() -> None:
    test = visit(**LINK)
    for name, content in (("notes.txt", b"not a video"), ("empty.mp4", b""), ("[cut] _a_.mp4", b"\0\0\0\x18ftypmp42" + bytes(64))):
        test.file_uploader[0].upload(name, content, "video/mp4").run()
        assert not test.exception
        assert len(test.error) == 1
        assert plain(name) in test.error[0].value
        assert address(test) == LINK


def test_a_good_upload_is_chosen_and_its_link_carries_a_name_not_a_path(home: Path) -> None:
    test = visit(**LINK)
    test.file_uploader[0].upload("../../my <i>clip</i>.mp4", (home / "clips" / "short.mp4").read_bytes(), "video/mp4").run()
    assert not test.exception
    assert not test.error
    assert "/" not in address(test)["clip"]
    assert address(test)["clip"].endswith(".mp4")
    assert "label" not in address(test)


def test_a_checkpoint_that_wants_to_run_code_is_refused(home: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (exec, ("import pathlib; pathlib.Path('/tmp/actrec-was-here').touch()",))

    test = visit(**LINK)
    test.file_uploader[1].upload("model.pth", pickle.dumps({"state_dict": Evil()}), "application/octet-stream").run()
    assert not test.exception
    assert len(test.error) == 1
    assert not Path("/tmp/actrec-was-here").exists()
    assert address(test) == LINK


def test_a_checkpoint_of_ones_own_is_examined_and_used(home: Path) -> None:
    test = visit(**LINK)
    data = (home / "checkpoints" / "tiny.safetensors").read_bytes()
    test.file_uploader[1].upload("mine.safetensors", data, "application/octet-stream").run()
    assert not test.exception
    assert not test.error
    assert test.success
    test.button("weights-use").click().run()
    assert not test.exception
    assert not test.error
    assert address(test)["model"] == "c2d-r50@mine.safetensors"
    again = test.switch_page(EXPLORE).run()
    assert not again.exception
    assert not again.error


def test_compare_restores_its_link() -> None:
    query = {"clip": "short", "1.model": "tiny", "1.method": "cam", "2.model": "tinydam", "2.method": "gradcam", "2.label": "walk"}
    test = visit(COMPARE, **query)
    assert not test.error
    assert address(test) == query
    assert [test.selectbox(f"model-{i}").value for i in (0, 1)] == ["tiny", "tinydam"]
    assert test.table


def test_compare_begins_with_the_question_asked_last_and_one_more() -> None:
    test = visit(EXPLORE, **LINK).switch_page(COMPARE).run()
    assert not test.exception
    assert not test.error
    assert address(test)["1.model"] == "tiny"
    assert address(test)["2.model"] != "tiny"


def test_a_comparison_survives_its_link() -> None:
    questions = [
        Question("a b.mp4", "m", "cam", "x", "y", 1.25, None, (("layer", "res3"),)),
        Question("a b.mp4", "n@f.pth", "gradcam", start=1.25),
    ]
    assert from_query(to_query(questions)) == questions


def test_names_from_outside_stay_text() -> None:
    assert plain("*a* <b> [x](y) `c` $d$ :red[e] &amp;") == r"\*a\* \<b\> \[x\]\(y\) \`c\` \$d\$ \:red\[e\] \&amp;"
    assert "http:" not in plain("http://example.org").replace("\\", "")
    assert plain("two\nlines\x00") == "two lines"


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "C:\\x\\y.mp4", "", "..", ".hidden", "a" * 400 + ".mp4", "é" * 200 + ".webm", "a\x00b.mp4", "con|<>.mp4"]
)
def test_an_upload_is_written_inside_its_folder_whatever_its_name(tmp_path: Path, name: str) -> None:
    import io

    path = own.receive(io.BytesIO(b"x"), name, tmp_path)
    assert path.parent == tmp_path
    assert path.read_bytes() == b"x"
    assert len(path.name.encode()) <= 140


def test_too_large_an_upload_is_refused_before_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setenv("ACTREC_MAX_MB", "1")
    with pytest.raises(ClipError, match="ACTREC_MAX_MB"):
        own.receive_clip(io.BytesIO(b""), "film.mp4", 2_000_000)


def test_the_page_offers_every_figure_that_is_written() -> None:
    figures = {name + more for name in export.SHEETS for more in ("", "_svg")} | {f"{name}_html" for name in export.PAGES}
    assert figures <= set(save.TITLES)

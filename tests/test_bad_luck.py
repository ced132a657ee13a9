"""Bad luck: processes killed at any moment, sessions at once, and sessions without end."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import clips_made
import numpy as np
import pytest
import torch

from actrec import study
from actrec.clips import library, video
from actrec.core import files
from actrec.core.answer import Explanation
from actrec.core.card import Weights
from actrec.core.kept import Kept
from actrec.core.question import Question
from actrec.lab.results import evaluation
from actrec.models import weights
from actrec.study import answering, loading

pytestmark = pytest.mark.slow

GLANCE = 0.002
"""Seconds between two looks at what a process has written so far."""

DONE = 120
"""Seconds a process may take to begin to write."""


def kill_while_it_writes(words: list[str], where: Path, begun: Callable[[], bool]) -> None:
    """Start a process, and kill it as soon as it has begun to write."""
    where.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"})
    until = time.monotonic() + DONE
    while not begun() and process.poll() is None and time.monotonic() < until:
        time.sleep(GLANCE)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"


def seen(where: Path) -> list[str]:
    return sorted(path.name for path in where.iterdir() if not path.name.startswith("."))


def test_explain_killed_while_it_writes_leaves_no_half_answer(home: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "actrec", "explain", str(home / "clips" / "short.mp4"), "--model", "tiny", "--out", str(tmp_path / "out")]
    kill_while_it_writes(words, tmp_path / "out", lambda: any((tmp_path / "out").glob(files.LEFTOVERS)))
    assert seen(tmp_path / "out") == []
    subprocess.run(words, check=True, capture_output=True)
    assert {Path(name).suffix for name in seen(tmp_path / "out")} >= {".png", ".npz", ".json", ".mp4"}


def test_evaluate_killed_in_the_midst_ends_with_the_numbers_of_a_run_that_was_not(home: Path, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    names = [clips_made.clip(tmp_path / "set" / f"{i}.mp4", 20 + i).name for i in range(8)]
    rows = [f"{name},{('walk', 'run')[i % 2]},test" for i, name in enumerate(names)]
    (tmp_path / "set" / "index.csv").write_text("\n".join(["file,label,split", *rows]))
    words = [sys.executable, "-m", "actrec", "evaluate", "--model", "tiny", "--data", str(tmp_path / "set"), "--out"]
    done = tmp_path / "killed" / "clips"
    kill_while_it_writes([*words, str(tmp_path / "killed")], tmp_path / "killed", lambda: len(list(done.glob("[!.]*.npz"))) >= 2)
    for folder in ("killed", "whole"):
        subprocess.run([*words, str(tmp_path / folder)], check=True, capture_output=True)
    one, other = (evaluation.load(tmp_path / folder) for folder in ("killed", "whole"))
    assert one.paths == other.paths
    assert np.array_equal(one.scores, other.scores)


def test_a_browser_copy_killed_half_way_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTREC_CACHE", str(tmp_path / "cache"))
    clip, copies = clips_made.clip(tmp_path / "long.mp4", 1500), tmp_path / "cache" / "copies"
    script = "import sys; from pathlib import Path; from actrec.clips import library, video; library.browser_copy(video.probe(Path(sys.argv[1])))"
    kill_while_it_writes([sys.executable, "-c", script, str(clip)], copies, lambda: any(f.stat().st_size for f in copies.glob(files.LEFTOVERS)))
    assert seen(copies) == []
    assert library.browser_copy(video.probe(clip)).frames == 1500


class Halting(BaseHTTPRequestHandler):
    """Sends half of what it promised, and waits until it is told to go on."""

    go_on = threading.Event()
    content = bytes(3_000_000)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content[:2_000_000])
        self.go_on.wait(DONE)
        self.wfile.write(self.content[2_000_000:])

    def log_message(self, format: str, *given: object) -> None:
        pass


def test_a_download_killed_half_way_is_not_taken_for_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTREC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Halting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url, sha256 = f"http://127.0.0.1:{server.server_port}/net.pth", hashlib.sha256(Halting.content).hexdigest()
    script = f"from actrec.models import weights; from actrec.core.card import Weights; weights.fetch(Weights(url={url!r}, sha256={sha256!r}))"
    kept = tmp_path / "cache" / "weights"
    try:
        kill_while_it_writes([sys.executable, "-c", script], kept, lambda: any(f.stat().st_size for f in kept.glob(files.LEFTOVERS)))
        assert seen(kept) == []
        assert not weights.here(Weights(url=url, sha256=sha256))
        Halting.go_on.set()
        assert weights.fetch(Weights(url=url, sha256=sha256)).read_bytes() == Halting.content
    finally:
        Halting.go_on.set()
        server.shutdown()
        server.server_close()


def questions(home: Path) -> list[Question]:
    """Eight questions about one clip and two models, no two alike."""
    clip = str(home / "clips" / "short.mp4")
    methods = (("cam", "tiny"), ("gradcam", "tiny"), ("directed", "tinydam"), ("fem", "tinydam"))
    return [Question(clip, model, method, start=start) for method, model in methods for start in (0.0, 0.2)]


def bits(found: Explanation) -> tuple[object, ...]:
    heats = (found.predictions.logits, *(heat.values for heat in found.evidence.heats))
    return (found.claim, found.cautions, *(values.tobytes() for values in heats))


@pytest.mark.usefixtures("one_thread")
def test_eight_sessions_at_once_get_the_answers_of_one_to_the_bit(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = [bits(study.answer(question)) for question in questions(home)]
    for round_ in range(2):
        monkeypatch.setattr(answering, "_answers", Kept(1))  # nothing to be had from memory
        monkeypatch.setattr(loading, "_models", Kept(1 + round_))  # first with room for one model only: they are loaded in turns
        with ThreadPoolExecutor(8) as sessions:
            together = list(sessions.map(lambda question: bits(study.answer(question)), questions(home)))
        assert together == alone


@pytest.mark.usefixtures("one_thread")
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system does not tell what a process holds")
def test_a_hundred_answers_leave_nothing_behind(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "_answers", Kept(2))

    def held() -> dict[str, float]:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        models = [model for loaded in loading._models.values() for model in loaded.model.modules()]
        hooks = sum(len(model._forward_hooks) + len(model._backward_hooks) + len(model._forward_pre_hooks) for model in models)
        files_open = len(list(Path("/proc/self/fd").iterdir()))
        return {"files": files_open, "hooks": hooks, "threads": threading.active_count(), "megabytes": pages * os.sysconf("SC_PAGE_SIZE") / 1e6}

    def ask(rounds: int) -> None:
        for number in range(rounds):
            for question in questions(home)[::2]:
                study.answer(question.with_(start=0.01 * (number % 40)))

    ask(5)
    before = held()
    ask(25)
    after = held()
    assert {name: after[name] for name in ("files", "hooks", "threads")} == {name: before[name] for name in ("files", "hooks", "threads")}
    assert after["megabytes"] - before["megabytes"] < 100
    assert not torch.is_inference_mode_enabled()

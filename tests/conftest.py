"""Shared by all tests: a Streamlit server for a script, and a real Chromium to look at it with."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import clips_made
import demo_made
import hypothesis
import joints_made
import pytest
import runs_made
import torch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# The same examples in every run on a server, so that a change is judged by what it changes; new ones each time at a desk.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("desk", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "desk")

ROOT = Path(__file__).parent.parent
REAL = ROOT.parent / "shared" / "data"
"""Clips and joints of the world outside, where they lie beside the repository."""

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
START_SECONDS = 60

HELLO_EVERY = 0.1
"""Seconds between two looks whether a server is there: it answers no sooner for being asked more often."""

pytest_plugins = ("player_made",)

Serve = Callable[..., str]
"""serve(script, *, env=None) -> address of a Streamlit server that runs it."""


@pytest.fixture
def one_seed() -> Iterator[None]:
    """The same random numbers in every test, and nothing left of them for the next."""
    torch.manual_seed(0)
    with torch.random.fork_rng():
        yield


@pytest.fixture
def one_thread() -> Iterator[None]:
    """One thread for torch's arithmetic, whose last bits hang on their number."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache and a folder of checkpoints for one test alone."""
    monkeypatch.setenv("ACTREC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ACTREC_CHECKPOINTS", str(tmp_path / "checkpoints"))


@pytest.fixture
def own_folders(own_cache: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same and a folder of evaluations, in a process that is one of a kind."""
    monkeypatch.setenv("ACTREC_RESULTS", str(tmp_path / "results"))
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where a set of clips shall lie."""
    return tmp_path / "set"


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Ten clips of two classes, to train on."""
    return runs_made.make_set(tmp_path / "set")


@pytest.fixture(scope="module")
def variables() -> Iterator[pytest.MonkeyPatch]:
    """Sets variables for all tests of a file."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, variables: pytest.MonkeyPatch) -> Path:
    """The surroundings of `demo_made`, for all tests of a file."""
    folder = tmp_path_factory.mktemp("home")
    for name, value in demo_made.surroundings(folder).items():
        variables.setenv(name, value)
    return folder


@pytest.fixture(scope="module")
def joints_home(home: Path) -> Path:
    """The same with two models that read joints (tinydeform, and crowd, which reads two people), and joints of one and of two people."""
    joints_made.checkpoint(home / "checkpoints")
    joints_made.checkpoint(home / "checkpoints", "crowd", people=2)
    joints_made.person(home / "short.npz", 24, (96, 64))
    joints_made.person(home / "two.npz", 24, (96, 64), people=2)
    return home


@pytest.fixture(scope="module")
def bare_home(tmp_path_factory: pytest.TempPathFactory, variables: pytest.MonkeyPatch) -> Path:
    """The same folders with nothing in them but a clip without joints, short.mp4."""
    folder = tmp_path_factory.mktemp("joints")
    for name, value in demo_made.folders(folder).items():
        variables.setenv(name, value)
    clips_made.clip(folder / "clips" / "short.mp4", 24)
    return folder


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Starts `streamlit run` for a script and comes back with its address, without a slash at the end. All servers end with the session.

    env: variables on top of the present ones. The script sees the repository on its path.
    """
    servers: list[subprocess.Popen[bytes]] = []

    def start(script: Path, *, env: Mapping[str, str] | None = None) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        log = tmp_path_factory.mktemp("server") / "log.txt"
        command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.headless=true", f"--server.port={port}"]
        command += ["--server.address=127.0.0.1", "--browser.gatherUsageStats=false", "--server.fileWatcherType=none"]
        surroundings = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]), **(env or {})}
        with log.open("wb") as said:
            servers.append(subprocess.Popen(command, stdout=said, stderr=said, env=surroundings, cwd=ROOT))
        address = f"http://127.0.0.1:{port}"
        _await(servers[-1], address, log)
        return address

    yield start
    for server in servers:
        server.terminate()
    for server in servers:
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()


def _await(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).close()
        except (urllib.error.URLError, OSError):
            time.sleep(HELLO_EVERY)
        else:
            return
    pytest.fail(f"the Streamlit server did not start within {START_SECONDS} s:\n{log.read_text(errors='replace')[-2000:]}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium. Browser tests fail without one: a page that nobody looked at is not tested."""
    from playwright.sync_api import sync_playwright

    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as drive:
        if program is None and not Path(drive.chromium.executable_path).is_file():
            pytest.fail(
                'no Chromium found: install one ("apt-get install chromium", or "make browser"), or set CHROMIUM to its file, '
                'or leave these tests out with -m "not browser"'
            )
        chromium = drive.chromium.launch(executable_path=program, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page of 1280 × 900; the test fails if a script on it raised an error."""
    errors: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    sheet = context.new_page()
    sheet.on("pageerror", lambda error: errors.append(str(error)))
    yield sheet
    context.close()
    assert not errors, f"errors on the page: {errors}"

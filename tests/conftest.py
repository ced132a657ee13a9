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

import hypothesis
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# The same examples in every run on a server, so that a change is judged by what it changes; new ones each time at a desk.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("desk", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "desk")

ROOT = Path(__file__).parent.parent
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

Serve = Callable[..., str]
"""serve(script, *, env=None) -> address of a Streamlit server that runs it."""


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
            time.sleep(0.1)
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

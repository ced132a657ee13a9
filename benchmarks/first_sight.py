"""How long a newcomer waits, in the time that `import torch` takes on the same machine: seconds say more about the machine than about us.

For `actrec models`, for a prediction with a demo model on a sample clip, and on the page from the first paint of Home to the first explanation, with
the default model and with one of two streams. Exits with 1 if one of them takes more than 1.5 times as long (two streams: more than 6 s). Each is
measured five times, and the import before each; the shortest counts, because whatever else the machine does can only make a run longer. Needs
Chromium.

    python benchmarks/first_sight.py
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parent.parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
BOUND, STREAMS, TIMES = 1.5, 6.0, 5


def main() -> int:
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as drive:
        chromium = drive.chromium.launch(executable_path=program, args=FLAGS)
        found = {
            "actrec models": _least(lambda: _run("-m", "actrec", "models")),
            "actrec predict": _least(lambda: _run("-m", "actrec", "predict", "sit_down", "--model", "c2d-mannequin")),
            "first explanation after the first paint": _least(lambda: _explanation(chromium, "")),
            "first explanation of two streams": _least(lambda: _explanation(chromium, "?clip=sit_down&model=tst-mannequin")),
        }
        chromium.close()
    for name, (measured, torch) in found.items():
        print(f"{name}: {measured:.1f} s, {measured / torch:.2f} × `import torch`")
    *quick, (of_streams, _) = found.values()
    return int(max(measured / torch for measured, torch in quick) > BOUND or of_streams > STREAMS)


def _least(measure: Callable[[], float]) -> tuple[float, float]:
    """The least of what `measure` gives, and the least that importing torch takes, in seconds."""
    pairs = [(_run("-c", "import torch"), measure()) for _ in range(TIMES)]
    torch, measured = map(min, zip(*pairs, strict=True))
    return measured, torch


def _run(*arguments: str) -> float:
    """Seconds that a Python process takes, with a cache that nobody used before."""
    with tempfile.TemporaryDirectory() as cache:
        started = time.monotonic()
        subprocess.run([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, check=True, env=os.environ | {"ACTREC_CACHE": cache})
        return time.monotonic() - started


def _explanation(chromium: Browser, query: str) -> float:
    """Seconds from the first paint of Home, opened by a link, to the first explanation, for a reader who goes on as soon as it is possible."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true", f"--server.port={port}", "--server.address=127.0.0.1"]
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    with tempfile.TemporaryDirectory() as cache:
        server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | {"ACTREC_CACHE": cache})
        try:
            _await(port)
            page.goto(f"http://127.0.0.1:{port}/{query}")
            page.get_by_text("What did the model see?").wait_for(timeout=60_000)
            painted = time.monotonic()
            page.get_by_text("Explore: where did it look?").click(timeout=60_000)
            page.get_by_text("What not to conclude").wait_for(timeout=60_000)
            return time.monotonic() - painted
        finally:
            server.terminate()
            server.wait()
            page.close()


def _await(port: int) -> None:
    for _ in range(1200):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the Streamlit server did not start within a minute")


if __name__ == "__main__":
    raise SystemExit(main())

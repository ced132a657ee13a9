"""How long a newcomer waits: from `streamlit run` to the first paint of Home, to the first prediction, and to the first explanation.

Prints seconds, and exits with 1 if a bound is missed: first paint 3 s, first explanation with a demo model 5 s after it. Needs Chromium.

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
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]


def main() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true", f"--server.port={port}", "--server.address=127.0.0.1"]
    with sync_playwright() as drive, tempfile.TemporaryDirectory() as cache:
        chromium = drive.chromium.launch(executable_path=program, args=FLAGS)
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        started = time.monotonic()
        server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | {"ACTREC_CACHE": cache})
        try:
            _await(port)
            page.goto(f"http://127.0.0.1:{port}/")
            page.get_by_text("What did the model see?").wait_for(timeout=60_000)
            paint = time.monotonic() - started
            page.locator("[data-testid=stBidiComponentRegular], [data-testid=stBidiComponentIsolated]").first.wait_for(timeout=60_000)
            page.locator(".st-key-top").get_by_text("%").first.wait_for(timeout=60_000)
            prediction = time.monotonic() - started
            page.get_by_text("Explore: where did it look?").click()
            page.get_by_text("What not to conclude").wait_for(timeout=60_000)
            explanation = time.monotonic() - started
            page.locator(".actrec[data-ready=true]").wait_for(timeout=60_000)
            picture = time.monotonic() - started
        finally:
            server.terminate()
            chromium.close()
    print(f"after `streamlit run`: first paint {paint:.2f} s, first prediction {prediction:.2f} s,", end=" ")
    print(f"first explanation {explanation:.2f} s, its picture in the player {picture:.2f} s")
    return int(paint > 3 or explanation - paint > 5)


def _await(port: int) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the Streamlit server did not start within 30 s")


if __name__ == "__main__":
    raise SystemExit(main())

"""Take the README's pictures from the running app: docs/explore.png and the other names of `VIEWS`. Needs Chromium.

python docs/photograph.py [NAME …]
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parent.parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
COMPARED = ("c2d-mannequin", "i3d-mannequin", "dam-12-mannequin", "dam-12-c3d-mannequin")
VIEWS: dict[str, tuple[str, float, Literal["light", "dark"]]] = {
    "explore": ("/Explore?clip=sit_down&model=dam-12-c3d-mannequin&method=cam", 0.55, "light"),
    "directed": ("/Explore?clip=bounce_ball&model=dam-12-mannequin&method=directed&at=1.0,170.0,150.0", 0.4, "dark"),
    "tokens": ("/Explore?clip=throw_ball&model=deform-mannequin&method=tokens", 0.7, "light"),
    "joints": ("/Explore?clip=throw_ball&model=deform-mannequin&method=joint-stride", 0.66, "dark"),
    "streams": ("/Explore?clip=push_left&model=tst-mannequin&method=streams", 0.5, "light"),
    "motion": ("/Explore?clip=jumping_jack&model=tst-mannequin:flow&method=flow", 0.35, "dark"),
    "words": ("/Explore?clip=jumping_jack&model=tsm-vlad-mannequin:rgb&method=words", 0.5, "light"),
    "shift": ("/Explore?clip=sit_down&model=tsm-mannequin:rgb&method=shift", 0.5, "dark"),
    "prune": ("/Prune?model=tst-pruned-mannequin&percent=30", 0.0, "light"),
    "compare": ("/Compare?clip=lift_barbell&" + "&".join(f"{i}.model={name}&{i}.method=cam" for i, name in enumerate(COMPARED, 1)), 0.4, "light"),
    "evaluate": ("/Evaluate?a=c2d-mannequin-on-mannequin-test&b=dam-12-c3d-mannequin-on-mannequin-test", 0.0, "light"),
}


def main() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true", f"--server.port={port}", "--server.address=127.0.0.1"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with sync_playwright() as drive:
            program = os.environ.get("CHROMIUM") or shutil.which("chromium")
            chromium = drive.chromium.launch(executable_path=program, args=FLAGS)
            for _ in range(600):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.1)
            for name, (path, share, scheme) in VIEWS.items():
                if sys.argv[1:] and name not in sys.argv[1:]:
                    continue
                high = {"joints": 1400, "words": 2300, "shift": 1700}.get(name, 1000)  # what they show stands under the picture
                page = chromium.new_page(viewport={"width": 1440, "height": high}, color_scheme=scheme)
                photograph(page, f"http://127.0.0.1:{port}{path}", share, ROOT / "docs" / f"{name}.png")
                page.close()
            chromium.close()
    finally:
        server.terminate()
        server.wait(10)


def photograph(page: Page, address: str, share: float, file: Path) -> None:
    """Open the view, move the playhead to a share of the clip, wait until nothing runs, and keep what is on the screen."""
    page.goto(address)
    page.locator(".actrec[data-ready='true'], .matrix, .prune").first.wait_for(timeout=180_000)
    page.locator('[data-testid="stStatusWidget"]').wait_for(state="detached", timeout=180_000)
    box = page.locator(".actrec .ruler").first.bounding_box() if page.locator(".actrec").count() else None
    if box:
        page.mouse.click(box["x"] + box["width"] * share, box["y"] + box["height"] / 2)
    page.mouse.move(5, 5)
    if (offer := page.get_by_role("button", name="Look for each word")).count():
        offer.click()
    for _ in range(4):  # one piece of work may follow another
        page.wait_for_timeout(3000)
        page.locator('[data-testid="stProgress"]').first.wait_for(state="detached", timeout=180_000)
    page.screenshot(path=str(file))
    print(file)


if __name__ == "__main__":
    main()

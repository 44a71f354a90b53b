"""Photograph the console for docs/pictures: `python scripts/make_pictures.py [FOLDER]`.

Runs `mainstay demo --serve` in an empty folder, logs a browser in by the link that it prints, opens each page of the
rail and those behind them, and writes each in light, in dark and as on a phone. What is seen is the demo's sample
mail. Needs Chromium and what `make setup` installs.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
INTO = ROOT / "docs" / "pictures"
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
VIEWS = {
    "light": {"color_scheme": "light", "viewport": DESKTOP},
    "dark": {"color_scheme": "dark", "viewport": DESKTOP},
    "phone": {"color_scheme": "light", "viewport": PHONE, "is_mobile": True, "has_touch": True},
}
# Behind the pages of the rail: where it is, or where it is found and the links that lead there, one after the other.
RUN = ("/runs?status=waiting", "main a[href^='/runs/']")
WORKFLOW = ("/workflows", "main a[href^='/workflows/']")
BEHIND = {
    "run": RUN,
    "run-events": (*RUN, "main a[href$='/events']"),
    "run-fork": (*RUN, "main a[href$='/fork']"),
    "approvals-decided": ("/approvals?show=decided",),
    "approvals-batch": ("/approvals/batch",),
    "workflow": WORKFLOW,
    "workflow-edit": (*WORKFLOW, "main a[href$='/edit']"),
    "dry-run": (*WORKFLOW, "main a[href$='/dry-run']"),
    "templates": ("/templates",),
    "template": ("/templates", "main a[href^='/templates/']"),
    "policies": ("/policies",),
    "kind": ("/autonomy", "main a[href^='/autonomy/']"),
    "letter": ("/doubts", "main a[href^='/doubts/letters/']"),
    "record": ("/memory", "#kept a[href^='/memory/']"),
    "lessons": ("/memory/lessons",),
    "forget": ("/forget",),
    "review": ("/review",),
    "audit-events": ("/audit/events",),
    "audit-decisions": ("/audit/decisions",),
    "events": ("/events",),
    "stop": ("/stop",),
    "devices": ("/devices",),
    "tokens": ("/settings/tokens",),
    "api": ("/api/v1/docs",),
}
WAIT_S = 120


def main(into: Path) -> None:
    """Make every picture anew."""
    from playwright.sync_api import sync_playwright

    from mainstay.console.rail import PLACES

    into.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="mainstay-pictures-"))
    demo = subprocess.Popen(
        [sys.executable, "-m", "mainstay", "demo", "--fast", "--serve", "-w", str(place / "demo")],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        link = _link(demo)
        base = link[: link.index("/login/")]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox", "--disable-gpu"]
            )
            context = browser.new_context(base_url=base)
            page = context.new_page()
            page.goto(link)
            page.get_by_role("button", name="Log in").click()
            page.wait_for_url("**/")
            known = context.storage_state()
            for kind, view in VIEWS.items():
                seeing = browser.new_context(
                    base_url=base, storage_state=known, reduced_motion="reduce", **view
                )
                page = seeing.new_page()
                for one in PLACES:
                    _take(page, one.path, into / f"{one.path.strip('/') or 'home'}-{kind}.png")
                for name, (path, *links) in BEHIND.items():
                    for link in links:
                        page.goto(path)
                        path = str(page.locator(link).first.get_attribute("href"))
                    _take(page, path, into / f"{name}-{kind}.png")
            browser.close()
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(WAIT_S)
        shutil.rmtree(place, ignore_errors=True)


def _take(page: Any, path: str, to: Path) -> None:
    page.goto(path)
    page.evaluate("document.fonts.ready")
    page.screenshot(path=to)
    print(f"{to.name:24} {to.stat().st_size:>8,} bytes")


def _link(demo: subprocess.Popen[str]) -> str:
    assert demo.stdout is not None, "it is piped"
    for line in demo.stdout:
        found = re.search(r"http://127\.0\.0\.1:\d+/login/\S+", line)
        if found:
            return found[0]
    sys.exit("the demo ended without a link")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else INTO)

"""From a key to what it paints, in a real browser: the list of approvals, walked through with `j` and `k`.

Needs Playwright and a Chromium of the system; where one is missing, that is what the figures say.
"""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from statistics import median
from typing import Any

from mainstay.bench.console_turns import Spread, medians, p95

PRESSES = 40
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
# From the key's own time until two frames after the last change of the page that it led to.
_WATCH = """() => {
  window.told = [];
  addEventListener("keydown", (event) => {
    const began = event.timeStamp;
    let seen = null;
    const watching = new MutationObserver(() => {
      if (seen !== null) return;
      seen = true;
      requestAnimationFrame(() => requestAnimationFrame(() => window.told.push(performance.now() - began)));
      watching.disconnect();
    });
    const all = {subtree: true, childList: true, attributes: true, characterData: true};
    watching.observe(document.getElementById("content"), all);
  }, true);
}"""


def key_to_paint_ms(port: int, login: str, *, turns: int) -> tuple[dict[str, Any], Spread]:
    """The figures and between what they lay, or why there are none."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if find_spec("playwright") is None or path is None:
        return {"key_to_paint": "skipped: Playwright and Chromium are not both here"}, {}
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            page.goto(login)
            page.get_by_role("button", name="Log in").click()
            page.wait_for_url(f"http://127.0.0.1:{port}/")
            answer = page.goto(f"http://127.0.0.1:{port}/approvals")
            if answer is None or answer.status != 200:
                return {"key_to_paint": "skipped: there is no page of approvals"}, {}
            page.wait_for_timeout(500)
            page.evaluate(_WATCH)
            taken: list[list[float]] = []
            for _ in range(turns):
                for number in range(PRESSES):
                    page.keyboard.press("j" if number % 4 != 3 else "k")
                    page.wait_for_timeout(150)
                taken.append(page.evaluate("window.told.splice(0)"))
        finally:
            browser.close()
    fewest = min(len(took) for took in taken)
    if fewest < PRESSES // 2:
        return {"key_to_paint": f"skipped: of {PRESSES} keys {fewest} changed the page"}, {}
    return medians([{"key_to_paint_p50_ms": median(one), "key_to_paint_p95_ms": p95(one)} for one in taken])

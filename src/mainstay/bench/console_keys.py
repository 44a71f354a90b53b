"""From a key to what it paints, in a real browser: the list of approvals, walked through with `j` and `k`.

Needs Playwright and a Chromium of the system; where one is missing, that is what the figures say.
"""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from statistics import median, quantiles
from typing import Any

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


def key_to_paint_ms(port: int, login: str) -> dict[str, Any]:
    """The figures, or why there are none."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if find_spec("playwright") is None or path is None:
        return {"key_to_paint": "skipped: Playwright and Chromium are not both here"}
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
                return {"key_to_paint": "skipped: there is no page of approvals"}
            page.wait_for_timeout(500)
            page.evaluate(_WATCH)
            for number in range(PRESSES):
                page.keyboard.press("j" if number % 4 != 3 else "k")
                page.wait_for_timeout(150)
            took = page.evaluate("window.told")
        finally:
            browser.close()
    if len(took) < PRESSES // 2:
        return {"key_to_paint": f"skipped: of {PRESSES} keys {len(took)} changed the page"}
    return {"key_to_paint_p50_ms": median(took), "key_to_paint_p95_ms": quantiles(took, n=100)[94]}

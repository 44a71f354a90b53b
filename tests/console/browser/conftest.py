"""A real browser before the real server: Debian's Chromium, driven by Playwright. Its tests are `long`.

`test_firefox.py` does without it: its browser is another one (bidi.py).

`visit(...)` opens a page that is logged in, under the policy that the product sends. Whatever the page writes to the
console, every error in it and every request to another host fails the test at its end, unless the test says that it
expects them (`visitor.expected`). `desk` is a house of the module's own, for tests that decide; `web` is everybody's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import demand_binary
from tests.security.web_house import WebHouse, copied_house

DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
WAIT_MS = 60_000  # what comes is not waited for: this is for a machine that is busy with other things


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.long)
            if item.path.name != "test_firefox.py":
                item.add_marker(pytest.mark.binary("chromium"))


@dataclass
class Visitor:
    """One page in a browser, and what it let slip."""

    page: Any
    base: str
    expected: bool = False  # the test takes the server away, or asks for what is refused
    slips: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Note everything that a page should not do."""
        self.page.on("console", lambda one: self.slips.append(f"console {one.type}: {one.text}"))
        self.page.on("pageerror", lambda error: self.slips.append(f"error: {error}"))
        self.page.on("request", self._request)

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.base + "/", "data:", "blob:")):
            self.slips.append(f"request to another host: {request.url}")


# Not for the session: while Playwright is at work, an event loop runs in this thread, and whatever another module does
# with `asyncio.run` is refused.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser, one a module."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=WAIT_MS)  # its own five seconds are little beside other work
    path = demand_binary("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def desk() -> Iterator[WebHouse]:
    """A house whose cards this module may use up."""
    with copied_house() as house:
        yield house


Visit = Callable[..., Visitor]

# As the keys of the page know it: an answer is on its way, and until it is there no key is taken.
UNDER_WAY = """
for (const [name, way] of [["htmx:before:request", true], ["htmx:finally:request", false]])
  document.addEventListener(name, (event) => {
    if (event.detail?.ctx?.target === document.body) window.underWay = way;
  });
"""
# Counted by the page, which may be slow to draw what the test has seen already.
AT_REST = """async () => {
  const passed = (ms) => new Promise((done) => setTimeout(done, ms));
  for (let turn = 0; window.underWay && turn < 3000; turn += 1) await passed(20);
  await passed(400);
}"""


def at_rest(page: Any) -> None:
    """As long as nobody could have read the card, no key decides."""
    page.evaluate(AT_REST)


@pytest.fixture
def visit(chromium: Any) -> Iterator[Visit]:
    """Open a page of a house, logged in."""
    opened: list[tuple[Any, Visitor]] = []

    def visiting(
        house: WebHouse,
        path: str = "/",
        *,
        dark: bool = False,
        phone: bool = False,
        scripts: bool = True,
        free: bool = False,  # without the policy, for a tool that has to be injected
        stranger: bool = False,
    ) -> Visitor:
        base = f"http://127.0.0.1:{house.port}"
        context = chromium.new_context(
            base_url=base,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            java_script_enabled=scripts,
            bypass_csp=free,
            viewport=PHONE if phone else DESKTOP,
            is_mobile=phone,
            has_touch=phone,
        )
        context.set_default_timeout(WAIT_MS)
        context.add_init_script(UNDER_WAY)
        visitor = Visitor(context.new_page(), base)
        opened.append((context, visitor))
        if not stranger:
            visitor.page.goto(house.login_path())
            visitor.page.get_by_role("button", name="Log in").click()
            visitor.page.wait_for_url("**/")
        visitor.watch()
        visitor.page.goto(path)
        return visitor

    yield visiting
    slips = [slip for _, visitor in opened if not visitor.expected for slip in visitor.slips]
    for context, _ in opened:
        context.close()
    assert not slips, slips

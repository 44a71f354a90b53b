"""The console in a second browser, Firefox: log-in, every page, decisions by keys, a page that is kept up to date.

The other files hold the same for Chromium; here it is shown that nothing of it rests on one browser. Cookies, styles,
scripts and the stream are what differs, so each is met once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mainstay.console.rail import PLACES
from tests.conftest import demand_binary
from tests.console.browser.bidi import Browser, Tab, firefox
from tests.security.web_house import WebHouse

pytestmark = pytest.mark.binary("firefox-esr")
# Keys and what moves: one try in four fails, perhaps for want of a page that is in front. They decide about no change.
unsteady = pytest.mark.nightly
SIZES = [(1280, 800), (390, 844)]
BEHIND = ["/review", "/forget", "/workflows/triage/edit", "/audit/events", "/approvals/batch"]
LEFT = (
    "Error in input stream"  # what this browser says of a stream whose page was left while it was asked for
)

Opens = Callable[..., Tab]


@pytest.fixture(scope="module")
def fox() -> Iterator[Browser]:
    """The browser, one for all of these."""
    with firefox(demand_binary("firefox-esr")) as browser:
        yield browser


@pytest.fixture
def opens(fox: Browser) -> Iterator[Opens]:
    """Open a page of a house, logged in; nothing may be written to the console meanwhile."""

    opened: list[Tab] = []

    def opening(house: WebHouse, path: str = "/", *, width: int = 1280, height: int = 800) -> Tab:
        tab = fox.open(f"http://127.0.0.1:{house.port}", width=width, height=height)
        opened.append(tab)
        tab.goto(house.login_path())
        tab.click("main button")
        tab.wait("location.pathname === '/' && document.readyState === 'complete'")
        tab.goto(path)
        return tab

    fox.slips.clear()
    yield opening
    slips = list(fox.slips)
    for tab in opened:
        fox.close(tab)  # a page that stands open would go on listening, to a house that may end
    assert [one for one in slips if LEFT not in one] == []


def next_low(tab: Tab) -> str:
    """Walk to a card that one key decides, and let it stand as long as nobody could have read it."""
    for _ in range(60):
        card = str(tab.evaluate("document.querySelector('[data-card]').dataset.card"))
        if tab.evaluate("document.querySelector('.second') === null"):
            tab.evaluate("new Promise((done) => setTimeout(done, 340))")
            return card
        tab.press("j")
        tab.wait(f"document.querySelector('[data-card]')?.dataset.card !== '{card}'")
    raise LookupError("no card of low stake is left")


def status_of(house: WebHouse, card: str) -> str:
    return str(house.rows("approvals", approval=card)[0]["status"])


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_page_fits_and_shows_its_colours(web: WebHouse, opens: Opens, width: int, height: int) -> None:
    tab = opens(web, width=width, height=height)
    for path in [*(one.path for one in PLACES), *BEHIND]:
        tab.goto(path)
        told: dict[str, Any] = tab.evaluate(
            """(() => {
                const ground = () => getComputedStyle(document.body).backgroundColor;
                const root = document.documentElement, light = ground();
                root.dataset.theme = "dark";
                return {headings: document.querySelectorAll("h1").length, light, dark: ground(),
                    wide: root.scrollWidth > innerWidth, font: document.fonts.check("14px Inter")};
            })()"""
        )
        assert told == {
            "headings": 1,
            "light": "rgb(247, 247, 245)",
            "dark": "rgb(17, 18, 20)",
            "wide": False,
            "font": True,
        }, path


@unsteady
def test_cards_are_decided_by_keys(desk: WebHouse, opens: Opens) -> None:
    tab = opens(desk, "/approvals")
    for key, status in (("a", "granted"), ("r", "rejected")):
        card = next_low(tab)
        tab.press(key)
        tab.wait(f"document.querySelector('[data-card]')?.dataset.card !== '{card}'")
        assert status_of(desk, card) == status
        tab.wait("document.querySelector('#toast .toast') !== null")
        assert tab.evaluate("document.activeElement.id") == "card-title"


@unsteady
def test_later_opens_whole_and_text_is_edited(desk: WebHouse, opens: Opens) -> None:
    tab = opens(desk, "/approvals")
    card = next_low(tab)
    tab.press("z")
    tab.wait("document.querySelector('details.pop.up[open] .popped') !== null")
    assert tab.evaluate(
        """(() => {
            const box = document.querySelector("details.pop.up[open] .popped").getBoundingClientRect();
            return box.left >= 0 && box.right <= innerWidth && box.top >= 0 && box.bottom <= innerHeight;
        })()"""
    ), "it is cut off"
    tab.press("Escape")
    tab.evaluate(
        "new Promise((done) => setTimeout(done, 540))"
    )  # keys that follow each other look like typing
    tab.press("e")
    tab.wait("document.querySelector('.editing textarea') !== null")
    tab.wait("document.activeElement.matches('textarea')")
    tab.press("a", "r")  # letters, and no decision
    assert tab.evaluate("document.activeElement.value").count("ar")
    assert status_of(desk, card) == "waiting"


@unsteady
def test_an_open_page_is_told_what_moved(desk: WebHouse, opens: Opens) -> None:
    tab = opens(desk, "/")
    tab.evaluate("void (window.same = true)")
    other = desk.log_in()
    token = other.get("/stop").token_of("/stop")
    other.post("/stop", {"form_token": token, "answer": "stop", "reason": "a second browser looks"})
    tab.wait("document.querySelector('main').textContent.includes('a second browser looks')")
    token = other.get("/stop").token_of("/stop")
    other.post("/stop", {"form_token": token, "answer": "go-on"})
    tab.wait("!document.querySelector('main').textContent.includes('a second browser looks')")
    assert tab.evaluate("window.same"), "the page was loaded anew"

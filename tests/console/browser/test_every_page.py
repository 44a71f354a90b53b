"""Every page of the rail, as people meet it: light and dark, desktop and phone, by keyboard alone, without JavaScript.

Each is held to axe's rules (WCAG 2.0 to 2.2, A and AA, and best practice), to a width without sideways scrolling, to
targets that a finger finds, and to silence: no console message, no error, no request to another host.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from mainstay.console.app import pages
from mainstay.console.rail import PLACES
from tests.console.browser.conftest import DESKTOP, PHONE, Visit
from tests.security.web_house import WebHouse

RAIL = [one.path for one in PLACES]
PAGES = [*RAIL, "/devices"]
BEHIND = [
    *(
        "/approvals/batch",
        "/approvals?show=decided",
        "/stop",
        "/settings/tokens",
        "/events",
        "/review",
        "/forget",
    ),
    *("/templates", "/policies", "/new/workflow", "/new/template", "/new/policy", "/workflows/triage"),
    *("/workflows/triage/edit", "/workflows/triage/dry-run", "/templates/refund", "/templates/refund/edit"),
    *("/workflows/triage/start", "/workflows/triage/retire", "/templates/refund/retire"),
    *("/policies/default/edit", "/policies/default/retire"),
    *("/memory/add", "/memory/lessons", "/audit/events", "/audit/decisions", "/audit/proof", "/api/v1/docs"),
]
# What it is called, a page, and the links, one after the other, that lead from it to another.
A_RUN = ("/runs?status=waiting", "main a[href^='/runs/']")
LED_TO = {
    "run": A_RUN,
    "run-task": (*A_RUN, ".plan a"),
    "run-events": (*A_RUN, "main a[href$='/events']"),
    "run-fork": (*A_RUN, "main a[href$='/fork']"),
    "kind": ("/autonomy", "main a[href^='/autonomy/']"),
    "event-type": ("/events", "main a[href^='/events/']"),
    "letter": ("/doubts", "main a[href^='/doubts/letters/']"),
    "record": ("/memory", "#kept a[href^='/memory/']"),
    "policy": ("/policies", "main a[href^='/policies/']"),
}
# What these lead to, and what is no page of its own, or is looked at by the tests of its part.
LEADS = {
    *("/runs/{run}", "/runs/{run}/events", "/runs/{run}/{action}", "/doubts/letters/{letter}"),
    *("/autonomy/{kind:path}", "/events/{name:path}", "/memory/{memory}", "/policies/{name}"),
}
NOT_HERE = {"/approvals/{approval}", "/approvals/{approval}/text", "/audit/export", "/forget/{subject}"}
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
VIEWS = [
    pytest.param({}, id="light"),
    pytest.param({"dark": True}, id="dark"),
    pytest.param({"phone": True}, id="phone"),
    pytest.param({"phone": True, "dark": True}, id="phone-dark"),
]
# Where pictures of each page are kept, if anybody wants to look at them.
PICTURES = os.environ.get("MAINSTAY_TEST_PICTURES", "")


def keep(page: Any, name: str) -> None:
    """Pictures of the page as it stands, light, dark and as narrow as a phone, where they are wanted."""
    kinds = {"light": ("light", DESKTOP), "dark": ("dark", DESKTOP), "phone": ("light", PHONE)}
    for kind, (scheme, size) in kinds.items() if PICTURES else ():
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        page.screenshot(path=Path(PICTURES) / f"{name}-{kind}.png")


def slug(path: str) -> str:
    """A path as the name of a file."""
    return re.sub("[^a-z0-9]+", "-", path).strip("-") or "home"


def violations(page: Any) -> list[str]:
    """What axe finds in the page as it stands."""
    from axe_playwright_python.sync_playwright import Axe

    options = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": TAGS}}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{one['id']}: {one['help']}: {' '.join(map(str, node['target']))}"
        for one in found
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_and_fits(web: WebHouse, visit: Visit, path: str, view: dict[str, bool]) -> None:
    page = visit(web, path, free=True, **view).page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    assert violations(page) == []
    if not view:
        keep(page, slug(path))


@pytest.mark.parametrize("path", BEHIND)
def test_a_page_behind_them_is_accessible_and_fits(web: WebHouse, visit: Visit, path: str) -> None:
    for view in ({}, {"phone": True, "dark": True}):
        page = visit(web, path, free=True, **view).page
        assert page.locator("h1").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
            f"it scrolls sideways: {view}"
        )
        assert violations(page) == [], view
        if not view:
            keep(page, slug(path))


@pytest.mark.parametrize("name", LED_TO)
def test_what_a_link_leads_to_is_accessible_and_fits(web: WebHouse, visit: Visit, name: str) -> None:
    path, *links = LED_TO[name]
    for view in ({}, {"phone": True, "dark": True}):
        page = visit(web, path, free=True, **view).page
        for link in links:
            page.goto(str(page.locator(link).first.get_attribute("href")))
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
            f"it scrolls sideways: {view}"
        )
        assert violations(page) == [], view
        if not view:
            keep(page, name)


def test_no_page_is_left_out(web: WebHouse) -> None:
    looked_at = [path.split("?")[0] for path in [*PAGES, *BEHIND]]
    for one in pages(web.front):
        pattern = re.sub(r"\{[^}]+\}", "[^/]+", one.path)
        seen = one.path in LEADS or any(re.fullmatch(pattern, path) for path in looked_at)
        assert seen or one.path in NOT_HERE or one.open or one.get is None, one.path


@pytest.mark.parametrize("path", PAGES)
def test_a_page_keeps_to_the_policy_and_to_itself(web: WebHouse, visit: Visit, path: str) -> None:
    page = visit(web, path).page
    page.wait_for_load_state("load")
    assert page.title().endswith("· Mainstay")
    assert page.locator("h1").count() == 1


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_without_javascript(web: WebHouse, visit: Visit, path: str) -> None:
    page = visit(web, path, scripts=False).page
    assert page.locator("main h1").inner_text()
    assert page.locator("nav[aria-label=Pages] a[aria-current=page]").count() <= 1


@pytest.mark.parametrize("path", PAGES)
def test_every_control_is_reached_and_seen_by_keyboard(web: WebHouse, visit: Visit, path: str) -> None:
    page = visit(web, path).page
    seen: set[str] = set()
    for _ in range(400):
        page.keyboard.press("Tab")
        told = page.evaluate(
            """() => {
                const one = document.activeElement;
                if (!one || one === document.body) return null;
                const box = one.getBoundingClientRect(), style = getComputedStyle(one);
                const place = [...document.querySelectorAll("*")].indexOf(one);
                return {place, shown: box.width > 0 && box.height > 0, outline: style.outlineStyle};
            }"""
        )
        if told is None or str(told["place"]) in seen:
            break
        seen.add(str(told["place"]))
        assert told["shown"], "focus is on what cannot be seen"
        assert told["outline"] != "none", "focus cannot be seen"
    assert len(seen) >= len(RAIL) - 2  # those of the rail that show with a count alone may be missing


@pytest.mark.parametrize("path", PAGES)
def test_what_a_finger_must_find_is_large_enough(web: WebHouse, visit: Visit, path: str) -> None:
    page = visit(web, path, phone=True).page
    small = page.evaluate(
        """() => [...document.querySelectorAll("nav[aria-label=Pages] a, .button")]
            .map((one) => [one.textContent.trim(), one.getBoundingClientRect()])
            .filter(([, box]) => box.width > 0 && box.height < 44)
            .map(([text, box]) => text + " " + Math.round(box.height))"""
    )
    assert small == []


@pytest.mark.parametrize("scripts", [True, False])
def test_a_phone_comes_to_every_page_by_its_bar(web: WebHouse, visit: Visit, scripts: bool) -> None:
    page = visit(web, "/", phone=True, scripts=scripts).page
    for place in PLACES:
        if place.only_with_count:
            continue
        link = page.locator(f"nav[aria-label=Pages] a[href='{place.path}']")
        link.scroll_into_view_if_needed(timeout=2_000)
        link.tap()
        page.wait_for_url(f"**{place.path}")
        page.locator(f"nav[aria-label=Pages] a[href='{place.path}'][aria-current=page]").wait_for()
        if scripts:  # where the reader is can be seen in it
            left, right = link.evaluate(
                "(one) => [one.getBoundingClientRect().left, one.getBoundingClientRect().right]"
            )
            assert 0 <= left < right <= 390

"""Pages as somebody hears them: where one is after each step, what is said unasked, and what belongs together."""

from __future__ import annotations

import itertools
import re
from typing import Any

from playwright.sync_api import expect

from tests.console.browser.conftest import WAIT_MS, Visit
from tests.console.browser.test_every_page import BEHIND, PAGES
from tests.security.web_house import WebHouse


def test_each_page_has_its_landmarks_and_headings_in_order(web: WebHouse, visit: Visit) -> None:
    page = visit(web, "/").page
    for path in [*PAGES, *BEHIND]:
        page.goto(path)
        levels = page.evaluate(
            """[...document.querySelectorAll("h1, h2, h3, h4")].filter((one) => one.checkVisibility())
                .map((one) => Number(one.tagName[1]))"""
        )
        assert levels[0] == 1, path
        assert levels.count(1) == 1, path
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), path
        assert page.get_by_role("main").count() == page.get_by_role("banner").count() == 1, path
        assert page.get_by_role("navigation", name="Pages").count() == 1, path


def test_a_page_that_one_goes_to_is_told_by_its_name(web: WebHouse, visit: Visit) -> None:
    page = visit(web, "/").page
    for name in ("Cost", "Runs"):
        page.get_by_role("navigation", name="Pages").get_by_role("link", name=name).press("Enter")
        heading = page.get_by_role("heading", level=1, name=name)
        expect(heading).to_be_focused()
        expect(page).to_have_title(f"{name} · Mainstay")
    page.locator("main a[href^='/runs/']").first.press("Enter")
    page.wait_for_url("**/runs/*")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.locator(".plan a").first.press("Enter")  # a part of the same page
    expect(page.locator("#timeline")).to_be_focused()


def test_a_choice_on_a_page_leaves_one_where_one_is(web: WebHouse, visit: Visit) -> None:
    page = visit(web, "/cost").page
    page.get_by_role("link", name="30 days").press("Enter")
    page.wait_for_url("**days=30**")
    expect(page.get_by_role("link", name="30 days")).to_be_focused()


def test_what_was_refused_is_heard_and_belongs_to_its_field(web: WebHouse, visit: Visit) -> None:
    visitor = visit(web, "/forget")
    visitor.expected = True  # the browser writes down each refusal
    page = visitor.page
    page.locator("#who").fill("nobody")
    page.keyboard.press("Enter")
    expect(page.locator("#refused")).to_be_focused()
    field = page.get_by_label("The address of the person")
    expect(field).to_have_value("nobody")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("^'nobody' is no address"))


def test_what_moves_by_itself_is_not_said(web: WebHouse, visit: Visit) -> None:
    page = visit(web, "/").page
    page.evaluate(
        """() => {
            const told = (one) => one.id + ": " + one.textContent.trim();
            const all = [...document.querySelectorAll("[role=status], [role=alert], [aria-live]")];
            window.heard = all.map(told);
            const watch = new MutationObserver((moved) => heard.push(...moved.map((one) => told(one.target))));
            for (const one of all) watch.observe(one, {childList: true, attributes: true});
        }"""
    )
    before = page.locator("#standing-ledger").inner_text()
    browser = web.log_in()  # an event, and the count of them at the foot of the rail moves
    assert browser.get("/").status == 200
    expect(page.locator("#standing-ledger")).not_to_have_text(before, timeout=WAIT_MS)
    heard = page.evaluate("window.heard")
    # The director may have begun or ended to do something meanwhile; that is news, once.
    assert len(heard) == len(set(heard)), "the same is said again"
    assert not any("events" in one for one in heard), "the count of events is said"


def test_signs_and_dots_are_for_eyes_alone(web: WebHouse, visit: Visit) -> None:
    page = visit(web, "/doubts").page
    told: Any = page.get_by_role("main").aria_snapshot()
    assert page.locator("svg.drawn").count() >= 1
    assert "img" not in told

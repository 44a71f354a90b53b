"""What a person does not lose: an approval that is still held, words typed while session or draft went."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from mainstay.workspace import Workspace
from tests.console.browser.conftest import Visit, at_rest
from tests.security.web_house import WebHouse, standing_house

HOLDING = '\n[approvals]\nundo = "PT5M"\n'


@pytest.fixture(scope="module")
def desk() -> Iterator[WebHouse]:
    """A house in which what was approved is held for a while."""
    with standing_house(30, settings=HOLDING) as house:
        yield house


def ready(page: Any) -> str:
    """A card that one key decides, and that could have been read."""
    while page.locator(".second").count():
        before = page.locator("[data-card]").get_attribute("data-card")
        page.keyboard.press("j")
        expect(page.locator(f'[data-card="{before}"]')).to_have_count(0)
    at_rest(page)
    return str(page.locator("[data-card]").get_attribute("data-card"))


def test_what_was_approved_is_taken_back_by_one_key(desk: WebHouse, visit: Visit) -> None:
    page = visit(desk, "/approvals").page
    name = ready(page)
    page.keyboard.press("a")
    expect(page.locator("#toast")).to_contain_text("Leaves in 5 min")
    expect(page.get_by_role("button", name="Undo: ")).to_have_count(1)
    at_rest(page)
    page.keyboard.press("u")
    expect(page.locator("#toast")).to_contain_text("Taken back")
    assert desk.rows("leaving") == []
    again = page.locator("[data-card]").get_attribute("data-card")
    assert desk.rows("approvals", approval=again)[0]["status"] == "waiting"
    page.goto(f"/approvals/{name}")
    expect(page.get_by_text("taken back before it left")).to_be_visible()
    page.get_by_role("link", name="Read the draft that waits now").click()
    expect(page.locator(f'[data-card="{again}"]')).to_have_count(1)


def test_a_time_that_was_refused_does_not_lie_over_the_text(desk: WebHouse, visit: Visit) -> None:
    visitor = visit(desk, "/approvals")
    visitor.expected = True
    page = visitor.page
    name = ready(page)
    page.keyboard.press("z")
    time = page.locator("input[type=datetime-local]")
    time.fill("2001-01-01T08:00")
    page.get_by_role("button", name="Until then").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.goto(f"/approvals/{name}")
    expect(page.locator("[data-card]")).to_have_count(1)
    expect(time).to_be_hidden()


def test_words_outlive_the_end_of_a_session(desk: WebHouse, visit: Visit) -> None:
    visitor = visit(desk, "/approvals")
    visitor.expected = True
    page = visitor.page
    name = ready(page)
    page.keyboard.press("w")
    page.keyboard.type("said while logged in")
    page.context.clear_cookies()  # as if the device was dismissed
    page.get_by_role("button", name="Reject with this reason").click()
    expect(page.get_by_role("heading", name="You are not logged in on this device")).to_be_visible()
    assert desk.rows("approvals", approval=name)[0]["status"] == "waiting"
    page.goto(desk.login_path())
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/")
    page.goto(f"/approvals/{name}")
    expect(page.locator("textarea[name=reason]")).to_have_value("said while logged in")
    at_rest(page)
    page.get_by_role("button", name="Reject with this reason").click()
    expect(page.locator(f'[data-card="{name}"]')).to_have_count(0)
    assert desk.rows("approvals", approval=name)[0]["status"] == "rejected"


def test_a_draft_that_changed_takes_the_words_along(desk: WebHouse, visit: Visit) -> None:
    """Approved and taken back elsewhere: the same act asks again by another card, and the old form is of no use."""
    visitor = visit(desk, "/approvals")
    visitor.expected = True
    page = visitor.page
    name = ready(page)
    page.keyboard.press("e")
    field = page.locator("textarea[name=text]")
    field.fill("Written while the card became another one.")
    with Workspace.connect(desk.root) as workspace:
        digest = workspace.glance(name).digest
        decided = workspace.edit(name, "Another text, from the command line.", digest=digest, anyway=True)
        asks = workspace.undo(decided.run).asks
    expect(page.locator("#state")).to_contain_text("Meanwhile")
    expect(field).to_have_value("Written while the card became another one.")
    page.get_by_role("button", name="Approve this text").click()
    expect(page.get_by_role("alert")).to_contain_text("The draft has changed; you decided nothing.")
    expect(page.locator(f'[data-card="{asks}"]')).to_have_count(1)
    expect(page.locator("textarea[name=text]")).to_have_value("Written while the card became another one.")
    expect(page.locator(".draft-text.typed del").first).to_be_visible()
    assert desk.rows("approvals", approval=asks)[0]["status"] == "waiting"
    page.goto(f"/approvals/{asks}")
    expect(page.get_by_text("beside the one you were asked about")).to_be_visible()

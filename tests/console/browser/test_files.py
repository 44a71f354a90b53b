"""Editing a file as people do: what is typed survives a refusal, a reload and others; also without scripts."""

from __future__ import annotations

import pytest

from tests.console.browser.conftest import Visit
from tests.console.browser.test_every_page import violations
from tests.security.web_house import WebHouse

EDIT = "/templates/refund/edit"
MINE = "\nOne more line, typed in a browser.\n"


def typed_in(page: object) -> str:
    return str(page.locator("#text").input_value())  # type: ignore[attr-defined]


def press(page: object, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()  # type: ignore[attr-defined]


def test_what_is_typed_survives_a_refusal_and_a_reload(desk: WebHouse, visit: Visit) -> None:
    visitor = visit(desk, EDIT)
    visitor.expected = True  # a browser says of a refusal that it is one
    page = visitor.page
    text = typed_in(page) + MINE
    page.fill("#text", text + "{{ nobody }}")
    page.reload()
    assert typed_in(page) == text + "{{ nobody }}"
    press(page, "Check")
    page.get_by_text("there is no placeholder").wait_for()
    assert typed_in(page) == text + "{{ nobody }}"
    page.fill("#text", text)
    press(page, "Preview")
    page.get_by_role("heading", name="What saving changes").wait_for()
    page.goto(EDIT)
    assert typed_in(page) == text  # nothing was saved yet
    press(page, "Preview")
    page.get_by_role("heading", name="What saving changes").wait_for()
    press(page, "Save and put in force")
    page.wait_for_url("**/templates/refund")
    assert MINE.strip() in (desk.root / "templates" / "refund.md").read_text()
    page.goto(EDIT)
    assert typed_in(page) == text  # what was kept is forgotten: it was accepted


@pytest.mark.parametrize("phone", [False, True])
def test_who_is_overtaken_sees_both_and_loses_nothing(desk: WebHouse, visit: Visit, phone: bool) -> None:
    visitor = visit(desk, EDIT, free=True, phone=phone, dark=phone)
    visitor.expected = True
    page, file = visitor.page, desk.root / "templates" / "refund.md"
    mine = typed_in(page) + f"Mine, {phone}.\n"
    file.write_text(file.read_text() + f"Theirs, {phone}.\n")
    page.fill("#text", mine)
    press(page, "Preview")
    page.get_by_role("heading", name="What was changed meanwhile").wait_for()
    assert typed_in(page) == mine
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    press(page, "Preview")
    page.get_by_role("heading", name="What saving changes").wait_for()
    assert violations(page) == []
    press(page, "Save and put in force")
    page.wait_for_url("**/templates/refund")
    assert file.read_text() == mine
    page.get_by_role("link", name="What changed").first.click()
    page.locator("#change").wait_for()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_scripts_a_rule_is_written_and_taken_back(desk: WebHouse, visit: Visit) -> None:
    page = visit(desk, "/new/policy", scripts=False).page
    page.fill("#name", "evenings")
    press(page, "Preview")
    press(page, "Save and put in force")
    page.wait_for_url("**/policies/evenings")
    assert "evenings ask" in [one.name for one in desk.service.held.director.policy.rules]
    page.get_by_role("link", name="Retire").click()
    press(page, "Remove policies/evenings.toml")
    page.wait_for_url("**/policies")
    assert "evenings ask" not in [one.name for one in desk.service.held.director.policy.rules]

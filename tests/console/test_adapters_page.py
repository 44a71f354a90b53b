"""Adapters: how each is, in words with what to do; pausing, going on, reading now; and what it can do."""

from __future__ import annotations

import re

import pytest

from mainstay.adapters.email.contract import contract
from mainstay.config.accounts import AdapterSettings, ImapSource, MaildirSend, MboxSource, SmtpSend
from mainstay.console.pages.adapters import FINAL, REPEATED, told
from mainstay.kernel.contract import Finality, Repeatability
from mainstay.workspace.adapters_shown import AdapterState, repeatability_of
from tests.console.seeded_views import rows_in
from tests.security.web_house import Browser, WebHouse

NAME = "support"


@pytest.fixture
def browser(web: WebHouse) -> Browser:
    return web.log_in()


def shown(web: WebHouse) -> AdapterState:
    with web.service_reader() as workspace:
        return next(one for one in workspace.adapters.all() if one.name == NAME)


def act(browser: Browser, **fields: str) -> int:
    token = browser.get("/adapters").token_of("/adapters")
    return browser.post("/adapters", {"form_token": token, "adapter": NAME, **fields}).status


def test_every_repeatability_and_finality_has_its_words() -> None:
    assert set(REPEATED) == {str(one) for one in Repeatability}
    assert set(FINAL) == {str(one) for one in Finality}


def test_how_replies_may_be_repeated_follows_from_how_they_leave(tmp_path: object) -> None:
    from pathlib import Path

    imap, mbox = ImapSource("imap.example.org", "me", "env:X"), MboxSource(Path("inbox.mbox"))
    smtp, folder = SmtpSend("smtp.example.org"), MaildirSend(Path("outbox"))
    for source, send, expected in (
        (imap, smtp, Repeatability.FINDABLE),
        (mbox, smtp, Repeatability.ONCE),
        (imap, folder, Repeatability.KEYED),
    ):
        settings = AdapterSettings("a", "email", "a", "me@example.org", send, source)
        assert repeatability_of(settings) is expected


def test_the_contract_that_is_shown_is_the_one_that_acts(web: WebHouse) -> None:
    acting = web.call(lambda: web.service.held.assembly.adapters[NAME].contract)
    assert shown(web).contract == acting == contract(acting.operations[0].repeatability)


def test_it_tells_account_cursor_and_operations(web: WebHouse, browser: Browser) -> None:
    text, one = browser.get("/adapters").text, shown(web)
    assert one.state == "well"
    assert one.address in text
    assert one.cursor in text
    for operation in one.contract.operations:
        assert f"email.{operation.name}" in text
    assert "{:,}".format(one.counts["received"]) in text


def test_pausing_and_going_on(web: WebHouse, browser: Browser) -> None:
    why = "they <b>move</b> house"
    assert act(browser, answer="pause", reason=why) == 303
    try:
        text = browser.get("/adapters").text
        assert "Paused by operator: they &lt;b&gt;move&lt;/b&gt; house" in text
        assert f"Pause {NAME}</button>" not in text
    finally:
        assert act(browser, answer="resume") == 303
    assert shown(web).paused is None


def test_what_is_refused_comes_back_with_what_was_typed(browser: Browser) -> None:
    token = browser.get("/adapters").token_of("/adapters")
    fields = {"form_token": token, "adapter": "nobody", "answer": "read"}
    refused = browser.post("/adapters", fields)
    assert refused.status == 422
    assert "There is no mailbox" in refused.text
    assert browser.post("/adapters", {**fields, "answer": "burn"}).status == 400
    assert browser.post("/adapters", {**fields, "form_token": ""}).status == 403


def test_reading_now_says_what_it_brought(browser: Browser) -> None:
    assert act(browser, answer="read") == 303
    assert re.search(r'class="toast ok">Read\. (Nothing new|\d+ new message)', browser.get("/adapters").text)
    assert told({"a": {"received": 2, "rejected": 1}}) == "Read. 2 new messages. 1 message could not be read."


def test_the_gravest_state_is_told_with_its_remedy(web: WebHouse, browser: Browser) -> None:
    now = web.clock.now()
    resting = {
        "until": now + 240_000_000,
        "failures": 7,
        "opened": 1,
        "reason": "421 <too> many",
        "at": now,
        "position": 1,
    }
    with rows_in(web, ("breakers", (NAME, "reply"), resting)):
        one = shown(web)
        assert (one.state, one.breakers[0].operation) == ("resting", "reply")
        text = browser.get("/adapters").text
        assert "421 &lt;too&gt; many" in text
        assert "<code>mainstay doctor</code>" in text
        pause = {"actor": "operator", "reason": "", "at": now, "position": 1}
        with rows_in(web, ("pauses", ("adapter", NAME), pause)):
            assert shown(web).state == "paused"
    said = {"what": "Nothing was heard of it.", "known": "{}", "candidates": '["look"]', "remedy": ""}
    silent = {**said, "at": now, "position": 1, "cleared_at": None, "times": 1}
    with rows_in(web, ("incidents", ("source_silent", NAME), silent)):
        assert (shown(web).state, shown(web).remedy) == ("silent", "Look.")


def test_the_state_of_one_comes_alone(browser: Browser) -> None:
    part = browser.get(f"/adapters?part=state&name={NAME}")
    assert part.text.lstrip().startswith(f'<div id="state-{NAME}"')
    assert "<html" not in part.text
    assert "reason" not in part.text  # nothing that somebody may be typing into
    assert browser.get("/adapters?part=state&name=nobody").text.strip() == ""
    assert browser.get("/adapters").text.count(f'id="state-{NAME}"') == 1

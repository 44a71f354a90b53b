"""Attacks on links to cards: fetched, replayed, altered, late, for another draft, many at once, from elsewhere."""

from __future__ import annotations

import asyncio
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mainstay.kernel.ids import ApprovalId, approval_task
from mainstay.kernel.values import Digest, Instant
from mainstay.runtime.links import Link
from mainstay.runtime.sending import Sending
from mainstay.runtime.tick import Request
from tests.security.attacks import attack
from tests.security.web_house import Answer, Browser, Waiting, WebHouse

PAGE = "mainstay.console.pages.approval_link"
AT_ONCE = 50


def decide(browser: Browser, card: Waiting, answer: str = "approve", **more: str) -> Answer:
    form = {"form_token": browser.get(card.path).token_of(), "digest": card.digest, "answer": answer}
    return browser.post(card.path, {**form, **more})


def token_for(web: WebHouse, browser: Browser, card: Waiting) -> str:
    """The form's token, also where the page shows no form any more."""
    from mainstay.console import csrf

    secret = browser.cookies[f"mainstay-{web.port}"]
    device = web.call(lambda: web.front.devices.known(secret))
    return csrf.token(web.front.keyed_hash, f"device {device.device}", f"answer {card.token}")


def happened(web: WebHouse, card: Waiting) -> list[str]:
    """What became of the card, as the ledger tells it."""
    run = web.rows("approvals", approval=card.approval)[0]["run"]
    with web.service_reader() as reading:
        return [
            type(event).__name__
            for _, event in reading.events(run)
            if getattr(event, "approval", "") == card.approval and "Approval" in type(event).__name__
        ]


def _deciding(self: Any, session: Any, link: Link) -> None:
    self.planted = asyncio.ensure_future(
        self._front.desk(()).approve(str(link.approval), digest=str(link.digest), actor="operator")
    )


def said_by(web: WebHouse, card: Waiting) -> list[str]:
    """What was answered by this link. Whoever had the card before may have used another one."""
    link = web.call(lambda: web.front.link(card.token)).link
    return [str(one["answer"]) for one in web.rows("links", link=link) if one["used_at"]]


@attack((PAGE, "ApprovalLink._look", _deciding))
def test_a_link_that_is_fetched_ten_times_decides_once_and_only_by_its_button(web: WebHouse) -> None:
    browser, card = web.log_in(), web.card()
    before = web.head
    for _ in range(10):
        assert web.stranger().get(card.path).status == 200
        assert web.stranger().get(card.path, method="HEAD", Sec_Purpose="prefetch").status == 200
        assert browser.get(card.path).status == 200
        assert browser.get(card.path, method="HEAD").status == 200
    assert (web.head, web.status(card)) == (before, "waiting")

    assert decide(browser, card).status == 303

    assert web.status(card) == "granted"
    row = web.rows("approvals", approval=card.approval)[0]
    assert (row["via"], row["actor"]) == ("device", "operator")
    assert row["open_us"] > 0
    assert said_by(web, card) == ["approve"]
    assert "It was approved." in browser.get(card.path).text


def _good(link: Any, card: Any, now: Any) -> bool:
    return True


@attack((PAGE, "_good", _good))
def test_a_link_that_was_used_decides_nothing_more(web: WebHouse) -> None:
    from mainstay.kernel.commands import UseLink

    browser, card = web.log_in(), web.card()
    link = web.call(lambda: web.front.link(card.token))
    token = browser.get(card.path).token_of()
    web.ask(web.service.loop.ask(Request(UseLink(link.link, "another device", "approve"), "operator")))

    answer = browser.post(card.path, {"form_token": token, "digest": card.digest, "answer": "approve"})

    assert (answer.status, web.status(card)) == (409, "waiting")
    assert "This link was used" in answer.text


@attack((PAGE, "_good", _good))
def test_a_link_that_expired_decides_nothing(web: WebHouse) -> None:
    browser, card = web.log_in(), web.card(life_s=5)
    token = browser.get(card.path).token_of()
    web.clock.pass_s(6)

    answer = browser.post(card.path, {"form_token": token, "digest": card.digest, "answer": "approve"})

    assert (answer.status, web.status(card)) == (409, "waiting")
    assert "This link has expired" in answer.text


def _any_link(store: Any, vault: Any, token: str, now: Any) -> Link:
    row = store.select("approvals", where={"status": "waiting"}, limit=1)[0]
    return Link("0" * 32, ApprovalId(row["approval"]), Digest(row["digest"]), Instant(now + 10**9), None)


@attack(("mainstay.workspace.serving_web", "look_up", _any_link))
@pytest.mark.parametrize("change", ["cut", "longer", "other", "case", "hash"])
def test_a_token_that_was_altered_leads_nowhere(web: WebHouse, change: str) -> None:
    browser, card = web.log_in(), web.card()
    token = {
        "cut": card.token[:-1],
        "longer": card.token + "A",
        "other": ("A" if card.token[0] != "A" else "B") + card.token[1:],
        "case": card.token.swapcase(),
        "hash": web.call(lambda: web.front.link(card.token)).link,
    }[change]
    altered = Waiting(card.approval, card.digest, token)

    shown = browser.get(altered.path)
    sent = browser.post(
        altered.path,
        {"form_token": token_for(web, browser, altered), "digest": card.digest, "answer": "approve"},
    )

    assert (shown.status, sent.status) == (404, 404)
    assert web.status(card) == "waiting"


def _whatever_waits(self: Any, short: str, digest: str | None) -> Any:
    return _waiting(self, short, None)


_waiting = Sending._waiting


@attack((PAGE, "_good", _good), ("mainstay.runtime.sending", "Sending._waiting", _whatever_waits))
def test_a_link_for_one_text_does_not_decide_about_another(web: WebHouse) -> None:
    browser, card = web.log_in(), web.card(digest="ab" * 32)
    form = {"form_token": token_for(web, browser, card), "digest": card.digest, "answer": "approve"}

    answer = browser.post(card.path, form)

    assert (answer.status, web.status(card)) == (409, "waiting")
    assert "The draft has changed" in answer.text
    shown = browser.get(card.path).text
    assert "The draft has changed" in shown
    assert 'value="approve"' not in shown


def _forgets_what_was_edited(self: Any, request: Any, link: Any, card: Any, **_: Any) -> Any:
    from starlette.responses import RedirectResponse

    async def said() -> Any:
        return RedirectResponse("/", 303)

    return said()


@attack((PAGE, "ApprovalLink._state", _forgets_what_was_edited))
def test_what_was_edited_meanwhile_is_not_approved_as_it_was_before(web: WebHouse) -> None:
    browser, card = web.log_in(), web.card()
    token = browser.get(card.path).token_of()
    edited = web.ask(
        web.service.desk.edit(
            card.approval,
            text="Thank you, we look into it.",
            digest=card.digest,
            actor="operator",
            anyway=True,
        )
    )
    assert edited.events

    answer = browser.post(card.path, {"form_token": token, "digest": card.digest, "answer": "approve"})

    assert answer.status == 409
    assert "approved with another text" in answer.text
    assert web.status(card) == "edited"
    assert web.call(lambda: web.front.link(card.token)).used_at is None


def _any_phase(draft: Any, approval: Any) -> Any:
    number = approval_task(approval)
    act = draft.state.task(number).act if number is not None else None
    return (number, act) if act is not None else None


def _any_card(self: Any, short: str, digest: str | None) -> Any:
    from mainstay.ledger.short_ids import find_card

    return find_card(self._store, short)


@attack(
    (PAGE, "_good", _good),
    ("mainstay.kernel.cards", "_card", _any_phase),
    ("mainstay.runtime.sending", "Sending._waiting", _any_card),
    ("mainstay.runtime.sending", "Sending._answered", lambda *given: None),
)
def test_fifty_answers_at_once_decide_once(web: WebHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    # What was approved is held, so that its run is open to each of the others.
    monkeypatch.setattr(web.service.held.director, "undo_us", 3_600_000_000)
    browser, card = web.log_in(), web.card()
    token = browser.get(card.path).token_of()

    def post(number: int) -> int:
        form = {"form_token": token, "digest": card.digest, "answer": "approve"}
        return Browser(web.port, dict(browser.cookies)).post(card.path, form).status

    with ThreadPoolExecutor(AT_ONCE) as together:
        said = sorted(together.map(post, range(AT_ONCE)))

    assert said == [303] + [409] * (AT_ONCE - 1)
    assert web.status(card) == "granted"
    assert said_by(web, card) == ["approve"]
    assert happened(web, card).count("ApprovalGranted") == 1


@attack(("mainstay.runtime.answering", "is_confirmed", lambda wanted, typed: bool(typed)))
def test_a_high_stake_wants_its_second_step(web: WebHouse) -> None:
    browser, card = web.log_in(), web.card(high=True)
    wanted = re.search(r"type <b>([^<]+)</b>", browser.get(card.path).text)
    assert wanted is not None
    for typed in ("", "yes", wanted[1][:-1]):
        answer = decide(browser, card, confirm=typed, reason="not <yet>")
        assert (answer.status, web.status(card)) == (422, "waiting")
        assert "not &lt;yet&gt;</textarea>" in answer.text  # what was typed is not lost
    assert decide(browser, card, confirm=wanted[1]).status == 303
    assert web.status(card) == "granted"


@attack(("mainstay.console.guard", "comes_from_here", lambda *_, **__: True))
def test_who_comes_from_a_mail_is_shown_nothing_before_it_is_known_who_asks(web: WebHouse) -> None:
    browser, card = web.log_in(), web.card()
    elsewhere = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    first = browser.get(card.path, **elsewhere)
    assert (first.status, 'value="approve"' in first.text) == (200, False)
    assert f'url=/a/{card.token}?here=1"' in first.text
    stranger = web.stranger().get(card.path + "?here=1")
    assert (stranger.status, stranger.headers["location"]) == (303, f"/login?next=/a/{card.token}")


@attack(("mainstay.runtime.links", "_hashed", lambda vault, token: token))
def test_the_ledger_holds_nothing_that_decides(web: WebHouse) -> None:
    card = web.card()
    secret = web.log_in().cookies[f"mainstay-{web.port}"]
    # By a process of its own: whoever closes a file drops every lock that this process, the director, holds on it.
    files = sorted(map(str, web.root.glob(".mainstay/ledger.db*")))
    held = subprocess.run(["cat", *files], capture_output=True, check=True).stdout
    assert card.approval.encode() in held
    for one in (card.token, secret):
        assert one.encode() not in held


@attack((PAGE, "SNOOZES", {"1h": 0}))
def test_later_puts_a_card_off_and_keeps_the_link(web: WebHouse) -> None:
    browser, card = web.log_in(), web.card()
    answer = decide(browser, card, "snooze", snooze="1h")
    assert (answer.status, web.status(card)) == (303, "waiting")
    assert not said_by(web, card)


def _never_leaving(self: Any, link: Link) -> Any:
    return asyncio.sleep(0)


@attack((PAGE, "ApprovalLink._leaving", _never_leaving))
def test_what_has_not_left_is_taken_back_and_the_link_decides_no_more(
    web: WebHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.service.held.director, "undo_us", 3_600_000_000)
    browser, card = web.log_in(), web.card()
    assert decide(browser, card).status == 303
    assert "It has not left yet" in browser.get(card.path).text

    taken_back = browser.post(card.path, {"form_token": token_for(web, browser, card), "answer": "undo"})
    again = browser.post(
        card.path,
        {"form_token": token_for(web, browser, card), "digest": card.digest, "answer": "approve"},
    )

    assert (taken_back.status, again.status) == (303, 409)
    assert "It was taken back" in again.text
    run = web.rows("approvals", approval=card.approval)[0]["run"]
    assert [row["status"] for row in web.rows("approvals", run=run) if row["status"] == "waiting"]
    assert not web.rows("leaving", run=run)


@pytest.mark.parametrize(
    "odd", [{"answer": "perhaps"}, {"answer": ""}, {"answer": "snooze", "snooze": "99y"}]
)
def test_an_answer_that_no_button_gives_is_refused_and_decides_nothing(
    web: WebHouse, odd: dict[str, str]
) -> None:
    browser, card = web.log_in(), web.card()
    before = web.head
    assert decide(browser, card, **odd).status == 400
    assert (web.head, web.status(card)) == (before, "waiting")


def test_a_yes_that_is_refused_is_told_why_and_loses_nothing_that_was_typed(web: WebHouse) -> None:
    browser, card = web.log_in(), web.card()
    web.ask(web.service.desk.throw_kill_switch(on=True, actor="operator"))
    try:
        answer = decide(browser, card, reason="a sample of what was typed")
    finally:
        web.ask(web.service.desk.throw_kill_switch(on=False, actor="operator"))
    assert (answer.status, web.status(card)) == (422, "waiting")
    assert "Nothing leaves while the kill switch is on." in answer.text
    assert "a sample of what was typed" in answer.text

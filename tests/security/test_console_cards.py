"""The page of cards under attack: a form decides the card and the text that it was made for, or nothing."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from mainstay.console.pages.approvals import Asked
from mainstay.governance.batches import guard_of
from mainstay.kernel.ids import run_id
from tests.console.card_pages import CARD, rendered
from tests.security.attacks import attack
from tests.security.web_house import Browser, WebHouse


def fields_of(browser: Browser, approval: str, **said: str) -> dict[str, str]:
    """What the Reject form of this card sends."""
    page = browser.get(f"/approvals/{approval}").text
    at = page.index(f'id="reject-{approval}"')
    found = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page[at : at + 2_000]))
    return {**found, **said}


def two_low(web: WebHouse) -> list[dict[str, str]]:
    rows = web.rows("approvals", status="waiting")
    free = [row for row in rows if row["finality"] == "final_low_stake" and not row["snoozed_until"]]
    free = [row for row in free if not row["parent"]]  # which stand alone
    return [{"approval": str(row["approval"]), "digest": str(row["digest"])} for row in free[-2:]]


def statuses(web: WebHouse, rows: list[dict[str, str]]) -> list[str]:
    return [str(web.rows("approvals", approval=row["approval"])[0]["status"]) for row in rows]


@attack(("mainstay.runtime.sending", "_named", lambda digest: ""))
def test_a_page_that_lay_open_decides_nothing_about_another_draft(web: WebHouse) -> None:
    browser, rows = web.log_in(), two_low(web)
    name = rows[0]["approval"]
    sent = fields_of(browser, name, digest="0" * 64, answer="reject")
    assert browser.post(f"/approvals/{name}", sent).status == 409
    assert statuses(web, rows) == ["waiting", "waiting"]


@attack(
    ("mainstay.console.csrf", "is_right", lambda given, right: True),
    ("mainstay.runtime.sending", "_named", lambda digest: ""),
)
def test_the_form_of_one_card_decides_no_other(web: WebHouse) -> None:
    browser, rows = web.log_in(), two_low(web)
    one, other = (row["approval"] for row in rows)
    assert browser.post(f"/approvals/{other}", fields_of(browser, one, answer="reject")).status == 403
    assert statuses(web, rows) == ["waiting", "waiting"]


def batch_of(browser: Browser, rows: list[dict[str, str]]) -> dict[str, str | list[str]]:
    """The form of the batch's page, with a set of cards and a guard of our own in it."""
    chosen = [(row["approval"], row["digest"]) for row in rows]
    return {
        "form_token": browser.get("/approvals/batch").token_of("/approvals/batch"),
        "act": "email.reply",
        "workflow": "triage",
        "guard": guard_of(chosen),
        "cards": "\n".join(" ".join(one) for one in chosen),
        "card": [name for name, _ in chosen],
        "answer": "reject",
    }


def any_set(guard: str) -> str:
    return "approvals batch"


@attack(
    ("mainstay.console.pages.approvals_batch", "form_of", any_set),
    ("mainstay.console.pages.approvals_batch", "_changed", lambda workspace, cards: []),
    ("mainstay.runtime.deciding_together", "_why_left_out", lambda row, digest: ""),
)
def test_a_batch_decides_only_the_texts_that_were_shown(web: WebHouse) -> None:
    browser, rows = web.log_in(), two_low(web)
    rows[0]["digest"] = "0" * 64  # what the page showed, before another draft took its place
    assert browser.post("/approvals/batch", batch_of(browser, rows)).status in (403, 409)
    assert statuses(web, rows) == ["waiting", "waiting"]


@attack(("mainstay.console.pages.approvals_batch", "form_of", any_set))
def test_the_page_of_one_batch_decides_no_other(web: WebHouse) -> None:
    browser, rows = web.log_in(), two_low(web)
    assert browser.post("/approvals/batch", batch_of(browser, rows)).status == 403
    assert statuses(web, rows) == ["waiting", "waiting"]


@attack(
    ("mainstay.console.pages.approvals_batch", "form_of", any_set),
    ("mainstay.console.pages.approvals_batch", "guard_of", lambda cards: "f" * 32),
    ("mainstay.governance.batches", "guard_of", lambda cards: "f" * 32),
    ("mainstay.runtime.deciding_together", "guard_of", lambda cards: "f" * 32),
)
def test_cards_put_among_those_that_were_shown_are_not_decided(web: WebHouse) -> None:
    browser, rows = web.log_in(), two_low(web)
    sent = batch_of(browser, rows[:1]) | {"guard": "f" * 32}
    sent["cards"] = "\n".join(f"{row['approval']} {row['digest']}" for row in rows)
    sent["card"] = [row["approval"] for row in rows]
    assert browser.post("/approvals/batch", sent).status in (400, 403)
    assert statuses(web, rows) == ["waiting", "waiting"]


def rejected(web: WebHouse, browser: Browser) -> dict[str, str]:
    """A card that was just rejected."""
    row = two_low(web)[0]
    sent = fields_of(browser, row["approval"], answer="reject")
    assert browser.post(f"/approvals/{row['approval']}", sent).status == 303
    return row


def asked_anew(web: WebHouse, row: dict[str, str]) -> int:
    """How many runs ask again about what this card was about."""
    return len(web.rows("runs", parent=web.rows("approvals", approval=row["approval"])[0]["run"]))


@attack(("mainstay.console.csrf", "is_right", lambda given, right: True))
def test_the_form_of_one_card_asks_again_about_no_other(web: WebHouse) -> None:
    browser = web.log_in()
    row, other = rejected(web, browser), two_low(web)[0]
    sent = fields_of(browser, other["approval"])
    if browser.post(f"/approvals/{row['approval']}/again", sent).status == 303:
        end_what_asks(web, browser, row)
        pytest.fail("it was asked again")
    assert asked_anew(web, row) == 0


@attack(
    ("mainstay.runtime.forking", "asked_again", lambda store, row: None),
    (
        "mainstay.runtime.forking",
        "run_that_asks",
        lambda row: run_id(time.time_ns(), "again", time.time_ns()),
    ),
)
def test_two_devices_that_ask_again_at_once_make_one_run(web: WebHouse) -> None:
    browser, second = web.log_in(), web.log_in()
    row = rejected(web, browser)
    path, again = f"/approvals/{row['approval']}", f"/approvals/{row['approval']}/again"
    tokens = [(one, one.get(path).token_of(again)) for one in (browser, second)]
    with ThreadPoolExecutor() as at_once:
        sent = [at_once.submit(one.post, again, {"form_token": token}) for one, token in tokens]
        answers = [one.result() for one in sent]
    made = asked_anew(web, row)
    end_what_asks(web, browser, row)
    assert made == 1
    assert {one.status for one in answers} == {303}


def end_what_asks(web: WebHouse, browser: Browser, row: dict[str, str]) -> None:
    """Nothing that asks again is left to who comes after."""
    run = web.rows("approvals", approval=row["approval"])[0]["run"]
    for child in web.rows("runs", parent=run):
        for card in web.rows("approvals", run=child["run"], status="waiting"):
            sent = fields_of(browser, card["approval"], answer="reject")
            browser.post(f"/approvals/{card['approval']}", sent)


@attack(("mainstay.console.card_words", "editable", lambda text: (text, 0)))
def test_what_hides_in_a_draft_is_not_sent_along_with_an_edit() -> None:
    text = rendered(replace(CARD, text="pay \u202e001\u202c to\u200b them"), Asked(editing=True))
    assert "pay 001 to them</textarea>" in text


@attack(("mainstay.console.card_words", "shown.__defaults__", (10**7,)))
def test_a_huge_draft_fills_no_page() -> None:
    assert len(rendered(replace(CARD, text="\u202e" * 200_000)).encode()) < 150_000

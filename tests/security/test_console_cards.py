"""The page of cards under attack: a form decides the card and the text that it was made for, or nothing."""

from __future__ import annotations

import re
from dataclasses import replace

from mainstay.console.pages.approvals import Asked
from mainstay.governance.batches import guard_of
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


@attack(
    ("mainstay.console.pages.approvals_batch", "_changed", lambda workspace, cards: ([], [])),
    ("mainstay.runtime.deciding_together", "_why_left_out", lambda row, digest: ""),
)
def test_a_batch_decides_only_the_texts_that_were_shown(web: WebHouse) -> None:
    browser, rows = web.log_in(), two_low(web)
    rows[0]["digest"] = "0" * 64  # what the page showed, before another draft took its place
    chosen = [(row["approval"], row["digest"]) for row in rows]
    sent = {
        "form_token": browser.get("/approvals/batch").token_of("/approvals/batch"),
        "act": "email.reply",
        "workflow": "triage",
        "guard": guard_of(chosen),
        "cards": "\n".join(" ".join(one) for one in chosen),
        "answer": "reject",
    }
    assert browser.post("/approvals/batch", sent).status == 409
    assert statuses(web, rows) == ["waiting", "waiting"]


@attack(("mainstay.console.card_words", "editable", lambda text: (text, 0)))
def test_what_hides_in_a_draft_is_not_sent_along_with_an_edit() -> None:
    text = rendered(replace(CARD, text="pay \u202e001\u202c to\u200b them"), Asked(editing=True))
    assert "pay 001 to them</textarea>" in text


@attack(("mainstay.console.card_words", "shown.__defaults__", (10**7,)))
def test_a_huge_draft_fills_no_page() -> None:
    assert len(rendered(replace(CARD, text="\u202e" * 200_000)).encode()) < 150_000

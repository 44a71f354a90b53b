"""The page of what waits: what it shows before the text, what its forms decide, and what they never decide."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from markupsafe import escape

from mainstay.console import card_words as words
from mainstay.console import csrf
from mainstay.console.pages import approvals_alike as alike
from mainstay.console.pages.approvals import Asked, Told, Typed
from mainstay.console.pages.approvals_decide import said as line_of_answer
from mainstay.console.rendering import environment, visible
from mainstay.kernel.values import Digest, Instant
from mainstay.workspace import Card, CardLine, Decided, Preview
from mainstay.workspace.drafts import Draft, Drafts
from tests.console.card_pages import CARD, HOUR_US, NOW, house, line_of, rendered
from tests.security.web_house import Answer, Browser, Waiting, WebHouse

PAGE_MAX = 150_000  # bytes


@pytest.fixture
def browser(web: WebHouse) -> Browser:
    return web.log_in()


def form_of(page: Answer, approval: str, **said: str) -> dict[str, str]:
    """The fields of the forms of a card, as its page has them."""
    at = page.text.index(f'id="reject-{approval}"')
    fields = dict(
        re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text[at : at + 2_000])
    )
    return {"form_token": fields["form_token"], "digest": fields["digest"], **said}


def answer(web: WebHouse, browser: Browser, card: Waiting, **said: str) -> Answer:
    path = f"/approvals/{card.approval}"
    return browser.post(path, form_of(browser.get(path), card.approval, **said))


def card_of(web: WebHouse, approval: str) -> Card:
    with web.service_reader() as workspace:
        return workspace.approval(approval)


def low(web: WebHouse) -> Waiting:
    return web.card(last=True)


def test_a_reason_that_is_too_long_is_refused_and_not_cut(web: WebHouse, browser: Browser) -> None:
    card = low(web)
    assert (
        "maxlength" not in browser.get(f"/approvals/{card.approval}").text
    )  # it cuts what is pasted, silently
    refused = answer(web, browser, card, answer="reject", reason="x" * 10_001)
    assert refused.status == 422
    assert "10,001 characters; 10,000 are the most" in refused.text
    assert "x" * 10_001 in refused.text
    assert web.status(card) == "waiting"


# --- what it shows -------------------------------------------------------------------------------------------------


def test_what_will_happen_stands_before_the_text(web: WebHouse, browser: Browser) -> None:
    card = card_of(web, low(web).approval)
    text = browser.get(f"/approvals/{card.approval}").text
    marks = ("Will happen", "Cost so far", "Undo", "Expires", card.recipients[0], "sha256", card.text[:20])
    places = [text.index(one, text.index('id="card-title"')) for one in marks]
    assert places == sorted(places)
    assert f'/runs/{card.run}"' in text
    assert "Looked for, and not found: answer to machine, wrong recipient" in text
    assert f'name="digest" value="{card.digest}"' in text
    assert text.count('aria-current="true"') == 2  # the list, and the card in it


def test_the_first_card_is_read_where_none_is_named(web: WebHouse, browser: Browser) -> None:
    text = browser.get("/approvals").text
    first = re.search(r'id="row-(\w+)"', text)
    assert first
    assert f'data-card="{first[1]}"' in text


def test_neighbours_are_one_key_away(web: WebHouse, browser: Browser) -> None:
    text = browser.get("/approvals").text
    rows = re.findall(r'id="row-(\w+)"', text)
    second = browser.get(f"/approvals/{rows[1]}").text
    assert re.search(rf'href="/approvals/{rows[0]}" rel="prev" data-key="k"', second)
    assert re.search(rf'href="/approvals/{rows[2]}" rel="next" data-key="j"', second)


def test_to_look_changes_nothing(web: WebHouse, browser: Browser) -> None:
    card = low(web)
    head = web.head
    for path in (
        "",
        f"/{card.approval}",
        f"/{card.approval}?edit=1",
        "?show=decided",
        "?show=put-off",
        "/batch",
    ):
        assert browser.get(f"/approvals{path}").status == 200
    assert browser.get(f"/approvals/{card.approval}/text").status == 200
    assert (web.head, web.status(card)) == (head, "waiting")


@pytest.mark.parametrize("part", ["list", "lists", "news", "state"])
def test_what_is_brought_up_to_date_comes_by_itself(web: WebHouse, browser: Browser, part: str) -> None:
    for path in ("/approvals", f"/approvals/{low(web).approval}"):
        answer = browser.get(f"{path}?part={part}&show=decided")
        assert answer.status == 200
        assert "<html" not in answer.text
        assert f"part={part}" in answer.text  # it asks again from where it was asked


def test_a_card_that_is_not_there_is_told(web: WebHouse, browser: Browser) -> None:
    assert browser.get("/approvals/deadbeefdeadbeef").status == 404
    token = browser.get(f"/approvals/{low(web).approval}").token_of()
    sent = {"form_token": token, "answer": "edit", "text": "what I had written"}
    assert browser.post("/approvals/deadbeefdeadbeef", sent).status == 403  # the form of another card


def test_what_is_typed_for_a_card_that_is_gone_comes_back() -> None:
    text = (
        environment()
        .get_template("approvals_gone.html")
        .render(**house(), told=Told("There is no card."), typed=Typed(text="what I had written"))
    )
    assert "what I had written" in text


# --- what it decides -----------------------------------------------------------------------------------------------


def test_a_yes_is_taken_once_and_leads_to_the_next_card(web: WebHouse, browser: Browser) -> None:
    card = low(web)
    path = f"/approvals/{card.approval}"
    page = browser.get(path)
    fields = form_of(page, card.approval, answer="approve")
    web.clock.pass_s(7)
    first = browser.post(path, fields)
    assert first.status == 303
    following = first.headers["location"]
    assert re.fullmatch(r"/approvals/[0-9a-f]{16}", following)
    assert following != path
    assert "Approved: " in browser.get(following).text
    row = web.rows("approvals", approval=card.approval)[0]
    assert row["status"] == "granted"
    assert row["open_us"] >= 7_000_000
    head = web.head
    again = browser.post(path, fields)  # the second half of a double click
    assert again.status == 409
    assert "It was decided already." in again.text
    assert web.head == head
    assert web.rows("approvals", approval=following.rpartition("/")[2])[0]["status"] == "waiting"


def test_of_two_devices_the_first_one_decides(web: WebHouse, browser: Browser) -> None:
    card, other = low(web), web.log_in()
    path = f"/approvals/{card.approval}"
    mine, theirs = browser.get(path), other.get(path)
    assert other.post(path, form_of(theirs, card.approval, answer="reject", reason="no")).status == 303
    late = browser.post(path, form_of(mine, card.approval, answer="approve", reason="in half a sentence"))
    assert late.status == 409
    assert "Rejected by you before your answer came." in late.text
    assert "in half a sentence</textarea>" in late.text, "what was typed stays"
    assert late.text.count("changed nothing") == 1
    assert web.status(card) == "rejected"
    part = browser.get(f"{path}?part=state&was=waiting&digest={card.digest}").text
    assert "Meanwhile: rejected" in part
    assert "<html" not in part


def test_a_form_for_another_text_decides_nothing_and_loses_nothing(web: WebHouse, browser: Browser) -> None:
    card = low(web)
    for said in ({"answer": "approve"}, {"answer": "edit", "text": "another text entirely"}):
        late = answer(web, browser, card, **{**said, "digest": "0" * 64})
        assert late.status == 409
        assert web.status(card) == "waiting"
    assert "another text entirely" in late.text
    assert answer(web, browser, card, answer="approve", digest="").status == 422
    assert web.status(card) == "waiting"


def test_a_no_takes_its_reason_along(web: WebHouse, browser: Browser) -> None:
    card = low(web)
    assert answer(web, browser, card, answer="reject", reason="I call them myself").status == 303
    assert web.status(card) == "rejected"
    decided = browser.get("/approvals?show=decided").text
    assert f'id="row-{card.approval}"' in decided
    assert "Rejected" in decided
    page = browser.get(f"/approvals/{card.approval}").text
    assert 'Why not: <span dir="auto">I call them myself</span>' in page
    assert "<small>by you</small>" in page
    way = f"/runs/{card_of(web, card.approval).run}/restart?first=send"
    assert f'href="{way}"' in page
    assert "Restart" in browser.get(way).text


def test_a_no_is_taken_back_by_one_press_and_once(web: WebHouse, browser: Browser) -> None:
    card = low(web)
    following = answer(web, browser, card, answer="reject").headers["location"]
    again = f"/approvals/{card.approval}/again"
    toast = browser.get(following).text.partition('id="toast"')[2]
    assert re.search(rf'<form method="post" action="{again}".*data-key="u">Ask again <kbd>u</kbd>', toast)
    page = browser.get(f"/approvals/{card.approval}")
    assert f'action="{again}"' in page.text, "what is said once stands elsewhere too"
    fields = {"form_token": page.token_of(again)}
    assert browser.post(again, {"form_token": "0" * 64}).status == 403
    first = browser.post(again, fields).headers["location"]
    old = card_of(web, card.approval)
    while not web.rows("approvals", parent=old.run):  # on a slow machine it is rendered after the answer
        web.ask(asyncio.sleep(0.01))
    second = browser.post(again, fields).headers["location"]
    assert first in (second, f"/approvals/{card.approval}")
    new, old = card_of(web, second.rpartition("/")[2]), card_of(web, card.approval)
    assert (old.asks, old.again_run, old.again) == (new.approval, new.run, "")
    assert (new.status, new.text, new.recipients) == ("waiting", old.text, old.recipients)
    assert new.checks_passed == old.checks_passed, "what was checked before is told of the new one too"
    told = browser.get(f"/approvals/{card.approval}").text
    assert "It was rejected by you, and asked again." in told
    assert f'href="/approvals/{new.approval}"' in told
    assert f'action="{again}"' not in told
    assert len(web.rows("runs", parent=old.run)) == 1
    assert answer(web, browser, Waiting(new.approval, new.digest, ""), answer="reject").status == 303


def test_the_page_behind_a_link_leads_to_where_a_no_is_taken_back(web: WebHouse, browser: Browser) -> None:
    card = low(web)
    assert answer(web, browser, card, answer="reject").status == 303
    told = browser.get(card.path).text
    assert "It was rejected: nothing is sent." in told
    assert f'ask again on <a href="/approvals/{card.approval}">its card</a>' in told


def test_what_was_not_rejected_is_not_asked_again(web: WebHouse, browser: Browser) -> None:
    card = low(web)
    again = f"/approvals/{card.approval}/again"
    refused = browser.post(again, {"form_token": csrf_of(web, browser, f"ask again {card.approval}")})
    assert refused.status == 409
    assert "was not rejected" in refused.text
    assert web.status(card) == "waiting"


def test_what_was_rejected_can_be_asked_again_when_its_run_has_ended() -> None:
    no = replace(CARD, status="rejected", decided_at=NOW, actor="operator", said="<b>no</b>")
    assert "It can be asked again when" in rendered(no)
    ended = rendered(replace(no, again="send & tell"))
    assert f'href="/runs/{CARD.run}/restart?first=send%20%26%20tell"' in ended
    assert "&lt;b&gt;no&lt;/b&gt;" in ended
    assert "Ask again" not in rendered(CARD)
    assert "that has no card yet" in rendered(replace(no, again_run="c" * 32))


@pytest.mark.parametrize(
    ("title", "hold_us", "told"),
    [
        ("Re: dark mode??", 0, "Approved: Re: dark mode??"),
        ("Re: Hours", 10_000_000, "Approved: Re: Hours. Leaves in 10 s."),
        ("And so on…", 0, "Approved: And so on…"),
    ],
)
def test_a_title_that_ends_with_a_mark_gets_no_other(title: str, hold_us: int, told: str) -> None:
    decided = Decided(CARD.run, 4, 1, "acting", live=True, card="granted")
    assert line_of_answer(replace(CARD, title=title), decided, hold_us) == told


def test_what_the_checks_say_of_own_words_is_told_and_can_be_overruled(
    web: WebHouse, browser: Browser
) -> None:
    card = low(web)
    text = card_of(web, card.approval).text + "\nWe guarantee it, 100 % <b>free</b>."
    refused = answer(web, browser, card, answer="edit", text=text)
    assert refused.status == 422
    assert "Send it anyway" in refused.text
    assert "We guarantee it, 100 % &lt;b&gt;free&lt;/b&gt;." in refused.text
    assert "<ins>" in refused.text
    assert web.status(card) == "waiting"
    assert answer(web, browser, card, answer="edit", text=text, anyway="1").status == 303
    assert web.status(card) == "edited"
    page = browser.get(f"/approvals/{card.approval}").text
    assert "and what was sent instead" in page
    assert "<ins>" in page


def test_all_that_is_found_in_own_words_is_told_at_once(web: WebHouse, browser: Browser) -> None:
    refused = answer(web, browser, low(web), answer="edit", text="Hello {{name}}, 4111 1111 1111 1111")
    assert refused.status == 422
    assert "has a placeholder in it" in refused.text
    assert "<li>leaked secret: " in refused.text


def test_a_text_of_ones_own_is_not_said_to_have_passed() -> None:
    remark = "this text was written by you, and no inspector has seen it"
    said = {"check": "not-inspected", "severity": "look", "remark": remark, "remedy": "read it once more"}
    page = rendered(replace(CARD, checks=(said,), checks_made=0, checks_passed=()))
    assert "Not inspected: this text was written by you, and no inspector has seen it" in page
    assert "checks</summary>" not in page
    assert "1 thing to look at" in page


def test_a_text_that_was_not_changed_is_approved_as_it_is(web: WebHouse, browser: Browser) -> None:
    card = low(web)
    page = browser.get(f"/approvals/{card.approval}?edit=1").text
    field = re.search(r"<textarea[^>]*name=\"text\"[^>]*>\n(.*?)</textarea>", page, re.S)
    assert field
    text = unescape(field[1]).replace("\n", "\r\n")
    assert answer(web, browser, card, answer="edit", text=text).status == 303
    assert web.status(card) == "granted"


def test_a_high_stake_wants_its_second_step(web: WebHouse, browser: Browser) -> None:
    card = web.card(high=True, last=True)
    wanted = card_of(web, card.approval).second_step
    refused = answer(web, browser, card, answer="approve")
    assert refused.status == 422
    assert f"Type {wanted} in the field" in refused.text
    assert re.search(r'<input id="confirm-[^>]* data-focus>', refused.text), "the field is where to go on"
    assert web.status(card) == "waiting"
    assert answer(web, browser, card, answer="approve", confirm=wanted).status == 303
    assert web.status(card) == "granted"


def test_no_single_key_rejects_a_high_stake() -> None:
    high = rendered(replace(CARD, finality="final_high_stake", second_step="ada@example.org"))
    assert not re.search(r'<button[^>]*data-key="r"', high), "r opens the drawer and asks"
    assert re.search(r'<summary[^>]*data-key="r"[^>]*>Reject', high)
    assert 'data-wanted="ada@example.org"' in high
    assert re.search(r'<button[^>]*data-key="r" data-decides>Reject', rendered(CARD))


def test_a_card_is_put_off_once(web: WebHouse, browser: Browser) -> None:
    card = low(web)
    path = f"/approvals/{card.approval}"
    said = {"answer": "snooze", "snooze": "4h", "snoozed": "0"}
    fields = form_of(browser.get(path), card.approval, **said)
    assert browser.post(path, fields).status == 303
    head = web.head
    assert browser.post(path, fields).status == 409
    assert web.head == head
    assert f'id="row-{card.approval}"' in browser.get("/approvals?show=put-off").text
    assert f'id="row-{card.approval}"' not in browser.get("/approvals").text


@pytest.mark.parametrize(
    ("snooze", "until", "status"), [("at", "2001-01-01T08:00", 422), ("at", "soon", 422), ("later", "", 422)]
)
def test_a_time_that_is_none_is_told(
    web: WebHouse, browser: Browser, snooze: str, until: str, status: int
) -> None:
    card = low(web)
    refused = answer(web, browser, card, answer="snooze", snooze=snooze, until=until, snoozed="0")
    assert refused.status == status
    assert re.search(r'<details class="pop up" open>\s*<summary class="button" data-key="z"', refused.text)
    assert f'value="{until}"' in refused.text
    assert web.status(card) == "waiting"


def test_what_no_button_says_is_refused(web: WebHouse, browser: Browser) -> None:
    card = low(web)
    assert answer(web, browser, card, answer="maybe").status == 400
    assert answer(web, browser, card, answer="approve", form_token="0" * 64).status == 403
    assert answer(web, browser, card, answer="edit", text="x" * 500_001).status == 413
    assert web.status(card) == "waiting"


@pytest.mark.parametrize("where", ["/approvals/undo", "/"])
def test_who_takes_back_is_told_with_the_device(
    web: WebHouse, browser: Browser, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(web.service.held.director, "undo_us", 3_600_000_000)
    card = web.card(last=True)
    run, task = (web.rows("approvals", approval=card.approval)[0][name] for name in ("run", "task"))
    with web.service_reader() as workspace:
        workspace.approve(card.approval, digest=card.digest, open_us=1)
    token = browser.get("/").token_of("/") if where == "/" else csrf_of(web, browser, "approvals undo")
    assert browser.post(where, {"form_token": token, "run": run, "task": str(task)}).status == 303
    row = browser.get("/audit/decisions").text.partition('id="decision-')[2].partition("</tr>")[0]
    assert "taken back" in row
    assert f"/runs/{run}" in row
    assert "command line or API" not in row
    assert "not told" not in row
    listed = (
        browser.get("/approvals?show=decided")
        .text.partition(f'id="row-{card.approval}"')[2]
        .partition("</li>")[0]
    )
    assert "Taken back" in listed
    assert "Approved" not in listed
    assert "Taken back" in browser.get(f"/approvals/{card.approval}").text


def test_what_has_left_cannot_be_taken_back(web: WebHouse, browser: Browser) -> None:
    card = low(web)
    run = web.rows("approvals", approval=card.approval)[0]["run"]
    token = csrf_of(web, browser, "approvals undo")
    refused = browser.post("/approvals/undo", {"form_token": token, "run": run, "task": "4"})
    assert refused.status == 409
    assert "nothing to take back" in refused.text


def csrf_of(web: WebHouse, browser: Browser, form: str) -> str:
    """The token of a form that is not on a page just now."""
    secret = next(value for name, value in browser.cookies.items() if name.startswith("mainstay-"))
    device = web.call(lambda: web.front.devices.known(secret))
    return csrf.token(web.front.keyed_hash, f"device {device.device}", form)


# --- together ------------------------------------------------------------------------------------------------------


def sent_batch(page: Answer, chosen: list[str], **said: str) -> dict[str, Any]:
    """The fields of the batch's form, with these cards ticked."""
    form = page.text[page.text.index('action="/approvals/batch"') :]
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))
    (cards,) = re.findall(r'<textarea name="cards"[^>]*>\n(.*?)</textarea>', form, re.S)
    fields = {**hidden, "cards": cards.replace("\n", "\r\n"), "answer": "reject", "reason": ""}
    return {**fields, **said, "card": chosen}


def on_page(page: Answer) -> list[str]:
    return re.findall(r'<li id="together-(\w+)"', page.text)


def test_cards_that_are_alike_are_shown_whole_and_those_that_are_ticked_are_decided(
    web: WebHouse, browser: Browser
) -> None:
    page = browser.get("/approvals/batch")
    names = on_page(page)
    assert "What will happen" in page.text
    told = re.search(r'aria-current="true">[^<]*<small>(\d+) cards?\b', page.text)
    assert told
    assert int(told[1]) == len(names), "the tab counts what can be decided there"
    assert "it is final and of high stake" in page.text
    assert page.text.count('type="checkbox"') == page.text.count(" checked>") == len(names)
    yes, kept = names[-2:], names[0]
    for name in (*yes, kept):
        assert browser_text(card_of(web, name).text) in page.text, "the text that leaves, to its end"
    fields = sent_batch(page, yes, reason="not this week")
    decided = browser.post("/approvals/batch", fields)
    assert decided.status == 303
    told_then = browser.get(decided.headers["location"]).text
    assert f"2 cards rejected. {len(names) - 2} left out, and wait on." in told_then
    for name in yes:
        assert web.rows("approvals", approval=name)[0]["status"] == "rejected"
        assert f'id="outcome-{name}"' in told_then
    assert f'id="waits-{kept}"' in told_then
    assert web.rows("approvals", approval=kept)[0]["status"] == "waiting"
    assert len({web.rows("approvals", approval=name)[0]["batch"] for name in yes}) == 1
    head = web.head
    again = browser.post("/approvals/batch", fields)
    assert again.status == 409
    assert "meanwhile rejected" in again.text
    assert " checked>" not in again.text, "what was not ticked before is not ticked now"
    assert web.head == head


def browser_text(text: str) -> str:
    """As it stands in a page."""
    return str(escape(visible(text)))


def test_a_batch_of_which_nothing_is_ticked_decides_nothing_and_keeps_the_reason(
    web: WebHouse, browser: Browser
) -> None:
    page = browser.get("/approvals/batch?none=1")
    assert " checked>" not in page.text
    refused = browser.post("/approvals/batch", sent_batch(page, [], reason="half a thought"))
    assert refused.status == 422
    assert "Every card was left out." in refused.text
    assert "half a thought</textarea>" in refused.text
    assert browser.post("/approvals/batch", sent_batch(page, on_page(page)[:1], answer="maybe")).status == 422
    assert {web.rows("approvals", approval=name)[0]["status"] for name in on_page(page)} == {"waiting"}


def test_a_page_answers_for_no_card_that_did_not_stand_on_it(web: WebHouse, browser: Browser) -> None:
    page = browser.get("/approvals/batch")
    fields, name = sent_batch(page, on_page(page)), on_page(page)[0]
    other = next(
        one for one in web.rows("approvals", status="waiting") if one["approval"] not in on_page(page)
    )
    slipped = fields["cards"] + f"\r\n{other['approval']} {other['digest']}"
    swapped = fields["cards"].replace(card_of(web, name).digest, "0" * 64)
    head = web.head
    for cards in (slipped, swapped, ""):
        assert browser.post("/approvals/batch", fields | {"cards": cards}).status == 400
    assert web.head == head


def line(number: int, text: str = "yes") -> CardLine:
    return replace(line_of(CARD), approval=f"{number:016x}", text=text)


def seen_with(lines: list[CardLine], start: str = "", **more: Any) -> alike.Seen:
    return alike.seen_of(
        [], alike.Kind("email.reply", "triage", ""), Preview(tuple(lines), "", 0), start=start, **more
    )


def test_a_page_of_cards_that_are_alike_begins_with_a_card_and_leads_on() -> None:
    lines = [line(number) for number in range(95)]
    first = seen_with(lines)
    assert (len(first.cards), first.earlier, first.next_size, first.count) == (40, None, 40, 95)
    second = seen_with(lines, first.later)
    assert (second.before, second.earlier, second.next_size) == (40, lines[0].approval, 15)
    last = seen_with(lines, second.later)
    assert (last.cards, last.later, last.earlier) == (tuple(lines[80:]), "", lines[40].approval)
    assert seen_with(lines[:40]).later == ""
    assert seen_with(lines, "f" * 16).cards == first.cards, "the card that it began with is gone"
    assert len({one.guard for one in (first, second, last)}) == 3


def test_what_cannot_be_read_to_its_end_among_others_stands_alone() -> None:
    seen = seen_with([line(1), line(2, "x" * 5_001), line(3, "\u202e" * 1_000)])
    assert [one.approval for one in seen.cards] == [line(1).approval]
    assert [why for _, why in seen.apart] == [alike.TOO_LONG] * 2


def test_after_a_refusal_only_what_was_ticked_as_it_stands_is_ticked() -> None:
    one, other = line(1), line(2)
    seen = seen_with(
        [one, other], ticked=frozenset({(one.approval, "another"), (other.approval, str(other.digest))})
    )
    assert [seen.is_ticked(each) for each in (one, other)] == [False, True]


# --- texts that no sample has --------------------------------------------------------------------------------------


def test_a_draft_with_script_and_marks_that_turn_text_around_is_text() -> None:
    hostile = '<script>alert(1)</script>\u202egpj.exe\u0000<img src=x onerror="alert(1)">'
    text = rendered(
        replace(CARD, text=hostile, title=hostile, recipients=(hostile,), reason=hostile, rationale=hostile)
    )
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "\u202e" not in text
    assert "[U+202E]gpj.exe[U+0000]" in text


def test_what_cannot_be_seen_is_not_offered_for_sending() -> None:
    text = rendered(replace(CARD, text="pay \u202edna\u202c and\u200b go"), Asked(editing=True))
    assert "pay dna and go</textarea>" in text
    assert "3 characters that cannot be seen were left out" in text


@pytest.mark.parametrize("one", ["word ", "<&>\"'", "\u202e", "x"])
def test_a_huge_draft_is_shown_in_part_and_says_so(one: str) -> None:
    huge = (one * 200_000)[:200_000]
    text = rendered(
        replace(
            *(CARD,),
            text=huge,
            title=huge,
            recipients=(huge,) * 300,
            reason=huge,
            rationale=huge,
            message={"text": huge, "subject": huge, "from_address": huge},
            risky=({"name": huge, "value": huge, "source": huge, "seen_before": False},) * 30,
            checks=({"check": "huge", "remark": huge, "remedy": huge, "severity": "look"},) * 30,
            drafts=Drafts(2, Draft(huge + "!")),
        )
    )
    assert "This is the beginning." in text
    assert f'href="/approvals/{CARD.approval}/text"' in text
    if one != "<&>\"'":  # nobody writes 200 kB of these
        assert len(text.encode()) < PAGE_MAX


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("expired", "It expired without an answer"),
        ("superseded", "took its place"),
        ("edited", "another text"),
    ],
)
def test_what_waits_no_more_cannot_be_answered(status: str, said: str) -> None:
    text = rendered(replace(CARD, status=status, decided_at=NOW))
    assert said in text
    assert "data-decides" not in text


def test_typed_text_is_there_also_where_nothing_can_be_decided() -> None:
    text = rendered(replace(CARD, status="expired"), typed=Typed(text="what I had written"))
    assert "What you had typed" in text
    assert "what I had written" in text


def test_a_draft_is_shown_beside_the_one_before() -> None:
    drafted = replace(CARD, drafts=Drafts(2, Draft("Hello Ada,\n\nno, we never did such a thing.")))
    text = rendered(drafted)
    assert "<del>no, we never did such a thing.</del><ins>yes.</ins>" in text
    assert "the inspector sent back" in text
    assert "<del>" not in rendered(drafted, Asked(unmarked=True))


def test_what_a_person_was_asked_about_before_is_named() -> None:
    before = Draft("Hello Ada,\n\nno.", (Digest("d" * 64),))
    assert "beside the one you were asked about" in rendered(replace(CARD, drafts=Drafts(2, before)))


def test_a_forgotten_subject_leaves_a_card_that_says_so() -> None:
    text = rendered(replace(CARD, title="[forgotten]", text="", recipients=()))
    assert "whoever it is about was forgotten" in text
    assert 'data-key="e"' not in text  # there is nothing to edit


def test_checks_are_told_in_words() -> None:
    remark = {
        "check": "promise-of-date",
        "severity": "look",
        "remark": "it names a day",
        "remedy": "leave it out",
    }
    text = rendered(replace(CARD, checks=(remark,), checks_made=20))
    assert "Promise of date: it names a day" in text
    assert "The other 19 of 20 checks" in text
    assert "All 20 checks" in rendered(replace(CARD, checks_made=20))
    named = rendered(
        replace(CARD, checks=(remark,), checks_made=2, checks_passed=("hides-text", "<b>own</b>"))
    )
    assert "<summary>The other 1 of 2 checks</summary>" in named
    assert "Looked for, and not found: hides text, &lt;b&gt;own&lt;/b&gt;." in named


def test_where_nothing_waits_the_page_teaches() -> None:
    text = rendered(None)
    assert "Nothing needs you." in text
    assert "makes a card" in text


# --- words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ago_s", "told"),
    [(-5, "0 s"), (33, "33 s"), (60, "1 min"), (3_599, "59 min"), (7_200, "2 h"), (259_200, "3 d")],
)
def test_an_age_is_short_and_told_as_on_every_page(ago_s: int, told: str) -> None:
    assert words.age(Instant(NOW - ago_s * 1_000_000), NOW) == told


def test_when_a_card_comes_back() -> None:
    assert words.later("1h", "", NOW) == NOW + HOUR_US
    tomorrow = words.later("tomorrow", "", NOW)
    assert tomorrow is not None
    assert NOW < tomorrow < NOW + 48 * HOUR_US
    assert words.later("at", "not a time", NOW) is None
    assert words.later("never", "", NOW) is None


def test_an_act_without_a_text_is_told_in_names_and_values() -> None:
    facts = (("Labels", "later"), ("Sent", "2 March 2026, 08:41 UTC"))
    card = replace(CARD, text="", facts=facts, content="Labels: later", proposer="a client")
    page = rendered(card)
    for name, value in (*facts, ("Proposed by", "a client")):
        assert re.search(rf"<dt>{name}</dt><dd[^>]*>{value}</dd>", page)
    assert "then nothing is sent" not in page

"""To forget somebody by the pages: what is held, the second step, how far it is, and where the address never stands."""

from __future__ import annotations

import logging
import re

import pytest

from mainstay.console.pages import forget
from mainstay.console.pages.memory_record import address_of
from mainstay.kernel.errors import DirectorUnavailable
from tests.security.web_house import Answer, Browser, WebHouse

NOBODY = "nobody.at.all@nowhere.example"


@pytest.fixture
def browser(web: WebHouse) -> Browser:
    return web.log_in()


def sent(browser: Browser, **fields: str) -> Answer:
    token = browser.get("/forget").token_of("/forget")
    return browser.post("/forget", {"form_token": token, **fields})


def somebody(web: WebHouse) -> tuple[str, str]:
    """The address and the subject of somebody of whom no card waits: other tests need those."""
    waiting = {row["subject"] for row in web.rows("approvals", status="waiting")}
    forgotten = {row["subject"] for row in web.rows("forgotten")}
    with web.service_reader() as workspace:
        for row in web.rows("messages"):
            if row["subject"] and row["subject"] not in waiting | forgotten:
                found = workspace.received(row)["from_address"]
                plan = workspace.forgetting.plan(found, mentions=False).plan
                if plan.known and plan.runs_ended and not plan.cards and plan.subject == row["subject"]:
                    return str(found), str(row["subject"])
    raise LookupError("everybody has a card")


def test_an_address_of_which_nothing_is_held_is_told_and_stays_in_its_field(
    web: WebHouse, browser: Browser
) -> None:
    head = web.head
    answer = sent(browser, what="look", who=NOBODY)
    assert answer.status == 404
    assert "Nothing is held about this address." in answer.text
    assert f'value="{NOBODY}"' in answer.text
    no_address = sent(browser, what="look", who="<b>not an address</b>")
    assert no_address.status == 422
    assert "<b>not" not in no_address.text
    assert web.head == head


def test_the_preview_says_what_goes_and_what_stays_and_changes_nothing(
    web: WebHouse, browser: Browser
) -> None:
    address, subject = somebody(web)
    head = web.head
    run = str(next(row["run"] for row in web.rows("runs") if row["subject"] == subject))
    for fields in ({"who": f"  {address.upper()} "}, {"subject": subject}, {"run": run}):
        page = sent(browser, what="look", **fields)
        assert page.status == 200
        assert "What is destroyed" in page.text
        assert "What stays, and why" in page.text
        assert f'name="subject" value="{subject}"' in page.text
        assert f"<code>{address}</code>" in page.text
    assert web.head == head


def test_the_second_step_is_the_address_and_nothing_else(web: WebHouse, browser: Browser) -> None:
    address, subject = somebody(web)
    head = web.head
    for typed in ("", NOBODY, subject, address[:-1], f"{address} {address}"):
        answer = sent(browser, what="begin", subject=subject, confirm=typed)
        assert answer.status == 422, typed
        assert "That is not their address." in answer.text
    assert sent(browser, what="begin", subject="x", confirm=address).status == 400
    assert sent(browser, what="other", subject=subject, confirm=address).status == 400
    token = browser.get("/memory/add").token_of("/memory/add")
    bare = {"form_token": token, "what": "begin", "subject": subject, "confirm": address}
    assert browser.post("/forget", bare).status == 403
    assert web.head == head


def test_somebody_is_forgotten_and_the_page_that_was_left_says_so(
    web: WebHouse, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    address, subject = somebody(web)
    begun = sent(browser, what="begin", subject=subject, confirm=address.upper())
    assert begun.status == 303
    assert begun.headers["location"] == f"/forget/{subject}"
    again = sent(web.log_in(), what="begin", subject=subject, confirm=address)  # a second device
    assert again.headers["location"] == f"/forget/{subject}"
    while "Their key is destroyed" not in (page := browser.get(f"/forget/{subject}?part=standing").text):
        assert "What to do:" not in page, page
    assert "<html" not in page
    assert "every 1s" not in page
    whole = browser.get(f"/forget/{subject}").text
    assert re.search(r'href="/audit/proof\?position=\d+"', whole)
    assert address not in whole
    assert address not in caplog.text
    assert f'href="/forget/{subject}"' in browser.get("/forget").text
    assert sent(browser, what="look", who=address).status == 404
    assert "They were forgotten before." in sent(browser, what="look", who=address).text
    assert len(web.rows("forgotten", subject=subject)) == 1
    for row in web.rows("correspondence", subject=subject):
        record = browser.get(address_of(str(row["memory"])))
        assert record.status == 200
        assert "[forgotten]" in record.text
        assert address not in record.text
    assert address not in browser.get("/memory").text


def test_what_kept_it_from_being_done_is_told_with_what_happens_next(
    web: WebHouse, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, subject = somebody(web)

    class Failing:
        def forget(self, subject: str) -> None:
            raise DirectorUnavailable("The director ends.", why="It was stopped.", remedy="Start it again.")

    async def failing(do: object) -> None:
        Failing().forget(subject)

    page = web.front
    monkeypatch.setattr(type(page), "act_slowly", lambda self, do: failing(do))
    head = web.head
    assert sent(browser, what="begin", subject=subject, confirm=address).status == 303
    while "The director ends." not in (told := browser.get(f"/forget/{subject}").text):
        assert "Begun" in told
    assert "Nothing was begun." in told
    assert web.head == head


def test_nobody_is_shown_whose_forgetting_was_never_asked_for(browser: Browser) -> None:
    for name in ("0" * 32, "someone@there.example", "%3Cscript%3E"):
        answer = browser.get(f"/forget/{name}")
        assert answer.status == 404, name
        assert "someone@there" not in answer.text


def test_the_page_keeps_a_bounded_number_of_failures() -> None:
    assert forget.TOLD_MAX <= 1_000

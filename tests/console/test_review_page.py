"""The review of annotations: the message as text, a word for each intent, and nothing decided twice."""

from __future__ import annotations

import re

import pytest

from mainstay.agents.intents import UNKNOWN
from mainstay.console.pages.review import KEYS, Looked
from mainstay.workspace.triage import Annotated
from tests.security.web_house import Answer, Browser, WebHouse


@pytest.fixture
def browser(web: WebHouse) -> Browser:
    return web.log_in()


def free(web: WebHouse) -> str:
    """The run of an annotation that waits and has no card: other tests need the cards."""
    with_card = {row["run"] for row in web.rows("approvals", status="waiting")}
    for row in web.rows("annotations", waits=1):
        if row["run"] not in with_card:
            return str(row["run"])
    raise LookupError("every annotation has a card")


def fields_of(page: Answer, **more: str) -> dict[str, str]:
    form = page.text[page.text.index('action="/review"') :]
    form = form[: form.index("</form>")]
    return {**dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form)), **more}


def looked(browser: Browser, run: str) -> Answer:
    page = browser.get(f"/review?run={run}")
    assert page.status == 200
    return page


def annotated(said: str) -> Annotated:
    return Annotated(
        *(
            "r" * 32,
            0,
            "triage",
            said,
            0.5,
            "waiting",
            "",
            "",
            False,
            "a@b.example",
            "s",
            1,
            1,
            0,
            0,
            1.0,
            0.0,
        )
    )


def test_the_newest_is_read_first_with_a_word_for_each_intent(web: WebHouse, browser: Browser) -> None:
    page = browser.get("/review")
    assert page.status == 200
    assert "Taken for" in page.text
    assert 'data-key="a"' in page.text
    assert "You are asked since" in page.text
    with web.service_reader() as workspace:
        for name in workspace.triage.intents():
            assert f'value="{name}"' in page.text or "Right" in page.text
        assert page.text.count('<li id="row-') == min(50, workspace.triage.count())


def test_a_word_is_taken_once_and_the_next_message_follows(web: WebHouse, browser: Browser) -> None:
    run = free(web)
    page = looked(browser, run)
    web.clock.pass_s(4)
    said = browser.post("/review", fields_of(page, intent=""))
    assert said.status == 303
    assert said.headers["location"].startswith("/review")
    assert run not in said.headers["location"]
    row = web.rows("reviews", run=run)[0]
    assert row["intent"] == row["said"]
    assert row["open_us"] >= 4_000_000
    assert "Confirmed: " in browser.get(said.headers["location"]).text
    assert f"row-{run}" not in browser.get("/review").text


def test_of_two_devices_the_second_is_told_what_the_first_said(web: WebHouse, browser: Browser) -> None:
    run, other = free(web), web.log_in()
    first, second = looked(browser, run), looked(other, run)
    said = str(web.rows("annotations", run=run)[0]["said"])
    another = UNKNOWN if said != UNKNOWN else "refund"
    assert browser.post("/review", fields_of(first, intent=another, note="never seen")).status == 303
    head = web.head
    late = other.post("/review", fields_of(second, intent="", note="<b>mine</b>"))
    assert late.status == 422
    assert "Somebody answered this meanwhile." in late.text
    assert "&lt;b&gt;mine&lt;/b&gt;" in late.text
    assert web.head == head
    assert (
        other.post("/review", fields_of(late, intent="")).status == 303
    )  # who knows better says it once more
    assert web.rows("reviews", run=run)[0]["intent"] == said


def test_an_intent_or_a_run_that_there_is_not_is_refused(web: WebHouse, browser: Browser) -> None:
    run = free(web)
    page, head = looked(browser, run), web.head
    answer = browser.post("/review", fields_of(page, intent="<script>", note="kept"))
    assert answer.status == 422
    assert "There is no intent" in answer.text
    assert "<script>&" not in answer.text
    assert 'value="kept"' in answer.text
    assert browser.get("/review?run=0000000000").status == 404
    assert browser.post("/review", {**fields_of(page), "form_token": "0"}).status == 403
    assert web.head == head


def test_all_are_listed_and_the_part_comes_alone(browser: Browser) -> None:
    every = browser.get("/review?show=all")
    assert every.status == 200
    assert 'href="/review?run=' in every.text or "show=all" in every.text
    part = browser.get("/review?part=list").text
    assert part.strip().startswith('<section id="queue"')
    assert "<html" not in part


def test_a_key_means_the_same_intent_whatever_was_said() -> None:
    intents = {f"i{number}": f"Intent {number}" for number in range(12)}
    for said in (*intents, UNKNOWN):
        others = {name: key for name, _, key in Looked([], 0, annotated(said), {}, intents).others}
        assert said not in others
        for place, name in enumerate(intents):
            if name != said:
                assert others[name] == (KEYS[place] if place < len(KEYS) else "")
        assert (UNKNOWN in others) == (said != UNKNOWN)

"""The types of events, for whoever builds upon them; and a dry run of a workflow."""

from __future__ import annotations

import json

import pytest

from mainstay.kernel.events import NUMBERS
from mainstay.ledger.codec import NAMES
from mainstay.ledger.event_types import event_types
from tests.security.web_house import Browser, WebHouse


@pytest.fixture
def browser(web: WebHouse) -> Browser:
    return web.log_in()


def test_every_type_has_a_stream_and_says_what_it_means() -> None:
    kinds = event_types()
    assert {one.number for one in kinds} == set(NUMBERS)
    assert all(one.meaning and one.stream for one in kinds)


def test_the_list_has_every_type(browser: Browser) -> None:
    text = browser.get("/events").text
    assert all(f'href="/events/{name}"' in text for name in NAMES.values())


def test_a_search_looks_at_names_meanings_and_fields(browser: Browser) -> None:
    text = browser.get("/events?q=retry_at").text
    assert 'href="/events/attempt.failed"' in text
    assert 'href="/events/run.started"' not in text
    assert "No type is like that." in browser.get("/events?q=nothing-has-this").text


def test_a_type_shows_its_fields_and_the_latest_of_the_ledger(web: WebHouse, browser: Browser) -> None:
    answer = browser.get("/events/action.proposed")
    assert answer.status == 200
    assert "<code>rationale</code>" in answer.text
    assert "&#34;rationale&#34;: &#34;sealed:" in answer.text  # personal text stays sealed here
    with web.service_reader() as opened:
        kind = opened.event_types.find("action.proposed")
        example = opened.event_types.example(kind)
    assert example is not None
    assert f"position {example.position:,}" in answer.text


def test_a_type_that_never_was_and_one_that_never_happened(browser: Browser) -> None:
    assert browser.get("/events/no.such").status == 404
    assert "None here." in browser.get("/events/ledger.restored").text
    assert browser.get("/events/run.started/1").headers["location"] == "/events/run.started"


def test_a_dry_run_tells_each_step_and_which_rule_decides(web: WebHouse, browser: Browser) -> None:
    path = "/workflows/triage/dry-run"
    head = web.head
    form = browser.get(path)
    view = {
        "from_address": "new@example.org",
        "mailbox": "support",
        "subject": "Refund",
        "text": "Please refund me.",
    }
    answer = browser.post(
        path,
        {
            "form_token": form.token_of(path),
            "input": json.dumps({"message": view}),
            "answers": "annotate.intent=refund\nannotate.reply_expected=true",
        },
    )
    assert answer.status == 200
    for said in ("Step by step", "annotate", "email.reply", "Asks you", "Goes by itself", "new@example.org"):
        assert said in answer.text
    assert "you have never written to this address" in answer.text
    assert "Please refund me." in answer.text  # what was typed is still there
    assert web.head == head


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"input": "[1]"}, "no JSON object"),
        ({"input": "{" * 5_000}, "no JSON object"),
        ({"message": "ffff"}, "no such message"),
        ({"input": "{}", "answers": "nonsense"}, "is no change"),
        ({"input": "{}", "answers": "annotate=1"}, "names no field"),
    ],
)
def test_an_input_that_makes_no_sense_is_refused_and_kept(
    browser: Browser, given: dict[str, str], said: str
) -> None:
    path = "/workflows/triage/dry-run"
    answer = browser.post(path, {"form_token": browser.get(path).token_of(path), **given})
    assert answer.status in (404, 422)
    assert said in answer.text


def test_a_workflow_that_is_not_there_has_no_dry_run(browser: Browser) -> None:
    assert browser.get("/workflows/nobody/dry-run").status == 404

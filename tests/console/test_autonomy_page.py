"""The pages of autonomy: what is missing, what a rule decides whatever is proved, and the operator's word."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from mainstay.kernel.commands import WeighEvidence
from mainstay.kernel.ids import RunId
from mainstay.kernel.levels import Level
from mainstay.runtime.tick import Request
from tests.security.web_house import Answer, Browser, WebHouse

REPLIES, LABELS = "/autonomy/triage/email.reply/", "/autonomy/triage/email.label/"
HOSTILE = "<script>alert(1)</script>\u202e"


@pytest.fixture
def browser(web: WebHouse) -> Browser:
    return web.log_in()


@pytest.fixture
def watched(web: WebHouse, browser: Browser) -> Iterator[Answer]:
    """Replies are only watched, and ask again afterwards."""
    yield said(browser, what="grant", level="shadow")
    said(browser, what="revoke")
    assert not web.rows("autonomy", kind="triage/email.reply/", level="shadow")


def said(browser: Browser, path: str = REPLIES, **fields: str) -> Answer:
    page = browser.get(path)
    last = re.search(r'name="last" value="(\d+)"', page.text)
    shown = {"form_token": page.token_of(path), "last": last[1] if last else ""}
    return browser.post(path, shown | fields)


def test_the_list_says_what_is_missing_and_what_goes_by_a_rule(browser: Browser) -> None:
    page = browser.get("/autonomy")
    assert page.status == 200
    assert "more clean decisions" in page.text
    assert "Labels of triage go by a rule already (labels are free" in page.text
    assert "and labels of triage stop asking" not in page.text
    assert f'href="{REPLIES}"' in page.text


def test_the_live_part_comes_alone(browser: Browser) -> None:
    part = browser.get("/autonomy?part=kinds").text
    assert part.strip().startswith('<section id="kinds"')
    assert "<html" not in part


def test_a_kind_that_a_rule_lets_go_is_offered_nothing(browser: Browser) -> None:
    page = browser.get(LABELS).text
    assert "A rule lets it go already: a label can be taken off again" in page
    assert 'value="held"' not in page
    assert 'value="shadow"' not in page


def test_a_grant_without_proof_is_refused_with_what_is_missing(web: WebHouse, browser: Browser) -> None:
    head = web.head
    answer = said(browser, what="grant", level="automatic")
    assert answer.status == 422
    assert "The evidence does not suffice" in answer.text
    assert "more clean decisions are wanted" in answer.text
    assert web.head == head
    assert web.call(lambda: web.service.held.director.autonomy.of("triage/email.reply/").level) is Level.ASK


def test_a_page_from_before_it_was_taken_back_grants_nothing(web: WebHouse, browser: Browser) -> None:
    page = browser.get(REPLIES)
    assert said(browser, what="grant", level="shadow").status == 303
    assert said(browser, what="revoke", reason="it went wrong").status == 303
    head = web.head
    fields = {"form_token": page.token_of(REPLIES), "what": "grant", "level": "shadow"}
    for last in ("0", ""):
        stale = browser.post(REPLIES, {**fields, "last": last})
        assert (stale.status, "changed since you were shown it" in stale.text) == (422, True)
    assert web.head == head


def test_watching_needs_no_proof_and_two_devices_come_to_the_same(
    web: WebHouse, browser: Browser, watched: Answer
) -> None:
    assert watched.status == 303
    assert watched.headers["location"] == REPLIES
    assert "only watched from here on" in browser.get(REPLIES).text
    other = web.log_in()
    again = said(other, what="grant", level="shadow")
    assert again.status == 303
    assert "It was so already" in other.get(REPLIES).text
    page = browser.get(REPLIES).text
    assert "Let it ask again" in page
    assert "Granted: only watched" in page


def test_what_is_proved_is_granted_with_what_could_go_wrong_and_an_error_is_counted(
    web: WebHouse, browser: Browser
) -> None:
    kind, run = "sample/files.write/small", RunId(str(web.rows("runs")[0]["run"]))

    def weigh(task: int, verdict: str = "clean", source: str = "decision") -> None:
        command = WeighEvidence(kind, "recipe", verdict, source, run, task, "operator")
        web.ask(web.service.loop.ask(Request(command, "operator")))

    for task in range(1_000, 1_043):
        weigh(task)
    page = browser.get("/autonomy").text
    assert "Small files.write acts could stop asking" in page
    assert "mainstay autonomy grant" not in page
    proposed = web.ask(web.front.read(lambda workspace: workspace.autonomy.proposals()))
    assert [one.kind for one in proposed] == [kind]
    path = f"/autonomy/{kind}"
    page = browser.get(path).text
    assert "It rests on 43 clean decisions and 0 with an error" in page
    assert "would leave before two were looked at" in page
    assert said(browser, path, what="grant", level="held").status == 303
    page = browser.get(path).text
    assert "by itself, held first" in page
    assert "Without the window" in page
    assert page.count('<tr id="evidence-') == 25
    assert browser.get(f"{path}?before=1").text.count('<tr id="evidence-') == 0
    weigh(1_043, "error", "audit")
    weigh(1_044, "error", "audit")  # two of the last twenty end it
    page = browser.get(path).text
    assert "Taken back the last time: 2 of the last 2 that were looked at were wrong." in page
    assert not web.ask(web.front.read(lambda workspace: workspace.autonomy.proposals()))


def test_what_was_typed_comes_back_with_the_refusal(browser: Browser, watched: Answer) -> None:
    answer = said(browser, what="wrong", run="0" * 32, reason=HOSTILE)
    assert answer.status == 422
    assert "&lt;script&gt;alert(1)&lt;/script&gt;[U+202E]" in answer.text
    assert HOSTILE not in answer.text


def test_the_note_of_a_revocation_is_shown_with_what_became_of_the_kind(
    browser: Browser, watched: Answer
) -> None:
    assert said(browser, what="revoke", reason=f"they were unhappy {HOSTILE}").status == 303
    page = browser.get(REPLIES).text
    assert "they were unhappy &lt;script&gt;" in page
    assert "Taken back the last time: the operator wants to be asked." in page
    revoked = browser.get("/audit/events?type=autonomy.revoked").text
    assert "&#34;note_sealed&#34;: &#34;[sealed]&#34;" in revoked


def test_a_kind_that_there_is_not_and_a_form_that_is_not_ours_are_refused(
    web: WebHouse, browser: Browser
) -> None:
    unknown = browser.get("/autonomy/%3Cb%3Ex/y/")
    assert unknown.status == 404
    assert "<b>x" not in unknown.text
    head = web.head
    assert browser.post(REPLIES, {"what": "grant", "level": "shadow"}).status == 403
    assert said(browser, what="nothing").status == 400
    assert web.stranger().get("/autonomy").status == 303
    assert web.head == head

"""The list of runs: filters that can be seen and taken away, search, and pages that begin where the last one ended."""

from __future__ import annotations

import html
import re
from collections import Counter
from types import SimpleNamespace
from urllib.parse import quote_plus

import pytest

from mainstay.workspace import run_search
from mainstay.workspace.run_search import RunFilter
from tests.security.web_house import Browser, WebHouse


@pytest.fixture
def browser(web: WebHouse) -> Browser:
    return web.log_in()


def runs_of(text: str) -> list[str]:
    return re.findall(r'<tr id="run-([0-9a-f]{32})"', text)


def test_newest_first_with_title_sender_and_what_waits(web: WebHouse, browser: Browser) -> None:
    answer = browser.get("/runs")
    assert answer.status == 200
    rows = {row["run"]: row for row in web.rows("runs")}
    shown = runs_of(answer.text)
    positions = [rows[one]["position"] for one in shown]
    assert positions == sorted(positions, reverse=True)
    assert "waits for you" in answer.text
    with web.service_reader() as opened:
        found = opened.run_search.page(limit=1).runs[0]
    assert found.title
    assert found.sender


def test_a_filter_narrows_is_named_and_can_be_taken_away(web: WebHouse, browser: Browser) -> None:
    answer = browser.get("/runs?status=succeeded&workflow=triage")
    statuses = {web.rows("runs", run=one)[0]["status"] for one in runs_of(answer.text)}
    assert statuses == {"succeeded"}
    assert '<a href="/runs?workflow=triage" class="chip"><bdi>succeeded</bdi>' in answer.text
    assert '<a href="/runs?status=succeeded" class="chip"><bdi>triage</bdi>' in answer.text


def test_waiting_for_you_is_a_filter_of_its_own(web: WebHouse, browser: Browser) -> None:
    waiting = {row["run"] for row in web.rows("approvals", status="waiting")}
    shown = runs_of(browser.get("/runs?status=waiting").text)
    assert shown
    assert set(shown) <= waiting


def test_pages_follow_one_another_without_gap_or_double(web: WebHouse) -> None:
    with web.service_reader() as opened:
        whole = [one.run for one in opened.run_search.page(limit=1_000).runs]
        parts: list[str] = []
        before = 0
        while True:
            page = opened.run_search.page(limit=7, before=before)
            parts += [one.run for one in page.runs]
            before = page.older
            if not before:
                break
        assert parts == whole
        second = opened.run_search.page(limit=7, before=opened.run_search.page(limit=7).older)
        back = opened.run_search.page(limit=7, after=second.newer)
        assert [one.run for one in back.runs] == whole[:7]


def test_a_day_without_runs_says_so(browser: Browser) -> None:
    answer = browser.get("/runs?until=2001-01-01")
    assert answer.status == 200
    assert runs_of(answer.text) == []
    assert "No run is like that." in answer.text


@pytest.mark.parametrize("query", ["since=nonsense", "status=odd", "origin=moon"])
def test_what_makes_no_sense_is_told_where_it_was_asked(browser: Browser, query: str) -> None:
    answer = browser.get(f"/runs?{query}")
    assert answer.status == 422
    assert 'role="alert"' in answer.text
    assert re.search(r"<h1[^>]*>Runs</h1>", answer.text)


def test_an_address_finds_runs_by_its_hash(web: WebHouse, browser: Browser) -> None:
    row = next(row for row in web.rows("runs") if row["message"])
    with web.service_reader() as opened:
        address = opened.message(row["run"])["from_address"]
    answer = browser.get(f"/runs?q={quote_plus(address)}")
    assert row["run"] in runs_of(answer.text)
    assert "keyed hash" in answer.text
    assert runs_of(browser.get("/runs?q=nobody-at-all@example.org").text) == []


def test_words_of_a_subject_find_its_run(web: WebHouse, browser: Browser) -> None:
    with web.service_reader() as opened:
        found = next(one for one in opened.run_search.page(limit=40).runs if " " in one.title)
    assert found.run in runs_of(browser.get(f"/runs?q={quote_plus(found.title)}").text)


def test_a_word_of_a_mail_that_is_not_answered_yet_finds_its_run(
    web: WebHouse, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_search, "OPENED_MAX", 0)  # what finds it is the memory's index
    with web.service_reader() as opened:
        row = next(row for row in web.rows("approvals", status="waiting") if opened.message(row["run"]))
        word = max(re.findall(r"[a-z]{5,}", opened.message(row["run"])["text"]), key=len)
    assert row["run"] in runs_of(browser.get(f"/runs?q={word}").text)


def test_part_of_an_address_finds_its_runs(web: WebHouse, browser: Browser) -> None:
    row = next(row for row in web.rows("runs") if row["message"])
    with web.service_reader() as opened:
        address = opened.message(row["run"])["from_address"]
    domain = address.partition("@")[2]
    assert row["run"] in runs_of(browser.get(f"/runs?q={domain}").text)
    answer = browser.get(f"/runs?q=%40{domain}")
    assert row["run"] in runs_of(answer.text)
    assert "exactly this address" not in answer.text


def test_the_id_that_a_card_shows_finds_its_run(web: WebHouse, browser: Browser) -> None:
    row = web.rows("approvals", status="waiting")[0]
    answer = browser.get(f"/runs?q={row['approval'][:8]}")
    assert row["run"] in runs_of(answer.text)
    assert "those of cards whose id begins so" in answer.text


def test_words_are_looked_for_a_stretch_at_a_time_and_each_says_how_far(
    web: WebHouse, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_search, "SLICE", 3)
    monkeypatch.setattr(run_search, "OPENED_MAX", 6)
    with web.service_reader() as opened:
        search = opened.run_search
        monkeypatch.setattr(search, "recalled", lambda text: SimpleNamespace(hits=()))
        whole = search.page(limit=1_000).runs
        assert len(whole) > 12
        asked = whole[-1].title[-8:].upper()
        meant = [one.run for one in whole if asked.casefold() in one.title.casefold()]
        found: list[str] = []
        looked, before = 0, 0
        while True:
            part = search.find(asked, before=before)
            found += [one.run for one in part.runs]
            looked += part.opened
            assert part.opened <= 6
            assert part.back_to == whole[looked - 1].started_at
            before = part.older
            if not before:
                break
        assert found == meant
        assert looked == len(whole)
        monkeypatch.setattr(run_search, "FOUND_MAX", 2)
        some = search.find(whole[0].workflow)
        assert len(some.runs) == 2
        assert some.older > 0
    answer = browser.get("/runs?q=no-such-word-at-all")
    assert "subject and sender of 6 runs, back to 20" in answer.text
    further = html.unescape(
        re.findall(r'<a href="([^"]+)" class="button">Search further back', answer.text)[0]
    )
    again = browser.get(further).text
    assert "subject and sender of 6 more runs" in again
    assert "memory’s index" not in again


def test_of_many_cards_the_runs_that_wait_are_found_from_the_newest_on(
    web: WebHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with web.service_reader() as opened:
        search, wanted = opened.run_search, RunFilter(status="waiting")
        few = search.page(wanted, limit=1_000).runs
        assert len(few) > 2
        monkeypatch.setattr(run_search, "CARDS_FEW", 0)
        monkeypatch.setattr(run_search, "SLICE", 2)
        assert search.page(wanted, limit=1_000).runs == few
        first = search.page(wanted, limit=2)
        assert first.runs == few[:2]
        second = search.page(wanted, limit=1, before=first.older)
        assert second.runs == few[2:3]
        assert search.page(wanted, limit=2, after=second.newer).runs == few[:2]


def test_part_of_an_id_finds_it_and_an_ambiguous_one_lists_all(web: WebHouse, browser: Browser) -> None:
    runs = [str(row["run"]) for row in web.rows("runs")]
    assert runs_of(browser.get(f"/runs?q={runs[0][-8:]}").text) == [runs[0]]
    begins = Counter(one[:8] for one in runs).most_common(1)[0][0]
    alike = {one for one in runs if one.startswith(begins)}
    assert len(alike) > 1
    led = browser.get(f"/runs/{begins}")
    assert led.status == 303
    assert led.headers["location"] == f"/runs?q={begins}"
    assert set(runs_of(browser.get(led.headers["location"]).text)) <= alike


def test_too_long_a_search_is_refused_before_it_is_begun(browser: Browser) -> None:
    assert browser.get("/runs?q=" + "x" * 201).status == 414


def test_nothing_of_what_is_searched_for_can_be_markup(browser: Browser) -> None:
    answer = browser.get("/runs?q=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>alert" not in answer.text


def test_its_live_part_keeps_the_filters(browser: Browser) -> None:
    answer = browser.get("/runs?status=succeeded")
    assert 'hx-get="/runs?status=succeeded&amp;part=list"' in answer.text
    part = browser.get("/runs?status=succeeded&part=list").text
    assert part.lstrip().startswith('<section id="run-list"')
    assert runs_of(part) == runs_of(answer.text)


def test_what_is_left_to_the_operator_is_on_home_in_a_list_and_on_its_run(
    web: WebHouse, browser: Browser
) -> None:
    with web.service_reader() as opened:
        left = [str(row["run"]) for row in opened.left.rows()]
        message = opened.message(left[0])
    assert left
    row = browser.get("/").text.partition('<li id="left">')[2].partition("</li>")[0]
    assert f"{len(left)} message" in row
    assert 'href="/runs?status=left"' in row
    listed = browser.get("/runs?status=left").text
    assert runs_of(listed) == left[:50]
    assert "left to you" in listed
    run = browser.get(f"/runs/{left[0]}").text
    assert "This message is left to you." in run
    assert html.escape(message["from_address"]) in run
    assert html.escape(message["text"].split()[0]) in run.partition('aria-label="The text of the message"')[2]


def test_a_run_shows_the_message_that_it_answers(web: WebHouse, browser: Browser) -> None:
    row = web.rows("approvals", status="waiting")[0]
    with web.service_reader() as opened:
        message = opened.message(row["run"])
    text = browser.get(f"/runs/{row['run']}").text
    assert "This message is left to you." not in text
    shown = text.partition('aria-label="The text of the message"')[2].partition("</div>")[0]
    assert html.escape(message["text"].split()[0]) in shown

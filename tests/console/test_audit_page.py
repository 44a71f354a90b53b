"""The pages of the audit: the proof and what came of it, events and decisions as they stand, one event proved."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import msgspec
import pytest

from mainstay.console.pages import audit
from mainstay.kernel.values import SECOND, Json
from mainstay.workspace.audit_state import ASKED_MARK
from mainstay.workspace.full_audit import proved_beside
from mainstay.workspace.verifying import check_proof
from tests.security.web_house import Answer, Browser, WebHouse

HOSTILE = "<img src=x>\u202e"
WHOLE = {"whole": True, "events": 1_234, "blobs": 56, "checkpoints": 7, "through": 1_200, "notes": []}


@pytest.fixture
def browser(web: WebHouse) -> Browser:
    return web.log_in()


@pytest.fixture
def unproved(web: WebHouse) -> Iterator[Callable[[Json], None]]:
    """Nothing was proved before; what is given was."""
    mark = web.root / ".mainstay" / ASKED_MARK
    mark.unlink(missing_ok=True)

    def told(said: Json) -> None:
        mark.write_bytes(msgspec.json.encode({"at": int(web.clock.now()), "took_us": SECOND, **said}))

    yield told
    mark.unlink(missing_ok=True)


def said(browser: Browser, **fields: str) -> Answer:
    token = browser.get("/audit").token_of("/audit")
    return browser.post("/audit", {"form_token": token, **fields})


def positions(page: Answer) -> list[int]:
    return [int(one) for one in re.findall(r'<li id="event-(\d+)"', page.text)]


# --- the proof -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("unproved")
def test_the_state_says_how_far_it_is_signed_and_that_no_copy_lies_elsewhere(
    web: WebHouse, browser: Browser
) -> None:
    page = browser.get("/audit")
    assert page.status == 200
    assert ("Intact as of" in page.text) == bool(web.call(web.front.house).intact_at)
    assert ("Not proved yet" in page.text) == ("Ledger not proved yet" in page.text)
    assert "/../" not in page.text
    assert "No copy lies elsewhere" in page.text
    assert "Signed through" in page.text
    for part in ("figures", "proof"):
        assert "<html" not in browser.get(f"/audit?part={part}").text


def test_the_page_says_the_same_as_the_rail_and_what_verifying_adds(
    browser: Browser, unproved: Callable[[Json], None]
) -> None:
    browser.post("/audit", {"form_token": browser.get("/audit").token_of("/audit"), "what": "sign"})
    page = browser.get("/audit")
    assert re.search(r"intact (to [\d,]+ )?as of", page.text)
    proof = page.text.partition('id="proof"')[2].partition("</section>")[0]
    assert "Intact as of" in proof
    assert "The director signed it then" in proof
    assert "begins at the first event" in proof
    unproved({name: value for name, value in WHOLE.items() if name != "at"})
    assert "You had all of it verified then." in browser.get("/audit").text


def test_a_proof_shows_how_far_it_is_and_is_one_for_two_devices(
    web: WebHouse, browser: Browser, unproved: Callable[[Json], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on = web.call(asyncio.Event)
    begun = []

    async def slowly(folder: Any, clock: Any, heard: Callable[[int], None]) -> Json:
        begun.append(folder)
        heard(17)
        await going_on.wait()
        unproved(WHOLE)
        return WHOLE

    monkeypatch.setattr(audit, "proved_beside", slowly)
    other = web.log_in()
    assert said(browser, what="verify").status == 303
    assert said(other, what="verify").status == 303
    page = other.get("/audit").text
    assert "Event 17 of" in page
    assert 'hx-trigger="every 1s"' in page
    assert '<noscript><meta http-equiv="refresh"' in page
    assert len(begun) == 1
    web.call(going_on.set)
    while "Verifying." in (page := browser.get("/audit?part=proof").text):
        pass
    assert "1,234 events and 56 stored contents are what they were" in page
    assert "every 1s" not in page


def test_what_does_not_hold_is_told_with_what_to_do(
    browser: Browser, unproved: Callable[[Json], None]
) -> None:
    unproved({"whole": False, "position": 41, "reason": f"hash {HOSTILE}", "of_checkpoints": False})
    page = browser.get("/audit").text
    assert "The ledger does not hold from position 41 on." in page
    assert "restore the last good backup" in page
    assert "hash &lt;img src=x&gt;[U+202E]" in page
    unproved({"whole": False, "position": 0, "reason": "cut", "of_checkpoints": True})
    assert "mainstay audit renew" in browser.get("/audit").text


@pytest.mark.usefixtures("unproved")
def test_what_could_not_be_looked_at_is_told_and_nothing_is_kept(
    web: WebHouse, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(folder: Any, clock: Any, heard: Callable[[int], None]) -> Json:
        return {"error": "There is no memory left."}

    monkeypatch.setattr(audit, "proved_beside", failing)
    assert said(browser, what="verify").status == 303
    while "Verifying." in (page := browser.get("/audit").text):
        pass
    assert "It could not be verified." in page
    assert "There is no memory left." in page
    assert not (web.root / ".mainstay" / ASKED_MARK).exists()


@pytest.mark.long
@pytest.mark.usefixtures("unproved")
def test_the_child_proves_the_ledger_and_its_word_is_kept(web: WebHouse, browser: Browser) -> None:
    told = web.ask(proved_beside(web.service.held.folder, web.clock))
    assert told["whole"] is True
    assert told["events"] >= web.head - 1
    assert f"{told['events']:,} events" in browser.get("/audit").text


def test_signing_and_a_key_that_is_changed_by_word_alone(web: WebHouse, browser: Browser) -> None:
    assert said(browser, what="sign").status == 303
    state = web.ask(web.front.read(lambda workspace: workspace.auditing.state()))
    refused = said(browser, what="rotate")
    assert refused.status == 422
    assert "The key was not changed." in refused.text
    key = web.ask(web.front.read(lambda workspace: workspace.auditing.state())).key
    assert key == state.key
    stale = said(browser, what="rotate", sure="yes", public="0" * 64)
    assert stale.status == 422
    assert "Another key signs by now." in stale.text
    pressed = [said(browser, what="rotate", sure="yes", public=state.public).status for _ in range(2)]
    assert pressed == [303, 422]  # pressed twice, it is changed once
    changed = web.ask(web.front.read(lambda workspace: workspace.auditing.state()))
    assert changed.key != key
    assert changed.public in browser.get("/audit").text


# --- events and decisions --------------------------------------------------------------------------------------------


def test_every_event_is_met_once_going_back_page_by_page(web: WebHouse, browser: Browser) -> None:
    path, met = "/audit/events?type=run.*", list[int]()
    for _ in range(200):
        page = browser.get(path)
        met += positions(page)
        older = re.search(r'href="([^"]+)" rel="next"', page.text)
        if older is None:
            break
        path = unescape(older[1])
    assert met == sorted(set(met), reverse=True)
    events = web.call(
        lambda: [
            int(one.position)
            for one in web.service.held.store.read_all(limit=100_000)
            if one.stream.startswith("run:")
        ]
    )
    assert len(met) >= 2 * len(web.rows("runs")) - len(web.rows("open_runs"))
    assert set(met) <= set(events)


def test_a_stream_and_an_actor_narrow_it(web: WebHouse, browser: Browser) -> None:
    run = str(web.rows("runs")[0]["run"])
    page = browser.get(f"/audit/events?stream=run:{run}")
    versions = re.findall(r"version (\d+) of <code>run:", page.text)
    assert versions
    assert [int(one) for one in versions] == sorted(map(int, versions), reverse=True)
    assert f'href="/runs/{run}"' in page.text
    by = browser.get("/audit/events?actor=operator")
    assert positions(by)
    assert "· director</span>" not in by.text


def test_a_type_that_there_is_not_is_told_and_hostile_filters_are_text(browser: Browser) -> None:
    page = browser.get("/audit/events?type=%3Cimg%20src=x%3E&actor=%3Cimg%20src=x%3E%E2%80%AE")
    assert page.status == 422
    assert "There is no type of event" in page.text
    assert "<img" not in page.text
    assert browser.get("/audit/events?before=99999999999999999999999").status == 200
    assert browser.get("/audit/events?before=-1&stream=nothing").status == 200


def test_a_decision_says_by_which_device_and_how_long_it_was_open(web: WebHouse, browser: Browser) -> None:
    card = web.card(last=True)
    device = web.rows("devices", dismissed_at=None)[-1]
    web.ask(
        web.front.act(
            lambda workspace: workspace.reject(
                card.approval,
                reason="words about Celeste",
                digest=card.digest,
                open_us=4_200_000,
                via=str(device["device"]),
            )
        )
    )
    page = browser.get("/audit/decisions")
    row = page.text[page.text.index("decision-") :]
    row = row[: row.index("</tr>")]
    assert "rejected" in row
    assert "4.2 s" in row
    assert str(device["name"]) in unescape(row)
    listed = browser.get("/audit/events?type=approval.rejected").text
    assert "[sealed]" in listed
    assert "words about" not in listed
    assert "sealed:" not in listed


# --- one event, and all of them elsewhere ----------------------------------------------------------------------------


def test_the_proof_of_one_event_holds_where_only_the_public_key_is_known(
    web: WebHouse, browser: Browser
) -> None:
    assert said(browser, what="sign").status == 303
    page = browser.get("/audit/proof?position=3")
    found = re.search(r"<textarea[^>]*>(.*?)</textarea>", page.text, re.DOTALL)
    assert found is not None
    public = re.search(r"--public-key ([0-9a-f]{64})", page.text)
    assert public is not None
    shown = check_proof(unescape(found[1]).encode(), [public[1]])
    assert shown["position"] == 3
    file = browser.get("/audit/proof?position=3&file=1")
    assert 'filename="proof-3.json"' in file.headers["content-disposition"]
    assert check_proof(file.text.encode(), [public[1]]) == shown
    unsigned = browser.get("/audit/proof?position=99999999")
    assert unsigned.status == 404
    assert "No checkpoint covers position" in unsigned.text


def test_an_export_comes_in_pieces_and_stays_sealed(
    web: WebHouse, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "PIECES_TOGETHER", 1)
    table = browser.get("/audit/export?form=csv&type=message.received")
    assert table.status == 200
    assert table.headers["content-disposition"].startswith('attachment; filename="mainstay-events-')
    rows = list(csv.reader(io.StringIO(table.text)))
    assert rows[0][:4] == ["position", "time", "type", "stream"]
    assert len(rows) == 1 + len(web.rows("messages"))
    lines = browser.get("/audit/export?form=jsonl&type=message.received").text.splitlines()
    assert [str(msgspec.json.decode(one)["id"]) for one in lines] == [row[0] for row in rows[1:]]
    assert all("sealed:" in one or '"subject"' in one for one in lines)


def test_what_is_no_day_no_form_and_no_type_is_refused_before_a_file_begins(browser: Browser) -> None:
    for query in ("form=exe", "form=csv&since=tomorrow", "form=csv&type=nothing.*"):
        answer = browser.get(f"/audit/export?{query}")
        assert answer.status in (400, 422), query
        assert "content-disposition" not in answer.headers
    assert browser.get("/audit/export?form=csv&since=2030-01-01&until=2030-01-02").text.count("\n") == 1


def test_nothing_is_done_without_the_token_of_the_form(web: WebHouse, browser: Browser) -> None:
    head = web.head
    assert browser.post("/audit", {"what": "sign"}).status == 403
    assert browser.post("/audit", {"what": "rotate", "sure": "yes"}).status == 403
    assert said(browser, what="burn").status == 400
    assert web.head == head

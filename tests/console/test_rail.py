"""What the rail of every page says of the house, and what it costs to know."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mainstay.console import rail
from mainstay.console.rail import Line, clock_time, director_line, ledger_line
from mainstay.runtime.clock import ManualClock
from mainstay.workspace.full_audit import ASKED_MARK, MARK
from mainstay.workspace.house_now import CATCHING_UP, HouseNow, HouseWatch, proofs
from mainstay.workspace.moves import Moves
from tests.security.web_house import WebHouse

HOUSE = HouseNow(3, 1, 7, 1_234, False, False, False, 0, 0, 0, False)
MICROS = 1_000_000


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({}, Line("Director at work")),
        ({"queued": 1_500}, Line("Director catching up: 1,500 to go", "warn")),
        ({"killed": True, "queued": 1_500}, Line("Kill switch on. Nothing leaves.", "bad")),
        (
            {"killed": True, "restored": True},
            Line("Restored from a backup. The kill switch is on: nothing leaves.", "bad"),
        ),
        (
            {"disk_full": True, "killed": True},
            Line("Disk full. Nothing is decided until there is space.", "bad"),
        ),
    ],
)
def test_of_the_director_it_says_what_decides(changed: dict[str, Any], line: Line) -> None:
    assert director_line(replace(HOUSE, **changed)) == line


def test_of_the_ledger_it_says_what_is_known_and_since_when() -> None:
    today = int(time.time()) * MICROS
    assert ledger_line(HOUSE).text == "Ledger not proved yet · 1,234 events"
    assert ledger_line(replace(HOUSE, position=1)).text == "Ledger not proved yet · 1 event"
    hour = time.strftime("%H:%M", time.localtime(today / MICROS))
    proved = replace(HOUSE, intact_at=today, intact_to=1_234)
    assert ledger_line(proved).text == f"Ledger intact as of {hour} · 1,234 events"
    later = f"Ledger: 1,250 events, intact to 1,234 as of {hour}"
    assert ledger_line(replace(proved, position=1_250)).text == later
    assert ledger_line(replace(HOUSE, intact_at=today, unsound=True)).tone == "bad"


def test_a_time_of_another_day_says_the_day() -> None:
    assert len(clock_time(int(time.time()) * MICROS)) == 5
    assert clock_time(0).startswith("19")


def test_only_a_proof_that_found_it_whole_counts_and_the_newest_says_whether_it_is(tmp_path: Path) -> None:
    folder: Any = SimpleNamespace(state=tmp_path)
    assert proofs(folder) == (0, 0, False)
    (tmp_path / MARK).write_text(json.dumps({"at": 5, "whole": True, "events": 40}))
    assert proofs(folder) == (5, 40, False)
    (tmp_path / ASKED_MARK).write_text(json.dumps({"at": 7, "whole": False, "reason": "cut"}))
    assert proofs(folder) == (5, 40, True)
    (tmp_path / MARK).write_text(json.dumps({"at": 9, "whole": True, "events": 44}))
    assert proofs(folder) == (9, 44, False)
    for text in ("{", '{"error": "it could not be looked at", "at": 11}', '{"whole": true, "at": "x"}'):
        (tmp_path / ASKED_MARK).write_text(text)
        assert proofs(folder) == (9, 44, False)


def test_what_waits_is_counted_anew_after_a_decision_and_not_at_every_page(
    web: WebHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, counted = web.service.held.store, []
    count = type(store).count

    def counting(self: Any, table: str, **where: Any) -> int:
        counted.append(table)
        return count(self, table, **where)

    monkeypatch.setattr(type(store), "count", counting)
    card = web.card()
    before = web.call(web.front.house)
    counted.clear()
    assert web.call(web.front.house).waiting == before.waiting
    assert not counted
    web.ask(web.service.desk.reject(card.approval, actor="operator"))
    assert web.call(web.front.house).waiting == before.waiting - 1
    assert counted.count("approvals") == 1


def test_what_was_put_off_does_not_wait_until_its_time(web: WebHouse) -> None:
    card, minute_us = web.card(), 60 * MICROS
    before = web.call(web.front.house).waiting
    until = web.front.clock.now() + minute_us
    web.ask(web.service.desk.snooze(card.approval, until=until, actor="operator"))
    text = web.log_in().get("/approvals").text
    assert web.call(web.front.house).waiting == before - 1
    assert re.search(rf'data-count="waiting">{before - 1}<', text)
    status = web.front.status()
    assert (status["waiting"], status["put_off"] >= 1) == (before - 1, True)
    with web.service_reader() as opened:
        assert opened.status()["waiting"] == before - 1
    web.clock.pass_s(61)
    assert web.call(web.front.house).waiting >= before  # no event tells of it


@pytest.mark.parametrize(
    ("rows", "restored"),
    [
        ({"lost_since": 10, "kill_switch": 11}, True),
        ({"lost_since": 10, "kill_switch": 14}, False),  # thrown by a person since
        ({"kill_switch": 11}, False),
    ],
)
def test_a_kill_switch_that_a_restore_threw_is_told_apart(
    rows: dict[str, int], restored: bool, tmp_path: Path
) -> None:
    class Store:
        head = 20

        def get(self, table: str, key: tuple[str]) -> dict[str, int] | None:
            return {"position": rows[key[0]]} if key[0] in rows else None

        def select(self, table: str, **how: Any) -> list[dict[str, int]]:
            return [{"at": 7, "through": 18, "snoozed_until": 0}]

        def count(self, table: str, **where: Any) -> int:
            return 2

    store: Any = Store()
    director = SimpleNamespace(runs={}, killed=True, house=SimpleNamespace(incidents=set()))
    loop: Any = SimpleNamespace(director=director, queued=CATCHING_UP + 1, disk_full=True)
    folder: Any = SimpleNamespace(state=tmp_path)
    now = HouseWatch(loop, store, folder, ManualClock(), Moves(store)).now()
    assert now == HouseNow(2, 2, 0, 20, True, restored, True, CATCHING_UP + 1, 7, 18, False)


def test_the_kill_switch_is_seen_on_every_page_and_whether_a_restore_threw_it(web: WebHouse) -> None:
    browser = web.log_in()
    web.ask(web.service.desk.throw_kill_switch(on=True, actor="operator", reason="a sample"))
    try:
        assert "Kill switch on. Nothing leaves." in browser.get("/").text
        assert not web.call(web.front.house).restored
    finally:
        web.ask(web.service.desk.throw_kill_switch(on=False, actor="operator"))
    text = browser.get("/").text
    assert "Director at work" in text
    assert "Kill switch" not in text.partition("<main")[0]


def test_the_page_listens_for_its_topics_and_says_where_it_stands(web: WebHouse) -> None:
    text = web.log_in().get("/devices").text
    head = web.call(web.front.house).position
    assert '<div id="live-' in text
    assert 'hx-sse:connect="/live?topics=' in text
    position = int(text.partition('data-position="')[2].partition('"')[0])
    assert 0 < position <= head


def test_what_is_nought_is_hidden_and_can_be_shown_when_it_is_not(web: WebHouse) -> None:
    text = web.log_in().get("/").text
    assert 'data-shown-with="in_doubt" hidden' in text
    assert all(f'data-count="{one.count}"' in text for one in rail.PLACES if one.count)

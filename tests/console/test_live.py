"""What open pages are told: which topics moved, up to where, and how the house stands."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from mainstay.console import live
from mainstay.console.figures import CALM_S, Figures, figures_of
from mainstay.console.guard import kind_of
from mainstay.console.limits import Kind, Limits, limits_of
from mainstay.console.live import Live, Stream, asked, gathered_s
from mainstay.console.refused import Refused
from mainstay.kernel.ids import RunId
from mainstay.ledger.projections import TABLES
from mainstay.ledger.store import Put, StreamAppend, Version
from mainstay.runtime.tick import Tick
from mainstay.workspace.house_now import HouseNow
from mainstay.workspace.moves import (
    ALL,
    BIT,
    CALM,
    LOOKED_AT_MAX,
    TOPIC_OF_TABLE,
    TOPICS,
    Moves,
    bits_of,
    bits_of_events,
    topics_of,
)
from tests.security.live_stream import stream
from tests.security.web_house import WAIT_S, Waiting, WebHouse

HOUSE = HouseNow(3, 1, 7, 1_234, False, False, False, 0, 0, 0, False)


# --- what moves ----------------------------------------------------------------------------------------------------


def test_every_table_of_a_view_belongs_to_a_topic() -> None:
    missing = {table.name for table in TABLES} - set(TOPIC_OF_TABLE)
    assert not missing, "name them in workspace/moves.py: which pages show them?"
    assert set().union(*TOPIC_OF_TABLE.values()) <= set(TOPICS)


def test_topics_are_words_and_bits() -> None:
    assert topics_of(bits_of(["runs", "house"])) == ("house", "runs")
    assert topics_of(ALL) == TOPICS
    assert set(topics_of(CALM)) == {"costs", "slo", "audit", "autonomy"}


def test_every_kind_of_event_that_a_view_takes_has_topics() -> None:
    assert all(bits_of_events().values())


def tick(*tables: str, streams: tuple[str, ...] = ("workspace",), key: str = "x") -> Tick:
    batch = [StreamAppend(one, Version(0), ()) for one in streams]  # type: ignore[arg-type]
    return Tick(0, batch, [Put(table, (key,)) for table in tables])  # type: ignore[arg-type]


def put_off(web: WebHouse, card: Waiting) -> None:
    """Something that moves cards and uses none up: it is back in the next test."""
    until = web.clock.now() + 30_000_000
    web.ask(web.service.desk.snooze(card.approval, until=until, actor="operator"))


class Ledger:
    """A store that says where it stands, and which events lie there."""

    def __init__(self, head: int = 0, events: tuple[Any, ...] = ()) -> None:
        self.head, self.events, self.asked = head, events, 0

    def read_all(self, *, after: int, limit: int) -> tuple[Any, ...]:
        self.asked += 1
        return self.events


def test_what_a_tick_moved_is_told_to_who_listens() -> None:
    moves = Moves(store := Ledger(10))  # type: ignore[arg-type]
    moves.committed(tick("runs"))  # nobody hears it
    one = moves.listen()
    assert (one.take(), one.position) == ((0, set()), 10)
    store.head = 12
    moves.committed(tick("runs", "approvals", "nobody's table"))
    moved, runs = one.take()
    assert topics_of(moved) == ("approvals", "runs", "audit")
    assert (runs, one.position, one.news.is_set()) == (set(), 12, False)
    moves.leave(one)
    moves.committed(tick("runs"))
    assert one.moved == 0
    assert not moves.listened_to


def test_runs_that_somebody_looks_at_are_told_by_their_id() -> None:
    moves = Moves(Ledger())  # type: ignore[arg-type]
    one = moves.listen()
    one.watched = frozenset({"run:a"})
    moves.committed(tick(streams=("run:a", "run:b")))
    assert one.take()[1] == {"a"}


def test_money_that_is_held_is_no_news_of_the_house() -> None:
    moves = Moves(Ledger())  # type: ignore[arg-type]
    one = moves.listen()
    moves.committed(tick("house", key="held"))
    assert topics_of(one.take()[0]) == ("costs", "audit")
    moves.committed(tick("house", key="kill_switch"))
    assert "house" in topics_of(one.take()[0])


@pytest.mark.parametrize("position", [-1, 11, 10 - LOOKED_AT_MAX - 1])
def test_after_a_position_that_cannot_be_or_is_long_ago_everything_moved(position: int) -> None:
    store = Ledger(10)
    moved, runs = Moves(store).since(position, frozenset({RunId("a")}))  # type: ignore[arg-type]
    assert (moved, runs, store.asked) == (ALL, frozenset({RunId("a")}), 0)


def test_what_moved_since_a_position_is_read_from_the_ledger(web: WebHouse) -> None:
    moves = web.front.moves
    card = web.card()
    head = web.head
    put_off(web, card)
    run = RunId(web.rows("approvals", approval=card.approval)[0]["run"])
    moved, runs = moves.since(head, frozenset({run, RunId("another")}))
    assert "approvals" in topics_of(moved)
    assert "memory" not in topics_of(moved)
    assert runs == {run}
    assert moves.since(int(web.service.held.store.head)) == (CALM, frozenset())  # these go out late


# --- what is told ---------------------------------------------------------------------------------------------------


def test_a_stream_tells_what_it_was_asked_for_and_each_once() -> None:
    async def told() -> tuple[bytes, bool]:
        one = Stream(BIT["runs"] | BIT["house"], frozenset({RunId("a")}), "")
        one.offer(BIT["runs"] | BIT["costs"], {RunId("a"), RunId("b")}, 7, "")
        one.offer(BIT["runs"], set(), 8, "")
        return one.told(), one.news.is_set()

    text, more = asyncio.run(told())
    assert text == b"event: runs\nid: 8\ndata: 8\n\nevent: run-a\nid: 8\ndata: 8\n\n"
    assert not more


def test_what_concerns_nobody_wakes_nobody() -> None:
    async def woken() -> bool:
        one = Stream(BIT["house"], frozenset(), "")
        one.offer(BIT["runs"], {RunId("a")}, 7, "")
        return one.news.is_set()

    assert not asyncio.run(woken())


@pytest.mark.parametrize(
    ("text", "bits", "runs"),
    [
        ("", ("house",), ()),
        ("runs,approvals", ("house", "approvals", "runs"), ()),
        ("run-0a1B-c,audit", ("house", "audit"), ("0a1B-c",)),
    ],
)
def test_a_page_names_its_topics(text: str, bits: tuple[str, ...], runs: tuple[str, ...]) -> None:
    assert asked(text) == (bits_of(bits), frozenset(runs))


@pytest.mark.parametrize(
    "text", ["nothing", "runs,run-", "run-../x", "run-" + "a" * 80, ",".join(["runs"] * 17)]
)
def test_what_is_no_topic_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        asked(text)


def test_figures_are_told_when_they_change_and_the_count_of_events_now_and_then() -> None:
    now_s = [0.0]
    figures = Figures(lambda: now_s[0])
    assert figures.news(HOUSE)
    assert not figures.news(HOUSE)
    assert not figures.news(replace(HOUSE, position=1_235))
    assert figures.news(replace(HOUSE, position=1_235, waiting=4))
    assert not figures.news(replace(HOUSE, position=1_236, waiting=4))
    now_s[0] += CALM_S
    assert "1,236 events" in figures.news(replace(HOUSE, position=1_236, waiting=4))


def test_figures_are_one_line() -> None:
    told = figures_of(HOUSE)
    assert "\n" not in told
    assert json.loads(told)["counts"] == {"waiting": 3, "in_doubt": 1}


# --- the stream itself ----------------------------------------------------------------------------------------------


def test_a_page_hears_within_a_moment_what_it_shows(web: WebHouse) -> None:
    browser, card = web.log_in(), web.card()
    with stream(browser, "approvals") as one:
        assert (one.status, one.type) == (200, "text/event-stream; charset=utf-8")
        counts = json.loads(one.until("figures")["data"])["counts"]
        assert counts["waiting"] == web.call(web.front.house).waiting
        put_off(web, card)
        assert int(one.until("approvals")["id"]) <= web.service.held.store.head


def test_who_comes_back_hears_what_moved_in_between(web: WebHouse) -> None:
    browser, card = web.log_in(), web.card()
    before = web.head
    put_off(web, card)
    with stream(browser, "approvals,memory", since=before) as one:
        names = one.names(2)
        assert "approvals" in names
        assert "memory" not in names
    with stream(browser, "memory,adapters", since=10**15) as one:  # of another ledger
        assert one.names(4) == ["house", "memory", "adapters", "figures"]


def test_a_position_that_is_none_is_no_position(web: WebHouse) -> None:
    browser = web.log_in()
    for said in ("-1", "4a", "٣", "9" * 40):
        with stream(browser, "audit", since=said.encode().decode("latin-1")) as one:
            assert one.next()["event"] == "figures"


def test_the_server_ends_each_stream_when_it_ends(web: WebHouse) -> None:
    with ExitStack() as opened:
        with web.also() as port:
            one = opened.enter_context(stream(web.log_in(web.stranger(port))))
            assert one.next()
        assert one.over()


def test_nobody_is_listened_for_when_nobody_listens(web: WebHouse) -> None:
    moves, browser = web.front.moves, web.log_in()
    before = web.call(lambda: len(moves._listeners))
    with stream(browser) as one:
        one.next()
        assert web.call(lambda: len(moves._listeners)) == before + 1

    async def left() -> int:
        async with asyncio.timeout(WAIT_S):
            while len(moves._listeners) != before:
                await asyncio.sleep(0.005)
        return len(moves._listeners)

    assert web.ask(left()) == before


def test_a_head_of_it_does_not_wait(web: WebHouse) -> None:
    answer = web.log_in().get("/live?topics=runs", method="HEAD")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")


def test_a_quiet_stream_says_that_it_is_there(web: WebHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.01)
    with stream(web.log_in()) as one:
        one.next()
        assert one._answer.readline() == b":\n"


def test_what_fails_in_the_telling_ends_the_streams_and_the_next_one_begins_anew() -> None:
    async def told() -> tuple[bool, bool]:
        moves = Moves(Ledger())  # type: ignore[arg-type]
        house = [HOUSE]
        front: Any = SimpleNamespace(moves=moves, house=lambda: house[0], devices=None)
        one, telling = Stream(BIT["runs"], frozenset(), ""), Live(front)
        await telling.join(one, -1)
        house.clear()
        moves.committed(tick("runs"))
        for _ in range(10):
            await asyncio.sleep(0)
        ended = one.over
        telling.leave(one)
        house.append(HOUSE)
        again = Stream(BIT["runs"], frozenset(), "")
        await telling.join(again, -1)
        again.told()
        moves.committed(tick("runs"))
        for _ in range(10):
            await asyncio.sleep(0)
        heard = again.news.is_set()
        telling.leave(again)
        return ended, heard

    assert asyncio.run(told()) == (True, True)


def test_who_joins_while_something_moves_is_told_the_newest_figures() -> None:
    async def told() -> str:
        house, ledger = [HOUSE], Ledger(5, (SimpleNamespace(type=-1, stream="workspace"),))
        moves = Moves(ledger)  # type: ignore[arg-type]
        front: Any = SimpleNamespace(moves=moves, house=lambda: house[0], devices=None)
        one, telling = Stream(BIT["runs"], frozenset(), ""), Live(front)
        joining = asyncio.create_task(telling.join(one, 4))
        await asyncio.sleep(0)  # it looks into the ledger
        house[0] = replace(HOUSE, waiting=2)
        one.offer(0, set(), 6, figures_of(house[0]))
        await joining
        text = one.told().decode()
        telling.leave(one)
        return text

    assert '"waiting":2' in asyncio.run(told())


@pytest.mark.parametrize(("streams", "s"), [(1, 0.25), (10, 0.25), (20, 0.5), (200, CALM_S)])
def test_the_more_pages_are_open_or_the_more_there_is_to_do_the_longer_is_gathered(
    streams: int, s: float
) -> None:
    assert gathered_s(streams, catching_up=False) == s
    assert gathered_s(streams, catching_up=True) == max(1.0, s)


# --- its limits -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "kind"),
    [
        ("GET", "/live", b"topics=runs", {}, Kind.STREAM),
        ("GET", "/runs", b"part=list", {"hx-request": ["true"]}, Kind.PART),
        ("GET", "/runs", b"a=b&part=list", {"hx-request": ["true"]}, Kind.PART),
        ("GET", "/runs", b"part=list", {}, Kind.PAGE),
        ("GET", "/runs", b"apart=list", {"hx-request": ["true"]}, Kind.PAGE),
        ("POST", "/runs", b"part=list", {"hx-request": ["true"]}, Kind.PAGE),
    ],
)
def test_what_a_request_is_for(
    method: str, path: str, query: bytes, headers: dict[str, list[str]], kind: Kind
) -> None:
    assert kind_of({"method": method, "path": path, "query_string": query}, headers) is kind


def test_each_kind_has_figures_of_its_own() -> None:
    limits = Limits()
    assert limits_of(limits, Kind.PAGE) is limits
    assert limits_of(limits, Kind.PART).burst == limits.parts_burst
    assert (limits_of(limits, Kind.STREAM).at_once, limits_of(limits, Kind.STREAM).at_once_each) == (200, 24)


def test_a_part_that_a_stranger_asks_for_is_refused_and_no_log_in_put_in_its_place(web: WebHouse) -> None:
    assert web.stranger().get("/?part=now", HX_Request="true").status == 401
    assert web.stranger().get("/").status == 303

"""What takes its time, across the end of its director: never unknown once it was told of, never done twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from mainstay.console.api.asked import Asked
from mainstay.console.api.long import AGAIN, KEYS_MAX, LongOperation, Operations
from mainstay.console.refused import Refused
from mainstay.kernel.errors import CommandRefused, DirectorUnavailable, KeyReused, NotFound, StorageFailed
from mainstay.kernel.governing import REQUEST_KEPT_US
from mainstay.kernel.values import Instant
from mainstay.ledger.keys import InMemoryKeys
from mainstay.runtime.long_requests import OUTCOME_MAX, LongRequests
from mainstay.runtime.tokens import Token
from tests.console.api.conftest import Program
from tests.runtime.house import House, at_work
from tests.runtime.test_asked_once import EndingStore
from tests.security.web_house import WebHouse

TOKEN = Token("t" * 32, "a program", "operator", frozenset({"read"}), Instant(0), Instant(1))


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that comes after another one has its keys."""
    kept = InMemoryKeys()
    monkeypatch.setattr("tests.runtime.house.InMemoryKeys", lambda: kept)


@dataclass
class Desk:
    """A server's operations over a house, and work that ends when the test says so."""

    house: House
    done: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        house = self.house
        long = LongRequests(house.store, house.artifacts, house.vault.keyed_hash, house.loop.ask)
        self.operations = Operations(long, house.clock)
        self.may_end = asyncio.Event()

    async def work(self) -> dict[str, Any]:
        await self.may_end.wait()
        self.done.append(1)
        return {"whole": True}

    async def begin(
        self,
        key: str = "the-key-1",
        *,
        body: str = "",
        kind: str = "verify",
        about: str = "",
        work: Callable[[], Awaitable[dict[str, Any]]] | None = None,
    ) -> LongOperation:
        asked = Asked(cast(Any, None), TOKEN, key, body)
        return await self.operations.begin(asked, kind, work or self.work, about=about)

    async def over(self) -> None:
        self.may_end.set()
        while self.operations._tasks:
            await asyncio.gather(*self.operations._tasks)
            await asyncio.sleep(0)


def test_it_is_told_alike_by_every_later_director() -> None:
    async def story() -> None:
        store = EndingStore()
        house = House(store=store)
        async with at_work(house):
            desk = Desk(house)
            begun = [await desk.begin(key) for key in ("the-key-1", "")]  # also without a key
            assert [one.state for one in begun] == ["running", "running"]
            await desk.over()
            first = [desk.operations.get(one.operation) for one in begun]
            assert (first[0].state, first[0].result, first[0].ended_at) == (
                *("done", {"whole": True}),
                house.clock.now(),
            )
        async with at_work(House(store=store, clock=house.clock)) as after:
            later = Desk(after)
            assert [later.operations.get(one.operation) for one in begun] == first
            assert await later.begin() == first[0]
            assert later.done == []

    asyncio.run(story())


@pytest.mark.parametrize("durable", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", [0, 1])
def test_wherever_the_end_comes_it_is_done_failed_or_never_told_of(at: int, durable: bool) -> None:
    """The director ends at the record of its beginning, or of its end: between doing and answering."""

    async def story() -> None:
        store, told = EndingStore(), None
        house = House(store=store)
        with suppress(StorageFailed):
            async with at_work(house):
                desk = Desk(house)
                store.left, store.durable = at, durable
                with suppress(DirectorUnavailable):
                    told = await desk.begin()
                    await desk.over()
                    assert desk.operations.get(told.operation).state != "done" or durable
        store.left = None
        async with at_work(House(store=store, clock=house.clock)) as after:
            later = Desk(after)
            assert (told is None) == (at == 0)
            again = await later.begin()
            if told is not None:
                assert again.operation == told.operation
            if (at, durable) == (0, False):
                assert again.state == "running"  # nobody was told of it, and nothing was begun
                await later.over()
            elif (at, durable) == (1, True):
                assert (again.state, again.result) == ("done", {"whole": True})
            else:
                assert again.state == "failed"
                assert again.error == {
                    "what": "The director ended before it was done.",
                    "why": again.error["why"],  # type: ignore[index]
                    "remedy": AGAIN["verify"],
                }
            assert len(later.done) == ((at, durable) == (0, False))

    asyncio.run(story())


def test_who_asks_for_the_same_meanwhile_is_told_of_it_for_good() -> None:
    async def story() -> None:
        store = EndingStore()
        house = House(store=store)
        async with at_work(house):
            desk = Desk(house)
            first, second = await asyncio.gather(desk.begin(), desk.begin("the-key-2"))
            assert first.operation == second.operation
            await desk.over()
            assert len(desk.done) == 1
        async with at_work(House(store=store, clock=house.clock)) as after:
            later = Desk(after)
            assert (await later.begin("the-key-2")).result == {"whole": True}
            assert later.done == []

    asyncio.run(story())


def test_keys_for_one_that_is_under_way_fill_no_ledger() -> None:
    """To ask for a proof it is enough to read, and whoever may only read must not be able to write without end."""

    async def story() -> None:
        async with at_work(House()) as house:
            desk = Desk(house)
            first = await desk.begin()
            for number in range(KEYS_MAX):
                assert (await desk.begin(f"the-same-{number}")).operation == first.operation
            head = house.store.head
            with pytest.raises(Refused) as refused:
                await desk.begin("the-same-once-more")
            assert refused.value.fields["operation"] == first.operation
            assert (await desk.begin("the-same-0")).operation == first.operation
            assert (await desk.begin("")).operation == first.operation
            assert house.store.head == head
            await desk.over()

    asyncio.run(story())


def test_another_one_of_its_kind_waits_and_says_for_which() -> None:
    async def story() -> None:
        async with at_work(House()) as house:
            desk = Desk(house)
            first = await desk.begin(kind="ingest", about="support")
            with pytest.raises(Refused) as refused:
                await desk.begin("the-key-2", kind="ingest", about="sales")
            assert refused.value.fields["operation"] == first.operation
            assert (await desk.begin("the-key-3")).operation != first.operation  # of another kind
            await desk.over()
            assert (await desk.begin("the-key-2", kind="ingest", about="sales")).state == "running"
            await desk.over()

    asyncio.run(story())


def test_a_server_that_ends_leaves_nothing_at_work() -> None:
    async def story() -> None:
        store, ended = EndingStore(), []
        house = House(store=store)

        async def work() -> dict[str, Any]:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(1)  # as a process of its own is ended
            raise AssertionError("it waits for ever")

        async with at_work(house):
            desk = Desk(house)
            begun = await desk.begin(work=work)
            await asyncio.sleep(0)
            desk.operations.close()
            await asyncio.gather(*desk.operations._tasks, return_exceptions=True)
            assert ended == [1]
        async with at_work(House(store=store, clock=house.clock)) as after:
            assert Desk(after).operations.get(begun.operation).state == "failed"

    asyncio.run(story())


def test_a_key_names_one_request() -> None:
    async def story() -> None:
        async with at_work(House()) as house:
            desk = Desk(house)
            await desk.begin(body="one body")
            with pytest.raises(KeyReused):
                await desk.begin(body="another body")
            await desk.over()

    asyncio.run(story())


def test_what_failed_says_so_later_and_whoever_it_names_stands_in_no_ledger() -> None:
    async def story() -> None:
        async with at_work(House()) as house:
            desk = Desk(house)

            async def work() -> dict[str, Any]:
                raise CommandRefused("No.", why="ann@example.com is not there.", remedy="Look.")

            one = await desk.begin(work=work)
            await desk.over()
            failed = desk.operations.get(one.operation)
            assert failed.error == {"what": "No.", "why": "ann@example.com is not there.", "remedy": "Look."}
            assert failed.state == "failed"
            assert "ann" not in json.dumps(house.store.select("requests"))
            assert not any(b"ann@" in one.data for one in house.store.read_all(limit=100))

    asyncio.run(story())


def test_what_is_too_large_to_keep_is_done_all_the_same() -> None:
    async def story() -> None:
        async with at_work(House()) as house:
            desk = Desk(house)

            async def work() -> dict[str, Any]:
                return {"runs": "x" * OUTCOME_MAX}

            one = await desk.begin(work=work)
            await desk.over()
            told = desk.operations.get(one.operation)
            assert (told.state, told.result) == ("done", None)

    asyncio.run(story())


def test_what_was_asked_once_is_no_operation_and_one_whose_time_is_over_is_not_known() -> None:
    async def story() -> None:
        async with at_work(House()) as house:
            desk = Desk(house)
            one = await desk.begin()
            await desk.over()
            house.clock.advance(REQUEST_KEPT_US)
            await desk.begin("the-key-2")
            await desk.over()
            with pytest.raises(NotFound, match="no such operation"):
                desk.operations.get(one.operation)

    asyncio.run(story())


def test_a_short_requests_key_opens_no_operation(web: WebHouse, program: Program) -> None:
    program.post("pauses/resume", {"scope": "adapter", "name": "support"}, key="short-and-not-long")
    paused = program.post("pauses", {"scope": "adapter", "name": "support"}, key="short-and-not-long-2")
    assert paused.status == 200
    program.post("pauses/resume", {"scope": "adapter", "name": "support"})
    for row in web.rows("requests"):
        if not str(row["operation"]).startswith("long."):
            assert program.get(f"operations/{row['request']}").status == 404
    reused = program.post("audit/verify", key="short-and-not-long-2")
    assert (reused.status, reused.kind) == (422, "key-reused")


def test_the_end_of_the_server_is_the_end_of_them(web: WebHouse, program: Program) -> None:
    assert program.get("status").status == 200
    ending = [getattr(one, "__self__", None) for one in web.front.at_the_end]
    assert any(isinstance(one, Operations) for one in ending)

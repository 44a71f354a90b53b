"""Every promise of the `EventStore` port, as a suite that any store can be held to.

    class TestMyStore(StoreConformance):
        persistent = True

        @pytest.fixture
        def open_store(self, tmp_path):
            return lambda tables: MyStore(tmp_path / "ledger", tables=tables)

`open_store` opens the same ledger each time it is called within one test; a store that keeps nothing after
`close` says `persistent = False` and is opened once. The suite compares hashes with the in-memory store's:
the chain depends on what was appended and on nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import pytest

from mainstay.kernel.errors import StaleEpoch, VersionConflict
from mainstay.kernel.ids import StreamId, digest
from mainstay.kernel.values import Instant
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.store import (
    GENESIS,
    NEW,
    Add,
    ColumnType,
    Delete,
    Epoch,
    EventStore,
    NewEvent,
    Position,
    Put,
    RowChange,
    StreamAppend,
    Table,
    Value,
    Version,
)

OpenStore = Callable[[Sequence[Table]], EventStore]

RUNS = Table(
    "runs",
    (
        ("run", ColumnType.TEXT),
        ("state", ColumnType.TEXT),
        ("started", ColumnType.INTEGER),
        ("spent", ColumnType.INTEGER),
        ("digest", ColumnType.BLOB),
    ),
    key=("run",),
    indexes=(("state", "started"),),
)
TASKS = Table(
    "tasks",
    (("run", ColumnType.TEXT), ("task", ColumnType.INTEGER), ("state", ColumnType.TEXT)),
    key=("run", "task"),
)
TALLY = Table("tally", (("day", ColumnType.INTEGER), ("messages", ColumnType.INTEGER)), key=("day",))
TABLES = (RUNS, TASKS, TALLY)

A, B = StreamId("run:a"), StreamId("run:b")
AT = Instant(1_760_000_000_000_000)


def event(number: int, *, actor: str = "director", causation: int = 0) -> NewEvent:
    """A small event that differs from others in every field."""
    return NewEvent(
        type=number % 7 + 1,
        schema=number % 3 + 1,
        data=b"event %d" % number,
        actor=actor,
        transaction=number.to_bytes(16, "big"),
        causation=causation,
    )


def part(stream: StreamId, expected: int, *numbers: int, correlation: str = "") -> StreamAppend:
    """Numbered events for the end of a stream."""
    return StreamAppend(stream, Version(expected), [event(number) for number in numbers], correlation)


class StoreConformance:
    """Subclass it, override `open_store`, say whether the store is persistent."""

    persistent: ClassVar[bool] = False

    @pytest.fixture
    def open_store(self) -> OpenStore:
        """Opens the ledger of this test."""
        pytest.fail("override the fixture open_store: it returns a function from tables to a store")

    @pytest.fixture
    def store(self, open_store: OpenStore) -> EventStore:
        """An empty ledger."""
        return open_store(TABLES)

    @pytest.fixture
    def epoch(self, store: EventStore) -> Epoch:
        """The writer's epoch."""
        return store.acquire()

    def contents(self, store: EventStore) -> tuple[object, ...]:
        """All that a failed append must leave as it was."""
        views = tuple(tuple(map(repr, store.select(table.name, limit=1_000))) for table in TABLES)
        return (store.head, store.head_hash, store.read_all(limit=1_000), views, store.epoch())

    # -- events

    def test_an_empty_ledger_begins_at_genesis(self, store: EventStore) -> None:
        assert (store.head, store.head_hash, store.version(A)) == (0, GENESIS, 0)
        assert store.read_all(limit=10) == ()
        assert list(store.read(A)) == []

    def test_events_come_back_as_they_were_given(self, store: EventStore, epoch: Epoch) -> None:
        given = NewEvent(
            type=9, schema=2, data=b"\x00\xff", actor="operator:local", transaction=bytes(range(16))
        )
        follow = NewEvent(
            type=300, schema=1, data=b"", actor="agent:drafter", transaction=bytes(16), causation=1
        )
        store.append([StreamAppend(A, NEW, [given, follow], correlation="inbox:mail")], epoch=epoch, at=AT)
        first, second = store.read_all(limit=10)
        assert (first.position, first.stream, first.version, first.type, first.schema) == (1, A, 1, 9, 2)
        assert (first.at, first.correlation, first.causation) == (AT, "inbox:mail", 0)
        assert (first.actor, first.transaction, first.data) == (
            "operator:local",
            bytes(range(16)),
            b"\x00\xff",
        )
        assert (second.position, second.version, second.causation, second.data) == (2, 2, 1, b"")
        assert store.head_hash == second.hash
        assert store.version(StreamId("inbox:mail")) == 0

    def test_many_streams_are_read_as_each_is_read(self, store: EventStore, epoch: Epoch) -> None:
        names = [StreamId(f"run:{number:04}") for number in range(700)]
        for turn in range(3):  # side by side, as runs go on
            store.append(
                [part(name, turn * 2, turn * 1_400 + at, turn + at) for at, name in enumerate(names)],
                epoch=epoch,
                at=AT,
            )
        wanted = {name: Version(at % 8) for at, name in enumerate(reversed(names))} | {
            StreamId("run:none"): NEW
        }
        read = [(stream, list(events)) for stream, events in store.read_many(wanted)]
        assert [stream for stream, _ in read] == list(wanted)
        assert read == [
            (stream, [(e.version, e.type, e.schema, e.data) for e in store.read(stream, after=after)])
            for stream, after in wanted.items()
        ]
        assert list(store.read_many({})) == []

    def test_positions_run_over_all_streams_and_versions_within_one(
        self, store: EventStore, epoch: Epoch
    ) -> None:
        head = store.append([part(A, 0, 1, 2), part(B, 0, 3), part(A, 2, 4)], epoch=epoch, at=AT)
        assert head == store.head == 4
        assert store.append([part(B, 1, 5)], epoch=epoch, at=AT) == 5
        seen = [(e.position, e.stream, e.version) for e in store.read_all(limit=10)]
        assert seen == [(1, A, 1), (2, A, 2), (3, B, 1), (4, A, 3), (5, B, 2)]
        assert [e.position for e in store.read(A)] == [1, 2, 4]
        assert [e.position for e in store.read(A, after=Version(1))] == [2, 4]
        assert [e.position for e in store.read_all(after=Position(1), limit=2)] == [2, 3]
        assert (store.version(A), store.version(B)) == (3, 2)

    def test_a_long_stream_is_read_whole_and_in_order(self, store: EventStore, epoch: Epoch) -> None:
        for start in range(0, 1_500, 300):
            store.append(
                [part(A, start, *range(start, start + 300)), part(B, start // 300, 0)], epoch=epoch, at=AT
            )
        assert [e.version for e in store.read(A)] == list(range(1, 1_501))
        assert [e.data for e in store.read(A, after=Version(1_499))] == [b"event 1499"]

    def test_a_read_begun_before_an_append_does_not_hinder_it(self, store: EventStore, epoch: Epoch) -> None:
        store.append([part(A, 0, *range(1_000))], epoch=epoch, at=AT)
        reading = store.read(A)
        next(reading)
        store.append([part(B, 0, 1)], epoch=epoch, at=AT)
        assert len(list(reading)) == 999

    def test_an_empty_append_writes_no_event(self, store: EventStore, epoch: Epoch) -> None:
        assert store.append([], epoch=epoch, at=AT) == 0
        assert store.append([part(A, 0)], epoch=epoch, at=AT) == 0
        assert store.version(A) == 0

    def test_names_may_be_of_any_script(self, store: EventStore, epoch: Epoch) -> None:
        stream = StreamId("inbox:почта/日本")
        store.append([StreamAppend(stream, NEW, [event(1, actor="operator:Zoë")])], epoch=epoch, at=AT)
        assert [(e.stream, e.actor) for e in store.read(stream)] == [(stream, "operator:Zoë")]

    def test_the_chain_depends_on_what_was_appended_alone(self, store: EventStore, epoch: Epoch) -> None:
        reference = InMemoryStore()
        reference_epoch = reference.acquire()
        script = [
            [part(A, 0, 1, 2), part(B, 0, 3, correlation="run:a")],
            [
                part(B, 1, 4),
                part(A, 2, 5, 6, correlation="run:a"),
                part(StreamId("c"), 0, 7, correlation="d"),
            ],
            [
                StreamAppend(
                    A, Version(4), [event(8, actor="x", causation=3), event(9, actor="y", causation=7)]
                )
            ],
        ]
        for number, batch in enumerate(script):
            at = Instant(AT + number)
            store.append(batch, epoch=epoch, at=at)
            reference.append(batch, epoch=reference_epoch, at=at)
        assert store.read_all(limit=100) == reference.read_all(limit=100)
        assert store.head_hash == reference.head_hash

    # -- refusals

    @pytest.mark.parametrize("expected", [0, 1, 3])
    def test_another_version_than_expected_writes_nothing(
        self, store: EventStore, epoch: Epoch, expected: int
    ) -> None:
        store.append([part(A, 0, 1, 2)], epoch=epoch, at=AT)
        before = self.contents(store)
        changes = [Put("tasks", ("a", 1), {"state": "x"})]
        with pytest.raises(VersionConflict) as refused:
            store.append([part(B, 0, 3), part(A, expected, 4)], epoch=epoch, at=AT, changes=changes)
        assert refused.value.fields == {"stream": A, "expected": expected, "actual": 2}
        assert self.contents(store) == before
        assert store.append([part(B, 0, 3), part(A, 2, 4)], epoch=epoch, at=AT) == 4

    def test_each_acquisition_raises_the_epoch(self, store: EventStore) -> None:
        assert store.epoch() == 0
        first = store.acquire()
        second = store.acquire()
        assert 0 < first < second == store.epoch()

    def test_a_stale_epoch_writes_nothing(self, store: EventStore, epoch: Epoch) -> None:
        store.append([part(A, 0, 1)], epoch=epoch, at=AT)
        newer = store.acquire()
        before = self.contents(store)
        data = b"blob"
        with pytest.raises(StaleEpoch):
            store.append(
                [part(A, 1, 2)],
                epoch=epoch,
                at=AT,
                changes=[Add("tally", (1,), {"messages": 1})],
                blobs={digest(data): data},
            )
        assert self.contents(store) == before
        assert store.blob(digest(data)) is None
        assert store.append([part(A, 1, 2)], epoch=newer, at=AT) == 2

    def test_a_broken_row_change_writes_no_event(self, store: EventStore, epoch: Epoch) -> None:
        before = self.contents(store)
        with pytest.raises(Exception, match="state"):
            store.append(
                [part(A, 0, 1)], epoch=epoch, at=AT, changes=[Put("tasks", ("a", 1), {"state": b"bytes"})]
            )
        assert self.contents(store) == before
        assert store.append([part(A, 0, 1)], epoch=epoch, at=AT) == 1

    # -- views

    def change(self, store: EventStore, epoch: Epoch, *changes: RowChange) -> None:
        """Row changes alone, in one append."""
        store.append([], epoch=epoch, at=AT, changes=changes)

    def test_put_inserts_and_then_replaces_the_named_columns(self, store: EventStore, epoch: Epoch) -> None:
        self.change(store, epoch, Put("runs", ("a",), {"state": "running", "started": 7}))
        assert store.get("runs", ("a",)) == row("a", state="running", started=7)
        self.change(store, epoch, Put("runs", ("a",), {"state": "done", "digest": b"\x00"}))
        assert store.get("runs", ("a",)) == row("a", state="done", started=7, digest=b"\x00")
        self.change(store, epoch, Put("runs", ("a",), {"started": None}), Put("runs", ("b",)))
        assert store.get("runs", ("a",)) == row("a", state="done", digest=b"\x00")
        assert store.get("runs", ("b",)) == row("b")
        assert store.get("runs", ("c",)) is None

    def test_add_counts_from_zero(self, store: EventStore, epoch: Epoch) -> None:
        self.change(store, epoch, Add("tally", (1,), {"messages": 2}), Put("runs", ("a",), {"state": "x"}))
        self.change(store, epoch, Add("tally", (1,), {"messages": -5}), Add("runs", ("a",), {"spent": 3}))
        assert store.get("tally", (1,)) == {"day": 1, "messages": -3}
        assert store.get("runs", ("a",)) == row("a", state="x", spent=3)

    def test_delete_removes_a_row_if_it_is_there(self, store: EventStore, epoch: Epoch) -> None:
        self.change(
            store, epoch, Put("tasks", ("a", 1), {"state": "x"}), Put("tasks", ("a", 2), {"state": "x"})
        )
        self.change(store, epoch, Delete("tasks", ("a", 1)), Delete("tasks", ("z", 9)))
        assert store.select("tasks") == [{"run": "a", "task": 2, "state": "x"}]

    @pytest.mark.parametrize("split", [True, False])
    def test_changes_to_one_row_apply_in_the_order_given(
        self, store: EventStore, epoch: Epoch, split: bool
    ) -> None:
        changes: list[RowChange] = [
            Put("runs", ("a",), {"state": "one", "spent": 5, "started": 1}),
            Add("runs", ("a",), {"spent": 2}),
            Put("runs", ("b",), {"state": "b"}),
            Delete("runs", ("b",)),
            Put("runs", ("c",), {"state": "c", "started": 4}),
            Delete("runs", ("c",)),
            Add("runs", ("c",), {"spent": 1}),
            Add("runs", ("c",), {"spent": 1}),
            Put("runs", ("c",), {"state": "again"}),
            Add("runs", ("d",), {"spent": 7, "started": 1}),
            Put("runs", ("d",), {"spent": 1}),
            Add("runs", ("d",), {"spent": 1, "started": 1}),
            Delete("runs", ("e",)),
            Put("runs", ("a",), {"state": "two"}),
            Add("runs", ("a",), {"started": 10}),
        ]
        if split:
            for change in changes:
                self.change(store, epoch, change)
        else:
            self.change(store, epoch, *changes)
        assert store.select("runs") == [
            row("a", state="two", spent=7, started=11),
            row("c", state="again", spent=2),
            row("d", spent=2, started=2),
        ]

    def test_select_filters_orders_pages_and_counts(self, store: EventStore, epoch: Epoch) -> None:
        states = {"a": ("open", 3), "b": ("done", 1), "c": ("open", 2), "d": ("open", 2), "e": ("open", None)}
        self.change(
            store, epoch, *(Put("runs", (k,), {"state": s, "started": t}) for k, (s, t) in states.items())
        )

        def keys(where: Mapping[str, Value] = {}, **options: object) -> str:
            return "".join(str(r["run"]) for r in store.select("runs", where=where, **options))  # type: ignore[arg-type]

        assert keys() == "abcde"
        assert keys(descending=True) == "edcba"
        assert keys(limit=2) == "ab"
        assert keys(after="b", limit=2) == "cd"
        assert keys(descending=True, after="c") == "ba"
        assert keys({"state": "open"}) == "acde"
        assert keys({"state": "open"}, order="started") == "ecda"
        assert keys({"state": "open"}, order="started", descending=True) == "adce"
        assert keys({"state": "open"}, order="started", after=2) == "a"
        assert keys(order="started", descending=True, after=3) == "dcb"
        assert keys({"started": None}) == "e"
        assert keys({"state": "no such"}) == ""
        assert store.count("runs") == 5
        assert store.count("runs", where={"state": "open", "started": 2}) == 2

    def test_rows_are_added_up_by_a_column_within_bounds(self, store: EventStore, epoch: Epoch) -> None:
        states = {"a": ("open", 2), "b": ("done", 3), "c": ("open", 2), "d": ("open", 4), "e": ("open", None)}
        self.change(
            store, epoch, *(Put("runs", (k,), {"state": s, "started": t}) for k, (s, t) in states.items())
        )

        def sums(least: int, most: int, where: Mapping[str, Value] = {}) -> list[tuple[Value, Value]]:
            found = store.sums("runs", ("started",), by="state", within=("started", least, most), where=where)
            return [(row["state"], row["started"]) for row in found]

        assert sums(2, 4) == [("done", 3), ("open", 8)]
        assert sums(3, 3) == [("done", 3)]
        assert sums(0, 3, {"state": "open"}) == [("open", 4)]
        assert sums(5, 9) == []
        self.change(store, epoch, Put("runs", ("f",), {"state": None, "started": 9}))
        assert sums(4, 9) == [(None, 9), ("open", 4)]

    def test_a_selection_within_part_of_the_key_pages_by_the_rest(
        self, store: EventStore, epoch: Epoch
    ) -> None:
        self.change(store, epoch, *(Put("tasks", (run, n), {"state": "x"}) for run in "ab" for n in range(5)))
        page = store.select("tasks", where={"run": "b"}, after=1, limit=2)
        assert [(r["run"], r["task"]) for r in page] == [("b", 2), ("b", 3)]

    def test_a_row_that_was_read_is_a_copy(self, store: EventStore, epoch: Epoch) -> None:
        self.change(store, epoch, Put("tally", (1,), {"messages": 1}))
        found = store.get("tally", (1,))
        assert found is not None
        found["messages"] = 99
        store.select("tally")[0]["messages"] = 99
        assert store.get("tally", (1,)) == {"day": 1, "messages": 1}

    # -- blobs

    def test_blobs_are_written_with_their_events(self, store: EventStore, epoch: Epoch) -> None:
        data = bytes(range(256)) * 100
        store.append([part(A, 0, 1)], epoch=epoch, at=AT, blobs={digest(data): data, digest(b""): b""})
        store.append([part(A, 1, 2)], epoch=epoch, at=AT, blobs={digest(data): data})
        assert store.blob(digest(data)) == data
        assert store.blob(digest(b"")) == b""
        assert store.blob(digest(b"other")) is None

    def test_a_refused_append_keeps_no_blob(self, store: EventStore, epoch: Epoch) -> None:
        with pytest.raises(VersionConflict):
            store.append([part(A, 4, 1)], epoch=epoch, at=AT, blobs={digest(b"x"): b"x"})
        assert store.blob(digest(b"x")) is None

    # -- what lasts

    def test_a_reopened_ledger_is_the_same(self, open_store: OpenStore) -> None:
        if not self.persistent:
            pytest.skip("keeps nothing, and says so")
        store = open_store(TABLES)
        epoch = store.acquire()
        changes: list[RowChange] = [
            Put("runs", ("a",), {"state": "open"}),
            Add("tally", (1,), {"messages": 4}),
        ]
        store.append(
            [part(A, 0, 1, 2), part(B, 0, 3)], epoch=epoch, at=AT, changes=changes, blobs={digest(b"x"): b"x"}
        )
        before = self.contents(store)
        store.close()
        store = open_store(TABLES)
        assert self.contents(store) == before
        assert store.blob(digest(b"x")) == b"x"
        with pytest.raises(StaleEpoch):
            store.append([part(A, 2, 4)], epoch=Epoch(epoch - 1), at=AT)
        newer = store.acquire()
        assert newer > epoch
        assert store.append([part(A, 2, 4), part(B, 1, 5)], epoch=newer, at=AT) == 5
        store.close()

    def test_a_second_writer_makes_the_first_one_stale(self, open_store: OpenStore) -> None:
        if not self.persistent:
            pytest.skip("cannot be opened twice, and says so")
        first = open_store(TABLES)
        first_epoch = first.acquire()
        first.append([part(A, 0, 1)], epoch=first_epoch, at=AT)
        second = open_store(TABLES)
        second_epoch = second.acquire()
        assert first.epoch() == second_epoch
        second.append([part(A, 1, 2), part(B, 0, 3)], epoch=second_epoch, at=AT)
        with pytest.raises(StaleEpoch):
            first.append([part(A, 1, 9)], epoch=first_epoch, at=AT)
        assert first.head == 3
        third_epoch = first.acquire()
        with pytest.raises(VersionConflict):
            first.append([part(A, 1, 9)], epoch=third_epoch, at=AT)
        assert first.append([part(A, 2, 4), part(B, 1, 5)], epoch=third_epoch, at=AT) == 5
        with pytest.raises(StaleEpoch):
            second.append([], epoch=second_epoch, at=AT)
        first.close()
        second.close()

    def test_a_new_view_starts_empty_beside_the_old_ones(self, open_store: OpenStore) -> None:
        if not self.persistent:
            pytest.skip("keeps nothing, and says so")
        store = open_store((RUNS,))
        self.change(store, store.acquire(), Put("runs", ("a",), {"state": "open"}))
        store.close()
        store = open_store(TABLES)
        assert store.count("runs") == 1
        assert store.count("tasks") == 0
        store.close()


def row(run: str, **columns: Value) -> dict[str, Value]:
    """A row of `RUNS`; what is not named is None."""
    return {"run": run, "state": None, "started": None, "spent": None, "digest": None} | columns

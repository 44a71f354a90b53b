"""The real SQLite store on a failing disk; and bugs planted on purpose, which the checker must find."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from random import Random
from typing import Any

import apsw
import pytest

from mainstay.ledger.connection import Connection, Driver, Rows
from mainstay.testing.faultfs import Disk, Fault, Survival, driver_on
from mainstay.testing.store_simulation import (
    Violation,
    run_seed,
    strike_after_a_failed_fsync,
    strike_every_operation,
)

SEEDS = range(120)
SEEDS_TO_FIND_A_BUG = range(60)


@pytest.mark.parametrize("survival", list(Survival))
def test_the_power_may_fail_at_any_operation(survival: Survival) -> None:
    seen = strike_every_operation(Fault.POWER_CUT, survival)
    assert seen["points"] > 100
    assert seen["under way: lost"] > 0


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.POWER_CUT])
def test_any_operation_may_fail(fault: Fault) -> None:
    seen = strike_every_operation(fault, None)
    assert seen["points"] > 10
    assert seen["lives"] > seen["points"]
    if fault is Fault.FULL:
        assert seen["refused: disk full"] > 10
        assert seen["lives cut short"] == 0
    else:
        assert seen["lives cut short"] > seen["points"] * 0.4  # what fails in `close` cuts no life short


FSYNCS = range(3, 13)  # those of the short script after the ledger was made


@pytest.mark.parametrize("fsync", FSYNCS)
def test_what_a_failed_fsync_dropped_is_never_built_upon(fsync: int) -> None:
    seen = strike_after_a_failed_fsync(fsync, Survival.EVERYTHING)
    assert seen["points"] > 5


@pytest.mark.long
def test_without_reading_afresh_it_would_be() -> None:
    @contextmanager
    def trusting(disk: Disk) -> Iterator[Driver]:
        with driver_on(disk) as driver:
            yield replace(driver, read_afresh=lambda path: None)

    def found(fsync: int) -> bool:
        try:
            strike_after_a_failed_fsync(fsync, Survival.EVERYTHING, open_driver=trusting)
        except Violation:
            return True
        return False

    assert any(found(fsync) for fsync in FSYNCS)


@pytest.mark.long
def test_random_faults_lose_nothing_and_every_kind_of_them_occurs() -> None:
    seen: Counter[str] = Counter()
    for seed in SEEDS:
        seen += run_seed(seed)
    assert set(seen) == {
        *Fault,
        *(f"power cut, {survival} survives" for survival in Survival),
        "process ended",
        "lives",
        "lives cut short",
        "opening refused: disk full",
        "refused: disk full",
        "under way: kept",
        "under way: lost",
        "acknowledged",
        "operations",
    }
    assert min(seen.values()) >= 3


def test_the_same_seed_breaks_the_same_way() -> None:
    assert run_seed(11) == run_seed(11)


class Rewritten:
    """A connection that says something else than it was told: how bugs are planted."""

    def __init__(self, inner: Connection, rewrite: Callable[[Connection, str], str]) -> None:
        self.inner = inner
        self.rewrite = rewrite

    def execute(self, sql: str, parameters: Any = (), /) -> Rows:
        return self.inner.execute(self.rewrite(self.inner, sql), parameters)

    def executemany(self, sql: str, rows: Any, /) -> Rows:
        return self.inner.executemany(self.rewrite(self.inner, sql), rows)

    def close(self) -> None:
        self.inner.close()


def without_fsync(_: Connection, sql: str) -> str:
    return sql.replace("synchronous = FULL", "synchronous = NORMAL")


def without_any_fsync(_: Connection, sql: str) -> str:
    return sql.replace("synchronous = FULL", "synchronous = OFF")


def events_and_views_apart(inner: Connection, sql: str) -> str:
    if "ON CONFLICT" in sql:
        inner.execute("COMMIT")
        inner.execute("BEGIN IMMEDIATE")
    return sql


def blobs_before_the_transaction(inner: Connection, sql: str) -> str:
    if sql == "COMMIT":
        return sql
    if "INTO blobs" in sql:
        inner.execute("COMMIT")
        inner.execute("BEGIN IMMEDIATE")
    return sql


def a_failed_commit_taken_for_a_commit(inner: Connection, sql: str) -> str:
    if sql != "COMMIT":
        return sql
    try:
        inner.execute("COMMIT")
    except apsw.IOError:
        with suppress(apsw.SQLError):
            inner.execute("ROLLBACK")
    return "SELECT 1"


def keeps_the_rows_of_a_full_disk(inner: Connection, sql: str) -> str:
    return "INSERT OR REPLACE INTO tally (day, messages) VALUES (9, 9)" if sql == "ROLLBACK" else sql


PLANTED = [
    without_fsync,
    without_any_fsync,
    events_and_views_apart,
    blobs_before_the_transaction,
    a_failed_commit_taken_for_a_commit,
    keeps_the_rows_of_a_full_disk,
]


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_found(bug: Callable[[Connection, str], str]) -> None:
    def open_driver(disk: Disk) -> AbstractContextManager[Driver]:
        return planted(disk, bug)

    def found(seed: int) -> bool:
        try:
            run_seed(seed, open_driver=open_driver)
        except Violation:
            return True
        return False

    assert any(found(seed) for seed in SEEDS_TO_FIND_A_BUG)


@contextmanager
def planted(disk: Disk, bug: Callable[[Connection, str], str]) -> Iterator[Driver]:
    with driver_on(disk) as driver:
        yield replace(driver, connect=lambda path: Rewritten(driver.connect(path), bug))


def test_a_power_cut_leaves_what_was_synced() -> None:
    disk = Disk(Random(1))
    with driver_on(disk) as driver:
        connection = driver.connect("/a")
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
        connection.execute("CREATE TABLE t (x)")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("INSERT INTO t VALUES (1)")
        disk.cut_power(Survival.NOTHING)
        with suppress(apsw.IOError):
            connection.close()
        connection = driver.connect("/a")
        assert connection.execute("SELECT * FROM t").fetchall() == []
        connection.close()

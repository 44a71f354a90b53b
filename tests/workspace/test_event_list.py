"""The ledger from its end: pages of a bounded look, each event once, and nothing sealed shown."""

from __future__ import annotations

from itertools import islice

import pytest

from mainstay.kernel.events import (
    NUMBER_OF,
    ActionProposed,
    ApprovalRequested,
    RunStarted,
    WorkflowRegistered,
)
from mainstay.ledger.projection import current
from mainstay.ledger.projections.event_places import EventPlaces
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.workspace import Workspace
from mainstay.workspace.event_list import LOOKED_AT_MAX, event_page
from mainstay.workspace.folder import Folder
from mainstay.workspace.looking_back import SLICE, SLICE_FIRST, Back, back, newest
from tests.security.web_house import WebHouse


class Counted:
    """A reader that says how much was read of it."""

    def __init__(self, head: int) -> None:
        self.head = head
        self.read = 0

    def read_all(self, *, after: int, limit: int) -> tuple[int, ...]:
        self.read += limit
        return tuple(range(after + 1, min(self.head, after + limit) + 1))


@pytest.mark.parametrize("before", [0, 1, 2, 5_000, 9_999, 20_000])
@pytest.mark.parametrize("most", [0, 1, 127, 5_000])
def test_the_newest_come_first_and_no_more_are_read_than_wanted(before: int, most: int) -> None:
    store = Counted(9_998)
    found = list(back(store, before=before, most=most))  # type: ignore[arg-type]
    end = min(before - 1, 9_998) if before else 9_998
    assert found == list(range(end, max(0, end - most), -1))
    assert store.read == len(found)


def test_whoever_stops_soon_has_read_little() -> None:
    store = Counted(1_000_000)
    looking = back(store, most=1_000_000)  # type: ignore[arg-type]
    assert [next(looking) for _ in range(50)] == list(range(1_000_000, 999_950, -1))  # type: ignore[comparison-overlap]
    assert store.read == SLICE_FIRST < SLICE


def test_a_filter_that_nothing_passes_looks_at_a_bounded_number(web: WebHouse) -> None:
    with Workspace(Folder(web.root)) as opened:
        found = event_page(opened._store, actor="nobody", before=0, limit=50)
        assert not found.events
        assert (found.older > 0) == (opened.head > LOOKED_AT_MAX)
        of_stream = event_page(opened._store, stream="memory", before=0, limit=3)
        assert len({one.version for one in of_stream.events}) == len(of_stream.events) <= 3


def test_events_of_a_type_are_found_as_reading_all_of_them_finds_them(web: WebHouse) -> None:
    numbers = {NUMBER_OF[RunStarted], NUMBER_OF[ApprovalRequested]}
    with Workspace(Folder(web.root)) as opened:
        store, head = opened._store, opened.head
        slow = [one.position for one in back(store, most=head) if one.type in numbers]
        whole = Back(store, numbers, 0, head)
        assert [one.position for one in whole] == slow
        assert whole.reached == 0
        near = Back(store, numbers, 0, 100)
        assert [one.position for one in near] == [one for one in slow if one > head - 100]
        assert near.reached == head - 100
        before = Back(store, numbers, slow[3], head)
        assert [one.position for one in islice(before, 2)] == slow[4:6]
        assert before.reached == slow[5]


def test_rarer_types_are_looked_up_and_not_looked_for(web: WebHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = {NUMBER_OF[one] for one in (ApprovalRequested, ActionProposed, WorkflowRegistered)}
    with Workspace(Folder(web.root)) as opened:
        store, head = opened._store, opened.head
        assert current(store, EventPlaces())
        slow = [one.position for one in back(store, before=head + 1, most=head) if one.type in numbers]
        monkeypatch.delattr(SqliteReader, "positions")  # what a search would do
        whole = Back(store, numbers, head + 1)
        assert [one.position for one in whole] == slow
        assert whole.reached == 0
        part = Back(store, numbers, slow[2])
        assert [one.position for one in islice(part, 2)] == slow[3:5]
        assert part.reached == slow[4]
        near = Back(store, numbers, slow[0] + 1, slow[0] - slow[2])
        assert [one.position for one in near] == slow[:2]
        assert near.reached == slow[2]
        assert list(Back(store, numbers, head + 1, 0)) == []
        of_one = Back(store, {NUMBER_OF[WorkflowRegistered]}, head + 1)
        latest, *_ = of_one
        assert of_one.reached == 0
        assert newest(store, latest.type, most=0) == latest


def test_a_view_that_is_being_made_is_not_believed(web: WebHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    number = NUMBER_OF[ApprovalRequested]
    with Workspace(Folder(web.root)) as opened:
        store, head = opened._store, opened.head
        known = [one.position for one in Back(store, {number}, head + 1)]
        monkeypatch.setattr(EventPlaces, "version", 99)
        monkeypatch.setattr(SqliteReader, "select", None)
        assert [one.position for one in Back(store, {number}, head + 1, head)] == known != []

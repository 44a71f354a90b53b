"""Whose turn it is, against plain lists: priorities first, then runs in turn, then tasks in order."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Priority
from mainstay.runtime.waiting import Waiting

SCOPES = ("throttle:workspace", "breaker:email.reply")
LARGE, SMALL = RunId("large"), RunId("small")

# A run has one priority all its life: that of its workflow.
runs = st.integers(0, 5).map(lambda number: (RunId(f"run {number}"), Priority(number % 3)))
adds = st.tuples(st.just("add"), st.sampled_from(SCOPES), runs, st.integers(0, 4))
nexts = st.tuples(st.just("next"), st.sampled_from(SCOPES), st.none(), st.none())


def drained(waiting: Waiting, scope: str = SCOPES[0]) -> list[tuple[RunId, int]]:
    found = []
    while (one := waiting.next(scope)) is not None:
        found.append(one)
    return found


def test_nobody_waits_at_first() -> None:
    waiting = Waiting()
    assert (waiting.next(SCOPES[0]), waiting.scopes(), waiting.counts(), len(waiting)) == (None, (), {}, 0)


def test_a_run_of_many_does_not_keep_a_run_of_one_waiting() -> None:
    waiting = Waiting()
    for task in range(10_000):
        waiting.add(SCOPES[0], Priority.NORMAL, LARGE, task)
    waiting.add(SCOPES[0], Priority.NORMAL, SMALL, 0)
    assert [waiting.next(SCOPES[0]) for _ in range(3)] == [(LARGE, 0), (SMALL, 0), (LARGE, 1)]


def test_who_comes_again_and_again_stands_behind_those_who_wait() -> None:
    waiting = Waiting()
    for run in ("a", "b", "c"):
        waiting.add(SCOPES[0], Priority.NORMAL, RunId(run), 0)
    served = []
    for turn in range(1, 7):
        found = waiting.next(SCOPES[0])
        assert found is not None
        served.append(found[0])
        waiting.add(SCOPES[0], Priority.NORMAL, found[0], turn)  # put off once more
    assert served == ["a", "b", "c", "a", "b", "c"]


def test_higher_priorities_go_first_also_when_they_come_later() -> None:
    waiting = Waiting()
    for priority in (Priority.LOW, Priority.NORMAL, Priority.HIGH):
        waiting.add(SCOPES[0], priority, RunId(priority.name), 0)
        waiting.add(SCOPES[0], priority, RunId(priority.name), 1)
    assert [run for run, _ in drained(waiting)] == ["HIGH", "HIGH", "NORMAL", "NORMAL", "LOW", "LOW"]


def test_a_start_that_waits_elsewhere_by_now_has_no_turn_here() -> None:
    waiting = Waiting()
    waiting.add(SCOPES[0], Priority.NORMAL, SMALL, 0)
    waiting.add(SCOPES[1], Priority.NORMAL, SMALL, 0)
    assert waiting.counts() == {SCOPES[1]: 1}
    assert (waiting.next(SCOPES[0]), waiting.next(SCOPES[1])) == (None, (SMALL, 0))
    assert waiting.scopes() == ()


def test_a_start_that_came_back_has_one_turn() -> None:
    waiting = Waiting()
    for scope in (SCOPES[0], SCOPES[1], SCOPES[0]):
        waiting.add(scope, Priority.NORMAL, SMALL, 0)
    assert drained(waiting) == [(SMALL, 0)]
    assert len(waiting) == 0


@given(st.lists(st.one_of(adds, adds, nexts), max_size=80))
def test_against_plain_lists(story: list[tuple[str, str, tuple[RunId, Priority] | None, int | None]]) -> None:
    waiting = Waiting()
    where: dict[tuple[RunId, int], str] = {}
    priorities: dict[RunId, Priority] = {}
    for what, scope, who, number in story:
        if what == "add":
            assert who is not None
            assert number is not None
            run, priority = who
            priorities[run] = priority
            waiting.add(scope, priority, run, number)
            where[run, number] = scope
        else:
            here = {one for one, place in where.items() if place == scope}
            found = waiting.next(scope)
            assert (found in here) if here else (found is None)
            if found is not None:
                first = min(priorities[run] for run, _ in here)
                assert priorities[found[0]] == first, "a higher priority waits"
                del where[found]
        assert waiting.counts() == Counter(where.values())
        assert len(waiting) == len(where)
        assert set(where.values()) <= set(waiting.scopes())
    for scope in SCOPES:
        assert set(drained(waiting, scope)) == {one for one, place in where.items() if place == scope}
    assert waiting.scopes() == ()


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30)), unique=True, min_size=1, max_size=80))
def test_no_run_waits_longer_than_one_turn_of_each_other_run(starts: list[tuple[int, int]]) -> None:
    waiting = Waiting()
    for number, task in starts:
        waiting.add(SCOPES[0], Priority.NORMAL, RunId(str(number)), task)
    left = Counter(str(number) for number, _ in starts)
    since: Counter[str] = Counter()  # turns of others since its own last one
    served: dict[str, list[int]] = {name: [] for name in left}
    for run, task in drained(waiting):
        served[run].append(task)
        left[run] -= 1
        since[run] = 0
        for other in left:
            since[other] += other != run and left[other] > 0
            assert since[other] < len(served), "one of the others had two turns before it"
    for name, tasks in served.items():
        assert tasks == [task for number, task in starts if str(number) == name], "in the order of the run"

"""The report on a workflow agrees with the runs themselves, whatever happened to them."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.governance.report import OUTCOMES, Report, Spread, report, spread
from mainstay.kernel.commands import CancelRun
from mainstay.kernel.values import DAY, HOUR, Instant
from tests.ledger.any_run import START, Play, wander


def told(play: Play, workflow: str, *, since: int = 0, until: int | None = None) -> Report:
    now = int(play.now) + HOUR
    last = now if until is None else until
    return report(play.store, play.codec.event, workflow, since=since, until=last, now=now)


def test_percentiles_are_of_what_there_is() -> None:
    assert spread([]) == Spread()
    assert spread([5]) == Spread(1, 5, 5, 5, 5)
    assert spread(list(range(100, 0, -1))) == Spread(100, 50, 90, 99, 5050)
    assert spread([1, 2, 3, 1000]) == Spread(4, 2, 1000, 1000, 1006)


@given(st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_it_agrees_with_the_runs(seed: int) -> None:
    play = wander(seed, steps=120)
    for workflow in ("triage", "newsletter", "pay"):
        states = [one for one in play.runs.values() if one.head.workflow == workflow]
        found = told(play, workflow)
        assert found.count == len(states)
        assert found.runs == dict(
            Counter(one.status.name.lower() if one.ended else OUTCOMES[-1] for one in states)
        )
        assert found.cost_micros == sum(one.spent for one in states)
        assert found.cost_micros == sum(one.cost_micros for one in found.tasks)
        assert sum(one.total_us for one in found.parts.values()) == found.elapsed.total_us
        assert found.retries == sum(one.retries for one in found.tasks)
        rows = play.store.select("runs", where={"workflow": workflow}, limit=1_000)
        ended = [int(str(row["ended_at"])) - int(str(row["started_at"])) for row in rows if row["ended_at"]]
        assert found.elapsed == spread(ended)


@given(st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_windows_divide_the_runs(seed: int) -> None:
    play = wander(seed, steps=120)
    cut = START + (play.now - START) // 2
    whole = told(play, "triage")
    first, second = told(play, "triage", until=cut), told(play, "triage", since=cut)
    assert first.count + second.count == whole.count
    assert first.cost_micros + second.cost_micros == whole.cost_micros
    assert first.operator_us + second.operator_us == whole.operator_us


def test_the_window_is_of_starts_the_first_moment_in_and_the_last_out() -> None:
    play = Play()
    play.start("triage")
    play.now = Instant(START + DAY)
    late = play.start("triage")
    play.command(CancelRun(late, "operator"))
    assert told(play, "triage", since=START, until=START + DAY).runs == {"in flight": 1}
    assert told(play, "triage", since=START + DAY).runs == {"cancelled": 1}
    assert told(play, "triage", since=START + DAY + 1).count == 0


def test_the_newest_run_of_a_kind_is_named() -> None:
    play = wander(5, steps=400)
    found = told(play, "triage")
    assert found.modes, "the seed gives failures"
    assert [one.count for one in found.modes] == sorted((one.count for one in found.modes), reverse=True)
    assert all(one.newest in play.runs and 1 <= one.runs <= one.count for one in found.modes)


def test_an_outcome_bears_the_cost_of_what_failed() -> None:
    done = Report("x", 0, 1, runs={"succeeded": 2, "failed": 1}, cost_micros=900, operator_us=10)
    assert (done.cost_per_outcome_micros, done.operator_us_per_outcome, done.dead_letters) == (450, 5, 1)
    none = Report("x", 0, 1, runs={"failed": 1}, cost_micros=900)
    assert (none.cost_per_outcome_micros, none.operator_us_per_outcome) == (None, None)

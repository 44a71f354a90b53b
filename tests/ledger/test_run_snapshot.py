from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.kernel.events import AttemptFailed, FailureClass, RunEvent, RunStarted, TaskStarted
from mainstay.kernel.ids import RunId, run_stream
from mainstay.kernel.run import evolve, nothing
from mainstay.kernel.state import Phase, RunState, TaskState
from mainstay.kernel.values import Digest
from mainstay.ledger import run_snapshot
from mainstay.ledger.run_snapshot import decode_run, encode_run, forget_run, load_run, save_run
from mainstay.ledger.store import Put, Version
from tests.ledger.any_run import PLANS, Play, wander

PLAN = PLANS.__getitem__


def save(play: Play, put: Put) -> None:
    play.store.append((), epoch=play.epoch, at=play.now, changes=[put])


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_a_run_is_read_as_it_was_written(seed: int) -> None:
    for state in wander(seed).runs.values():
        assert decode_run(encode_run(state, 7), PLAN) == (state, 7)


@given(st.integers(0, 2**32), st.data())
@settings(max_examples=60, deadline=None)
def test_a_snapshot_and_the_tail_fold_to_the_same_run(seed: int, data: st.DataObject) -> None:
    play = wander(seed)
    run = data.draw(st.sampled_from(sorted(play.runs)))
    events = [cast(RunEvent, play.codec.event(one)) for one in play.store.read(run_stream(run))]
    at = data.draw(st.integers(1, len(events)))
    state = nothing(run)
    for event in events[:at]:
        state = evolve(state, event)
    save(play, save_run(state, at, play.store.head))
    loaded = load_run(play.store, run, PLAN)
    assert loaded is not None
    state, version = loaded
    for recorded in play.store.read(run_stream(run), after=Version(version)):
        state = evolve(state, cast(RunEvent, play.codec.event(recorded)))
    assert state == play.runs[run]


def test_tasks_that_wait_cost_a_few_bytes() -> None:
    play = Play()
    state = play.runs[play.start("triage")]
    many = TaskState(Phase.WAITING, 2)
    wide = RunState(state.head, state.status, state.plan, ((many,) * 64,) * 100)
    assert len(encode_run(wide, 1)) < 10 * 6_400


def test_there_is_none_of_a_run_that_was_never_saved_or_was_forgotten() -> None:
    play = Play()
    run = play.start("triage")
    assert load_run(play.store, run, PLAN) is None
    save(play, save_run(play.runs[run], 3, play.store.head))
    assert load_run(play.store, run, PLAN) == (play.runs[run], 3)
    play.store.append((), epoch=play.epoch, at=play.now, changes=[forget_run(run)])
    assert load_run(play.store, run, PLAN) is None


def test_a_snapshot_of_another_shape_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play()
    run = play.start("triage")
    save(play, save_run(play.runs[run], 3, play.store.head))
    monkeypatch.setattr(run_snapshot, "shape", lambda: b"another shape")
    assert load_run(play.store, run, PLAN) is None


def test_a_run_without_a_plan_has_a_snapshot_too() -> None:
    run = RunId("0" * 32)
    state = evolve(nothing(run), RunStarted(run, "triage", Digest("d" * 64), {"a": [1, {"b": None}]}, "key"))
    assert decode_run(encode_run(state, 1), PLAN) == (state, 1)


def test_an_empty_answer_is_not_no_answer() -> None:
    play = Play()
    state = play.runs[play.start("triage")]
    for output in ({}, None):
        done = RunState(
            state.head, state.status, state.plan, ((TaskState(Phase.SUCCEEDED, 0, 1, 0, output),),)
        )
        assert decode_run(encode_run(done, 1), PLAN)[0].task(0).output == output


def test_a_task_that_started_is_kept_whole() -> None:
    play = Play()
    run = play.start("triage")
    lost = evolve(play.runs[run], AttemptFailed(0, 1, FailureClass.LOST, "", play.now))
    state = evolve(lost, TaskStarted(0, 2, 55))
    assert decode_run(encode_run(state, 4), PLAN)[0].task(0) == TaskState(Phase.RUNNING, 0, 2, 55)

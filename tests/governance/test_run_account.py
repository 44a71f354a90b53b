"""One run as an account: what each event does to time, money and the list of what went wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mainstay.governance.report import account
from mainstay.governance.run_account import Kind, RunAccount
from mainstay.kernel.events import (
    ActionDenied,
    ActionEdited,
    ActionInDoubt,
    ActionProposed,
    ActionStarted,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    AttemptFailed,
    BudgetRefused,
    CompensationBegun,
    CompensationFailed,
    CompensationPlanned,
    DoubtResolved,
    FailureClass,
    LookupDeferred,
    LookupStarted,
    PlanAccepted,
    RevisionRequested,
    RunCancelled,
    RunEvent,
    RunFailed,
    RunPaused,
    RunRecovered,
    RunResumed,
    RunStarted,
    RunSucceeded,
    RunSuperseded,
    StartDeferred,
    TaskCancelled,
    TaskExpanded,
    TaskFailed,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
)
from mainstay.kernel.ids import ApprovalId, IdempotencyKey
from mainstay.kernel.values import SECOND, Digest, Instant
from mainstay.testing.plans import NOW, RUN, act, plan_of, think
from mainstay.testing.plans import action as some_action

PLAN = plan_of(think("draft"), act("send", "draft"))
CARD, D, KEY = ApprovalId("c" * 16), Digest("d" * 64), IdempotencyKey("k" * 32)
ACTION = some_action("send")
STARTED = (0, RunStarted(RUN, "triage", D)), (0, PlanAccepted(PLAN))
ASKED = ApprovalRequested(1, CARD, D, "rule", "why", Instant(0))


def told(*events: tuple[int, RunEvent], now_s: int = 1_000) -> RunAccount:
    """The account of a run whose events come so many seconds after its start."""
    timed = ((NOW + at_s * SECOND, event) for at_s, event in (*STARTED, *events))
    return account(timed, now=NOW + now_s * SECOND)


def seconds(one: RunAccount) -> dict[str, int]:
    return {part.value: us // SECOND for part, us in one.spent_us.items() if us}


def test_time_is_cut_by_who_is_at_work() -> None:
    found = told(
        (3, TaskStarted(0, 1)),
        (5, TaskSucceeded(0, 1, cost=20)),
        (5, TaskStarted(1, 1)),
        (6, ActionProposed(1, 1, ACTION, cost=7)),
        (6, ASKED),
        (66, ApprovalGranted(1, CARD, D, "operator", open_us=9)),
        (66, ActionStarted(1, 1, KEY, D, "approval:x")),
        (67, AttemptFailed(1, 1, FailureClass.THROTTLED, "later", Instant(0))),
        (77, ActionStarted(1, 2, KEY, D, "approval:x")),
        (81, TaskSucceeded(1, 2)),
        (81, RunSucceeded()),
    )
    assert seconds(found) == {"queue": 3, "agents": 3, "operator": 60, "calls": 5, "retry": 10}
    assert found.elapsed_us == 81 * SECOND
    assert (found.outcome, found.cost_micros, found.operator_us) == ("succeeded", 27, 9)
    assert found.answered_us == [60 * SECOND]
    assert found.tasks["send"].calls_us == [SECOND, 4 * SECOND]
    assert found.tasks["send"].agents_us == [SECOND]
    assert found.tasks["draft"].agents_us == [2 * SECOND]
    assert dict(found.modes) == {(Kind.RETRIED, "throttled", "send"): 1}


def test_of_two_at_once_the_call_counts() -> None:
    both = told((1, TaskStarted(0, 1)), (2, ActionStarted(1, 1, KEY, D, "rule:x")), (4, RunCancelled("me")))
    assert seconds(both) == {"queue": 1, "agents": 1, "calls": 2}


def test_a_run_in_flight_counts_up_to_now() -> None:
    waits = told((2, ASKED), now_s=50)
    assert (waits.outcome, seconds(waits)) == ("in flight", {"queue": 2, "operator": 48})
    assert waits.answered_us == []


def test_a_pause_is_the_operators_time() -> None:
    found = told((1, RunPaused("me")), (9, RunResumed("me")), (10, RunSucceeded()))
    assert seconds(found) == {"queue": 2, "operator": 8}


def test_a_clock_that_was_set_back_gives_no_negative_time() -> None:
    found = told((10, TaskStarted(0, 1)), (4, TaskSucceeded(0, 1)), (12, RunSucceeded()))
    assert seconds(found) == {"queue": 12}
    assert found.tasks["draft"].agents_us == [0]


def test_nothing_counts_after_the_end_but_money() -> None:
    found = told(
        (1, TaskStarted(0, 1)), (2, RunCancelled("me", cost=30)), (9, TaskSucceeded(0, 1, cost=5)), now_s=99
    )
    assert (found.elapsed_us, found.cost_micros) == (2 * SECOND, 35)


MODES = [
    (TaskFailed(0, 3, FailureClass.BUG, "x"), (Kind.GIVEN_UP, "bug", "draft")),
    (ActionDenied(1, "no-mail", "x"), (Kind.DENIED, "rule", "send")),
    (ActionInDoubt(1, 1, "x"), (Kind.IN_DOUBT, "in_doubt", "send")),
    (ApprovalExpired(1, CARD), (Kind.EXPIRED, "silence", "send")),
    (BudgetRefused(0, "day", 9, 1, Instant(0)), (Kind.REFUSED_BUDGET, "day", "draft")),
    (StartDeferred(0, "throttle:adapter:support"), (Kind.DEFERRED, "throttle", "draft")),
    (RevisionRequested(0, 1, 1), (Kind.SENT_BACK, "revision", "draft")),
    (CompensationFailed(1, 1, FailureClass.REFUSED, "x"), (Kind.NOT_TAKEN_BACK, "refused", "send")),
    (RunRecovered(1), (Kind.LOST, "lost", "")),
]


@pytest.mark.parametrize(("event", "mode"), MODES, ids=[type(event).__name__ for event, _ in MODES])
def test_what_went_wrong_is_counted(event: RunEvent, mode: tuple[Kind, str, str]) -> None:
    assert dict(told((1, event)).modes) == {mode: 1}


def test_an_edit_is_one_decision() -> None:
    edited = told(
        (1, ASKED),
        (9, ActionEdited(1, ApprovalId("e" * 16), ACTION, "me", CARD)),
        (9, ApprovalGranted(1, ApprovalId("e" * 16), D, "me", open_us=4)),
        (10, ASKED),
        (12, ApprovalRejected(1, CARD, "me", open_us=3)),
    )
    assert (dict(edited.answers), edited.operator_us) == ({"edited": 1, "rejected": 1}, 7)
    assert edited.answered_us == [8 * SECOND, 2 * SECOND]


def test_silence_is_no_answer_and_yet_was_waited_for() -> None:
    expired = told((1, ASKED), (61, ApprovalExpired(1, CARD)), (61, RunFailed("x")))
    assert (expired.answered_us, seconds(expired)) == ([], {"queue": 1, "operator": 60})


def test_doubt_is_answered_by_the_operator() -> None:
    found = told(
        (0, ActionStarted(1, 1, KEY, D, "rule:x")),
        (2, LookupStarted(1, 1, Instant(0))),
        (3, LookupDeferred(1, 1, Instant(0))),
        (8, LookupStarted(1, 1, Instant(0))),
        (9, ActionInDoubt(1, 1, "x")),
        (20, DoubtResolved(1, "happened", "me")),
        (20, TaskSucceeded(1, 1)),
        (20, RunSucceeded()),
    )
    assert seconds(found) == {"calls": 4, "retry": 5, "operator": 11}
    assert found.answered_us == [11 * SECOND]


def test_items_go_under_the_name_of_their_task_and_compensations_under_what_they_undo() -> None:
    found = told(
        (0, TaskExpanded(0, 2)),
        (0, TaskStarted(2, 1)),
        (1, TaskStarted(3, 1)),
        (2, TaskSucceeded(2, 1, cost=1)),
        (3, TaskSucceeded(3, 1, cost=2)),
        (4, CompensationBegun("failed", cost=5)),
        (4, CompensationPlanned((1,))),
        (4, ActionStarted(4, 1, KEY, D, "rule:x")),
        (5, TaskFailed(4, 1, FailureClass.REFUSED, "x", cost=4)),
    )
    assert (found.tasks["draft"].attempts, found.tasks["draft"].cost_micros) == (2, 3)
    assert found.tasks["undo send"].calls_us == [SECOND]
    assert found.tasks[""].cost_micros == 5


def test_what_ends_a_task_ends_its_time() -> None:
    for end in (TaskSkipped(0, "x"), TaskCancelled(0, "me", cost=2)):
        found = told((1, TaskStarted(0, 1)), (3, end), (9, RunSuperseded("newer", cost=1)))
        assert seconds(found) == {"queue": 7, "agents": 2}
        assert found.cost_micros == 1 + getattr(end, "cost", 0)


def test_no_text_of_a_failure_is_kept() -> None:
    canary = "canary@example.org"
    failed = replace(MODES[0][0], reason=canary)  # type: ignore[type-var]
    assert canary not in repr(told((1, failed)))

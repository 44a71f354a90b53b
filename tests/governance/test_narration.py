"""The sentences of failure and recovery, as an operator reads them."""

from __future__ import annotations

import pytest

from mainstay.governance.explain import explain
from mainstay.governance.narration import say
from mainstay.kernel.commands import Acted, CancelRun, Failed
from mainstay.kernel.events import (
    BreakerOpened,
    CompensationFailed,
    DeadLetterPurged,
    DeadLetterReplayed,
    DeadlineSet,
    DirectorStarted,
    Event,
    FailureClass,
    FailureDiagnosed,
    IncidentCleared,
    IncidentDetected,
    IncidentKind,
    Inherited,
    LookupStarted,
    RunFailed,
    RunForked,
    RunQueued,
    RunRecovered,
    ScheduleFired,
    ScopePaused,
    ScopeResumed,
    StartDeferred,
    TaskCancelled,
)
from mainstay.kernel.ids import ApprovalId, RunId, run_stream
from mainstay.kernel.state import RUN
from mainstay.kernel.values import Instant
from tests.ledger.any_run import START, fork
from tests.ledger.test_recovery_views import charged, grant, hear, propose

PARENT = RunId("018bcfe5680061aafd443ba6fd0ccb51")
CARD = ApprovalId("c" * 16)

SAID: list[tuple[Event, str]] = [
    (StartDeferred(3, "delay", START), "It begins later, at 2023-11-14 22:13:20"),
    (
        StartDeferred(3, "throttle:adapter:support"),
        "It waits: as many calls to `support` as may go out in a while have gone out",
    ),
    (
        StartDeferred(3, "throttle:agent:writer"),
        "It waits: agent `writer` was asked as often as it may be in a while",
    ),
    (
        StartDeferred(3, "throttle:workspace"),
        "It waits: as much as may start in the workspace in a while has started",
    ),
    (
        StartDeferred(3, "breaker:support.reply"),
        "It waits: `support.reply` failed again and again, and is left alone for a while",
    ),
    (StartDeferred(3, "pause:run"), "It waits: the run is paused"),
    (StartDeferred(3, "pause:workspace"), "It waits: the whole workspace is paused"),
    (StartDeferred(3, "pause:workflow:triage"), "It waits: workflow `triage` is paused"),
    (DeadlineSet(RUN, START), "The run must be done by 2023-11-14 22:13:20"),
    (DeadlineSet(2, START), "It must be done by 2023-11-14 22:13:20"),
    (
        RunForked(
            PARENT,
            12,
            "operator",
            "draft",
            (Inherited(0), Inherited(3, acted=True)),
            changed=("trigger.x",),
            reason="the template was wrong",
        ),
        "It goes on from run 018bcfe5680061aa as of its event 12, by operator: the template was wrong; it is done "
        "anew from draft on; 2 tasks done there count as done here, 1 of them acts that left in that run's name; "
        "changed: trigger.x. Acts after that point always ask",
    ),
    (
        FailureDiagnosed(
            4,
            2,
            FailureClass.TIMEOUT,
            "no answer",
            "TimeoutError in smtp.py",
            {"tries": 2, "tries_max": 5, "repeatability": "findable", "earlier_call_may_have_arrived": True},
            ("look_up", "ask"),
            "look_up",
        ),
        "Diagnosed as timeout: there was no answer in time; TimeoutError in smtp.py; try 2 of 5; the other side can "
        "be asked whether it happened; an earlier call may have arrived. The way on: look whether it happened (or "
        "ask the operator)",
    ),
    (
        TaskCancelled(1, "operator", "not needed", 5, CARD),
        "operator gave this task up: not needed; its waiting card was withdrawn",
    ),
    (RunRecovered(1), "A new director took over: one attempt under way ended with the old one"),
    (
        RunFailed("its deadline passed", 0, (CARD,)),
        "The run failed: its deadline passed; its waiting card was withdrawn",
    ),
    (RunQueued(PARENT), "It waits for run 018bcfe5680061aa, which has the same key"),
    (
        RunQueued(PARENT, "workflow"),
        "It waits in line behind run 018bcfe5680061aa: as many runs of its workflow as may are at work",
    ),
    (
        LookupStarted(1, 1, START, "restored", CARD),
        "Whether it went out is not known (restored); it is looked for until 2023-11-14 22:13:20; its waiting card "
        "was withdrawn",
    ),
    (
        CompensationFailed(5, 1, FailureClass.REFUSED, "no refunds"),
        "It could not be taken back: no refunds (refused). The operator is asked how to go on",
    ),
    (
        ScopePaused("workspace", "", "operator", "on holiday"),
        "operator paused the whole workspace: on holiday. Nothing new starts there",
    ),
    (ScopeResumed("adapter", "support", "operator"), "operator let adapter `support` go on"),
    (
        BreakerOpened("support", "reply", START, 5, 1, "no answer"),
        "`support.reply` is left alone until 2023-11-14 22:13:20, after 5 failures in a row: no answer",
    ),
    (
        ScheduleFired("report", START, 1, 3, 2),
        "The schedule of report came due at 2023-11-14 22:13:20: one run began; 3 times had come while no director "
        "was at work, 2 of them are left out",
    ),
    (
        IncidentDetected(
            IncidentKind.SOURCE_SILENT, "Support", "no word for two days", {}, ("wait", "ask"), "ask"
        ),
        "Nothing was heard of source `Support`: no word for two days. What can be done: wait, or ask. "
        "What is done: ask",
    ),
    (IncidentCleared(IncidentKind.CLOCK_JUMPED, ""), "It is over: the clock jumped"),
    (DirectorStarted(3, "0.2", 2), "Director number 3 began (version 0.2), after 2 that ended untimely"),
    (
        DeadLetterReplayed("i" * 32, "message", "operator", None, "rejected"),
        "operator tried message iiiiiiiiiiii again: it still cannot be read",
    ),
    (
        DeadLetterReplayed(PARENT, "run", "operator", PARENT, "started"),
        "operator tried run 018bcfe5680061aa again: it is done anew (run 018bcfe5680061aa)",
    ),
    (
        DeadLetterPurged("i" * 32, "message", "operator", "spam"),
        "operator put message iiiiiiiiiiii away for good: spam",
    ),
]


@pytest.mark.parametrize(("event", "said"), SAID, ids=lambda one: type(one).__name__)
def test_it_is_said_in_plain_words(event: Event, said: str) -> None:
    assert say(event, lambda _: None) == said


def test_taking_back_reads_as_a_story() -> None:
    play, run = charged()
    play.command(CancelRun(run, "operator", "a mistake"), "operator")
    propose(play, run, 4, "bank.refund")
    grant(play, run, 4)
    hear(play, run, 4, Acted())
    hear(play, run, 5, Failed(FailureClass.REFUSED, "the books are closed"))
    events = [(one, play.codec.event(one)) for one in play.store.read(run_stream(run))]
    story = explain(events, lambda _: None)
    about = [line.text for line in story.lines]
    assert "operator ended it: a mistake. First it takes back what it did" in about
    assert "It takes back what it did, the last one first: charge, reserve" in about
    assert [one.name for one in story.chapters][-2:] == ["undo charge", "undo reserve"]
    assert "undo charge (executor propose-undo charge for bank.refund): succeeded" in story.as_text()
    assert story.chapters[-1].lines[-1].text.startswith("It could not be taken back: the books are closed")
    assert (story.status, story.ended_at) == ("compensating", None)


def test_the_story_of_a_forked_run_begins_with_where_it_comes_from() -> None:
    play, run = charged()
    play.now = Instant(START + 1)
    version = play.store.version(run_stream(run))
    child = play.start("order", forked=fork(play.runs[run], version))
    events = [(one, play.codec.event(one)) for one in play.store.read(run_stream(child))]
    story = explain(events, lambda _: None)
    assert (story.parent, story.point) == (run, version)
    heading, origin, *_ = story.as_text().splitlines()
    assert heading.startswith(f"Run {child[:16]} of order: running")
    assert origin == f"It goes on from run {run[:16]}, as of its event {version}."
    assert (story.as_dict()["parent"], story.as_dict()["point"]) == (run, version)


@pytest.mark.parametrize("kind", IncidentKind)
def test_every_incident_has_its_words(kind: IncidentKind) -> None:
    assert say(IncidentDetected(kind, "support", "what was seen"), str).endswith("`support`: what was seen")

"""What a golden log tells: a small office for some days, with every kind of event in it.

It is played through the real kernel when a log is made; the tests read only the log. A later log should tell
what is new since, and may tell all of this again.
"""

from __future__ import annotations

from mainstay.kernel.budget import Limits
from mainstay.kernel.commands import (
    Acted,
    CancelRun,
    CancelTask,
    EditApproval,
    Failed,
    GrantApproval,
    Inspected,
    Outcome,
    PauseRun,
    PauseTask,
    Produced,
    Proposed,
    RecordNotified,
    RecordOutcome,
    RecoverRun,
    RejectApproval,
    ReleaseRun,
    ResolveDoubt,
    ResumeRun,
    ResumeTask,
    Sighting,
    Sought,
    SupersedeRun,
    Wake,
)
from mainstay.kernel.events import (
    BreakerClosed,
    BreakerOpened,
    BudgetWarned,
    CursorAdvanced,
    DeadLetterPurged,
    DeadLetterReplayed,
    DirectorStarted,
    DirectorStopped,
    FailureClass,
    IncidentCleared,
    IncidentDetected,
    IncidentKind,
    KillSwitchThrown,
    LedgerRestored,
    MessageReceived,
    MessageRejected,
    PolicyAdopted,
    ScheduleFired,
    ScopePaused,
    ScopeResumed,
    ThreadAnswered,
    WorkflowRegistered,
    WorkflowRetired,
)
from mainstay.kernel.ids import WORKSPACE, RunId, StreamId, SubjectId, run_stream
from mainstay.kernel.state import RUN, Act
from mainstay.kernel.values import DAY, HOUR, SECOND, Digest, Instant, Json, Usage
from tests.ledger.any_run import PLANS, Play, action, fork

ABOUT = "an office for some days: mail, cards, doubts, budgets, fan-outs; what is taken back, paused, forked, restored"
INBOX = StreamId("inbox:support")
SUBJECT = SubjectId("5" * 32)


def play() -> Play:
    """The whole of it."""
    office = Play(limits=Limits(day_micros=2_000))
    _open_house(office)
    _a_reply_that_was_revised_edited_and_looked_for(office)
    _a_reply_that_was_refused(office)
    _runs_that_were_ended_from_outside(office)
    _a_transfer_in_doubt(office)
    _a_fan_out_with_failures(office)
    _an_order_that_is_taken_back_and_begun_anew(office)
    _an_order_that_is_steered(office)
    _what_the_house_notices(office)
    _what_is_still_under_way(office)
    _a_budget_that_is_spent(office)
    return office


def _open_house(office: Play) -> None:
    policy = Digest("b" * 64)
    registered = [
        WorkflowRegistered(plan.workflow.name, plan.workflow.version, name) for name, plan in PLANS.items()
    ]
    office.append(WORKSPACE, [DirectorStarted(1, "0.1"), PolicyAdopted(policy), *registered], cause=0)
    office.append(
        INBOX,
        [
            MessageRejected("support", "e" * 32, "it has no header", Digest("d" * 64), "INBOX/7"),
            CursorAdvanced("support", {"uidvalidity": 3, "uid": 9}, received=2, rejected=1),
        ],
        cause=0,
    )
    office.append(WORKSPACE, [KillSwitchThrown("operator", True, "a fire drill")], "operator", cause=0)
    office.append(WORKSPACE, [KillSwitchThrown("operator", False)], "operator", cause=0)


def _message(office: Play, key: str) -> tuple[int, Json]:
    """A message comes in; its position and what a trigger says of it."""
    office.now = Instant(office.now + 60 * SECOND)
    message = MessageReceived(
        "support", key * 32, "a" * 32, SUBJECT, Digest("c" * 64), 2_048, Instant(office.now)
    )
    office.append(INBOX, [message], cause=0)
    return office.store.head, {"message": {"key": key * 32, "thread": "a" * 32, "mailbox": "support"}}


def _answer(office: Play, run: RunId, task: int, outcome: Outcome) -> None:
    office.now = Instant(office.now + SECOND)
    office.command(RecordOutcome(run, task, office.runs[run].task(task).attempt, outcome))


def _act(office: Play, run: RunId, task: int) -> Act:
    act = office.runs[run].task(task).act
    assert act is not None
    return act


def _grant(office: Play, run: RunId, task: int) -> None:
    act = _act(office, run, task)
    assert act.approval is not None
    office.now = Instant(office.now + 12 * SECOND)
    office.command(
        GrantApproval(run, act.approval, act.action.digest, "operator", 12 * SECOND, confirmed=True),
        "operator",
    )


def _reply_waits(office: Play, key: str) -> RunId:
    cause, trigger = _message(office, key)
    run = office.start("triage", cause=cause, key="a" * 32 + key, subject=SUBJECT, trigger=trigger)
    usage = Usage(120, 900, 40, 1)
    _answer(
        office,
        run,
        0,
        Produced({"intent": "invoice", "band": 1}, "it names an invoice", ("intent:invoice@2",), usage),
    )
    _answer(office, run, 3, Proposed(action(run, 3, "email.label", "invoice"), "the intent is plain"))
    _answer(office, run, 3, Acted({"labels": ["invoice"]}))
    _answer(
        office, run, 1, Produced({"reply": "artifact:1"}, "the template for invoices fits", ("reply:17@1",))
    )
    _answer(office, run, 2, Inspected("passed", (), "six checks passed"))
    _answer(
        office,
        run,
        4,
        Proposed(action(run, 4, "email.reply", f"reply {key}"), "the draft passed", ("reply:17@1",)),
    )
    return run


def _a_reply_that_was_revised_edited_and_looked_for(office: Play) -> None:
    cause, trigger = _message(office, "1")
    run = office.start("triage", cause=cause, key="1" * 32, subject=SUBJECT, trigger=trigger)
    _answer(
        office,
        run,
        0,
        Produced({"intent": "délai", "items": []}, "it asks when", ("intent:when@1",), Usage(80)),
    )
    _answer(office, run, 1, Failed(FailureClass.THROTTLED, "too many requests", 30 * SECOND, Usage(10)))
    office.now = Instant(office.now + 120 * SECOND)
    office.command(Wake(run, 1))
    _answer(office, run, 1, Produced({"reply": "artifact:1"}, "a first draft"))
    finding = {"check": "promise of a date", "severity": "high", "remedy": "say when you will know"}
    _answer(office, run, 2, Inspected("look", (finding,), "it promises a date", revise=True))
    _answer(office, run, 1, Produced({"reply": "artifact:2"}, "without the date", ("finding:1",), Usage(200)))
    _answer(office, run, 2, Inspected("passed", (), "no promise left"))
    _answer(office, run, 3, Failed(FailureClass.INVALID, "there is no such label"))
    _answer(office, run, 4, Proposed(action(run, 4, "email.reply", "artifact:2"), "the draft passed"))
    office.command(RecordNotified(run, 4))
    card = _act(office, run, 4)
    assert card.approval is not None
    edited = action(run, 4, "email.reply", "artifact:2, one word changed")
    office.now = Instant(office.now + 40 * SECOND)
    office.command(
        EditApproval(run, card.approval, card.action.digest, edited, "operator", 40 * SECOND), "operator"
    )
    _answer(office, run, 4, Failed(FailureClass.TIMEOUT, "no answer from the relay"))
    _answer(office, run, 4, Sought(Sighting.UNKNOWN))
    office.now = Instant(office.now + 110 * SECOND)
    office.command(Wake(run, 4))
    _answer(office, run, 4, Sought(Sighting.FOUND, {"message_id": "<1@example.org>"}))


def _a_reply_that_was_refused(office: Play) -> None:
    run = _reply_waits(office, "2")
    card = _act(office, run, 4)
    assert card.approval is not None
    office.command(RejectApproval(run, card.approval, "operator", "c2VhbGVk", 7 * SECOND), "operator")
    transfer = office.start("pay", key="invoice 11")
    _answer(
        office, transfer, 0, Proposed(action(transfer, 0, "bank.transfer", "invoice 11", None), "it is due")
    )
    refused = _act(office, transfer, 0)
    assert refused.approval is not None
    office.command(RejectApproval(transfer, refused.approval, "operator"), "operator")
    expired = _reply_waits(office, "3")
    office.now = Instant(office.now + 8 * DAY)
    office.command(Wake(expired, 4))


def _runs_that_were_ended_from_outside(office: Play) -> None:
    overtaken = _reply_waits(office, "4")
    office.append(INBOX, [ThreadAnswered("support", "9" * 32, "a" * 32)], cause=0)
    office.command(SupersedeRun(overtaken, "answered by hand", "9" * 32), cause=office.store.head)
    cancelled = _reply_waits(office, "6")
    _grant(office, cancelled, 4)
    waiting = office.start("triage", key="a" * 32 + "6", behind=cancelled)
    office.command(CancelRun(cancelled, "operator", "a duplicate"), "operator")
    office.command(ReleaseRun(waiting, cancelled), cause=office.store.head)
    _answer(office, cancelled, 4, Acted({"message_id": "<6@example.org>"}))
    office.command(CancelRun(waiting, "operator"), "operator")


def _a_transfer_in_doubt(office: Play) -> None:
    office.now = Instant(office.now + DAY)
    run = office.start("pay", key="invoice 12")
    _answer(office, run, 0, Proposed(action(run, 0, "bank.transfer", "invoice 12", 350), "it is due"))
    _grant(office, run, 0)
    office.command(RecoverRun(run))
    office.command(RecordNotified(run, 0))
    office.command(ResolveDoubt(run, 0, "did_not", "operator"), "operator")
    _grant(office, run, 0)
    _answer(office, run, 0, Failed(FailureClass.IN_DOUBT, "the line broke", usage=None))
    office.command(ResolveDoubt(run, 0, "happened", "operator"), "operator")
    _answer(office, run, 1, Proposed(action(run, 1, "books.enter", "invoice 12"), "it was paid"))
    _answer(office, run, 1, Acted({"entry": 77}))


def _a_fan_out_with_failures(office: Play) -> None:
    office.now = Instant(office.now + DAY)
    run = office.start("newsletter")
    _answer(office, run, 0, Produced({"items": ["ä", "b", {"deep": [1, 2.5, None, True]}]}, "three readers"))
    first = office.runs[run].expansions[0].first
    for item in range(first, first + 3):
        _answer(office, run, item, Produced({"text": f"item {item}"}, "written", (), Usage(20)))
    tell = office.runs[run].expansions[1].first
    _answer(office, run, tell, Failed(FailureClass.BUG, "ZeroDivisionError: division by zero"))
    for item in range(tell, tell + 3):
        if office.runs[run].task(item).phase.name == "RUNNING":
            _answer(
                office, run, item, Proposed(action(run, item, "email.send", f"item {item}"), "to a reader")
            )
    sum_task = 3
    if office.runs[run].task(sum_task).phase.name == "RUNNING":
        _answer(office, run, sum_task, Failed(FailureClass.REFUSED, "no such agent"))


def _ordered(office: Play, **more: object) -> RunId:
    """An order that is reserved and paid."""
    run = office.start("order", **more)
    if office.runs[run].plan is None:
        office.now = Instant(office.now + HOUR)
        office.command(Wake(run, RUN))
    _answer(office, run, 0, Produced({"stock": 3}, "there is enough", (), Usage(30)))
    _answer(office, run, 1, Proposed(action(run, 1, "books.enter", f"reserve {run}"), "it is in stock"))
    _answer(office, run, 1, Acted({"entry": 5}))
    _answer(office, run, 2, Proposed(action(run, 2, "bank.transfer", f"charge {run}", 90), "it was ordered"))
    _grant(office, run, 2)
    _answer(office, run, 2, Acted({"id": "t-1"}))
    return run


def _an_order_that_is_taken_back_and_begun_anew(office: Play) -> None:
    office.now = Instant(office.now + DAY)
    run = _ordered(office)
    point = fork(office.runs[run], office.store.version(run_stream(run)))
    office.command(CancelRun(run, "operator", "the customer withdrew"), "operator")
    _answer(office, run, 4, Failed(FailureClass.REFUSED, "no refunds on holidays", usage=Usage(4)))
    office.command(ResolveDoubt(run, 4, "did_not", "operator"), "operator")
    office.command(Wake(run, 4))
    _answer(office, run, 4, Proposed(action(run, 4, "bank.refund", "refund"), "it was cancelled"))
    _grant(office, run, 4)
    _answer(office, run, 4, Acted({"id": "r-1"}))
    _answer(office, run, 5, Proposed(action(run, 5, "books.cancel", "entry 5"), "it was cancelled"))
    _answer(office, run, 5, Acted())
    again = office.start("order", forked=point)
    office.now = Instant(office.now + 60 * SECOND)
    office.command(Wake(again, 3))
    _answer(office, again, 3, Proposed(action(again, 3, "email.reply", "on its way"), "it was paid"))
    _grant(office, again, 3)
    _answer(office, again, 3, Acted({"message_id": "<o@example.org>"}))


def _an_order_that_is_steered(office: Play) -> None:
    office.now = Instant(office.now + DAY)
    run = _ordered(office, not_before=Instant(office.now + HOUR))
    office.command(PauseTask(run, 3, "operator", "not before noon"), "operator")
    office.command(PauseRun(run, "operator"), "operator")
    office.command(ResumeRun(run, "operator"), "operator")
    office.now = Instant(office.now + 60 * SECOND)
    office.command(Wake(run, 3))
    office.command(ResumeTask(run, 3, "operator"), "operator")
    office.command(CancelTask(run, 3, "operator", "told by telephone"), "operator")


def _what_the_house_notices(office: Play) -> None:
    office.now = Instant(office.now + DAY)
    silent = IncidentDetected(
        IncidentKind.SOURCE_SILENT, "support", "no word for two days", {"days": 2}, ("wait", "ask"), "ask"
    )
    told = [
        ScopePaused("workflow", "newsletter", "operator", "a holiday"),
        ScopeResumed("workflow", "newsletter", "operator"),
        BreakerOpened("email", "reply", Instant(office.now + 30 * SECOND), 5, 1, "no answer from the relay"),
        BreakerClosed("email", "reply"),
        ScheduleFired("newsletter", Instant(office.now - HOUR), 0, 2, 2),
        silent,
        IncidentCleared(IncidentKind.SOURCE_SILENT, "support"),
        DeadLetterReplayed("e" * 32, "message", "operator", None, "rejected"),
        DeadLetterPurged("e" * 32, "message", "operator", "it is no mail"),
        WorkflowRetired("newsletter", "operator"),
        DirectorStopped(1),
        LedgerRestored(40, "a" * 64, "operator"),
        DirectorStarted(2, "0.1", 1),
    ]
    office.append(WORKSPACE, told, cause=0)


def _a_budget_that_is_spent(office: Play) -> None:
    office.now = Instant(office.now + DAY)
    office.append(WORKSPACE, [BudgetWarned("day", 1_700, 2_000)], cause=0)
    first = office.start("triage")
    _answer(office, first, 0, Produced({"intent": "other"}, "nothing fits", (), Usage(300)))
    second = office.start("triage")
    third = office.start("triage")
    for run in (second, third):
        _answer(office, run, 0, Produced({"intent": "other"}, "nothing fits", (), Usage(300)))


def _what_is_still_under_way(office: Play) -> None:
    """A log ends in the middle of things, as real ones do."""
    office.now = Instant(office.now + DAY)
    _reply_waits(office, "7")
    sending = _reply_waits(office, "8")
    _grant(office, sending, 4)

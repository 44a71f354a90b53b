"""What the views make of delays, pauses, forks, taking back, restores, and of what belongs to no run."""

from __future__ import annotations

from typing import cast

from mainstay.kernel.commands import (
    Acted,
    CancelRun,
    CancelTask,
    Failed,
    GrantApproval,
    PauseRun,
    Produced,
    Proposed,
    ReconcileRun,
    RecordOutcome,
    ResolveDoubt,
    ResumeRun,
    Wake,
)
from mainstay.kernel.events import (
    BreakerClosed,
    BreakerOpened,
    DeadLetterPurged,
    DeadLetterReplayed,
    DirectorStarted,
    DirectorStopped,
    Event,
    FailureClass,
    IncidentCleared,
    IncidentDetected,
    IncidentKind,
    LedgerRestored,
    MessageRejected,
    ScheduleFired,
    ScopePaused,
    ScopeResumed,
    WorkflowRegistered,
    WorkflowRetired,
)
from mainstay.kernel.ids import WORKSPACE, RunId, StreamId
from mainstay.kernel.state import RUN, Phase
from mainstay.kernel.values import DAY, HOUR, Digest, Instant, Usage
from mainstay.ledger.store import Value
from tests.ledger.any_run import START, Play, action, fork

INBOX = StreamId("inbox:support")


def row(play: Play, table: str, *key: Value) -> dict[str, Value]:
    found = play.store.get(table, key)
    assert found is not None
    return found


def only(play: Play, table: str) -> dict[str, Value]:
    [found] = play.store.select(table)
    return found


def hear(play: Play, run: RunId, task: int, outcome: object) -> None:
    attempt = play.runs[run].task(task).attempt
    play.command(RecordOutcome(run, task, attempt, outcome))  # type: ignore[arg-type]


def propose(play: Play, run: RunId, task: int, act: str, text: str = "hello") -> None:
    hear(play, run, task, Proposed(action(run, task, act, text), "asked for"))


def grant(play: Play, run: RunId, task: int) -> None:
    act = play.runs[run].task(task).act
    assert act is not None
    assert act.approval is not None
    play.command(GrantApproval(run, act.approval, act.action.digest, "operator", confirmed=True), "operator")


def charged() -> tuple[Play, RunId]:
    """An order whose two acts are done, each with its compensation; the last task has not begun."""
    play = Play()
    run = play.start("order")
    hear(play, run, 0, Produced({}, "because", usage=Usage(40)))
    propose(play, run, 1, "books.enter")
    hear(play, run, 1, Acted())
    propose(play, run, 2, "bank.transfer")
    grant(play, run, 2)
    hear(play, run, 2, Acted())
    assert play.runs[run].task(2).phase is Phase.SUCCEEDED
    return play, run


def test_a_run_that_takes_back_what_it_did_stays_open_until_that_is_done() -> None:
    play, run = charged()
    play.command(CancelRun(run, "operator", "a mistake"))
    assert only(play, "runs")["status"] == only(play, "open_runs")["status"] == "compensating"
    propose(play, run, 4, "bank.refund")
    [card] = play.store.select("approvals", where={"status": "waiting"})
    assert (card["undo"], card["undoes"], card["parent"], card["act"]) == (1, 2, None, "bank.refund")
    grant(play, run, 4)
    hear(play, run, 4, Acted())
    propose(play, run, 5, "books.cancel")
    hear(play, run, 5, Acted())
    assert only(play, "runs")["status"] == "cancelled"
    assert play.store.select("open_runs") == []
    assert only(play, "spent")["cost_micros"] == only(play, "runs")["spent"] == play.runs[run].spent == 40
    # Nobody trusts a workflow more for having had to take something back.
    assert {(one["act"], one["count"]) for one in play.store.select("done")} == {
        ("books.enter", 1),
        ("bank.transfer", 1),
    }


def test_what_could_not_be_taken_back_is_asked_about_as_such() -> None:
    play, run = charged()
    play.command(CancelRun(run, "operator"))
    hear(play, run, 4, Failed(FailureClass.REFUSED, "no refunds here", usage=Usage(7)))
    assert only(play, "spent")["cost_micros"] == only(play, "runs")["spent"] == play.runs[run].spent == 47
    doubt = only(play, "in_doubt")
    assert (doubt["kind"], doubt["undo"], doubt["undoes"], doubt["act"]) == (
        "compensation",
        1,
        2,
        "bank.refund",
    )
    assert (doubt["digest"], doubt["card"], doubt["reason"]) == ("", "", "no refunds here")
    play.command(ResolveDoubt(run, 4, "did_not", "operator"))
    assert play.store.select("in_doubt") == []
    play.command(Wake(run, 4))
    propose(play, run, 4, "bank.refund")
    grant(play, run, 4)
    hear(play, run, 4, Failed(FailureClass.IN_DOUBT, "the line broke"))
    [seeking] = [task for _, task in play.runs[run].all_tasks() if task.phase is Phase.SEEKING]
    assert seeking.act is not None
    assert play.store.select("in_doubt") == []


def test_a_card_of_a_compensation_that_nobody_answers_expires() -> None:
    play, run = charged()
    play.command(CancelRun(run, "operator"))
    propose(play, run, 4, "bank.refund")
    [card] = play.store.select("approvals", where={"status": "waiting"})
    play.now = Instant(cast(int, card["expires_at"]))
    play.command(Wake(run, 4))
    assert row(play, "approvals", card["approval"])["status"] == "expired"
    doubt = only(play, "in_doubt")
    assert (doubt["kind"], doubt["digest"]) == ("compensation", card["digest"])


def test_a_run_that_begins_later_is_delayed_until_then() -> None:
    play = Play()
    run = play.start("triage", not_before=Instant(START + HOUR))
    assert only(play, "runs")["status"] == only(play, "open_runs")["status"] == "delayed"
    play.now = Instant(START + HOUR)
    play.command(Wake(run, RUN))
    assert only(play, "runs")["status"] == only(play, "open_runs")["status"] == "running"


def test_a_paused_run_says_so_and_then_what_it_was() -> None:
    play = Play()
    run = play.start("triage", not_before=Instant(START + HOUR))
    play.command(PauseRun(run, "operator"))
    assert (only(play, "runs")["status"], only(play, "open_runs")["status"]) == ("paused", "delayed")
    play.now = Instant(START + HOUR)
    play.command(Wake(run, RUN))
    assert (only(play, "runs")["status"], only(play, "open_runs")["status"]) == ("paused", "running")
    play.command(ResumeRun(run, "operator"))
    assert only(play, "runs")["status"] == "running"


def test_what_was_ended_from_outside_closes_its_card_and_counts_what_may_be_spent() -> None:
    play = Play()
    run = play.start("triage")
    hear(play, run, 0, Produced({}, "because", usage=Usage(10)))
    play.command(CancelTask(run, 1, "operator", "not needed"))  # the draft was being written
    assert only(play, "runs")["spent"] == only(play, "spent")["cost_micros"] == play.runs[run].spent == 910

    play = Play()
    run = play.start("pay")
    propose(play, run, 0, "bank.transfer")
    play.command(CancelTask(run, 0, "operator"))
    card = only(play, "approvals")
    assert (card["status"], card["actor"]) == ("cancelled", "operator")


def test_a_run_whose_deadline_passed_stays_open_while_an_effect_may_be_leaving() -> None:
    play, run = charged()
    play.now = Instant(START + 60_000_000)
    play.command(Wake(run, 3))
    propose(play, run, 3, "email.reply")
    grant(play, run, 3)
    play.now = Instant(START + 3 * DAY)
    play.command(Wake(run, RUN))
    # Also what is taken back waits for that.
    assert only(play, "open_runs")["status"] == "compensating"
    play = Play()
    run = play.start("order")
    play.now = Instant(START + 3 * DAY)
    play.command(Wake(run, RUN))
    ended = only(play, "runs")
    assert (ended["status"], ended["spent"]) == ("failed", 100)
    assert sum(cast(int, one["cost_micros"] or 0) for one in play.store.select("spent")) == 100
    assert play.store.select("open_runs") == []


def test_after_a_restore_a_waiting_card_is_withdrawn_and_what_nobody_can_look_for_is_in_doubt() -> None:
    play = Play()
    run = play.start("pay")
    propose(play, run, 0, "bank.transfer")
    play.command(ReconcileRun(run))
    assert only(play, "approvals")["status"] == "withdrawn"
    assert only(play, "in_doubt")["kind"] == "in_doubt"

    play, run = charged()
    play.now = Instant(START + 60_000_000)
    play.command(Wake(run, 3))
    propose(play, run, 3, "email.reply")
    granted, waiting = sorted(play.store.select("approvals"), key=lambda one: str(one["status"]))
    play.command(ReconcileRun(run))
    assert row(play, "approvals", waiting["approval"])["status"] == "withdrawn"
    assert row(play, "approvals", granted["approval"])["status"] == "granted"


def test_a_forked_run_and_its_cards_name_the_parent() -> None:
    play, run = charged()
    point = play.store.version(StreamId("run:" + run))
    child = play.start("order", forked=fork(play.runs[run], point))
    found = row(play, "runs", child)
    assert (found["parent"], found["point"]) == (run, point)
    assert row(play, "runs", run)["parent"] is None
    play.now = Instant(START + 60_000_000)
    play.command(Wake(child, 3))
    propose(play, child, 3, "email.reply")
    [card] = play.store.select("approvals", where={"status": "waiting"})
    assert (card["run"], card["parent"], card["undo"], card["undoes"]) == (child, run, 0, None)


def test_dead_letters_are_tried_again_and_put_away() -> None:
    play = Play()
    play.append(INBOX, [MessageRejected("support", "i" * 32, "no header", Digest("f" * 64), "INBOX/7")])
    letter = only(play, "dead_letters")
    assert (letter["kind"], letter["status"], letter["mailbox"], letter["at"]) == (
        "message",
        "waiting",
        "support",
        START,
    )
    play.append(WORKSPACE, [DeadLetterReplayed("i" * 32, "message", "operator", None, "rejected")])
    assert (only(play, "dead_letters")["status"], only(play, "dead_letters")["outcome"]) == (
        "waiting",
        "rejected",
    )
    play.append(WORKSPACE, [DeadLetterReplayed("i" * 32, "message", "operator", None, "received")])
    assert only(play, "dead_letters")["status"] == "replayed"
    play.append(WORKSPACE, [DeadLetterPurged("i" * 32, "message", "operator", "old")])
    assert (only(play, "dead_letters")["status"], only(play, "dead_letters")["reason"]) == (
        "purged",
        "no header",
    )

    run = play.start("order")
    play.now = Instant(START + 3 * DAY)
    play.command(Wake(run, RUN))
    failed = row(play, "dead_letters", run)
    assert (failed["kind"], failed["workflow"], failed["reason"]) == ("run", "order", "its deadline passed")
    play.append(WORKSPACE, [DeadLetterReplayed(run, "run", "operator", RunId("9" * 32), "started")])
    assert (row(play, "dead_letters", run)["status"], row(play, "dead_letters", run)["run"]) == (
        "replayed",
        "9" * 32,
    )


def test_what_holds_starts_back_is_there_while_it_does() -> None:
    play = Play()
    rest = Instant(START + 60)
    events: list[Event] = [
        ScopePaused("workflow", "triage", "operator", "on holiday"),
        ScopePaused("workspace", "", "operator"),
        ScopeResumed("workspace", "", "operator"),
        BreakerOpened("email", "reply", rest, 5, 1, "no answer"),
        BreakerOpened("email", "label", rest, 5, 1, "no answer"),
        BreakerClosed("email", "label"),
        ScheduleFired("triage", Instant(5), 1),
        ScheduleFired("triage", Instant(9), 1, missed=3, dropped=2),
    ]
    play.append(WORKSPACE, events)
    pause = only(play, "pauses")
    assert (pause["scope"], pause["name"], pause["reason"]) == ("workflow", "triage", "on holiday")
    breaker = only(play, "breakers")
    assert (breaker["operation"], breaker["until"], breaker["failures"]) == ("reply", rest, 5)
    schedule = only(play, "schedules")
    assert (schedule["due"], schedule["runs"], schedule["missed"], schedule["dropped"]) == (9, 2, 3, 2)


def test_incidents_are_open_until_they_are_cleared() -> None:
    play = Play()
    silent = IncidentDetected(IncidentKind.SOURCE_SILENT, "support", "two days", {"b": 1, "a": 2}, ("wait",))
    play.append(WORKSPACE, [silent, IncidentDetected(IncidentKind.CRASH_LOOP, "", "again")])
    assert play.store.count("incidents", where={"cleared_at": None}) == 2
    play.append(WORKSPACE, [IncidentCleared(IncidentKind.SOURCE_SILENT, "support")])
    [still] = play.store.select("incidents", where={"cleared_at": None}, order="at")
    assert still["kind"] == "crash_loop"
    play.append(WORKSPACE, [silent])
    again = row(play, "incidents", "source_silent", "support")
    assert (again["times"], again["cleared_at"], again["known"], again["candidates"]) == (
        2,
        None,
        '{"a":2,"b":1}',
        '["wait"]',
    )


def test_the_house_knows_how_it_ended_and_where_it_came_from() -> None:
    play = Play()
    play.append(WORKSPACE, [DirectorStarted(4, "0.1"), DirectorStopped(4), LedgerRestored(9, "a" * 64, "me")])
    facts = {one["key"]: one["value"] for one in play.store.select("house")}
    assert (facts["clean"], facts["restored"]) == ("4", "9 " + "a" * 64)
    play.append(WORKSPACE, [DirectorStarted(5, "0.1", 2)])
    facts = {one["key"]: one["value"] for one in play.store.select("house")}
    assert (facts["epoch"], facts["clean"], facts["unclean"]) == ("5", "4", "2")
    assert "restored" not in facts  # whoever begins reconciles it in the same breath


def test_a_retired_workflow_is_in_force_no_more() -> None:
    play = Play()
    play.append(
        WORKSPACE, [WorkflowRegistered("triage", 1, Digest("1" * 64)), WorkflowRetired("triage", "me")]
    )
    assert play.store.select("workflows") == []

from __future__ import annotations

from collections import Counter
from typing import cast, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.kernel.commands import (
    Acted,
    CancelRun,
    EditApproval,
    Failed,
    GrantApproval,
    Inspected,
    Produced,
    Proposed,
    RecordOutcome,
    RejectApproval,
    ResolveDoubt,
    SupersedeRun,
    Wake,
)
from mainstay.kernel.events import (
    CursorAdvanced,
    DirectorStarted,
    Event,
    FailureClass,
    KillSwitchThrown,
    MessageReceived,
    MessageRejected,
    PolicyAdopted,
    RunEvent,
    ThreadAnswered,
    WorkflowRegistered,
)
from mainstay.kernel.ids import WORKSPACE, RunId, StreamId, SubjectId
from mainstay.kernel.run import evolve, nothing
from mainstay.kernel.state import ENDED, Phase, RunState, Status
from mainstay.kernel.values import DAY, Digest, Instant, Usage
from mainstay.ledger.projection import Projector
from mainstay.ledger.projections import STANDARD
from mainstay.ledger.projections.costs import Spent
from mainstay.ledger.rebuild import outdated, rebuild
from mainstay.ledger.rows import META
from mainstay.ledger.store import Position, Put, Value
from tests.ledger.any_run import START, Play, action, wander

SUBJECT = SubjectId("5" * 32)
TABLES = tuple(table for one in STANDARD for table in one.tables)


def rows(play: Play) -> dict[str, list[dict[str, Value]]]:
    return {table.name: play.store.select(table.name, limit=100_000) for table in TABLES}


def only(play: Play, table: str) -> dict[str, Value]:
    [row] = play.store.select(table)
    return row


# --- both ways give the same rows -----------------------------------------------------------------------------------


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_a_rebuild_gives_the_rows_that_were_kept_on_the_way(seed: int) -> None:
    play = wander(seed)
    kept = rows(play)
    names = rebuild(play.store, play.codec, STANDARD, epoch=play.epoch, at=play.now)
    assert names == tuple(one.name for one in STANDARD)
    rebuilt = rows(play)
    held = {"key": "held", "value": str(play.balances.held), "at": None, "position": None}
    rebuilt["house"].remove(held)  # the director's own row; this play keeps none
    assert rebuilt == kept


def standing(state: RunState) -> str:
    """Where a run stands, leaving pauses aside."""
    if state.ended:
        return "ending"
    delayed = state.status is Status.RUNNING and state.plan is None
    return "delayed" if delayed else state.status.name.lower()


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_views_agree_with_the_runs(seed: int) -> None:
    play = wander(seed)
    runs = play.runs
    assert {row["run"]: row["spent"] for row in play.store.select("runs", limit=1_000)} == {
        run: state.spent for run, state in runs.items()
    }
    assert sum(cast(int, row["cost_micros"] or 0) for row in play.store.select("spent")) == sum(
        state.spent for state in runs.values()
    )
    assert {row["run"]: row["status"] for row in play.store.select("open_runs", limit=1_000)} == {
        run: standing(state) for run, state in runs.items() if not state.ended or state.left
    }
    assert {row["run"]: row["status"] for row in play.store.select("runs", limit=1_000)} == {
        run: state.status.name.lower()
        if state.ended
        else ("paused" if state.unusual.paused else standing(state))
        for run, state in runs.items()
    }
    assert {
        (row["run"], row["task"], row["approval"])
        for row in play.store.select("approvals", where={"status": "waiting"}, limit=1_000)
    } == {
        (run, number, task.act.approval)
        for run, state in runs.items()
        for number, task in state.all_tasks()
        if task.phase is Phase.APPROVAL and task.act is not None and not state.ended
    }
    assert {
        (row["run"], row["task"], row["undoes"]) for row in play.store.select("in_doubt", limit=1_000)
    } == {
        (run, number, state.undoes(number))
        for run, state in runs.items()
        for number, task in state.all_tasks()
        if task.phase is Phase.DOUBT
    }
    assert {
        (row["workflow"], row["act"]): row["count"] for row in play.store.select("done", limit=1_000)
    } == play.counts


def test_the_random_histories_reach_what_matters() -> None:
    seen: Counter[str] = Counter()
    for seed in range(400):
        play = wander(seed)
        seen.update(type(play.codec.event(one)).__name__ for one in play.store.read_all(limit=100_000))
        seen.update("open as " + str(row["status"]) for row in play.store.select("open_runs"))
        cards = play.store.select("approvals", limit=1_000)
        seen.update("card " + str(row["status"]) for row in cards)
        seen["undo"] += sum(bool(row["undo"]) for row in cards)
        seen["fork"] += sum(row["parent"] is not None for row in cards)
        seen.update("doubt " + str(row["kind"]) for row in play.store.select("in_doubt"))
        seen.update("run " + str(row["status"]) for row in play.store.select("runs"))
    assert {kind.__name__ for kind in get_args(RunEvent)} - set(seen) == set()
    states = ("waiting", "granted", "edited", "rejected", "expired", "cancelled", "superseded", "withdrawn")
    for expected in (*("card " + state for state in states), *("open as " + state for state in _OPEN)):
        assert seen[expected], expected
    for expected in ("run delayed", "run paused", "run compensating", "undo", "fork"):
        assert seen[expected], expected


@given(st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_a_projection_names_every_event_that_changes_it(seed: int) -> None:
    """Events outside `events` change nothing, so leaving them out loses nothing."""
    play = wander(seed, steps=40)
    states: dict[StreamId, RunState] = {}
    for recorded in play.store.read_all(limit=100_000):
        event = play.codec.event(recorded)
        run: RunState | None = None
        if recorded.stream.startswith("run:"):
            before = states.get(recorded.stream) or nothing(RunId(recorded.stream[4:]))
            run = states[recorded.stream] = evolve(before, cast(RunEvent, event))
        for one in STANDARD:
            of_runs = one.events <= set(get_args(RunEvent))
            if type(event) in one.events or one.name in _ASSERTING or (run is None and of_runs):
                continue
            assert list(one.project(1, recorded.at, recorded.stream, event, run)) == []


_OPEN = ("delayed", "queued", "running", "compensating", "ending")
_ASSERTING = {
    "done",
    "done_lately",
    "recipients",
    "written",
    "rejected",
    "cursors",
    "memories",
    "fits",
    "reviews",
    "judged_drafts",
    "models_used",
    "replies",
    "stopped",
    "governance",
    "event_places",  # it would note any
}  # they know one event only, and insist


def test_tables_have_one_owner_and_columns_hold_what_they_say() -> None:
    names = [table.name for table in TABLES]
    assert len(set(names)) == len(names)
    for table in TABLES:
        columns = [name for name, _ in table.columns]
        assert set(table.key) <= set(columns)
        assert all(set(index) <= set(columns) for index in table.indexes)


# --- what each event does ------------------------------------------------------------------------------------------


def produced(
    play: Play, run: RunId, task: int, output: dict[str, object] | None = None, cost: int = 0
) -> None:
    outcome = Produced(output or {"intent": "billing"}, "because", ("m1",), Usage(cost, 10, 5, 1))
    attempt = play.runs[run].task(task).attempt
    play.command(RecordOutcome(run, task, attempt, outcome))


def proposed(play: Play, run: RunId, task: int, act: str) -> None:
    attempt = play.runs[run].task(task).attempt
    play.command(RecordOutcome(run, task, attempt, Proposed(action(run, task, act, "hello"), "asked for")))


def outcome(play: Play, run: RunId, task: int, what: object) -> None:
    attempt = play.runs[run].task(task).attempt
    play.command(RecordOutcome(run, task, attempt, what))  # type: ignore[arg-type]


def reply_waits() -> tuple[Play, RunId, dict[str, Value]]:
    play = Play()
    trigger = {"message": {"key": "m" * 32, "thread": "t" * 32}}
    run = play.start("triage", key="t" * 32, subject=SUBJECT, trigger=trigger)
    produced(play, run, 0, cost=120)
    proposed(play, run, 3, "email.label")
    outcome(play, run, 3, Acted())
    produced(play, run, 1, cost=400)
    outcome(play, run, 2, Inspected("passed", (), "fine"))
    proposed(play, run, 4, "email.reply")
    return play, run, only(play, "approvals")


def test_a_run_is_written_at_its_start_and_its_end() -> None:
    play, run, card = reply_waits()
    started = only(play, "runs")
    assert started["status"] == "running"
    assert (started["workflow"], started["key"], started["subject"]) == ("triage", "t" * 32, SUBJECT)
    assert started["message"] == "m" * 32
    assert (started["started_at"], started["position"], started["spent"]) == (START, 1, 520)
    play.now = Instant(START + 60_000_000)
    approval, shown = cast(str, card["approval"]), cast(str, card["digest"])
    play.command(
        GrantApproval(run, approval, Digest(shown), "operator", 9_000_000, confirmed=True), "operator"
    )  # type: ignore[arg-type]
    outcome(play, run, 4, Acted())
    ended = only(play, "runs")
    assert (ended["status"], ended["ended_at"], ended["tasks"]) == ("succeeded", play.now, 5)
    assert ended["given_up"] == 0
    assert play.store.select("open_runs") == []


def test_a_free_step_writes_no_row() -> None:
    play = Play()
    run = play.start("newsletter")
    attempt = play.runs[run].task(0).attempt
    stream = StreamId("run:" + run)
    before = play.runs[run]
    play.command(RecordOutcome(run, 0, attempt, Produced({"items": [1, 2]}, "because")))
    projector = Projector(STANDARD)
    for recorded in play.store.read(stream, after=cast(int, 2)):  # type: ignore[arg-type]
        event = play.codec.event(recorded)
        assert projector.project(recorded.position, recorded.at, stream, event, play.runs[run]) == []
    assert play.runs[run] != before


def test_a_card_shows_what_will_happen() -> None:
    _, run, card = reply_waits()
    effect = action(run, 4, "email.reply", "hello")
    assert card["status"] == "waiting"
    assert (card["run"], card["task"], card["workflow"]) == (run, 4, "triage")
    assert (card["act"], card["adapter"], card["finality"]) == ("email.reply", "email", "final_low_stake")
    assert (card["digest"], card["payload"], card["card"]) == (effect.digest, effect.payload, effect.card)
    assert (card["rule"], card["price_micros"], card["subject"]) == ("default", 0, SUBJECT)
    assert card["requested_at"] == START
    assert cast(int, card["expires_at"]) > START
    assert card["decided_at"] is None


def decide_on(card: dict[str, Value]) -> tuple[str, Digest]:
    return cast(str, card["approval"]), Digest(cast(str, card["digest"]))


def test_a_yes_a_no_and_silence_are_kept() -> None:
    play, run, card = reply_waits()
    approval, shown = decide_on(card)
    play.command(GrantApproval(run, approval, shown, "operator", 9_000_000, confirmed=True))  # type: ignore[arg-type]
    granted = only(play, "approvals")
    assert (granted["status"], granted["actor"], granted["open_us"]) == ("granted", "operator", 9_000_000)

    play, run, card = reply_waits()
    play.command(RejectApproval(run, decide_on(card)[0], "operator", "c2VhbGVk", 2_000_000))  # type: ignore[arg-type]
    assert only(play, "approvals")["status"] == "rejected"
    day = only(play, "spent")
    assert (day["decisions"], day["operator_us"]) == (1, 2_000_000)

    play, run, card = reply_waits()
    play.now = Instant(START + 30 * DAY)
    play.command(Wake(run, 4))
    assert (only(play, "approvals")["status"], only(play, "approvals")["decided_at"]) == ("expired", play.now)


def test_an_edit_answers_one_card_and_makes_another() -> None:
    play, run, card = reply_waits()
    approval, shown = decide_on(card)
    edited = action(run, 4, "email.reply", "hello again")
    play.command(EditApproval(run, approval, shown, edited, "operator", 1))  # type: ignore[arg-type]
    cards = {row["status"]: row for row in play.store.select("approvals")}
    assert set(cards) == {"edited", "granted"}
    assert cards["edited"]["approval"] == approval
    assert cards["granted"]["digest"] == edited.digest


def test_ending_a_run_withdraws_its_waiting_card_and_no_answered_one() -> None:
    play, run, card = reply_waits()
    play.command(SupersedeRun(run, "a newer message", "x"))
    assert only(play, "approvals")["status"] == "superseded"
    assert play.store.select("open_runs") == []

    play, run, card = reply_waits()
    play.command(RejectApproval(run, decide_on(card)[0], "operator"))  # type: ignore[arg-type]
    play.command(CancelRun(run, "operator"))
    assert only(play, "approvals")["status"] == "rejected"


def test_a_cancelled_run_stays_open_until_what_may_have_left_is_known() -> None:
    play, run, card = reply_waits()
    approval, shown = decide_on(card)
    play.command(GrantApproval(run, approval, shown, "operator", confirmed=True))  # type: ignore[arg-type]
    play.command(CancelRun(run, "operator"))
    assert only(play, "open_runs")["status"] == "ending"
    assert only(play, "runs")["status"] == "cancelled"
    outcome(play, run, 4, Acted())
    assert play.store.select("open_runs") == []


def test_doubt_is_a_row_until_it_is_resolved() -> None:
    play = Play()
    run = play.start("pay")
    proposed(play, run, 0, "bank.transfer")
    approval, shown = decide_on(only(play, "approvals"))
    play.command(GrantApproval(run, approval, shown, "operator", confirmed=True))  # type: ignore[arg-type]
    outcome(play, run, 0, Failed(FailureClass.TIMEOUT, "no answer", usage=None))
    doubt = only(play, "in_doubt")
    assert (doubt["run"], doubt["task"], doubt["act"]) == (run, 0, "bank.transfer")
    assert doubt["key"] == action(run, 0, "bank.transfer", "hello").key
    play.command(ResolveDoubt(run, 0, "happened", "operator"))
    assert play.store.select("in_doubt") == []
    assert only(play, "done") == {"workflow": "pay", "act": "bank.transfer", "count": 1}


def test_only_mail_that_went_out_makes_a_recipient_known() -> None:
    play, run, card = reply_waits()
    assert play.store.select("recipients") == []  # a label was set, nothing was sent
    approval, shown = decide_on(card)
    play.command(GrantApproval(run, approval, shown, "operator", confirmed=True))  # type: ignore[arg-type]
    assert play.store.select("recipients") == []
    outcome(play, run, 4, Acted())
    assert only(play, "recipients") == {"subject": SUBJECT, "last_at": START, "count": 1}


def test_what_agents_may_have_spent_counts_when_a_run_is_cancelled() -> None:
    play = Play()
    run = play.start("triage")
    play.command(CancelRun(run, "operator"))
    assert play.runs[run].spent == 300
    assert only(play, "runs")["spent"] == 300
    assert only(play, "spent")["cost_micros"] == 300


INBOX = StreamId("inbox:support")
MESSAGE = MessageReceived(
    mailbox="support",
    message_key="m" * 32,
    thread="t" * 32,
    subject=SUBJECT,
    content=Digest("c" * 64),
    size_bytes=1234,
    sent_at=Instant(5),
    automatic="bulk",
    history=True,
)


def test_the_inbox_is_kept_by_keyed_hash() -> None:
    play = Play()
    play.append(INBOX, [MESSAGE, ThreadAnswered("support", "a" * 32, "t" * 32)])
    received = play.store.get("messages", ("m" * 32,))
    assert received is not None
    assert (received["mailbox"], received["thread"], received["own"]) == ("support", "t" * 32, 0)
    assert (received["subject"], received["content"], received["history"]) == (SUBJECT, "c" * 64, 1)
    assert (received["received_at"], received["sent_at"], received["automatic"]) == (START, 5, "bulk")
    own = play.store.get("messages", ("a" * 32,))
    assert own is not None
    assert (own["own"], own["position"], own["content"]) == (1, 2, None)


def test_dead_letters_and_cursors() -> None:
    play = Play()
    cursor = CursorAdvanced("support", {"uid": 7, "at": [1]}, received=3, rejected=1)
    play.append(INBOX, [MessageRejected("support", "i" * 32, "no header", Digest("f" * 64), "INBOX"), cursor])
    play.append(INBOX, [CursorAdvanced("support", {"uid": 9}, received=2)])
    assert only(play, "rejected")["reason"] == "no header"
    row = only(play, "cursors")
    assert (row["cursor"], row["received"], row["rejected"], row["position"]) == ('{"uid":9}', 5, 1, 3)


def test_the_house() -> None:
    play = Play()
    events: list[Event] = [
        DirectorStarted(4, "0.1"),
        PolicyAdopted(Digest("p" * 64)),
        KillSwitchThrown("operator", True, "stop"),
        WorkflowRegistered("triage", 2, Digest("1" * 64)),
        WorkflowRegistered("triage", 3, Digest("2" * 64)),
    ]
    play.append(WORKSPACE, events)
    facts = {row["key"]: row["value"] for row in play.store.select("house")}
    assert facts == {
        "epoch": "4",
        "version": "0.1",
        "unclean": "0",
        "policy": "p" * 64,
        "kill_switch": "on",
    }
    assert only(play, "workflows") == {"name": "triage", "version": 3, "definition": "2" * 64, "position": 5}


# --- rebuilding ----------------------------------------------------------------------------------------------------


def test_only_what_is_outdated_is_rebuilt() -> None:
    play = wander(5)
    assert len(outdated(play.store, STANDARD)) == len(STANDARD)
    rebuild(play.store, play.codec, STANDARD, epoch=play.epoch, at=play.now)
    assert outdated(play.store, STANDARD) == ()
    assert rebuild(play.store, play.codec, STANDARD, epoch=play.epoch, at=play.now) == ()
    play.store.append(
        (), epoch=play.epoch, at=play.now, changes=[Put(META.name, ("projection:runs",), {"value": "0"})]
    )
    assert rebuild(play.store, play.codec, STANDARD, epoch=play.epoch, at=play.now) == ("runs",)


class _SpentOfALaterVersion(Spent):
    version = Spent.version + 1


def test_a_rebuild_that_was_cut_short_is_begun_again() -> None:
    play = wander(6)
    rebuild(play.store, play.codec, STANDARD, epoch=play.epoch, at=play.now)
    kept = rows(play)
    store = play.store
    newer = tuple(_SpentOfALaterVersion() if one.name == "spent" else one for one in STANDARD)
    seen: list[Position] = []

    def stop(done: Position, of: Position) -> None:
        seen.append(done)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(store, play.codec, newer, epoch=play.epoch, at=play.now, progress=stop)
    assert seen == [store.head]
    assert [one.name for one in outdated(store, newer)] == ["spent"]
    # Nor does the version that was there before take the half-made table for its own.
    assert [one.name for one in outdated(store, STANDARD)] == ["spent"]
    assert rebuild(store, play.codec, STANDARD, epoch=play.epoch, at=play.now) == ("spent",)
    assert rows(play) == kept


def test_every_ended_state_has_a_word() -> None:
    play = Play()
    run = play.start("triage")
    play.command(CancelRun(run, "operator"))
    assert play.runs[run].status in ENDED
    assert only(play, "runs")["status"] == play.runs[run].status.name.lower()

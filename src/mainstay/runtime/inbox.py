"""What comes in, decided: at most once by key, and which runs it starts, replaces or answers.

Triggers are the publish and subscribe of a workspace: every workflow in force whose trigger matches starts a run, with
an id derived from workflow and event, so that a second delivery starts nothing. `runtime.director` appends what is
decided here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mainstay.kernel.commands import (
    AdvanceCursor,
    ObserveSent,
    ReceiveMessage,
    RejectMessage,
    StartRun,
    SupersedeRun,
)
from mainstay.kernel.events import (
    CursorAdvanced,
    InboxEvent,
    MessageReceived,
    MessageRejected,
    ScheduleFired,
    ThreadAnswered,
)
from mainstay.kernel.house import House
from mainstay.kernel.ids import RunId, StreamId, run_id
from mainstay.kernel.plan import Plan, Schedule, Supersede, Workflow
from mainstay.kernel.predicates import holds, resolve
from mainstay.kernel.run import supersedable
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.ledger.store import EventStore
from mainstay.runtime.boot import Open
from mainstay.runtime.lines import Lines
from mainstay.runtime.schedules import firings, next_due, occasion
from mainstay.runtime.tick import Request

BY_HAND = "answered by hand"
NEWER = "a newer message in the thread"
TRIGGER_MESSAGE = "message.received/1"
TRIGGER_SCHEDULE = "schedule.due/1"

Arrival = ReceiveMessage | RejectMessage | ObserveSent | AdvanceCursor


class Inbox:
    """The decisions about what arrives, over the open runs of one director."""

    def __init__(
        self, store: EventStore, plans: Mapping[Digest, Plan], runs: Mapping[RunId, Open], lines: Lines
    ) -> None:
        self._store = store
        self._plans = plans
        self._runs = runs
        self._lines = lines
        self._recent: set[str] = set()  # keys of this tick, not in a view yet

    def begin_tick(self) -> None:
        """What arrived in the last tick is in the views by now."""
        self._recent.clear()

    def decide(self, command: Arrival) -> tuple[StreamId, InboxEvent] | None:
        """The event that an arrival leads to, and its stream; None when it was here before."""
        match command:
            case ReceiveMessage():
                stream, event = "inbox:" + command.mailbox, _received(command)
                return None if self._seen("messages", command.message_key) else (StreamId(stream), event)
            case RejectMessage():
                if self._seen("rejected", command.item_key):
                    return None
                rejected = MessageRejected(
                    command.mailbox, command.item_key, command.reason, command.raw, command.origin
                )
                return StreamId("inbox:" + command.mailbox), rejected
            case ObserveSent():
                if self._seen("messages", command.message_key):
                    return None
                answered = ThreadAnswered(
                    command.mailbox, command.message_key, command.thread, command.sent_at
                )
                return StreamId("inbox:" + command.mailbox), answered
            case AdvanceCursor():
                advanced = CursorAdvanced(
                    command.source,
                    command.cursor,
                    command.received,
                    command.duplicates,
                    command.dropped,
                    command.rejected,
                )
                return StreamId("inbox:" + command.source), advanced

    def _seen(self, table: str, key: str) -> bool:
        if key in self._recent or self._store.get(table, (key,)) is not None:
            return True
        self._recent.add(key)
        return False

    # --- what follows from it ----------------------------------------------------------------------------------------

    def publish(
        self, command: ReceiveMessage, house: House, at: Instant, cause: int
    ) -> tuple[list[Request], list[RunId]]:
        """A message matches triggers: what to ask of the director next, in this order, and which runs start."""
        fields: Json = {
            "key": command.message_key,
            "mailbox": command.mailbox,
            "thread": command.thread,
            "content": command.content,
            "automatic": bool(command.automatic),
            "attachments": len(command.attachments),
            **command.fields,
        }
        trigger: Json = {"message": fields}
        todo: list[Request] = []
        started: list[RunId] = []
        for registered in house.workflows.values():
            workflow = self._plans[registered.definition].workflow
            on = workflow.on
            if on is None or on.event != TRIGGER_MESSAGE:
                continue
            if on.where is not None and not holds(on.where, {"trigger": trigger}):
                continue
            run = run_id(at, registered.name, command.message_key)
            key = _key(workflow, trigger)
            todo += self._supersedes(workflow, key, run)
            start = StartRun(
                run,
                workflow.name,
                registered.definition,
                trigger,
                key,
                command.subject,
                sealed_under=command.sealed_under,
            )
            todo.append(Request(start, cause=cause))
            started.append(run)
        return todo, started

    def _supersedes(self, workflow: Workflow, key: str, by: RunId) -> list[Request]:
        """End what a newer run of the same key makes needless."""
        if workflow.supersede is not Supersede.WAITING:
            return []
        # Newest first, so that the end of one does not set free another that ends next.
        line: Sequence[RunId] = tuple(reversed(self._lines.of_key(workflow.name, key)))
        return [
            Request(SupersedeRun(older, NEWER, by)) for older in line if supersedable(self._runs[older].state)
        ]

    def answered(self, command: ObserveSent) -> list[Request]:
        """The operator answered a thread by hand: the runs about it are needless now."""
        found: list[Request] = []
        for run in self._lines.of_thread(command.thread):
            if command.sent_at and self._written_at(run) > command.sent_at:
                continue  # the customer wrote again after that answer
            self._lines.answer(run, BY_HAND)
            found.append(Request(SupersedeRun(run, BY_HAND, command.message_key)))
        return found

    def _written_at(self, run: RunId) -> int:
        message = self._runs[run].state.head.trigger.get("message")
        row = self._store.get("messages", (str(message["key"]),)) if isinstance(message, dict) else None
        written = row["sent_at"] if row is not None else None
        return written if isinstance(written, int) else 0

    def due(self, house: House, at: Instant) -> list[tuple[ScheduleFired, list[Request]]]:
        """The schedules whose time has come, each with the runs that it starts."""
        found: list[tuple[ScheduleFired, list[Request]]] = []
        for name, schedule, workflow, definition in self._schedules(house):
            since = house.fired.get(name)
            if since is None:
                found.append((ScheduleFired(name, at, 0), []))  # it counts from now
                continue
            try:
                firing = firings(schedule, since, at)
            except ValueError:
                continue  # its zone is gone from this machine: the loader tells, and nothing here may stop
            if firing.due <= since:
                continue
            started: list[Request] = []
            for due in firing.runs:
                missed = firing.missed if due == firing.runs[-1] else 0
                trigger = occasion(schedule, due, missed)
                run = run_id(due, name, "schedule", due)
                key, relived = _key(workflow, trigger), due <= house.lost_until
                started.append(Request(StartRun(run, name, definition, trigger, key, relived=relived)))
            event = ScheduleFired(name, firing.due, len(started), firing.missed, firing.dropped)
            found.append((event, started))
        return found

    def next_due(self, house: House, at: Instant) -> Instant | None:
        """When the next schedule is due; None where there is none."""
        times = []
        for name, schedule, _, _ in self._schedules(house):
            since = house.fired.get(name)
            try:
                times.append(at if since is None else next_due(schedule, since))
            except ValueError:
                continue  # it never comes again
        return min(times, default=None)

    def _schedules(self, house: House) -> list[tuple[str, Schedule, Workflow, Digest]]:
        found = []
        for registered in house.workflows.values():
            workflow = self._plans[registered.definition].workflow
            if workflow.on is not None and workflow.on.schedule is not None:
                found.append((registered.name, workflow.on.schedule, workflow, registered.definition))
        return found


def _received(command: ReceiveMessage) -> MessageReceived:
    return MessageReceived(
        command.mailbox,
        command.message_key,
        command.thread,
        command.subject,
        command.content,
        command.size_bytes,
        command.sent_at,
        command.automatic,
        command.attachments,
        command.defects,
        command.history,
        command.sealed_under,
    )


def _key(workflow: Workflow, trigger: Json) -> str:
    return str(resolve(workflow.key, {"trigger": trigger}) or "") if workflow.key else ""

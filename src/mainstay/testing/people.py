"""The people of the simulation: an operator who decides, or does not, and customers who write, and write again.

The operator reads cards from the audit's books, which hold only what is durable, and answers a doubt by
looking into the providers' own lists. What they said yes to is told to the audit before it is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import msgspec

from mainstay.kernel.cards import on_its_way_out
from mainstay.kernel.commands import (
    AdvanceCursor,
    CancelRun,
    Command,
    EditApproval,
    GrantApproval,
    ObserveSent,
    Proposed,
    ReceiveMessage,
    RecordOutcome,
    RejectApproval,
    RejectMessage,
    ResolveDoubt,
    SnoozeApproval,
    StartRun,
    ThrowKillSwitch,
    UndoAct,
)
from mainstay.kernel.ids import ApprovalId, RunId, run_id
from mainstay.kernel.plan import Plan
from mainstay.kernel.state import DONE, Phase, Status
from mainstay.kernel.values import DAY, HOUR, MINUTE, Digest, Instant, Json
from mainstay.runtime.lines import thread_of
from mainstay.runtime.routes import Route
from mainstay.runtime.tick import Answer, Request
from mainstay.testing.cast import MAILBOX
from mainstay.testing.checkers import Audit, Card
from mainstay.testing.checkers.books import action_of
from mainstay.testing.faults import Point
from mainstay.testing.process import Process, Surroundings
from mainstay.testing.world import Mail


@dataclass(slots=True)
class Operator:
    """One person with several moods."""

    outside: Surroundings
    audit: Audit
    random: Random
    calm: bool = False  # the faults are over: everything is answered, truthfully and soon
    started: int = 0

    def act(self, process: Process) -> bool:
        """Do one thing, or nothing. True if something was asked of the director."""
        chaos, random = self.outside.chaos, self.random
        if self.calm and self.audit.killed:
            self._send(process, ThrowKillSwitch("operator", on=False))
            return True
        if chaos.strikes("kill switch"):
            self._send(process, ThrowKillSwitch("operator", on=not self.audit.killed))
            return True
        if self._cancel(process) or self._resolve(process):
            return True
        if chaos.strikes("stale yes") and self.audit.cards:
            self._say_yes_wrongly(process)
            return True
        mix = self.outside.mix
        if (mix.autonomy is not None or mix.undo_us) and self._take_back(process):
            return True
        waiting = [
            (name, card)
            for name, card in self.audit.cards.items()
            if card.waits and not card.snoozed and not self._lets_lie(card)
        ]
        if not waiting or not (self.calm or random.random() < self.outside.mix.attention):
            return False
        self._decide(process, *random.choice(waiting))
        return True

    def _take_back(self, process: Process) -> bool:
        """Now and then, one of what waits in its window."""
        held = [
            (run, number)
            for run, state in self.audit.states.items()
            if not state.ended
            for number, task in state.all_tasks()
            if on_its_way_out(task)
        ]
        if self.calm or not held or self.random.random() < (0.4 if self.outside.mix.autonomy else 0.8):
            return False
        self._send(process, UndoAct(*self.random.choice(held), "operator"))
        return True

    def start(self, process: Process, plan: Plan) -> None:
        """Begin a run by hand, with a key that other runs may have too."""
        self.started += 1
        run = run_id(self.outside.clock.now(), plan.workflow.name, f"by hand {self.started}")
        content = self.outside.mix.cast.trigger(self.random, plan, self.started)
        key = f"key{self.random.randrange(2)}" if plan.workflow.key else ""
        command = StartRun(run, plan.workflow.name, plan.digest, content, key)
        self._send(process, command)

    def finds_out_just_then(self, process: Process) -> None:
        """What was drawn for a look turns out wrong just before the next of its kind is proposed.

        Two rare things in one tick, which chance alone brings together in one history of thousands.
        """
        if self.outside.mix.autonomy is None:
            return
        coming = {
            (self.audit.states[command.run].head.workflow, command.outcome.action.act)
            for command in (request.command for request in process.inbox)
            if isinstance(command, RecordOutcome) and isinstance(command.outcome, Proposed)
        }
        wrong = [
            (name, card)
            for name, card in (self.audit.cards.items() if coming else ())
            if card.waits and not card.snoozed and _is_drawn(card) and self._kind(card) in coming
        ]
        # One error demotes nothing yet: often more of them come together first.
        if not wrong or self.outside.chaos.random("found out just then").random() < (
            0.6 if len(wrong) < 2 else 0.1
        ):
            return
        self.outside.chaos.paths["found out just then"] += 1
        for name, card in wrong:
            no = RejectApproval(card.run, name, "operator", "no", 5_000_000)
            process.inbox.appendleft(self._request(process, no))

    def _lets_lie(self, card: Card) -> bool:
        """What was drawn for a look lies while more of its kind may come: it is answered just then, or later."""
        if not _is_drawn(card) or self.outside.chaos.random("lets it lie").random() < 0.1:
            return False
        workflow, act = self._kind(card)
        return any(
            state.spec(number).act == act and task.act is None and task.phase not in DONE
            for state in self.audit.states.values()
            if state.head.workflow == workflow and not state.ended and state.plan is not None
            for number, task in state.all_tasks()
        )

    def _kind(self, card: Card) -> tuple[str, str]:
        state = self.audit.states[card.run]
        action = action_of(state, card.task)
        return state.head.workflow, action.act if action is not None else ""

    def _send(self, process: Process, command: Command, blobs: dict[Digest, bytes] | None = None) -> None:
        process.inbox.append(self._request(process, command, blobs))

    def _request(
        self, process: Process, command: Command, blobs: dict[Digest, bytes] | None = None
    ) -> Request:
        def answered(answer: Answer) -> None:
            if answer.events:
                self.audit.acknowledged(process.store, answer.position)

        return Request(command, "operator", blobs=blobs or {}, answer=answered)

    def _cancel(self, process: Process) -> bool:
        going = [run for run, state in self.audit.states.items() if not state.ended]
        if self.calm:
            # What no budget will ever let on waits for a person: here they end it.
            going = [run for run in going if self.audit.refusals[run] > 3 and self._blocked(run)]
        elif (halfway := self._halfway()) and self.outside.chaos.strikes("cancel halfway"):
            going = halfway
        elif not self.outside.chaos.strikes("cancel"):
            return False
        if not going:
            return False
        acting = {act.run for act in self.audit.acts.values() if act.under_way}
        delicate = [run for run in going if run in acting]
        chosen = self.random.choice(delicate if delicate and self.random.random() < 0.6 else going)
        self._send(process, CancelRun(chosen, "operator", "enough"))
        return True

    def _halfway(self) -> list[RunId]:
        """Runs that would have something to take back, and something else under way: that is where ending hurts."""
        if "cancel halfway" not in self.outside.chaos.rates:
            return []
        acting = dict.fromkeys(act.run for act in self.audit.acts.values() if act.under_way)
        states = self.audit.states
        return [run for run in acting if not states[run].ended and states[run].unusual.undoable]

    def _blocked(self, run: RunId) -> bool:
        return any(task.phase is Phase.BLOCKED for _, task in self.audit.states[run].all_tasks())

    def _resolve(self, process: Process) -> bool:
        for run, state in self.audit.states.items():
            if state.status is Status.SUCCEEDED or not state.left:
                continue
            for number, task in state.all_tasks():
                if task.phase is Phase.DOUBT and (self.calm or self.random.random() < 0.3):
                    happened = task.act is not None and any(
                        one.did(task.act.action.key) for one in self.outside.providers.values()
                    )
                    answer = "happened" if happened else "did_not"
                    if self.random.random() < 0.2:
                        answer = "unknown"
                    self._send(process, ResolveDoubt(run, number, answer, "operator"))
                    return True
        return False

    def _say_yes_wrongly(self, process: Process) -> None:
        """A click that comes late, twice, or to another digest than the card's."""
        name = self.random.choice(list(self.audit.cards))
        card = self.audit.cards[name]
        digest = card.digest
        if card.waits:
            digest = Digest("0" * 64)
        self.outside.chaos.paths["a yes that came too late"] += not card.waits
        self._send(process, GrantApproval(card.run, name, digest, "operator", confirmed=True))

    def _decide(self, process: Process, name: ApprovalId, card: Card) -> None:
        mood = self.random.random()
        if not self.calm and self.random.random() < self.outside.mix.puts_off:
            until = self.outside.clock.now() + self.random.choice((MINUTE, HOUR, 5 * HOUR, 8 * DAY))
            self._send(process, SnoozeApproval(card.run, name, Instant(until), "operator"))
            return
        if "may have left since" in card.reason and self._is_out(card):
            mood = 0.0  # a card that says so sends the operator to look, and it is out already
        drawn = _is_drawn(card) and self.random.random() < 0.8
        if drawn or (mood < 0.15 and (not self.calm or not mood)):
            self._send(process, RejectApproval(card.run, name, "operator", "no", 5_000_000))
        elif mood < 0.35 and not self.calm:
            self._edit(process, name, card)
        elif mood < 0.85 or self.calm:
            self.audit.said_yes.add(card.digest)
            # Now and then in a hurry: what is of high stake does not leave by that.
            thorough = self.calm or self.random.random() < 0.8
            yes = GrantApproval(card.run, name, card.digest, "operator", 5_000_000, confirmed=thorough)
            self._send(process, yes)

    def _is_out(self, card: Card) -> bool:
        action = action_of(self.audit.states[card.run], card.task)
        return action is not None and any(one.did(action.key) for one in self.outside.providers.values())

    def _edit(self, process: Process, name: ApprovalId, card: Card) -> None:
        state = self.audit.states[card.run]
        act = state.task(card.task).act
        assert act is not None
        action = act.action
        provider = self.outside.providers[action.adapter]
        route = Route(action.adapter, provider, provider.operation(action.operation))
        request = self.outside.mix.cast.edited(self.random, action.act)
        edited = process.performer.rendering.action(
            route, action.act, card.run, card.task, state.head.subject, request, action.features
        )
        self.audit.said_yes.add(edited.digest)
        command = EditApproval(card.run, name, card.digest, edited, "operator")
        self._send(process, command, process.artifacts.take_staged())


def _is_drawn(card: Card) -> bool:
    """Whether it would go by itself, and was drawn to be looked at."""
    return card.reason.startswith("it would go by itself")


@dataclass(slots=True)
class Mailbox:
    """What customers and the operator's phone put into the mailbox, and how far it was read."""

    outside: Surroundings
    audit: Audit
    random: Random
    mails: list[Mail] = field(default_factory=list)
    received: dict[str, Json] = field(default_factory=dict)  # by key: what a trigger sees
    late: int = 0  # how many came after all others, about what was being taken back

    def arrive_late(self) -> bool:
        """Somebody writes about what is just being taken back, when everybody else has written."""
        states = self.audit.states.values()
        undoing = [thread_of(one.head) for one in states if one.status is Status.COMPENSATING]
        threads = [thread for thread in undoing if thread]
        random = self.outside.chaos.random("mail while taking back")
        if not threads or self.late >= 2 or random.random() < 0.5:
            return False
        self.late += 1
        self.arrive(random.choice(threads))
        return True

    def arrive(self, about: str = "") -> None:
        """Something comes in: a new message, the same one again, an answer by hand, or rubbish."""
        mix, random = self.outside.mix, self.random
        number = len(self.mails)
        thread = about or self._thread()
        mood = random.random()
        if self.mails and mood < mix.doubled:
            self.mails.append(random.choice(self.mails))
            return
        kind = "sent" if mood > 1 - mix.by_hand else "broken" if mood > 0.98 - mix.by_hand else "received"
        address = f"customer{random.randrange(3)}@example.org"
        subject = self.outside.vault.subject(address)
        view, fields = mix.cast.message(random, number, thread, address)
        mail = Mail(f"message{number}", thread, subject, view, fields, kind)
        self.mails.append(mail)
        if kind == "received":
            self.received[mail.key] = mail.trigger

    def _busy_threads(self) -> dict[str, None]:
        """What something is just being done about."""
        acting = [act.run for act in self.audit.acts.values() if act.under_way]
        threads = {thread_of(self.audit.states[run].head): None for run in acting}
        threads.pop("", None)  # begun by hand
        return threads

    def _thread(self) -> str:
        """Often one about which something is just being done: that is where it hurts."""
        threads = self._busy_threads()
        if threads and self.random.random() < 0.5:
            return self.random.choice(list(threads))
        return f"thread{self.random.randrange(self.outside.mix.threads)}"

    def cursor(self, process: Process) -> int:
        """How far it was read, as the ledger says."""
        row = process.store.get("cursors", (MAILBOX,))
        return int(msgspec.json.decode(str(row["cursor"]))["at"]) if row else 0

    def read(self, process: Process) -> bool:
        """What ingest does: messages first, and when all are durable the cursor after them."""
        if process.reading:
            return False
        at = self.cursor(process)
        batch = self.mails[at : at + self.random.randint(1, 3)]
        if not batch:
            return False
        process.reading, process.unread = True, len(batch)
        duplicates = 0

        def answered(answer: Answer) -> None:
            nonlocal duplicates
            duplicates += bool(answer.detail.get("duplicate"))
            process.unread -= 1
            if process.unread == 0:
                command = AdvanceCursor(MAILBOX, {"at": at + len(batch)}, len(batch), duplicates)
                process.inbox.append(Request(command, "ingest", answer=advanced))

        def advanced(answer: Answer) -> None:
            process.reading = False
            self.outside.chaos.paths["duplicate message"] += duplicates

        for mail in batch:
            process.inbox.append(self._request(process, mail, answered))
        return True

    def _ends_just_then(self, thread: str) -> None:
        """The process may die when it has just heard of an answer: what is under way must not leave all the same.

        Two rare things at once, which chance alone brings together in one history of thousands. Raises `Crash`.
        """
        chaos = self.outside.chaos
        if chaos.quiet or "crash" not in chaos.rates or thread not in self._busy_threads():
            return
        if chaos.random("crash after an answer by hand").random() < 0.5:
            raise chaos.kill(Point.COMMIT_AFTER)

    def _request(self, process: Process, mail: Mail, answered: Callable[[Answer], None]) -> Request:
        if mail.kind == "sent":

            def heard(answer: Answer) -> None:
                answered(answer)
                self._ends_just_then(mail.thread)

            return Request(ObserveSent(MAILBOX, mail.key, mail.thread), "ingest", answer=heard)
        if mail.kind == "broken":
            rejected = RejectMessage(MAILBOX, mail.key, "it is no message", Digest("0" * 64))
            return Request(rejected, "ingest", answer=answered)
        vault = self.outside.vault
        vault.ensure_subjects([mail.subject])
        view = mail.view
        content = process.artifacts.put(view.model_dump_json().encode(), mail.subject, b"message")
        blobs = process.artifacts.take_staged()
        command = ReceiveMessage(
            view.mailbox,
            mail.key,
            mail.thread,
            mail.subject,
            content,
            len(view.text),
            automatic=view.automatic,
            attachments=tuple(Digest("0" * 64) for _ in view.attachments),
            fields=mail.fields,
        )
        return Request(command, "ingest", blobs=blobs, answer=answered)

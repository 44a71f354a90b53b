"""`Deciding`: every answer, start and proposal, through the one door that is there.

Deciding goes through the running director where there is one, else through the lock; `Decided.live` says which. Nothing
is judged here: what is refused, the director refuses, whoever asked and by whichever way. How long a card was before
somebody's eyes is kept beside the ledger (`shown`), and said with the answer. What is decided at a desk (`sdk.desks`:
rules, memory, autonomy) goes through the same door.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mainstay.kernel.errors import WorkspaceLocked
from mainstay.kernel.values import Instant, Json
from mainstay.runtime.clock import Clock
from mainstay.workspace.decided import Decided, DecidedTogether, decided, decided_together
from mainstay.workspace.doors import Door, LockDoor, SocketDoor, director_runs, locked_without_answer
from mainstay.workspace.folder import Folder
from mainstay.workspace.sdk.opened import Opened

if TYPE_CHECKING:
    from mainstay.workspace.proposing import Proposable
    from mainstay.workspace.starting import Startable


class Deciding(Opened):
    """What a person, or a program that was admitted, says to this workspace."""

    def __init__(self, folder: Folder, *, clock: Clock | None = None, door: Door | None = None) -> None:
        """`door`: the one way to decide, where somebody has one already; else whichever is there."""
        super().__init__(folder, clock=clock)
        self._must_be_live = False
        self._given = door

    def shown(self, approval: str, *, by: str = "") -> None:
        """The card is before somebody's eyes now; `by` is the device, where it is not this one."""
        from mainstay.workspace.shown import mark_shown

        mark_shown(self.folder.cache, approval, self._clock.now(), by=by)

    def open_for(self, approval: str, *, by: str = "") -> int:
        """For how long, in microseconds; 0 if it never was."""
        from mainstay.workspace.shown import open_for_us

        return open_for_us(self.folder.cache, approval, self._clock.now(), by=by)

    def approve(
        self,
        approval: str,
        *,
        digest: str | None = None,
        actor: str = "operator",
        open_us: int | None = None,
        confirm: str = "",
        via: str = "",
    ) -> Decided:
        """Yes to exactly what the card shows. With `digest`: only if that is still what waits.

        `confirm` is the second step that a final act of high stake wants (`Card.second_step`). How long the card was
        open is measured from `shown`, unless `open_us` says it.
        """
        return self._answer(
            "approve", approval, open_us, digest, via, approval=approval, actor=actor, confirm=confirm
        )

    def reject(
        self,
        approval: str,
        *,
        reason: str = "",
        digest: str | None = None,
        actor: str = "operator",
        open_us: int | None = None,
        via: str = "",
    ) -> Decided:
        """No, and why."""
        return self._answer(
            "reject", approval, open_us, digest, via, approval=approval, reason=reason, actor=actor
        )

    def edit(
        self,
        approval: str,
        text: str,
        *,
        digest: str | None = None,
        actor: str = "operator",
        open_us: int | None = None,
        confirm: str = "",
        anyway: bool = False,
        via: str = "",
    ) -> Decided:
        """Yes to this text instead: a new effect with a digest of its own.

        What the checks find in it is told, as `CommandRefused`; `anyway` sends it all the same.
        """
        said = {"approval": approval, "text": text, "actor": actor, "confirm": confirm, "anyway": anyway}
        return self._answer("edit", approval, open_us, digest, via, **said)

    def snooze(self, approval: str, *, until: Instant | int, actor: str = "operator") -> Decided:
        """Not now: the card leaves the list until then (microseconds since 1970), and is told anew."""
        return self._decide("snooze", approval=approval, until=int(until), actor=actor)

    def undo(self, run: str, *, task: str = "", actor: str = "operator", via: str = "") -> Decided:
        """Take back what may leave and has not left yet; a card asks anew (`Decided.asks`)."""
        return self._decide("undo", run=run, task=task, actor=actor, via=via)

    def ask_again(self, approval: str, *, actor: str = "operator") -> Decided:
        """Ask anew about what was rejected, or expired: a run that goes on from there, whose acts all ask.

        Asked twice it is one run, and the second `Decided.events` is 0. `Decided.asks` is its card once there is one,
        and `asked_again` tells it later.
        """
        return self._decide("ask_again", approval=approval, actor=actor)

    def decide_together(
        self,
        answer: str,
        cards: Sequence[tuple[str, str]],
        *,
        guard: str,
        without: Collection[str] = (),
        reason: str = "",
        actor: str = "operator",
        open_us: int = 0,
        via: str = "",
    ) -> DecidedTogether:
        """One answer ("approve", "reject") to the cards of a `Preview`, each bound to the effect that it showed.

        `guard` is that of all `cards`; those in `without` are left out, and wait on. What comes back has the guard of
        those that were decided.
        """
        if without:
            from mainstay.governance.batches import chosen_of

            cards, guard = chosen_of(cards, guard, without)
        with self._door() as door:
            told = door.ask(
                "decide_together",
                {
                    "answer": answer,
                    "cards": [[name, digest] for name, digest in cards],
                    "guard": guard,
                    "reason": reason,
                    "actor": actor,
                    "open_us": open_us,
                    "via": via,
                },
            )
            return decided_together(told, live=door.live)

    def resolve(
        self, run: str, task: int, answer: str, *, actor: str = "operator", attempt: int = 0
    ) -> Decided:
        """The answer to "did this go out?": happened, did_not or unknown.

        `attempt`: of which one it was asked. Where the act was tried again since, the answer decides nothing.
        """
        bound = {"attempt": attempt} if attempt else {}
        return self._decide("resolve", run=run, task=task, answer=answer, actor=actor, **bound)

    def cancel(self, run: str, *, reason: str = "", actor: str = "operator") -> Decided:
        """End a run."""
        return self._decide("cancel", run=run, reason=reason, actor=actor)

    def start(
        self,
        workflow: str,
        trigger: Json,
        *,
        request: str,
        key: str = "",
        actor: str = "operator",
    ) -> Decided:
        """Start a run by hand. The same `request` id never starts a second one."""
        return self._decide(
            "start", workflow=workflow, trigger=trigger, request=request, key=key, actor=actor
        )

    def start_by_hand(
        self, workflow: str, given: Json, *, request: str, key: str = "", actor: str = "operator"
    ) -> Decided:
        """Start a run with plain values, as a program may that is no person. The same `request` starts it once.

        Raises `NotFound`, and `CommandRefused` for a workflow that messages begin, or a value that is none.
        """
        from mainstay.workspace.starting import require_startable

        require_startable(self.startable(), workflow, given)
        return self.start(workflow, given, request=request, key=key, actor=actor)

    def startable(self) -> tuple[Startable, ...]:
        """The workflows in force, what begins each, and what it reads of its input."""
        from mainstay.workspace.starting import startable

        return startable(self._stored_plan(one) for one in (self._in_force() if self.begun else ()))

    def propose(
        self, act: str, arguments: Json, *, why: str = "", request: str, actor: str = "operator"
    ) -> Decided:
        """Ask for one act, as somebody outside ("client:NAME") may: it becomes a run of its own, and asks.

        `arguments` are typed by the act's contract (`proposable`). The same `request` of the same actor proposes once.
        Raises `CommandRefused` or `NotFound` for what cannot be proposed.
        """
        return self._decide("propose", act=act, arguments=arguments, why=why, request=request, actor=actor)

    def proposable(self) -> tuple[Proposable, ...]:
        """The acts that can be proposed here, each with its arguments."""
        from mainstay.workspace.proposing import proposable, told

        return told(proposable(self._settings()))

    def kill_switch(self, *, on: bool, reason: str = "", actor: str = "operator") -> Decided:
        """Stop every new effect, or allow them again."""
        return self._decide("kill_switch", on=on, reason=reason, actor=actor)

    def ingest(self, adapter: str = "", *, progress: Callable[[int], None] = lambda count: None) -> Json:
        """Read the mailboxes once; what each brought."""
        with self._door(progress) as door:
            return door.ask("ingest", {"adapter": adapter})

    def _answer(
        self,
        operation: str,
        card: str,
        open_us: int | None,
        digest: str | None,
        via: str,
        **arguments: Any,
    ) -> Decided:
        from mainstay.workspace.shown import forget_shown

        measured = self.open_for(card, by=via) if open_us is None else open_us
        bound = {} if digest is None else {"digest": digest}
        answered = self._decide(operation, open_us=measured, via=via, **bound, **arguments)
        forget_shown(self.folder.cache, card)
        return answered

    def _decide(self, operation: str, **arguments: Any) -> Decided:
        with self._door(operation=operation) as door:
            answer = door.ask(operation, arguments)
            return decided(answer, live=door.live)

    @contextmanager
    def _door(
        self, progress: Callable[[int], None] = lambda count: None, *, operation: str = ""
    ) -> Iterator[Door]:
        if self._given is not None:
            yield self._given
            return
        if director_runs(self.folder) or self._must_be_live:
            yield SocketDoor(self.folder)
            return
        try:
            with LockDoor(self.folder, self._clock, progress=progress, operation=operation) as door:
                yield door
        except WorkspaceLocked as error:
            # Between our look and our try a director may have come up.
            if not director_runs(self.folder):
                raise locked_without_answer(error) from error
            yield SocketDoor(self.folder)

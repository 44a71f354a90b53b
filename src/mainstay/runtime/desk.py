"""The operator's desk: what may be asked through any door, as one method each.

The control socket of a running director and a command that holds the lock itself both come through here, so a decision
means the same by either way. Each method finds what is meant (short ids are allowed), refuses with a clear error what
makes no sense now, and sends one command. Repeating a call is safe: the second time it decides to nothing and says so.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec

from mainstay.kernel.commands import (
    CancelRun,
    EditApproval,
    GrantApproval,
    RejectApproval,
    ResolveDoubt,
    StartRun,
    ThrowKillSwitch,
)
from mainstay.kernel.errors import CommandRefused, NotFound, StaleApproval
from mainstay.kernel.ids import ApprovalId, RunId, SubjectId, run_id
from mainstay.kernel.state import Act, Phase, RunState
from mainstay.kernel.values import Digest, Json
from mainstay.ledger.short_ids import find_card, find_id
from mainstay.ledger.store import EventStore, Value
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.director import Director
from mainstay.runtime.performer import Performer, Route
from mainstay.runtime.teaching import NOTHING, Taught, Teaching
from mainstay.runtime.tick import Answer, Request

Ask = Callable[[Request], Awaitable[Answer]]

_PLACEHOLDER = re.compile(r"\{\{.*?\}\}")
ANSWERS = ("happened", "did_not", "unknown")


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision led to."""

    run: str
    task: int
    events: int  # 0: it had been decided already
    status: str  # of the card, or of the run
    detail: Json = field(default_factory=dict)


class Desk:
    """Takes decisions for one director."""

    def __init__(
        self,
        director: Director,
        performer: Performer,
        artifacts: Artifacts,
        routes: Callable[[str, Json], Route | None],
        ask: Ask,
        teaching: Callable[[], Teaching | None] = lambda: None,
    ) -> None:
        self._director = director
        self._performer = performer
        self._artifacts = artifacts
        self._routes = routes
        self._ask = ask
        self._teaching = teaching  # made when a decision needs it: most callers only look

    async def approve(self, approval: str, *, digest: str = "", actor: str, open_us: int = 0) -> Decided:
        """Yes to a card. With a digest, or the beginning of one: only if that is what waits."""
        before = self._answered(approval, digest, "granted")
        if before is not None:
            return before
        row = self._waiting(approval, digest)
        command = GrantApproval(
            RunId(str(row["run"])),
            ApprovalId(str(row["approval"])),
            Digest(str(row["digest"])),
            actor,
            open_us,
        )
        return await self._send(command, row, actor, taught=self._taught(row, None, actor))

    async def reject(
        self, approval: str, *, reason: str = "", digest: str = "", actor: str, open_us: int = 0
    ) -> Decided:
        """No to a card, and why."""
        before = self._answered(approval, digest, "rejected")
        if before is not None:
            return before
        row = self._waiting(approval, digest)
        sealed = self._artifacts.seal_text(reason, self._subject(str(row["run"])))
        command = RejectApproval(
            RunId(str(row["run"])), ApprovalId(str(row["approval"])), actor, sealed, open_us
        )
        return await self._send(command, row, actor)

    async def edit(
        self, approval: str, *, text: str, digest: str = "", actor: str, open_us: int = 0
    ) -> Decided:
        """Yes to a card with another text: a new effect with a digest of its own is rendered and approved."""
        row = self._waiting(approval, digest)
        run = RunId(str(row["run"]))
        state, act, number = self._card(run, str(row["approval"]))
        subject = state.head.subject
        card = self._artifacts.open_json(act.action.card, subject, b"card")
        request = card.get("request") if card else None
        reply = request.get("reply") if isinstance(request, dict) else None
        if not isinstance(request, dict) or not isinstance(reply, dict):
            raise CommandRefused(
                "This effect has no text to edit.",
                why=f"It is {act.action.act}.",
                remedy="Approve or reject it as it is.",
            )
        if not text.strip():
            raise CommandRefused("The new text is empty.", remedy="Write one, or reject the card.")
        self._refuse_when_killed()  # before it is rendered: what is refused must not wait on the stage
        if _PLACEHOLDER.search(text):
            raise CommandRefused(
                "The new text has a placeholder in it.",
                why="Placeholders are filled in templates only; this one would be sent as it stands.",
                remedy="Write what should stand there.",
            )
        edited = {**request, "reply": {**reply, "text": text}}
        route = self._routes(act.action.act, edited)
        if route is None:
            raise CommandRefused(
                f"No adapter of this workspace can do {act.action.act} any more.",
                remedy="Look at [adapters] in mainstay.toml.",
            )
        try:
            action = self._performer.action(
                route, act.action.act, run, number, subject, edited, act.action.features
            )
        except ValueError as error:
            raise CommandRefused(
                "The edited reply cannot be sent.", why=str(error), remedy="Change the text and try again."
            ) from error
        command = EditApproval(
            run,
            ApprovalId(str(row["approval"])),
            Digest(str(row["digest"])),
            action,
            actor,
            open_us,
        )
        return await self._send(command, row, actor, blobs=True, taught=self._taught(row, text, actor))

    async def resolve(self, run: str, task: int, answer: str, *, actor: str) -> Decided:
        """The answer to "did this go out?"."""
        if answer not in ANSWERS:
            raise CommandRefused(
                f"{answer!r} is no answer.", remedy="Answer with one of: " + ", ".join(ANSWERS)
            )
        found = self.find_run(run)
        row = self._store.get("in_doubt", (found, task))
        if row is None:
            raise NotFound(
                f"Task {task} of run {found} is not in doubt.",
                why="It was settled, or it never was.",
                remedy="`mainstay approvals` lists what is in doubt.",
            )
        return await self._send(ResolveDoubt(RunId(found), task, answer, actor), row, actor)

    async def cancel(self, run: str, *, reason: str = "", actor: str) -> Decided:
        """End a run."""
        found = self.find_run(run)
        sealed = self._artifacts.seal_text(reason, self._subject(found))
        return await self._send(CancelRun(RunId(found), actor, sealed), {"run": found, "task": 0}, actor)

    async def start(self, workflow: str, *, trigger: Json, request: str, key: str, actor: str) -> Decided:
        """Start a run by hand. `request` is the caller's own id: the same one never starts a second run."""
        registered = self._director.workflows.get(workflow)
        if registered is None:
            raise NotFound(
                f"There is no workflow {workflow!r}.",
                why="Known are: " + (", ".join(sorted(self._director.workflows)) or "none") + ".",
                remedy="Put its file into workflows/ and start the director again.",
            )
        run = run_id(0, "request", workflow, request)
        command = StartRun(run, workflow, registered.definition, trigger, key)
        return await self._send(command, {"run": run, "task": 0}, actor)

    async def throw_kill_switch(self, *, on: bool, reason: str = "", actor: str) -> Decided:
        """Stop every new effect, or allow them again."""
        answer = await self._ask(Request(ThrowKillSwitch(actor, on, reason), actor))
        return Decided("", 0, answer.events, "on" if on else "off")

    def status(self) -> Json:
        """Who is at work here, and what waits."""
        store = self._store
        return {
            "epoch": self._director.epoch,
            "position": store.head,
            "open_runs": len(self._director.runs),
            "waiting": store.count("approvals", where={"status": "waiting"}),
            "in_doubt": store.count("in_doubt"),
            "kill_switch": self._director.killed,
            "deferred": self._director.waiting,
        }

    def find_run(self, short: str) -> str:
        """The run that a whole or short id means."""
        return find_id(self._store, "runs", "run", short)

    # --- finding ---------------------------------------------------------------------------------------------------

    @property
    def _store(self) -> EventStore:
        return self._director.store

    def _answered(self, short: str, digest: str, status: str) -> Decided | None:
        """The same answer given before, perhaps with its reply lost: nothing is decided twice."""
        row = find_card(self._store, short)
        if row["status"] != status or not str(row["digest"]).startswith(digest.lower()):
            return None
        task = row["task"]
        return Decided(str(row["run"]), task if isinstance(task, int) else 0, 0, status)

    def _waiting(self, short: str, digest: str) -> dict[str, Value]:
        row = find_card(self._store, short)
        card, status, waits = str(row["approval"]), str(row["status"]), str(row["digest"])
        if status != "waiting":
            raise StaleApproval(
                f"Card {card} no longer waits: it is {status}.",
                why="It was decided, withdrawn or has expired.",
                remedy="`mainstay approvals` lists what waits now.",
                approval=row["approval"],
                status=row["status"],
            )
        if digest and not str(row["digest"]).startswith(digest.lower()):
            raise StaleApproval(
                "This is not the effect that waits.",
                why=f"You name digest {digest[:16]}, the card is about {waits[:16]}.",
                remedy="Look at the card again before you decide.",
                approval=row["approval"],
                digest=row["digest"],
            )
        return row

    def _card(self, run: RunId, approval: str) -> tuple[RunState, Act, int]:
        one = self._director.load(run)
        if one is not None:
            for number, task in one.state.all_tasks():
                if task.phase is Phase.APPROVAL and task.act and task.act.approval == approval:
                    return one.state, task.act, number
        raise StaleApproval(remedy="`mainstay approvals` lists what waits now.", approval=approval)

    def _subject(self, run: str) -> SubjectId | None:
        one = self._director.load(RunId(run))
        return one.state.head.subject if one else None

    def _refuse_when_killed(self) -> None:
        if self._director.killed:
            raise CommandRefused(
                "Nothing leaves while the kill switch is on.",
                why="It was thrown, and every act waits.",
                remedy="`mainstay resume` allows acts again; then approve the card.",
            )

    async def _send(
        self,
        command: GrantApproval | EditApproval | RejectApproval | ResolveDoubt | CancelRun | StartRun,
        row: dict[str, Value],
        actor: str,
        *,
        blobs: bool = False,
        taught: Taught = NOTHING,
    ) -> Decided:
        self._director.load(command.run)
        if isinstance(command, GrantApproval | EditApproval):
            self._refuse_when_killed()
        staged = self._artifacts.take_staged() if blobs else {}
        cause = row.get("position")
        answer = await self._ask(
            Request(
                command, actor, cause if isinstance(cause, int) else 0, blobs=staged, follow=taught.commands
            )
        )
        one = self._director.runs.get(command.run)
        task = row.get("task")
        number = task if isinstance(task, int) else 0
        status = "ended"
        if one is not None and isinstance(command, CancelRun | StartRun):
            status = one.state.status.name.lower()
        elif one is not None and one.state.exists(number):
            status = one.state.task(number).phase.name.lower()
        return Decided(command.run, number, answer.events, status, taught.detail if answer.events else {})

    def _taught(self, row: dict[str, Value], text: str | None, actor: str) -> Taught:
        """What follows for later drafts from a reply that is sent, edited to `text` or as it stands."""
        teaching = self._teaching()
        if teaching is None:
            return NOTHING
        try:
            state, act, number = self._card(RunId(str(row["run"])), str(row["approval"]))
        except StaleApproval:
            return NOTHING
        now = self._director.clock.now()
        if text is None:
            return teaching.approved(state, number, act, actor=actor, now=now)
        return teaching.edited(state, number, act, text, actor=actor, now=now)


def encode(decided: Decided) -> Json:
    """A decision as plain data."""
    result: Json = msgspec.to_builtins(decided)
    return result

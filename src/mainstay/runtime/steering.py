"""The operator's hand on the work: pause, resume and cancel at every level, fork and restart, dead letters.

One method for each thing that may be asked, as at the desk (`runtime.desk`): it finds what is meant, refuses with a
clear error what makes no sense now, and sends one command. Repeating a call is safe.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from mainstay.governance.asked_again import ENDED_WITHOUT, asked_again, run_that_asks
from mainstay.kernel.commands import (
    AllowSpending,
    CancelRun,
    CancelTask,
    Command,
    PauseRun,
    PauseScope,
    PauseTask,
    PurgeDeadLetter,
    RecordReplay,
    ResumeRun,
    ResumeScope,
    ResumeTask,
    StartRun,
)
from mainstay.kernel.errors import CommandRefused, NotFound
from mainstay.kernel.events import RunForked, TaskCancelled
from mainstay.kernel.fork import changed, fork, given_up_by_itself, restart
from mainstay.kernel.ids import RunId, run_id, run_stream
from mainstay.kernel.run import evolve, nothing
from mainstay.kernel.state import Phase, RunState, Status
from mainstay.kernel.values import Json
from mainstay.ledger.short_ids import find_card, find_id
from mainstay.ledger.store import EventStore
from mainstay.runtime.artifacts import SEALED, Artifacts, SubjectForgotten
from mainstay.runtime.director import Director
from mainstay.runtime.keeping import sealed_remark
from mainstay.runtime.sending import Ask, Decided, whole
from mainstay.runtime.tick import Request

Scope = Literal["workspace", "workflow", "adapter"]
SCOPES: tuple[str, ...] = ("workspace", "workflow", "adapter")
NAMES_SHOWN = 12
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Steering:
    """Steers the runs of one director."""

    def __init__(
        self, director: Director, artifacts: Artifacts, ask: Ask, *, adapters: Iterable[str] = ()
    ) -> None:
        self._director = director
        self._artifacts = artifacts
        self._ask = ask
        self._adapters = frozenset(adapters)

    # --- scopes ------------------------------------------------------------------------------------------------------

    async def pause(self, scope: str, name: str = "", *, reason: str = "", actor: str) -> Decided:
        """Start nothing new in the workspace, a workflow or an adapter; what is under way is heard."""
        self._require_scope(scope, name)
        sealed = sealed_remark(self._artifacts, reason)
        return await self._tell(PauseScope(scope, name, actor, sealed), actor, "paused")

    async def resume(self, scope: str, name: str = "", *, actor: str) -> Decided:
        """Go on there."""
        self._require_scope(scope, name, known=False)  # what is no longer configured may be resumed
        return await self._tell(ResumeScope(scope, name, actor), actor, "running")

    async def cancel_scope(
        self, scope: str, name: str = "", *, reason: str = "", actor: str
    ) -> list[Decided]:
        """End every open run of a workflow or of the workspace; of an adapter, give up the acts that wait for it."""
        self._require_scope(scope, name)
        self._director.load_all()  # under the lock only what was asked about is in memory
        found: list[Decided] = []
        for run, one in list(self._director.runs.items()):
            state = one.state
            if scope == "adapter":
                for number, task in state.all_tasks():
                    if task.act is not None and task.act.action.adapter == name:
                        sealed = self._sealed(reason, state)
                        command = CancelTask(run, number, actor, sealed)
                        answer = await self._ask(Request(command, actor))
                        if answer.events:
                            found.append(Decided(run, number, answer.events, "cancelled"))
            elif not state.ended and (scope == "workspace" or state.head.workflow == name):
                answer = await self._ask(Request(CancelRun(run, actor, self._sealed(reason, state)), actor))
                found.append(Decided(run, 0, answer.events, self._status(run)))
        return found

    def _require_scope(self, scope: str, name: str, *, known: bool = True) -> None:
        if scope not in SCOPES:
            raise CommandRefused(f"{scope!r} is no scope.", remedy="Name one of: " + ", ".join(SCOPES) + ".")
        if scope == "workspace":
            if name:
                raise CommandRefused("The workspace is paused as a whole.", remedy="Leave the name out.")
            return
        # A workflow that was retired may have runs in flight.
        open_ones = {one.state.head.workflow for one in self._director.runs.values()}
        workflows = {*self._director.workflows, *open_ones}
        names = sorted(self._adapters if scope == "adapter" else workflows)
        if known and name not in names:
            raise NotFound(
                f"There is no {scope} {name!r}.",
                why="Known are: " + (", ".join(names[:NAMES_SHOWN]) or "none") + ".",
                remedy=f"Name one of these; `mainstay {'workflows list' if scope == 'workflow' else 'doctor'}` "
                "shows them.",
            )

    # --- runs and tasks ----------------------------------------------------------------------------------------------

    async def pause_run(self, run: str, task: str = "", *, reason: str = "", actor: str) -> Decided:
        """Start nothing new of a run, or do not start one of its tasks."""
        found, state = self._open(run)
        sealed = self._sealed(reason, state)
        if not task:
            return await self._steer(PauseRun(found, actor, sealed), found, 0, actor)
        number = self._number(state, task)
        return await self._steer(PauseTask(found, number, actor, sealed), found, number, actor)

    async def resume_run(self, run: str, task: str = "", *, actor: str) -> Decided:
        """Go on with a run, or with one of its tasks."""
        found, state = self._open(run)
        if not task:
            return await self._steer(ResumeRun(found, actor), found, 0, actor)
        number = self._number(state, task)
        return await self._steer(ResumeTask(found, number, actor), found, number, actor)

    async def allow(self, run: str, amount: int, *, scope: str = "", actor: str) -> Decided:
        """Let a run spend: so much for each attempt of unknown price ("price"), or so much in all ("run").

        Without a scope it is what the run waits for: the price if nobody knows one, else its own budget.
        """
        found, state = self._open(run)
        blocked = [task for _, task in state.all_tasks() if task.phase is Phase.BLOCKED]
        chosen = scope or ("price" if any(not task.wake_at for task in blocked) else "run")
        if chosen not in ("price", "run"):
            raise CommandRefused(
                f"{chosen!r} is nothing that can be allowed.",
                why="The budgets of a workflow, a day and a month stand in mainstay.toml.",
                remedy='Allow for the "price" of an attempt, or for the "run"; or raise the budget in mainstay.toml.',
            )
        if amount < 0:
            raise CommandRefused("An amount is not below nothing.", remedy="Write what it may cost: 0.05.")
        return await self._steer(AllowSpending(found, chosen, amount, actor), found, 0, actor)

    async def cancel_task(self, run: str, task: str, *, reason: str = "", actor: str) -> Decided:
        """Give one task up; what needs it is skipped. Refused while its effect may already have left.

        Asked twice it is done once, also where the run has ended since: the second time nothing is written.
        """
        found, past, _ = self._story(run)
        if past.plan is not None:
            number = self._number(past, task)
            if past.task(number).phase is Phase.SKIPPED and self._was_given_up(found, number):
                return Decided(found, number, 0, Phase.SKIPPED.name.lower())
        found, state = self._open(run)
        number = self._number(state, task)
        command = CancelTask(found, number, actor, self._sealed(reason, state))
        decided = await self._steer(command, found, number, actor)
        if not decided.events:
            raise CommandRefused(
                f"{state.name(number)} cannot be given up now.",
                why=f"It is {decided.status}: it is done, or its effect may already have left.",
                remedy=f"`mainstay explain {run}` tells what becomes of it; `mainstay resolve` answers a doubt.",
            )
        return decided

    # --- forks -------------------------------------------------------------------------------------------------------

    async def restart(
        self, run: str, *, first: str = "", reason: str = "", request: str = "", actor: str
    ) -> Decided:
        """Do a task of an ended run, and what follows from it, anew in a new run that names its parent.

        Without `first`: from the first task that was given up. Acts done before are inherited, later ones always ask.
        """
        parent, state, version = self._story(run)
        if not state.ended:
            raise CommandRefused(
                f"Run {parent} has not ended.",
                why=f"It is {state.status.name.lower()}.",
                remedy=f"Wait for it, or end it first: `mainstay cancel {run}`.",
            )
        self._require_plan(state, parent)
        first = first or self._given_up(state)
        try:
            forked = restart(
                state, version=version, actor=actor, first=first, reason=self._sealed(reason, state)
            )
        except KeyError as error:
            raise self._no_task(state, first) from error
        return await self._begin(state, state.head.trigger, forked, {"first": first}, request, actor)

    async def ask_again(self, approval: str, *, actor: str) -> Decided:
        """Ask anew about what was rejected, or expired: its ended run is restarted from that task.

        However often this is asked, and by however many at once, one run comes of it (`governance.asked_again`). Its
        card stands in `detail` once there is one.
        """
        row = find_card(self._store, approval)
        name, number = str(row["approval"]), whole(row["task"])
        before = asked_again(self._store, row)
        if before is not None:
            detail = {"approval": before.approval} if before.approval else {}
            return Decided(before.run, number, 0, before.status, detail)
        if row["status"] not in ENDED_WITHOUT:
            raise CommandRefused(
                f"Card {name} was not rejected.",
                why=f"It is {row['status']!s}.",
                remedy="What was approved is taken back with `mainstay undo`; what waits is there to be answered.",
                approval=name,
                status=row["status"],
            )
        parent, state, version = self._story(str(row["run"]))
        if not state.ended:
            raise CommandRefused(
                "It cannot be asked again yet.",
                why="Its run goes on with other tasks, and only an ended one is done anew.",
                remedy="Wait for its end, or end it first: `mainstay cancel " + parent[-8:] + "`.",
                run=parent,
            )
        self._require_plan(state, parent)
        plan = state.plan
        assert plan is not None
        if number >= plan.size:
            raise CommandRefused(
                "This act cannot be asked about again by itself.",
                why="It is one item of several, or takes back what its run did.",
                remedy=f"`mainstay runs restart {parent[-8:]}` does a whole task of the run anew.",
                run=parent,
            )
        forked = restart(state, version=version, actor=actor, first=state.name(number))
        return await self._start(run_that_asks(row), state, state.head.trigger, forked, actor)

    async def fork(
        self,
        run: str,
        *,
        version: int = 0,
        changes: Mapping[str, Any] | None = None,
        reason: str = "",
        request: str = "",
        actor: str,
    ) -> Decided:
        """Go on from any event of a run (its version in the run's stream; 0: the last), with changed inputs."""
        parent, state, at = self._story(run, version)
        self._require_plan(state, parent)
        new = {path: self._closed(state, path, value) for path, value in (changes or {}).items()}
        trigger = state.head.trigger
        for path, value in new.items():
            source, *field = path.split(".")
            if source == "trigger":
                trigger = changed(trigger, tuple(field), value)
        forked = fork(state, version=at, actor=actor, changes=new, reason=self._sealed(reason, state))
        return await self._begin(state, trigger, forked, changes or {}, request, actor)

    async def _begin(
        self,
        state: RunState,
        trigger: Json,
        forked: RunForked,
        how: Mapping[str, Any],
        request: str,
        actor: str,
    ) -> Decided:
        parts = (state.head.run, forked.version, json.dumps(how, sort_keys=True), request)
        run = run_id(self._director.clock.now(), "fork", *parts)
        for row in self._store.select("runs", where={"parent": state.head.run}, limit=100_000):
            if str(row["run"])[12:] == run[12:]:
                return Decided(str(row["run"]), 0, 0, str(row["status"]))  # it was asked for before
        return await self._start(run, state, trigger, forked, actor)

    async def _start(
        self, run: RunId, state: RunState, trigger: Json, forked: RunForked, actor: str
    ) -> Decided:
        head = state.head
        command = StartRun(
            run,
            head.workflow,
            head.definition,
            trigger,
            head.key,
            head.subject,
            forked=forked,
            sealed_under=head.sealed_under,
        )
        answer = await self._ask(Request(command, actor, blobs=self._artifacts.take_staged()))
        return Decided(
            run, 0, answer.events, self._status(run), {"parent": head.run, "point": forked.version}
        )

    def _closed(self, state: RunState, path: str, value: Any) -> Any:
        """A new value for a field as it may stand in the ledger; personal texts are sealed like the old ones."""
        old = self._value(state, path)
        subject = state.head.owner
        if isinstance(old, dict) and old.get("kind") == "reply" and isinstance(value, str):
            try:
                reply = self._artifacts.open_value(old, subject)
                return self._artifacts.close_value(reply.model_copy(update={"text": value}), subject)
            except SubjectForgotten:
                raise CommandRefused(
                    f"{path} cannot be changed.",
                    why="Whoever it is about was forgotten.",
                    remedy="Start a new run; what this one knew of them is gone.",
                ) from None
        if isinstance(old, str) and old.startswith(SEALED) and isinstance(value, str):
            return self._artifacts.seal_text(value, subject)
        if _refers(path, old) or _refers("", value):
            raise CommandRefused(
                f"{path} cannot be changed.",
                why="It refers to what is kept sealed, and nobody says by hand what is opened.",
                remedy="Change a field with a plain value; a message itself cannot be changed.",
            )
        if type(old) is float and type(value) is int:
            return float(value)
        if isinstance(old, dict) or (old is not None and type(old) is not type(value)):
            raise CommandRefused(
                f"{path} cannot be {value!r:.40}.",
                why=f"It is {_kind(old)}, and this is {_kind(value)}.",
                remedy="Give a value of the same kind; a message itself cannot be changed.",
            )
        return value

    def _value(self, state: RunState, path: str) -> Any:
        source, *fields = path.split(".")
        plan = state.plan
        assert plan is not None
        value: Any = None
        if source == "trigger":
            value = state.head.trigger
        elif source in plan.numbers:
            value = state.task(plan.numbers[source]).output
        known = fields and value is not None
        for name in fields:
            known = known and isinstance(value, dict) and name in value
            value = value[name] if known else None
        if not known:
            tasks = [spec.name for spec in plan.workflow.tasks if state.task(plan.numbers[spec.name]).output]
            raise CommandRefused(
                f"There is no field {path!r} at that point.",
                why="Only fields of the trigger and of tasks that were done by then can be changed: trigger, "
                + ", ".join(tasks),
                remedy="Name it as in the workflow file, for instance trigger.message.mailbox or annotate.intent.",
            )
        return value

    # --- dead letters ------------------------------------------------------------------------------------------------

    async def note_replay(
        self, letter: str, kind: str, outcome: str, *, actor: str, run: str = ""
    ) -> Decided:
        """Record that a dead letter was tried again, and what became of it."""
        command = RecordReplay(letter, kind, actor, RunId(run) if run else None, outcome)
        return await self._tell(command, actor, outcome, run=run)

    async def purge(self, letter: str, *, reason: str = "", actor: str) -> Decided:
        """Put a dead letter away for good; that it was there, and who put it away, stays in the ledger."""
        row = self.dead_letter(letter)
        sealed = sealed_remark(self._artifacts, reason)
        command = PurgeDeadLetter(str(row["letter"]), str(row["kind"]), actor, sealed)
        return await self._tell(command, actor, "purged")

    def waiting_letter(self, run: str) -> str:
        """The dead letter that a failed run waits as, by a whole or short id of the run; "" where it does not."""
        row = self._store.get("dead_letters", (self._find(run),))
        return str(row["letter"]) if row is not None and row["status"] == "waiting" else ""

    def dead_letter(self, short: str) -> Mapping[str, Any]:
        """The dead letter that a whole or short id means. Raises `NotFound`."""
        letter = find_id(self._store, "dead_letters", "letter", short)
        row = self._store.get("dead_letters", (letter,))
        assert row is not None
        return row

    # --- finding -----------------------------------------------------------------------------------------------------

    @property
    def _store(self) -> EventStore:
        return self._director.store

    def _find(self, short: str) -> RunId:
        return RunId(find_id(self._store, "runs", "run", short))

    def _open(self, short: str) -> tuple[RunId, RunState]:
        run = self._find(short)
        one = self._director.load(run)
        if one is None or one.state.ended:
            raise CommandRefused(
                f"Run {run} has ended.",
                why="Only a run that has not ended can be paused, resumed or given up in part.",
                remedy=f"`mainstay runs restart {short}` does a part of it anew.",
            )
        return run, one.state

    def _story(self, short: str, version: int = 0) -> tuple[RunId, RunState, int]:
        """A run as it stood after an event of its stream."""
        run = self._find(short)
        state, last = nothing(run), 0
        for recorded in self._store.read(run_stream(run)):
            if version and recorded.version > version:
                break
            event: Any = self._director.codec.event(recorded)
            state, last = evolve(state, event), recorded.version
        if version > last:
            raise NotFound(
                f"Run {run} has no event {version}.",
                why=f"Its last one is {last}.",
                remedy=f"`mainstay explain {short} --events` numbers them.",
            )
        return run, state, last

    def _was_given_up(self, run: RunId, number: int) -> bool:
        """Whether the operator gave the task up. A task whose condition was false is skipped, too."""
        events = (self._director.codec.event(one) for one in self._store.read(run_stream(run)))
        return any(isinstance(one, TaskCancelled) and one.task == number for one in events)

    def _require_plan(self, state: RunState, run: RunId) -> None:
        if state.plan is None:
            raise CommandRefused(
                f"Run {run} had not begun to follow its plan at that point.",
                why="It was waiting for its turn.",
                remedy="Choose a later event, or start the workflow anew.",
            )

    def _given_up(self, state: RunState) -> str:
        assert state.plan is not None
        for number, spec in enumerate(state.plan.workflow.tasks):
            if given_up_by_itself(state, number):
                return spec.name
        raise CommandRefused(
            "Nothing of this run was given up.",
            why="Every task was done.",
            remedy="Name the task to begin with: --from TASK.",
        )

    def _number(self, state: RunState, name: str) -> int:
        self._require_plan(state, state.head.run)
        for number, _ in state.all_tasks():
            if state.name(number) == name:
                return number
        raise self._no_task(state, name)

    def _no_task(self, state: RunState, name: str) -> NotFound:
        assert state.plan is not None
        names = ", ".join(spec.name for spec in state.plan.workflow.tasks[:NAMES_SHOWN])
        return NotFound(
            f"There is no task {name!r} in this run.",
            why=f"Its tasks are: {names}.",
            remedy="Name one of these; an item of a for_each as name[3].",
        )

    def _sealed(self, text: str, state: RunState) -> str:
        return self._artifacts.seal_text(text, state.head.owner)

    def _status(self, run: RunId) -> str:
        one = self._director.runs.get(run)
        return one.state.status.name.lower() if one is not None else "ended"

    async def _steer(self, command: Command, run: RunId, task: int, actor: str) -> Decided:
        answer = await self._ask(Request(command, actor))
        one = self._director.runs.get(run)
        if one is None:
            return Decided(run, task, answer.events, "ended")
        state = one.state
        if task or isinstance(command, PauseTask | ResumeTask | CancelTask):
            paused = task in state.unusual.paused_tasks
            status = "paused" if paused else state.task(task).phase.name.lower()
        else:
            paused = state.unusual.paused and state.status in (Status.RUNNING, Status.COMPENSATING)
            status = "paused" if paused else state.status.name.lower()
        return Decided(run, task, answer.events, status)

    async def _tell(self, command: Command, actor: str, status: str, run: str = "") -> Decided:
        answer = await self._ask(Request(command, actor))
        return Decided(run, 0, answer.events, status)


def _kind(value: Any) -> str:
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}
    return kinds.get(type(value), "a reference" if isinstance(value, dict) else "nothing")


def _refers(path: str, value: Any) -> bool:
    """Whether this is, or holds, a reference to a sealed blob: what is opened by it may be anybody's."""
    match value:
        case str():
            named = path.rpartition(".")[2] in ("artifact", "content")
            return value.startswith(SEALED) or (named and _DIGEST.fullmatch(value) is not None)
        case dict():
            return "artifact" in value or any(_refers(name, one) for name, one in value.items())
        case list():
            return any(_refers("", one) for one in value)
        case _:
            return False

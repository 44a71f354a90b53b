"""A run that goes on from another one: restarted from a task, asked again, or forked with changed inputs.

What was done before that point is inherited and never done again; what follows always asks. A value that is changed
stays of its kind, and is sealed like the one that it replaces.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from mainstay.governance.asked_again import ENDED_WITHOUT, asked_again, run_that_asks
from mainstay.kernel.commands import StartRun
from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.events import RunForked
from mainstay.kernel.fork import changed, fork, given_up_by_itself, restart
from mainstay.kernel.ids import RunId, SubjectId, run_id
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Digest, Json
from mainstay.ledger.short_ids import find_card
from mainstay.runtime.artifacts import SEALED, SubjectForgotten
from mainstay.runtime.finding_runs import FindingRuns
from mainstay.runtime.sending import Decided, whole
from mainstay.runtime.tick import Request

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Forking(FindingRuns):
    """Forks the runs of one director."""

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
        subject = SubjectId(str(row["subject"])) if row["subject"] else None
        if self._artifacts.open_json(Digest(str(row["card"])), subject, b"card") is None:
            raise CommandRefused(
                "This act is not asked about again.",
                why="Whoever it was about was forgotten, and what it said with them.",
                remedy="Nothing of it is left to go on from. What they write from now on is somebody new's.",
                approval=name,
            )
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

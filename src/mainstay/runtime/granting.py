"""What the operator says of kinds of act: let it go by itself, let it ask again, and that one was wrong.

Like the desk it finds what is meant, refuses with a clear error what makes no sense, and sends one command. Evidence
cannot be handed in here: it is read from what people decided about cards, and from the run whose act was wrong.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mainstay.governance.autonomy import find_kind, spoken
from mainstay.kernel.autonomy import Level, target, wanting
from mainstay.kernel.commands import GrantAutonomy, RevokeAutonomy, WeighEvidence
from mainstay.kernel.errors import CommandRefused, NotFound
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Plan, TaskKind
from mainstay.kernel.predicates import Literal, Ref
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Json
from mainstay.ledger.short_ids import find_id
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.director import Director
from mainstay.runtime.keeping import sealed_remark
from mainstay.runtime.tick import Answer, Request
from mainstay.runtime.weighing import left_by_itself

Ask = Callable[[Request], Awaitable[Answer]]
GRANTABLE = (str(Level.SHADOW), str(Level.HELD), str(Level.AUTOMATIC))
NOTE_MAX = 2_000


class Granting:
    """Takes grants, their end, and complaints, for one director."""

    def __init__(self, director: Director, artifacts: Artifacts, ask: Ask) -> None:
        self._director = director
        self._artifacts = artifacts
        self._ask = ask

    async def grant(self, kind: str, *, level: str = "", actor: str) -> Json:
        """Let a kind go by itself as far as its evidence reaches, or put it into the shadow."""
        found = self._kind(kind)
        wanted = self._level(found, level)
        standing = self._director.autonomy.of(found)
        if standing.level == wanted:
            return {"kind": found, "level": wanted, "events": 0}
        withheld = self._director.withholds(found, wanted)
        if withheld:
            raise CommandRefused(
                "Nothing of it may go by itself now.",
                why=f"{withheld[0].upper()}{withheld[1:]}.",
                remedy="`mainstay resume` allows acts again; `mainstay slo show` says how objectives stand.",
            )
        answer = await self._ask(Request(GrantAutonomy(found, wanted, actor), actor))
        standing = self._director.autonomy.of(found)
        if standing.level != wanted:
            raise self._unproved(found, wanted)
        return {"kind": found, "level": wanted, "events": answer.events}

    async def revoke(self, kind: str, *, reason: str = "", actor: str) -> Json:
        """Let a kind ask again. What waits in its window asks as well."""
        found = self._kind(kind)
        note = self._noted(reason)
        command = RevokeAutonomy(found, "operator", "the operator wants to be asked", actor, note)
        answer = await self._ask(Request(command, actor))
        return {"kind": found, "level": str(Level.ASK), "events": answer.events}

    async def wrong(self, run: str, *, task: str = "", reason: str = "", actor: str) -> Json:
        """An act of this run that left by itself was wrong, also of a run that is over. Said twice it counts once."""
        found = RunId(find_id(self._director.store, "runs", "run", run))
        state = self._director.folded(found)
        number = self._act_of(found, state, task)
        note = (
            self._artifacts.seal_text(reason[:NOTE_MAX], state.head.owner if state else None)
            if reason
            else ""
        )
        requests = self._director.complaint(found, number, actor, note)
        if not requests:
            raise CommandRefused(
                "What you say of it can count for nothing any more.",
                why="It was made another way than such acts are made now, and of those it says nothing.",
                remedy="`mainstay autonomy show` says how the kind stands now.",
            )
        command = requests[0].command
        assert isinstance(command, WeighEvidence)
        before = self._director.autonomy.of(command.kind).level
        events = sum([(await self._ask(one)).events for one in requests])
        level = self._director.autonomy.of(command.kind).level
        asks_again = before != level and level is Level.ASK
        return {"kind": command.kind, "level": str(level), "events": events, "asks_again": asks_again}

    # --- within ------------------------------------------------------------------------------------------------------

    def _noted(self, reason: str) -> str:
        """What the operator said of a kind, as it may stand in the ledger."""
        return sealed_remark(self._artifacts, reason[:NOTE_MAX])

    def _kind(self, text: str) -> str:
        return find_kind({*self._director.autonomy.kinds, *self.declared()}, text)

    def declared(self) -> list[str]:
        """The kinds that the workflows in force have, as far as their class is a word."""
        return [
            kind
            for registered in self._director.workflows.values()
            for kind in declared_kinds(self._director.plans[registered.definition])
        ]

    def _level(self, kind: str, level: str) -> str:
        rules = self._director.autonomy.rules_of(kind)
        if not level:
            return str(Level.HELD if rules.most is not Level.AUTOMATIC or rules.hold_us else Level.AUTOMATIC)
        if level not in GRANTABLE:
            raise CommandRefused(
                f"{level[:40]!r} is no level that can be granted.",
                why="Everything asks where nothing else is granted.",
                remedy="Name one of "
                + ", ".join(GRANTABLE)
                + "; `mainstay autonomy revoke` lets it ask again.",
            )
        return level

    def _unproved(self, kind: str, level: str) -> CommandRefused:
        autonomy = self._director.autonomy
        standing, rules = autonomy.of(kind), autonomy.rules_of(kind)
        more = wanting(standing.clean, standing.errors, target(rules))
        if not more:
            return CommandRefused(
                f"{spoken(kind)} may go no further than {rules.most}.",
                why="That is what [autonomy] in mainstay.toml says.",
                remedy="Change `most` there, if you want it otherwise.",
                kind=kind,
            )
        said = f"{standing.clean} clean decisions and {standing.errors} with an error"
        return CommandRefused(
            f"The evidence does not suffice for {spoken(kind)} yet.",
            why=f"There are {said}; at most {100 * target(rules):g} % errors is not proved by that.",
            remedy=f"{more} more clean decisions are wanted. `--level shadow` only watches it, and needs none.",
            kind=kind,
            missing=more,
        )

    def _act_of(self, run: RunId, state: RunState | None, task: str) -> int:
        """The task that is meant: by its name or number; without one, the only act that left by itself."""
        if state is None or state.plan is None:
            raise NotFound(f"Run {run} did nothing.", remedy="`mainstay runs` lists those that did.")
        left = [number for number, _ in state.all_tasks() if left_by_itself(state, number)]
        names = {state.name(number): number for number in left} | {str(number): number for number in left}
        if task and task in names:
            return names[task]
        if not task and len(left) == 1:
            return left[0]
        which = ", ".join(state.name(number) for number in left[:8])
        if left:
            raise CommandRefused(
                f"Task {task[:60]!r} of run {run} did not leave by itself."
                if task
                else "Which act was wrong?",
                why=f"What left by itself in this run: {which}.",
                remedy="Name one of them after the run.",
            )
        raise CommandRefused(
            f"Nothing of run {run} left by itself.",
            why="A person approved what it did, or a rule allowed it.",
            remedy="What a rule allows is changed in policies/; what you approved counts as you decided it.",
        )


def declared_kinds(plan: Plan) -> list[str]:
    """The kinds of act of a workflow, of those tasks whose class is a word or nothing."""
    found = []
    for spec in plan.workflow.tasks:
        if spec.kind is TaskKind.ACT and not isinstance(spec.kind_class, Ref):
            word = spec.kind_class.value if isinstance(spec.kind_class, Literal) else ""
            found.append(f"{plan.workflow.name}/{spec.act}/{word}")
    return found

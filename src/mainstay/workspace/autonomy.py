"""`Workspace.autonomy`: which kinds of act go by themselves, on which evidence, and the operator's word about it.

    for one in workspace.autonomy.kinds():
        print(one.kind, one.level, one.missing, one.minutes_saved)
    workspace.autonomy.grant("triage/email.reply/faq", level="held")
    workspace.autonomy.wrong(run, reason="the price was last year's")

Reading takes no lock. Granting rests on proof: without it the grant is refused with what is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mainstay.governance.autonomy import KindOfAct, find_kind, in_words, kinds_of_act
from mainstay.kernel.errors import ConfigError, NotFound
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.runtime.clock import Clock
from mainstay.workspace.doors import Door

if TYPE_CHECKING:
    from mainstay.config.autonomy import AutonomySettings
    from mainstay.kernel.plan import Plan
    from mainstay.kernel.policy import Policy
    from mainstay.kernel.state import RunState
    from mainstay.workspace.autonomy_history import Change, Evidence, LeftByItself, Watched

OPERATOR = "operator"
LIMIT = 50


@dataclass(frozen=True, slots=True)
class Granted:
    """What a word about a kind led to. `events` is 0 when it was so already."""

    kind: str
    level: str
    events: int
    live: bool  # a director is at work, and holds to it now
    asks_again: bool = False  # it went by itself before, and no longer does


class AutonomyDesk:
    """Autonomy of one workspace."""

    def __init__(
        self,
        door: Callable[[], AbstractContextManager[Door]],
        store: Callable[[], SqliteReader],
        settings: Callable[[], AutonomySettings],
        plans: Callable[[], list[Plan]],
        policy: Callable[[], Policy],
        open_text: Callable[[str], str],
        state: Callable[[str], RunState],
        clock: Clock,
    ) -> None:
        self._door = door
        self._store = store
        self._settings = settings
        self._plans = plans
        self._policy = policy
        self._open_text = open_text
        self._state = state
        self._clock = clock

    def kinds(self) -> list[KindOfAct]:
        """Every kind that was decided about, or that a workflow in force declares."""
        from mainstay.runtime.granting import declared_kinds

        declared = [kind for plan in self._plans() for kind in declared_kinds(plan)]
        return kinds_of_act(
            self._store(),
            self._settings().of,
            now=self._clock.now(),
            declared=declared,
            policy=self._rules(),
        )

    def _rules(self) -> Policy | None:
        try:
            return self._policy()
        except (ConfigError, NotFound):
            return None  # a slip in a file of rules must not hide where the kinds stand

    def kind(self, name: str) -> KindOfAct:
        """One kind by its name or a part of it. Raises `NotFound` or `AmbiguousId`."""
        found = {one.kind: one for one in self.kinds()}
        return found[find_kind(found, name)]

    def proposals(self) -> list[KindOfAct]:
        """The kinds that are proved and wait for your word: what could stop asking now."""
        return [one for one in self.kinds() if one.attainable and not one.ruled.decision]

    def evidence(self, kind: str, *, before: int = 0, limit: int = LIMIT) -> list[Evidence]:
        """The decisions that count for or against a kind, newest first; `before`: the position to go on from."""
        from mainstay.workspace.autonomy_history import evidence_of

        return evidence_of(self._store(), kind, before=before, limit=limit)

    def changes(self, kind: str) -> list[Change]:
        """When a kind was granted, proposed or taken back, by whom and why, newest first."""
        from mainstay.workspace.autonomy_history import changes_of

        return changes_of(self._store(), kind, self._open_text)

    def left(self, kind: str, *, limit: int = 20) -> list[LeftByItself]:
        """Acts of a kind that left by themselves of late, newest first: each can be said to have been wrong."""
        from mainstay.workspace.autonomy_history import left_by_themselves

        return left_by_themselves(self._store(), kind, limit=limit)

    def watched(self, kind: str, *, limit: int = 20) -> list[Watched]:
        """Acts of a kind that were decided in the shadow of late, newest first: nothing was done."""
        from mainstay.workspace.autonomy_history import watched_of

        return watched_of(self._store(), kind, self._state, limit=limit)

    def told(self, one: KindOfAct, *, how: bool = True) -> str:
        """What is missing, in words; `how`: with the command that grants it."""
        return in_words(one, how=how)

    def grant(self, kind: str, *, level: str = "", actor: str = OPERATOR) -> Granted:
        """Let a kind go by itself ("held", "automatic"), or only watch it ("shadow"). Raises `CommandRefused`."""
        return self._ask("autonomy_grant", kind=kind, level=level, actor=actor)

    def revoke(self, kind: str, *, reason: str = "", actor: str = OPERATOR) -> Granted:
        """Let a kind ask again; its evidence stays."""
        return self._ask("autonomy_revoke", kind=kind, reason=reason, actor=actor)

    def wrong(self, run: str, task: str = "", *, reason: str = "", actor: str = OPERATOR) -> Granted:
        """An act that left by itself was wrong: it counts as an error at once. Raises `CommandRefused`."""
        return self._ask("autonomy_wrong", run=run, task=task, reason=reason, actor=actor)

    def _ask(self, operation: str, **arguments: str) -> Granted:
        with self._door() as door:
            answer = door.ask(operation, dict(arguments))
            return Granted(
                *(str(answer["kind"]), str(answer["level"]), int(answer["events"]), door.live),
                asks_again=bool(answer.get("asks_again", False)),
            )

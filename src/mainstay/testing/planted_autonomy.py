"""Bugs of autonomy planted on purpose: `testing.planted` says how they are found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mainstay.kernel import door
from mainstay.kernel.autonomy import Autonomy, goes_by_itself
from mainstay.kernel.draft import Draft
from mainstay.kernel.events import AutonomyRevoked
from mainstay.kernel.kinds import kind_of
from mainstay.kernel.policy import Action, Decision, Verdict
from mainstay.runtime.director import Director
from mainstay.runtime.tick import Tick
from mainstay.runtime.trusting import Trusting
from mainstay.testing.planting import Planted
from mainstay.testing.process import Parts

_DOOR = "mainstay.kernel.door"
_note, _verdict_on = Autonomy.note, door.verdict_on


def _never_drawn(clean: int) -> float:
    return 0.0


def _demotion_not_heard(autonomy: Autonomy, event: Any) -> None:
    before = autonomy.of(event.kind)
    _note(autonomy, event)
    if isinstance(event, AutonomyRevoked):
        autonomy.kinds[event.kind] = replace(autonomy.of(event.kind), level=before.level)


def _any_recipe(known: str, recipe: str) -> bool:
    return True


def _high_stake_by_itself(draft: Draft, number: int, action: Action) -> Verdict:
    verdict = _verdict_on(draft, number, action)
    if verdict.rule != "high stake":
        return verdict
    workflow = draft.state.head.workflow
    for kind, standing in draft.facts.autonomy.kinds.items():
        if kind.startswith(workflow + "/") and goes_by_itself(standing):
            return Verdict(Decision.ALLOW, "autonomy", "", f"autonomy:{kind_of(draft.state, number, action)}")
    return verdict


class _DemotionNextTick(Director):
    def tick(self, requests: Any, **how: Any) -> Tick:
        self.autonomy.kinds.update(self.__dict__.pop("_later", {}))
        return super().tick(requests, **how)

    def _decide_autonomy(self, tick: Tick, request: Any, command: Any, queue: Any) -> None:
        before = self.autonomy.of(command.kind)
        super()._decide_autonomy(tick, request, command, queue)
        after = self.autonomy.of(command.kind)
        if goes_by_itself(before) and not goes_by_itself(after):
            self.__dict__.setdefault("_later", {})[command.kind] = after
            self.autonomy.kinds[command.kind] = before


def _evidence_twice(trusting: Trusting, command: Any) -> bool:
    events = trusting._autonomy.decide(command)
    for event in events[:1]:
        trusting._autonomy.note(event)  # once here, and once more by whoever asked
    return False


PLANTED_AUTONOMY: tuple[Planted, ...] = (
    Planted(
        "nothing that goes by itself is drawn to be looked at",
        patches=((_DOOR, "audit_share", _never_drawn),),
    ),
    Planted(
        "a demotion is not heard",
        patches=(("mainstay.kernel.autonomy", "Autonomy.note", _demotion_not_heard),),
    ),
    Planted(
        "another recipe keeps what was granted",
        patches=(
            ("mainstay.kernel.autonomy", "covers", _any_recipe),
            ("mainstay.runtime.asking_again", "covers", _any_recipe),
        ),
    ),
    Planted(
        "high stake goes by what others have earned", patches=((_DOOR, "verdict_on", _high_stake_by_itself),)
    ),
    Planted("a demotion is heard by the next tick alone", lambda: Parts(director=_DemotionNextTick)),
    Planted(
        "evidence counts twice",
        patches=(("mainstay.runtime.trusting", "Trusting._is_weighed", _evidence_twice),),
    ),
)

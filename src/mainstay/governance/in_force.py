"""What was in force when something was decided: the policy, and the words of the template that a draft came from.

The door's own events name the rule or the authority. Which rules there were at that time, and what the template said,
the ledger knows by the positions at which each was adopted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping

from mainstay.governance.words import short
from mainstay.kernel.events import (
    NUMBER_OF,
    ActionDenied,
    ActionEdited,
    ActionHeld,
    ActionProposed,
    ActionShadowed,
    ActionStarted,
    ApprovalRequested,
    Event,
    PolicyAdopted,
    TemplateAdopted,
    TemplateRetired,
)
from mainstay.kernel.recipe import written
from mainstay.ledger.store import RecordedEvent

ADOPTIONS = frozenset(NUMBER_OF[one] for one in (PolicyAdopted, TemplateAdopted, TemplateRetired))
_POLICY = ""  # among names of templates
Judged = ActionDenied | ApprovalRequested | ActionEdited | ActionStarted | ActionHeld | ActionShadowed


class InForce:
    """Adoptions in the ledger's order, asked by position."""

    def __init__(self, adopted: Iterable[tuple[RecordedEvent, Event]] = ()) -> None:
        self._history: dict[str, list[tuple[int, str]]] = {}
        for recorded, event in sorted(adopted, key=lambda pair: pair[0].position):
            if isinstance(event, PolicyAdopted):
                self._history.setdefault(_POLICY, []).append((recorded.position, event.policy))
            elif isinstance(event, TemplateAdopted):
                self._history.setdefault(event.name, []).append((recorded.position, event.template))
            elif isinstance(event, TemplateRetired):
                self._history.setdefault(event.name, []).append((recorded.position, ""))

    def policy(self, position: int) -> str:
        """The digest of the policy at that time; empty where none was adopted."""
        return self._at(_POLICY, position)

    def templates(self, position: int) -> dict[str, str]:
        """The digest of each template's words at that time, by name."""
        names = [name for name in self._history if name != _POLICY]
        return {name: words for name in names if (words := self._at(name, position))}

    def under(self, event: Event, position: int) -> Mapping[str, str]:
        """What bears on this event: `policy`, and `template` with its `words`; empty for what nothing bears on."""
        match event:
            case ActionProposed(recipe=recipe):
                parts = recipe.split("+")[1:]
                for name, words in self.templates(position).items():
                    if written("", name, words)[1:] in parts:
                        return {"template": name, "words": words}
                return {}
            case ActionDenied() | ApprovalRequested() | ActionEdited():
                pass
            case ActionStarted() | ActionHeld() | ActionShadowed():
                pass
            case _:
                return {}
        policy = self.policy(position)
        return {"policy": policy} if policy else {}

    def _at(self, name: str, position: int) -> str:
        history = self._history.get(name, [])
        number = bisect_right(history, (position, "g"))  # digests are hexadecimal
        return history[number - 1][1] if number else ""


def say_under(under: Mapping[str, str]) -> str:
    """The same in words; empty for nothing."""
    if "template" in under:
        return f" Made from template {under['template']} ({short(under['words'])})."
    return f" Under policy {short(under['policy'])}." if "policy" in under else ""

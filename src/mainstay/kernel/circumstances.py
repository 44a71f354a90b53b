"""What a rule may look at that changes with the hour and with every act: counts, the operator's clock, what changed.

Pure, and made for one verdict: facts of the tick, seen from one action.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mainstay.kernel.facts import Facts
from mainstay.kernel.policy import Action
from mainstay.kernel.state import RunState

MINUTES_OF_HOUR = 60


def circumstances(state: RunState, action: Action, facts: Facts) -> Mapping[str, Any]:
    """By the name that a rule gives it."""
    return {
        "done_by_this_workflow": facts.counts.get((state.head.workflow, action.act), 0),
        "hour": facts.minute // MINUTES_OF_HOUR,
        "weekday": facts.weekday,
        "template_changed": _template_changed(action, facts),
    }


def _template_changed(action: Action, facts: Facts) -> bool:
    """Whether the template that the draft came from says something else by now."""
    name, made_from = action.features.get("template"), action.features.get("template_digest")
    return isinstance(name, str) and bool(made_from) and facts.templates.get(name, made_from) != made_from

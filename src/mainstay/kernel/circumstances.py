"""What a rule may look at that changes with the hour and with every act: counts, the operator's clock, what changed.

Pure, and made for one verdict: facts of the tick, seen from one action. A count has two ends, what is done and what
will be when everything on its way is done: a rule that restricts looks at the end that is worse, one that allows too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mainstay.kernel.draft import Draft
from mainstay.kernel.facts import Facts
from mainstay.kernel.policy import Action, Between
from mainstay.kernel.values import MINUTE, Instant

MINUTES_OF_HOUR = 60
BY_WORKFLOW, TODAY, THIS_HOUR = "done_by_this_workflow", "done_today", "done_this_hour"
NAMES = frozenset(
    {BY_WORKFLOW, TODAY, THIS_HOUR, "workflow", "hour", "minute", "weekday", "template_changed"}
)


def circumstances(draft: Draft, number: int, action: Action) -> Mapping[str, Any]:
    """By the name that a rule gives it."""
    facts, workflow, act = draft.facts, draft.state.head.workflow, action.act
    tally, own = facts.tally, _is_counted(draft, number)
    here = draft.leaving.get(act, 0)
    ours = tally.on_their_way(workflow, act) + here - own
    everybody = tally.all_on_their_way(act) + here - own
    done = facts.counts.get((workflow, act), 0)
    today = tally.done(act, _midnight(facts))
    hour = tally.last_hour(act, facts.now)
    return {
        BY_WORKFLOW: Between(done, done + max(0, ours)),
        TODAY: Between(today, today + max(0, everybody)),
        THIS_HOUR: Between(hour, hour + max(0, everybody)),
        "workflow": workflow,
        "hour": facts.minute // MINUTES_OF_HOUR,
        "minute": facts.minute,
        "weekday": facts.weekday,
        "template_changed": _template_changed(action, facts),
    }


def _is_counted(draft: Draft, number: int) -> int:
    """One, if the act that is judged is itself on its way already: it is not one more."""
    state = draft.state
    act = state.task(number).act if state.exists(number) else None
    return int(act is not None and bool(act.authority) and state.undoes(number) is None)


def _midnight(facts: Facts) -> Instant:
    """When the operator's day began; on the two days a year that clocks are put, an hour off."""
    return Instant(facts.now - facts.minute * MINUTE - facts.now % MINUTE)


def _template_changed(action: Action, facts: Facts) -> bool:
    """Whether the template that the draft came from says something else by now."""
    name, made_from = action.features.get("template"), action.features.get("template_digest")
    return isinstance(name, str) and bool(made_from) and facts.templates.get(name, made_from) != made_from

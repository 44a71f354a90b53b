"""Each event as a sentence in plain English: what happened, to what, by whose authority and why.

Most sentences name no task: `governance.explain` puts names, times, actors and causes around them. Where one has to
name others, `name_of` says how they are called. Values a person typed are sealed in the ledger: `open_` gives them
back, or None when they were forgotten. The sentences stand by what they are about: `narration_run`,
`narration_acts`, `narration_recovery`, and of what belongs to no run `narration_house`, `narration_memory`,
`narration_governance`.
"""

from __future__ import annotations

from typing import assert_never

from mainstay.governance.narration_acts import say_act, say_card
from mainstay.governance.narration_governance import say_autonomy, say_governance
from mainstay.governance.narration_house import say_inbox, say_workspace
from mainstay.governance.narration_memory import say_memory
from mainstay.governance.narration_recovery import say_recovery
from mainstay.governance.narration_run import say_course, say_work
from mainstay.governance.words import NameOf, Open, by_number
from mainstay.kernel.events import (
    ActEvent,
    AutonomyEvent,
    CardEvent,
    CourseEvent,
    Event,
    GovernanceEvent,
    InboxEvent,
    MemoryEvent,
    SteeringEvent,
    WorkEvent,
    WorkspaceEvent,
)


def say(event: Event, open_: Open, name_of: NameOf = by_number) -> str:
    """What happened, in one sentence without its full stop."""
    if isinstance(event, WorkEvent):
        return say_work(event)
    if isinstance(event, CourseEvent):
        return say_course(event)
    if isinstance(event, ActEvent):
        return say_act(event)
    if isinstance(event, CardEvent):
        return say_card(event, open_)
    if isinstance(event, SteeringEvent):
        return say_recovery(event, name_of)
    if isinstance(event, InboxEvent):
        return say_inbox(event)
    if isinstance(event, WorkspaceEvent):
        return say_workspace(event)
    if isinstance(event, MemoryEvent):
        return say_memory(event)
    if isinstance(event, AutonomyEvent):
        return say_autonomy(event)
    if isinstance(event, GovernanceEvent):
        return say_governance(event)
    assert_never(event)

"""What no agent may ask for through any door. Cards are refused at the desk, and all of it in the director once more.

A closed list of what an agent may do, so that an operation which nobody thought of is not among it.
"""

from __future__ import annotations

from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.persons import is_machine
from mainstay.kernel.values import Json
from mainstay.workspace.said_of_cards import ON_CARDS

AGENTS_MAY = frozenset({"start", "status", "remember", "propose"})
AT_THE_DESK = ON_CARDS | {"decide_together", "resolve"}  # which asks for a person by itself


def require_person(operation: str, arguments: Json) -> None:
    """Raises `CommandRefused` where an agent asks for what only a person may."""
    if operation in AGENTS_MAY or operation in AT_THE_DESK:
        return
    actor = arguments.get("actor", "")
    if isinstance(actor, str) and is_machine(actor):
        raise CommandRefused(
            "Only a person does this.",
            why=f"{actor[:80]!r} is an agent: agents propose, and what they propose is decided by others.",
            remedy="Do it yourself, from the console or the command line.",
        )

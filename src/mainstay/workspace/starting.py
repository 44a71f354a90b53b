"""What may be started by hand: the workflows in force, what begins each, and which fields of its input it reads.

A workflow that messages begin is not started by hand: whose message it is decides under whose key all of it lies, and
that is told by the message as it came in. A run of one is done anew with `steering.restart`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any

from mainstay.kernel.errors import CommandRefused, NotFound
from mainstay.kernel.plan import Plan, TaskSpec, Workflow, references
from mainstay.kernel.values import Digest, Json

BY_HAND = "by hand"
DEPTH_MAX = 6
CHAR_MAX = 100_000
INTEGER_MAX = 2**63 - 1
# By these a value of a run refers to what is kept sealed. Nobody outside says what is opened.
_REFERRING = frozenset({"artifact", "content", "kind", "message"})
_SEALED = "sealed:"


@dataclass(frozen=True, slots=True)
class Startable:
    """A workflow in force. `begins` is the event that begins it, `by hand` where none does."""

    name: str
    version: int
    definition: Digest
    begins: str
    inputs: tuple[str, ...]  # fields of the trigger that it reads
    tasks: tuple[str, ...]
    acts: tuple[str, ...]

    @property
    def by_hand(self) -> bool:
        """Whether somebody may start it who has no message."""
        return not self.begins.startswith("message.")


def startable(plans: Iterable[Plan]) -> tuple[Startable, ...]:
    """The workflows of these plans, by name."""
    return tuple(sorted((_of(one) for one in plans), key=lambda one: one.name))


def require_startable(found: Iterable[Startable], name: str, given: Json) -> Startable:
    """The workflow of this name, where these are values that it can be given. Raises `NotFound`, `CommandRefused`."""
    known = {one.name: one for one in found}
    one = known.get(name)
    if one is None:
        raise NotFound(
            f"There is no workflow {name[:80]!r} in force.",
            why="Known are: " + (", ".join(sorted(known)) or "none") + ".",
            remedy="Name one of these.",
        )
    if not one.by_hand:
        raise CommandRefused(
            f"{name} is begun by messages, not by hand.",
            why="What it does for somebody is sealed under their key, and only a message says who that is.",
            remedy="Propose one act instead, or have a person restart a run of it.",
        )
    require_plain(given)
    return one


def require_plain(given: Json) -> None:
    """Raises `CommandRefused` for a value that is none, or refers to what is sealed."""
    wrong = _not_plain(given, "input", 1)
    if wrong:
        raise CommandRefused(f"{wrong} cannot be given to a run.", remedy="Give texts, numbers and lists.")


def _is_plain_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return not text.startswith(_SEALED) and len(text) <= CHAR_MAX


def _of(plan: Plan) -> Startable:
    workflow: Workflow = plan.workflow
    specs = [*workflow.tasks, *(one.compensate for one in workflow.tasks if one.compensate is not None)]
    return Startable(
        workflow.name,
        workflow.version,
        plan.digest,
        workflow.on.event if workflow.on is not None else BY_HAND,
        tuple(sorted({".".join(ref.path) for one in specs for ref in _of_trigger(one)})),
        tuple(one.name for one in workflow.tasks),
        tuple(dict.fromkeys(one.act for one in workflow.tasks if one.act)),
    )


def _of_trigger(spec: TaskSpec) -> list[Any]:
    return [ref for ref in references(spec) if ref.source == "trigger" and ref.path]


def _not_plain(value: Any, place: str, level: int) -> str:
    """The place of what is no plain value; empty where all of it is."""
    match value:
        case None | bool():
            return ""
        case int():
            return place if abs(value) > INTEGER_MAX else ""
        case float():
            return "" if isfinite(value) else place
        case str():
            return "" if _is_plain_text(value) else place
        case list() | dict() if level >= DEPTH_MAX:
            return place
        case list():
            inner = enumerate(value)
            return next(filter(None, (_not_plain(one, f"{place}[{n}]", level + 1) for n, one in inner)), "")
        case dict():
            named = next(
                (f"{place}.{one}" for one in value if one in _REFERRING or not _is_plain_text(one)), ""
            )
            parts = (_not_plain(one, f"{place}.{name}", level + 1) for name, one in value.items())
            return named or next(filter(None, parts), "")
        case _:
            return place

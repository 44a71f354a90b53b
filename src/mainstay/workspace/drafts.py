"""The drafts that led to a card: what a writer made, what was asked before, what a person made of it.

A card shows its last text alone; whoever reads it wants to know what became of the one before. Texts that follow each
other and are the same count as one draft.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mainstay.kernel.values import Digest, Json

if TYPE_CHECKING:
    from mainstay.kernel.state import RunState

OpenReply = Callable[[Json], str]  # the text of a reply that an event refers to
OpenCard = Callable[[Digest], str]  # the text that a proposed effect shows
_COUNTED = re.compile(r"(\d+) checks\b")


@dataclass(frozen=True, slots=True)
class Draft:
    """One text on its way to a card."""

    text: str
    digests: tuple[Digest, ...] = ()  # of the effects that showed it; none: nobody was asked about it
    actor: str = ""  # who wrote it, if that was a person


@dataclass(frozen=True, slots=True)
class Drafts:
    """Where one effect stands among the drafts of its act."""

    number: int = 1
    before: Draft | None = None
    after: Draft | None = None


def drafts_of(events: Iterable[Any], task: int, open_reply: OpenReply, open_card: OpenCard) -> list[Draft]:
    """Every draft of an act, oldest first. `events`: those of its run."""
    from mainstay.kernel.events import ActionEdited, ActionProposed, TaskSucceeded

    written: dict[int, list[Json]] = {}
    asked: list[Draft] = []
    for event in events:
        match event:
            case TaskSucceeded(task=number, output={"reply": {"artifact": str()} as reply}):
                written.setdefault(number, []).append(reply)
            case ActionProposed() | ActionEdited() if event.task == task:
                actor = event.actor if isinstance(event, ActionEdited) else ""
                asked.append(Draft(open_card(event.action.card), (event.action.digest,), actor))
    if not asked or not asked[0].text:
        return asked
    for replies in written.values():
        texts = [open_reply(one) for one in replies]
        if asked[0].text in texts:
            return _joined([*map(Draft, texts), *asked])
    return _joined(asked)


def place_of(drafts: list[Draft], digest: Digest) -> Drafts:
    """The drafts beside the one that this effect shows."""
    at = max((at for at, one in enumerate(drafts) if digest in one.digests), default=-1)
    if at < 0:
        return Drafts()
    return Drafts(at + 1, drafts[at - 1] if at else None, drafts[at + 1] if at + 1 < len(drafts) else None)


def checks_made(
    events: Iterable[Any], state: RunState, opened: Callable[[str], str]
) -> tuple[int, tuple[str, ...]]:
    """How many checks the inspectors of a run made, 0 where they do not say; and which found nothing, by name.

    Inspectors that do not give names tell their number in the rationale, as all of them once did.
    """
    from mainstay.kernel.events import TaskSucceeded

    said = {one.task: one.rationale for one in events if isinstance(one, TaskSucceeded)}
    made, passed = 0, list[str]()
    for number, task in state.all_tasks():
        if not task.output or state.spec(number).role != "inspector":
            continue
        names = [str(one) for one in task.output.get("checks", ())]
        found = {str(one.get("check", "")) for one in task.output.get("findings", ())}
        counted = None if names else _COUNTED.search(opened(said.get(number, "")))
        made += int(counted[1]) if counted else len(names)
        passed += [name for name in names if name not in found]
    return made, tuple(dict.fromkeys(passed))


def _joined(drafts: list[Draft]) -> list[Draft]:
    found: list[Draft] = []
    for one in drafts:
        if found and found[-1].text == one.text:
            last = found[-1]
            found[-1] = replace(last, digests=(*last.digests, *one.digests), actor=last.actor or one.actor)
        else:
            found.append(one)
    return found

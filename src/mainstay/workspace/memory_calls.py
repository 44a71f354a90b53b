"""Keeping and retracting through a door, in calls that a door takes: a line of the control socket is bounded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

import msgspec

from mainstay.memory.records import TEXT_MAX, Note
from mainstay.runtime.keeping import Kept
from mainstay.workspace.doors import Door

CALL_BYTES_MAX = 400_000
CALL_NOTES_MAX = 200
CALL_IDS_MAX = 2_000


def keep(door: Door, notes: Sequence[Note], *, actor: str) -> list[Kept]:
    """Remember many; those of one call are kept together or not at all."""
    kept: list[Kept] = []
    for part in _parts(notes):
        answer = door.ask("remember", {"notes": [asdict(note) for note in part], "actor": actor})
        kept += [Kept(**one) for one in answer["kept"]]
    return kept


def retract(door: Door, memories: Sequence[str], *, actor: str, reason: str = "") -> list[Kept]:
    """Believe none of them any more."""
    kept: list[Kept] = []
    for start in range(0, len(memories), CALL_IDS_MAX):
        some = list(memories[start : start + CALL_IDS_MAX])
        answer = door.ask("retract_memory", {"memories": some, "actor": actor, "reason": reason})
        kept += [Kept(**one) for one in answer["kept"]]
    return kept


def _parts(notes: Sequence[Note]) -> Iterable[list[Note]]:
    part: list[Note] = []
    size = 0
    for note in notes:
        weight = 600 + len(msgspec.json.encode(note)) if len(note.text) <= TEXT_MAX else CALL_BYTES_MAX
        if part and (size + weight > CALL_BYTES_MAX or len(part) >= CALL_NOTES_MAX):
            yield part
            part, size = [], 0
        part.append(note)
        size += weight
    if part:
        yield part

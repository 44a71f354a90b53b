"""What a run is about, in a line: opened when it is asked for, and kept nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mainstay.kernel.ids import SubjectId
from mainstay.kernel.values import Digest, Json
from mainstay.ledger.store import EventReader, Position, RecordedEvent, Value
from mainstay.runtime.artifacts import SEALED

if TYPE_CHECKING:
    from mainstay.runtime.artifacts import Artifacts

TITLE_MAX = 160


@dataclass(slots=True)
class RunTitles:
    """Opens them, by rows of the view `runs`."""

    store: Callable[[], EventReader]
    artifacts: Callable[[], Artifacts]
    view: Callable[[Digest, SubjectId | None], Json]  # a message, opened
    decoded: Callable[[RecordedEvent], Any]

    def of(self, row: Mapping[str, Value]) -> tuple[str, str]:
        """What the run is about, and from whom; the beginning of both."""
        title, name, address = self.found_by(row)
        return title, name or address

    def found_by(self, row: Mapping[str, Value]) -> tuple[str, str, str]:
        """What the run is about, the name of whom it is from, and the address; the beginning of each."""
        if row["message"]:
            received = self.store().get("messages", (row["message"],))
            if received is None or not received["content"]:
                return "", "", ""
            subject = SubjectId(str(received["subject"])) if received["subject"] else None
            message = self.view(Digest(str(received["content"])), subject)
            title, name = message.get("subject") or "(no subject)", message.get("from_name") or ""
            return _begin(str(title)), _begin(str(name)), _begin(str(message.get("from_address") or ""))
        return _begin(self._told(row)), "", ""

    def _told(self, row: Mapping[str, Value]) -> str:
        """What started a run that no message did, from its first event."""
        position = int(str(row["position"] or 0))
        found = self.store().read_all(after=Position(position - 1), limit=1) if position else ()
        trigger = getattr(self.decoded(found[0]), "trigger", {}) if found else {}
        schedule = trigger.get("schedule")
        if isinstance(schedule, dict):
            return f"Due {str(schedule.get('due', ''))[:16].replace('T', ' ')}"
        texts = [self._text(one) for one in _leaves(trigger)]
        return ", ".join(filter(None, texts)) or str(row["key"] or "")

    def _text(self, value: Any) -> str:
        text = str(value)
        return self.artifacts().open_text(text) if text.startswith(SEALED) else text


def _begin(text: str) -> str:
    flat = " ".join(text[: 4 * TITLE_MAX].split())
    return flat if len(flat) <= TITLE_MAX else flat[: TITLE_MAX - 1] + "…"


def _leaves(value: Any) -> Iterator[Any]:
    """Plain values within, in order."""
    match value:
        case dict():
            for one in value.values():
                yield from _leaves(one)
        case list():
            for one in value[:20]:
                yield from _leaves(one)
        case str() | int() | float():
            yield value
        case _:
            return

"""Working context: what one attempt has before it, within a budget of bytes and tokens, and gone when it ends.

Parts come in the order of their priority, not of their arrival; within a priority the first comes first. A part that
does not fit is dropped whole, and that is said: half a sentence of a source misleads more than its absence. Nothing
here is written anywhere. `with WorkingContext(...) as context:` lets go of every part at its end; what was dropped and
kept, by source and weight alone, is `Account`, which may be told afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from types import TracebackType

from mainstay.memory.tokens import OVERHEAD, estimate

TOKEN_MAX = 4_000
BYTE_MAX = 64 * 1024


class Priority(IntEnum):
    """What an attempt can do without least comes first."""

    INSTRUCTIONS = 0
    MESSAGE = 1
    TEMPLATE = 2
    FINDINGS = 3
    LESSONS = 4
    RECALLED = 5


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of context, and where it is from: what is cited for it."""

    priority: Priority
    source: str
    text: str

    @property
    def tokens(self) -> int:
        """What it weighs."""
        return estimate(self.text) + OVERHEAD

    @property
    def size_bytes(self) -> int:
        """Its length as it is sent."""
        return len(self.text.encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Dropped:
    """A part that did not fit."""

    source: str
    tokens: int
    why: str


@dataclass(frozen=True, slots=True)
class Account:
    """What a context came to, without a word of it."""

    sources: tuple[str, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    tokens: int = 0
    size_bytes: int = 0


@dataclass(slots=True)
class WorkingContext:
    """The context of one attempt. Raises `ValueError` where it is used after its end."""

    token_max: int = TOKEN_MAX
    byte_max: int = BYTE_MAX
    _parts: list[Part] = field(default_factory=list, repr=False)
    _open: bool = field(default=True, repr=False)

    def __enter__(self) -> WorkingContext:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parts.clear()
        self._open = False

    def add(self, priority: Priority, source: str, text: str) -> None:
        """One more part; whether it fits is seen in `kept`."""
        if not self._open:
            raise ValueError("the attempt of this context has ended")
        if text.strip():
            self._parts.append(Part(priority, source, text))

    def kept(self) -> tuple[Part, ...]:
        """The parts that fit, by priority. A smaller part may take the room that a larger one could not."""
        return self._settled()[0]

    def account(self) -> Account:
        """What was kept and dropped."""
        kept, dropped = self._settled()
        return Account(
            tuple(part.source for part in kept),
            dropped,
            sum(part.tokens for part in kept),
            sum(part.size_bytes for part in kept),
        )

    def _settled(self) -> tuple[tuple[Part, ...], tuple[Dropped, ...]]:
        if not self._open:
            raise ValueError("the attempt of this context has ended")
        tokens_left, bytes_left = self.token_max, self.byte_max
        kept: list[Part] = []
        dropped: list[Dropped] = []
        for part in sorted(self._parts, key=lambda one: one.priority):
            tokens, size = part.tokens, part.size_bytes
            if tokens > tokens_left or size > bytes_left:
                over = "tokens" if tokens > tokens_left else "bytes"
                most = self.token_max if over == "tokens" else self.byte_max
                dropped.append(Dropped(part.source, tokens, f"it does not fit into {most:,} {over}"))
                continue
            tokens_left -= tokens
            bytes_left -= size
            kept.append(part)
        return tuple(kept), tuple(dropped)

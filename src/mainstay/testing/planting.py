"""One planted bug: what of the code it replaces, and how that is put back."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from mainstay.testing.process import Parts

Patch = tuple[str, str, Any]  # module, name, what stands there instead


@dataclass(frozen=True)
class Planted:
    """One bug."""

    name: str
    parts: Callable[[], Parts] = Parts
    patches: tuple[Patch, ...] = field(default=())

    @contextmanager
    def active(self) -> Iterator[Parts]:
        """The parts with the bug, while it is in place."""
        kept = [(*_place(module, name), instead) for module, name, instead in self.patches]
        for owner, last, _, instead in kept:
            setattr(owner, last, instead)
        try:
            yield self.parts()
        finally:
            for owner, last, original, _ in reversed(kept):
                setattr(owner, last, original)


def _place(module: str, name: str) -> tuple[Any, str, Any]:
    """Where a name stands, and what stands there now."""
    owner: Any = importlib.import_module(module)
    *outer, last = name.split(".")
    for one in outer:
        owner = getattr(owner, one)
    return owner, last, getattr(owner, last)

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
        kept = []
        for module_name, name, instead in self.patches:
            owner: Any = importlib.import_module(module_name)
            *outer, last = name.split(".")
            for one in outer:
                owner = getattr(owner, one)
            kept.append((owner, last, getattr(owner, last)))
            setattr(owner, last, instead)
        try:
            yield self.parts()
        finally:
            for owner, last, original in reversed(kept):
                setattr(owner, last, original)

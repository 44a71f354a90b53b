"""`[memory]` of `mainstay.toml`: what turns texts into vectors."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mainstay.workflows.document import Section


@dataclass(frozen=True, slots=True)
class MemorySettings:
    """How memory searches by meaning."""

    embedder: str = ""  # a model of [models]; empty: the embedder of this device


def read_memory(section: Section, models: Collection[str]) -> MemorySettings:
    """The table; `models` are the names that [models] has."""
    section.only("embedder")
    if not section.has("embedder"):
        return MemorySettings()
    return MemorySettings(section.choice("embedder", models))

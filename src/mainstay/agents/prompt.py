"""Prompts: instructions from the files beside this one, and what an attempt has before it.

The instructions are ours and the operator's, filled once with values of the operator's own files; no word from outside
stands in them. What came from outside is in the conversation, each piece quoted (`agents.outside`) under the id that it
is cited by. A prompt is part of a recipe by the digest of its text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from mainstay.kernel.ids import derive
from mainstay.kernel.values import Json
from mainstay.memory.working import Part, Priority
from mainstay.models.base import Message, Prompt

_PLACEHOLDER = re.compile(r"\{\{ ([a-z_.]+) \}\}")


@dataclass(frozen=True, slots=True)
class Instructions:
    """A prompt's text as it stands in its file, and the digest that recipes name it by."""

    name: str
    text: str

    @property
    def digest(self) -> str:
        """Six bytes of a hash of the text."""
        return derive("prompt", self.text, size=6).hex()

    def filled(self, values: Mapping[str, str]) -> str:
        """The text with its placeholders filled, in one pass. Raises `KeyError` where there is no value."""
        return _PLACEHOLDER.sub(lambda match: " ".join(values[match[1]].split()), self.text)


@lru_cache(maxsize=16)
def instructions(name: str) -> Instructions:
    """The instructions of that name, from `agents/prompts/NAME.md`."""
    return Instructions(name, files("mainstay.agents").joinpath("prompts", f"{name}.md").read_text("utf-8"))


def conversation(
    parts: Sequence[Part], *, output_token_max: int, output_schema: Json | None = None
) -> Prompt:
    """What a model is given: instructions apart from all else, each other part under its id."""
    system = "\n\n".join(part.text for part in parts if part.priority is Priority.INSTRUCTIONS)
    said = "\n\n".join(
        f"{part.source}:\n{part.text}" for part in parts if part.priority is not Priority.INSTRUCTIONS
    )
    return Prompt(system, (Message("user", said),), output_token_max, output_schema)

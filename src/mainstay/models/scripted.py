"""Deterministic stand-ins for both ports: for tests, demos and simulation.

Rules of the file: real implementations of the ports, which pass the same conformance suites as the others;
no randomness, no clock, no network. `ScriptedEmbedder` counts words and knows no meaning, so it is never
the silent substitute for a missing model: who wants it names it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mainstay.kernel.values import Usage
from mainstay.models.base import Completion, Prompt, Unanswered
from mainstay.models.wordpiece import TEXT_CHAR_MAX, words

if TYPE_CHECKING:
    from mainstay.models.base import Vectors

Script = Callable[[Prompt], str | Unanswered]


class ScriptedEmbedder:
    """Texts that share words are alike. Each word adds 1 or -1 in four places that its hash picks."""

    _VERSION = 1

    def __init__(self, dimensions: int = 128) -> None:
        """The last dimension is the same for every text, so that no vector is zero."""
        self._dimensions = dimensions
        recipe = f"scripted {self._VERSION} dimensions {dimensions} characters {TEXT_CHAR_MAX}"
        self._recipe = hashlib.sha256(recipe.encode()).hexdigest()

    @property
    def model_id(self) -> str:
        return "scripted"

    @property
    def dimensions(self) -> int:
        return self._dimensions

    @property
    def recipe(self) -> str:
        return self._recipe

    def embed(self, texts: Sequence[str]) -> Vectors:
        import numpy

        # Sums of small whole numbers are exact, so the order of words cannot show in the last bits.
        counts = numpy.zeros((len(texts), self._dimensions), dtype=numpy.float32)
        counts[:, -1] = 1
        for row, text in enumerate(texts):
            for word in words(text[:TEXT_CHAR_MAX]):
                for place, sign in self._places(word):
                    counts[row, place] += sign
        norms = numpy.sqrt(numpy.square(counts, dtype=numpy.float64).sum(axis=1, keepdims=True))
        unit: Vectors = (counts / norms).astype(numpy.float32)
        return unit

    def _places(self, word: str) -> list[tuple[int, int]]:
        digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=12).digest()
        numbers = (int.from_bytes(digest[start : start + 3], "big") for start in range(0, 12, 3))
        return [((number >> 1) % (self._dimensions - 1), 1 if number & 1 else -1) for number in numbers]


class ScriptedModel:
    """Answers what its script says and remembers what it was asked, in `prompts`.

    Tokens are words here: enough to exercise limits and prices, and the same on every machine.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self.prompts: list[Prompt] = []

    @property
    def model_id(self) -> str:
        return "scripted"

    async def complete(self, prompt: Prompt) -> Completion | Unanswered:
        self.prompts.append(prompt)
        answer = self._script(prompt)
        if isinstance(answer, Unanswered):
            return answer
        asked = len(prompt.system.split()) + sum(len(message.text.split()) for message in prompt.messages)
        said = answer.split()
        cut = len(said) > prompt.output_token_max
        text = " ".join(said[: prompt.output_token_max]) if cut else answer
        usage = Usage(input_tokens=asked, output_tokens=min(len(said), prompt.output_token_max), calls=1)
        return Completion(text=text, model_id=self.model_id, usage=usage, cut=cut)


def in_turn(*answers: str | Unanswered) -> Script:
    """A script that gives these answers one after another and refuses to invent one more."""
    remaining = iter(answers)

    def script(prompt: Prompt) -> str | Unanswered:
        answer = next(remaining, None)
        if answer is None:
            raise LookupError(
                f"the script's {len(answers)} answers are used up; asked: {prompt.messages[-1:]}"
            )
        return answer

    return script

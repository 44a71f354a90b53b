"""The two ports of this layer, and the plain records that pass through them.

Rules of the file: records and protocols only, no numpy at import time, nothing that knows a provider. A
port says what it promises in its docstring; `mainstay.testing.conformance` checks that an implementation
keeps it.

What a provider does wrong is a value here (`Unanswered`), because the caller has to decide about it.
Retrying, metering, caching and limiting are wrappers around a `ModelClient` and never part of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from mainstay.kernel.values import Json, Usage

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Vectors: TypeAlias = NDArray[numpy.float32]


@dataclass(frozen=True, slots=True)
class Unavailable:
    """An optional part that cannot be used here: why, and what the operator can do about it.

    A value and not the exception of the same name in `kernel.errors`, because going on without the part is
    normal.
    """

    reason: str
    remedy: str


class Embedder(Protocol):
    """Turns texts into vectors whose dot product says how alike they are.

    A vector depends on its text and the recipe alone: not on the other texts of the call, their number or
    their order. Every vector has length 1, the empty text's included.
    """

    @property
    def model_id(self) -> str:
        """The model's name, for people."""
        ...

    @property
    def dimensions(self) -> int:
        """How many numbers a vector has."""
        ...

    @property
    def recipe(self) -> str:
        """A hash of model, runtime and preprocessing. Vectors of two recipes never mix."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One float32 row of `dimensions` numbers per text, in order; shape (0, dimensions) for no text.

        Safe to call from several threads at once. Accepts every `str`, however long or broken.
        """
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of the conversation that a model continues."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that a model is given.

    Attributes:
        system: The instructions. Nothing that came from outside belongs here.
        messages: The conversation; the last turn is the user's.
        output_token_max: Where the answer is cut; the worst case that is reserved before the call.
        output_schema: A JSON Schema that the answer must satisfy, or None for free text.
        temperature: 0 asks for the likeliest answer.
    """

    system: str
    messages: tuple[Message, ...]
    output_token_max: int
    output_schema: Json | None = None
    temperature: float = 0.0


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered, and what it consumed.

    Attributes:
        text: The answer; JSON text where the prompt had a schema. Not yet validated.
        model_id: The model that answered, as its provider names it.
        usage: What was consumed, as the provider reports it.
        cut: True if the answer ended at `output_token_max`.
        unproven: True if the provider reported no usage, or one that cannot be: then `usage` is the worst case.
        cached: True if nobody was asked: it is an answer of before, and `usage` is nothing.
    """

    text: str
    model_id: str
    usage: Usage
    cut: bool = False
    unproven: bool = False
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A call that brought no answer.

    Attributes:
        cause: What went wrong, as the caller needs to tell the cases apart.
        detail: One sentence for the operator.
        usage: What was consumed nevertheless; None if that is unknown.
        retry_after_s: How long the provider asked to wait, if it did.
        remedy: What the operator can do about it; empty where waiting is all.
    """

    cause: Literal["unreachable", "timeout", "limited", "refused", "broken"]
    detail: str
    usage: Usage | None = None
    retry_after_s: float | None = None
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What an attempt consumed of one model, and what the cache spared."""

    model: str
    calls: int
    input_tokens: int = 0
    output_tokens: int = 0
    cost_micros: int = 0
    cached: int = 0
    saved_micros: int = 0


class ModelClient(Protocol):
    """Answers one prompt, once. It does not retry, cache or count money."""

    @property
    def model_id(self) -> str:
        """Provider and model, for people and for looking up prices."""
        ...

    async def complete(self, prompt: Prompt) -> Completion | Unanswered:
        """The model's answer, or what kept it from answering. Raises only for what the caller did wrong."""
        ...

"""`TypedModel`: an answer in JSON is held against the prompt's schema, and asked for once more if it does not fit.

The second question is a call of its own: a meter below reserves and settles it like any other, and the usage of both
is the usage of the answer. After it nothing is tried; that is for whoever asked.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any, Final

from mainstay.kernel.values import Json, Usage
from mainstay.models.base import Completion, Message, ModelClient, Prompt, Unanswered
from mainstay.models.json_schema import problems

_FENCE: Final = re.compile(r"\s*```[a-zA-Z]*\s*\n(.*?)\n?\s*```\s*", re.DOTALL)
_QUOTED_MAX: Final = 4_000  # characters of a wrong answer that are shown to its maker again


class TypedModel:
    """A model whose answers satisfy the schema of their prompt, or are none."""

    def __init__(self, inner: ModelClient) -> None:
        self._inner = inner

    @property
    def model_id(self) -> str:
        return self._inner.model_id

    async def complete(self, prompt: Prompt) -> Completion | Unanswered:
        """The answer as plain JSON where the prompt has a schema. Raises `ValueError` for a schema that is none."""
        first = await self._inner.complete(prompt)
        if prompt.output_schema is None or isinstance(first, Unanswered):
            return first
        fitting, wrong = fit(first, prompt.output_schema)
        if fitting is not None:
            return fitting
        second = await self._inner.complete(_again(prompt, first.text, wrong))
        if isinstance(second, Unanswered):
            # The first answer was paid for, whatever became of the second question.
            spent = None if second.usage is None else added(first.usage, second.usage)
            return replace(second, usage=spent)
        both = replace(
            second, usage=added(first.usage, second.usage), unproven=first.unproven or second.unproven
        )
        fitting, wrong = fit(both, prompt.output_schema)
        if fitting is not None:
            return fitting
        return Unanswered(
            "broken",
            f"{self.model_id} gave no answer of the form that was asked for, twice: {wrong[0]}",
            both.usage,
            remedy="A larger model keeps to forms better; `output_token_max` may be too small for this one.",
        )


def added(one: Usage, other: Usage) -> Usage:
    """What both consumed."""
    return Usage(
        one.cost_micros + other.cost_micros,
        one.input_tokens + other.input_tokens,
        one.output_tokens + other.output_tokens,
        one.calls + other.calls,
    )


def fit(answer: Completion, schema: Json) -> tuple[Completion | None, tuple[str, ...]]:
    """The answer as plain JSON that satisfies the schema, or what is wrong with it."""
    text = answer.text
    fenced = _FENCE.fullmatch(text)
    if fenced is not None:
        text = fenced[1]
    try:
        value = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        cut = ", because it was cut at its limit" if answer.cut else ""
        return None, (f"the answer is no JSON{cut}",)
    wrong = problems(value, schema)
    return (None, wrong) if wrong else (replace(answer, text=text.strip()), ())


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _again(prompt: Prompt, answer: str, wrong: tuple[str, ...]) -> Prompt:
    said = "\n".join(f"- {one}" for one in wrong)
    schema = json.dumps(prompt.output_schema, ensure_ascii=False)
    question = (
        f"That is not what was asked for:\n{said}\n"
        f"Answer again with nothing but JSON that satisfies this schema:\n{schema}"
    )
    turns = (*prompt.messages, Message("assistant", answer[:_QUOTED_MAX]), Message("user", question))
    return replace(prompt, messages=turns)

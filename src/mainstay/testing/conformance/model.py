"""Every promise of the `ModelClient` port, as a suite that any client or wrapper can be held to.

    class TestMyModel(ModelConformance):
        @pytest.fixture
        def model(self):
            return MyModel(...)

What stands behind it must answer every prompt, with its last turn somewhere in the answer, so that answers can be told
apart; how it is reached is its own affair.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from mainstay.models.base import Completion, Message, Prompt

if TYPE_CHECKING:
    from mainstay.models.base import ModelClient

LONG = "word " * 3_000
TEXTS = (
    "hello",
    "Grüße aus Köln 東京 🎉",
    "broken \ud800 surrogate",
    "<|im_start|> [INST] order </s>",
    "x" * 500,
)


def prompt(text: str, *, output_token_max: int = 20_000, temperature: float = 0.0) -> Prompt:
    """A prompt with one turn."""
    return Prompt(
        "Repeat what you hear.", (Message("user", text),), output_token_max, temperature=temperature
    )


class ModelConformance:
    """Subclass it as `Test…` and give it the fixture `model`."""

    @pytest.fixture
    def model(self) -> ModelClient:
        """The implementation under test."""
        pytest.fail("the subclass must define the fixture `model`")

    def test_it_says_what_it_is(self, model: ModelClient) -> None:
        assert model.model_id.strip()
        assert model.model_id == model.model_id

    @pytest.mark.parametrize("text", TEXTS)
    def test_it_answers_and_says_what_it_consumed(self, model: ModelClient, text: str) -> None:
        answer = asyncio.run(model.complete(prompt(text)))
        assert isinstance(answer, Completion), answer
        assert answer.text.strip()
        assert answer.model_id
        usage = answer.usage
        assert min(usage.cost_micros, usage.input_tokens, usage.output_tokens) >= 0
        assert answer.cached or usage.calls >= 1
        assert usage.output_tokens <= 20_000

    def test_a_conversation_is_taken_whole(self, model: ModelClient) -> None:
        turns = (Message("user", "one"), Message("assistant", "two"), Message("user", "three"))
        answer = asyncio.run(model.complete(Prompt("", turns, 100)))
        assert isinstance(answer, Completion)
        assert "three" in answer.text

    def test_a_long_prompt_is_taken(self, model: ModelClient) -> None:
        assert isinstance(asyncio.run(model.complete(prompt(LONG))), Completion)

    def test_warmth_is_taken(self, model: ModelClient) -> None:
        assert isinstance(asyncio.run(model.complete(prompt("hello", temperature=0.7))), Completion)

    def test_the_prompt_belongs_to_whoever_asks(self, model: ModelClient) -> None:
        schema = {"type": "object", "properties": {"said": {"type": "string"}}, "required": ["said"]}
        asked = Prompt("", (Message("user", '{"said": "yes"}'),), 100, schema)
        before = repr(asked)
        assert isinstance(asyncio.run(model.complete(asked)), Completion)
        assert repr(asked) == before

    def test_answers_at_once_do_not_mix_up(self, model: ModelClient) -> None:
        async def all_of_them() -> list[object]:
            return list(await asyncio.gather(*(model.complete(prompt(f"number {n} end")) for n in range(8))))

        for n, answer in enumerate(asyncio.run(all_of_them())):
            assert isinstance(answer, Completion)
            assert f"number {n} end" in answer.text

    def test_it_serves_one_event_loop_after_another(self, model: ModelClient) -> None:
        for text in ("first", "second"):
            answer = asyncio.run(model.complete(prompt(text)))
            assert isinstance(answer, Completion)
            assert text in answer.text

"""The stand-ins: they keep the ports' promises and never depend on the process."""

import asyncio
import hashlib

import pytest

from mainstay.models.base import Completion, Message, Prompt, Unanswered
from mainstay.models.scripted import ScriptedEmbedder, ScriptedModel, in_turn
from mainstay.testing.conformance.embedder import EmbedderConformance

PROMPT = Prompt(system="Be brief.", messages=(Message("user", "How are you today?"),), output_token_max=3)


class TestScriptedEmbedder(EmbedderConformance):
    @pytest.fixture
    def embedder(self):
        return ScriptedEmbedder()


def test_vectors_are_the_same_on_every_machine_and_day():
    vectors = ScriptedEmbedder(dimensions=32).embed(["Where is my parcel?", ""])
    assert hashlib.sha256(vectors.astype("<f4").tobytes()).hexdigest()[:16] == "13571a5568e1e395"


def test_recipes_tell_dimensions_apart():
    assert ScriptedEmbedder(16).recipe != ScriptedEmbedder(17).recipe


def ask(model, prompt=PROMPT):
    return asyncio.run(model.complete(prompt))


def test_a_model_answers_its_script_and_remembers_the_question():
    model = ScriptedModel(lambda prompt: prompt.messages[-1].text.upper()[:3])
    answer = ask(model)
    assert isinstance(answer, Completion)
    assert (answer.text, answer.cut) == ("HOW", False)
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.calls) == (6, 1, 1)
    assert model.prompts == [PROMPT]


def test_an_answer_ends_at_the_limit():
    answer = ask(ScriptedModel(in_turn("one two three four")))
    assert isinstance(answer, Completion)
    assert (answer.text, answer.cut, answer.usage.output_tokens) == ("one two three", True, 3)


def test_a_script_can_fail_and_runs_out():
    refusal = Unanswered("limited", "Too many calls.", retry_after_s=2.0)
    model = ScriptedModel(in_turn("fine", refusal))
    assert isinstance(ask(model), Completion)
    assert ask(model) == refusal
    with pytest.raises(LookupError, match="used up"):
        ask(model)

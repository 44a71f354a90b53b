"""The judge: a rule of thumb at the cold start, the gate from then on, and a recipe that weights are no part of."""

from __future__ import annotations

import threading

import pytest

from mainstay.agents.base import GateView, IntentView, MessageView
from mainstay.agents.intents import UNKNOWN, Intent
from mainstay.agents.judge import Judge, Judgement
from mainstay.agents.specialists.intent import IntentSpecialist
from mainstay.kernel.errors import CommandRefused
from mainstay.models.scripted import ScriptedEmbedder
from tests.agents.sample import message

INTENTS = (
    Intent("login", "Login", "cannot sign in", True, ("access",), (), "login", ("I forgot my password",)),
    Intent("refund", "Refund", "wants money back", True, ("billing",), (), "refund", ("please repay me",)),
)
TEXTS = {
    "login": "my password was forgotten {}",
    "refund": "please repay the money {}",
    UNKNOWN: "green whales sing {}",
}


def judge(intents: tuple[Intent, ...] = INTENTS, **more: object) -> Judge:
    return Judge(intents, ScriptedEmbedder(64), **more)  # type: ignore[arg-type]


def lived(count: int, one: Judge | None = None) -> Judge:
    """So many messages, each decided by a person right after."""
    one = one or judge()
    for number in range(count):
        intent = [*TEXTS][number % 3]
        text = TEXTS[intent].format(number)
        said = _said(one, text, f"run:{number}/0")
        one.note(f"run:{number}/0", said.gate)
        one.learn(f"run:{number}/0", text, intent, said.gate)
    return one


def _said(one: Judge, text: str, id: str = "run:x/0") -> Judgement:
    said = one.judge(id, text, ())
    assert said is not None
    return said


def test_at_the_cold_start_nothing_passes_and_examples_speak() -> None:
    said = _said(judge(), "I forgot my password")
    assert (said.intent, said.auto, said.example) == ("login", False, "I forgot my password")
    assert said.confidence > 0.5
    assert (said.gate.learned, said.gate.wanted, said.gate.named) == (0, 150, "login")
    assert said.evidence[0] == "intent:login#1"


def test_to_judge_changes_nothing() -> None:
    one = lived(9)
    before = one.freeze()
    for number in range(5):
        _said(one, f"what about this {number}")
    assert one.freeze() == before


def test_with_enough_decisions_the_gate_opens_and_says_how_sure_it_is() -> None:
    one = lived(210)
    said = _said(one, TEXTS["login"].format("once more"))
    assert said.gate.learned == 210
    assert said.intent == "login"
    assert said.confidence == pytest.approx(1 - said.gate.risk, abs=1e-5)
    assert said.auto or said.audit
    strange = _said(one, TEXTS[UNKNOWN].format("again"))
    assert (strange.intent, strange.auto, strange.confidence) == (UNKNOWN, False, 0.0)


def test_the_recipe_knows_examples_and_embedder_and_no_weights() -> None:
    one = judge()
    recipe = one.recipe
    assert lived(6, one).recipe == recipe
    assert judge(tuple(reversed(INTENTS))).recipe != recipe
    assert Judge(INTENTS, ScriptedEmbedder(32)).recipe != recipe
    assert Judge(INTENTS, None).recipe != recipe
    assert judge(target_error=0.05).recipe == recipe, "another promise is kept by the same evidence"


def test_what_another_recipe_decided_is_an_example_and_no_evidence() -> None:
    one = judge()
    foreign = GateView(recipe="another", named="login", risk=0.1, features=(1.0, 2.0))
    one.note("run:1/0", foreign)
    one.learn("run:1/0", "the wombat sings", "refund", foreign)
    said = _said(one, "the wombat sings")
    assert (said.intent, said.gate.learned, one.learned) == ("refund", 0, 1)


def test_what_was_frozen_is_taken_up_again_and_nothing_else_is() -> None:
    one, other = lived(12), judge()
    other.thaw(one.freeze(), one.learned)
    assert other.learned == 12
    assert other.freeze() == one.freeze()
    assert _said(other, "please repay me") == _said(one, "please repay me")
    with pytest.raises(CommandRefused):
        judge().thaw(one.freeze()[:-3], 12)
    with pytest.raises(CommandRefused):
        Judge(INTENTS, ScriptedEmbedder(32)).thaw(one.freeze(), 12)


def test_an_intent_that_was_taken_out_of_the_file_is_unknown() -> None:
    one = judge()
    one.learn("run:1/0", "the wombat sings", "singing", None)
    assert _said(one, "the wombat sings").intent == UNKNOWN


def test_many_may_judge_while_it_learns() -> None:
    one = lived(6)
    said: list[Judgement] = []
    threads = [threading.Thread(target=lambda: said.append(_said(one, "please repay me"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    lived(6, one)
    for thread in threads:
        thread.join()
    assert {one.intent for one in said} == {"refund"}


def test_what_the_embedder_was_not_made_for_never_passes_though_it_is_read_here() -> None:
    german = message(
        "Ich habe mein Passwort vergessen und kann mich nicht mehr anmelden, bitte helfen Sie mir"
    )
    both, english = (
        IntentSpecialist(INTENTS, embedder=ScriptedEmbedder(64), languages=("en", "de"), meant_for=made)
        for made in (None, ("en",))
    )
    assert not _gated(both, german)
    assert _gated(english, german)
    assert not _gated(english, message("I forgot my password and cannot sign in any more, please help me"))


def _gated(specialist: IntentSpecialist, view: MessageView) -> bool:
    output = specialist.annotate(view).output
    assert isinstance(output, IntentView)
    assert output.gate is not None
    return output.gate.gated

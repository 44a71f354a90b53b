"""Triage as a whole: what it never does, what it learns, and that it does the same again."""

from __future__ import annotations

import pytest

from mainstay.agents.intents import UNKNOWN
from mainstay.agents.triage.features import NAMES
from mainstay.agents.triage.gate import LIVE_MIN
from mainstay.agents.triage.triage import Triage
from mainstay.bench.sample_stream import sample_stream
from mainstay.bench.triage_stream import verdict
from mainstay.kernel.errors import CommandRefused
from mainstay.models.scripted import ScriptedEmbedder
from tests.agents.triage.conftest import SAMPLE, SMALL, Run, fresh, through


def test_the_promise_is_kept_and_most_is_automatic_in_the_end(done: Run) -> None:
    automatic = [place for place, one in enumerate(done.decisions) if one.auto]
    errors = sum(done.decisions[place].intent != done.meant(place) for place in automatic)
    assert verdict(errors, len(automatic), 0.02).kept
    assert len([place for place in automatic if place >= 500]) >= 80


def test_nothing_is_automatic_before_enough_live_decisions(done: Run) -> None:
    live = 0
    for one in done.decisions:
        assert not (live < LIVE_MIN and (one.auto or one.audit))
        live += not one.gated and not one.auto


def test_unknown_and_foreign_messages_are_never_automatic(done: Run) -> None:
    for one in done.decisions:
        if one.unknown or one.intent == UNKNOWN or "language" in one.flags:
            assert not one.auto
    strangers = [place for place in range(len(done.messages)) if done.meant(place) == UNKNOWN]
    assert len(strangers) > 100
    assert sum(done.decisions[place].auto for place in strangers) <= 0.02 * len(strangers)
    assert any("language" in one.flags for one in done.decisions)


def test_an_audit_goes_to_the_operator(done: Run) -> None:
    audits = [one for one in done.decisions if one.audit]
    assert audits
    assert not any(one.auto for one in audits)
    passed = sum(one.auto or one.audit for one in done.decisions)
    assert 0.01 < len(audits) / passed < 0.10


@pytest.mark.parametrize("flag", ["money", "instruction", "credentials", "language"])
def test_a_flag_gates_whatever_the_confidence(done: Run, flag: str) -> None:
    place = next(place for place, one in enumerate(done.decisions) if one.auto and place > 600)
    message = done.messages[place]
    assert done.triage.judge(message.id, message.text).auto
    gated = done.triage.judge(message.id, message.text, flags=(flag,))
    assert gated.gated
    assert not gated.auto
    assert not gated.audit
    assert done.triage.judge(message.id, message.text, flags=("urgency",)).auto


def test_to_judge_changes_nothing(done: Run) -> None:
    before = done.triage.freeze()
    done.triage.judge("x", done.messages[0].text)
    assert done.triage.freeze() == before


def test_the_same_stream_gives_the_same_decisions() -> None:
    messages = sample_stream(SAMPLE, seed=6)[:190]
    one, other = fresh(), fresh()
    assert through(one, messages) == through(other, messages)
    assert one.freeze() == other.freeze()


def test_what_is_thawed_goes_on_as_if_it_had_never_stopped() -> None:
    messages = sample_stream(SAMPLE, seed=7)
    whole = fresh()
    through(whole, messages[:180])
    data = whole.freeze()
    again = Triage.thaw(data, SMALL)
    assert again.freeze() == data
    assert through(again, messages[180:220]) == through(whole, messages[180:220])
    assert again.freeze() == whole.freeze()


def test_frozen_bytes_that_do_not_fit_are_refused(done: Run) -> None:
    data = done.triage.freeze()
    for broken in (b"", data[:-1], data[:100] + b"x" + data[101:], b"mainstay triage 9\n" + data[18:]):
        with pytest.raises(CommandRefused):
            Triage.thaw(broken, SMALL)
    with pytest.raises(CommandRefused, match="another recipe"):
        Triage.thaw(data, ScriptedEmbedder(dimensions=32))


def test_frozen_bytes_hold_no_text(done: Run) -> None:
    data = done.triage.freeze()
    assert not any(one.text.encode() in data for one in done.messages)


def test_a_decision_can_be_learned_later_from_what_was_kept() -> None:
    here, there = fresh(), fresh()
    messages = sample_stream(SAMPLE, seed=8)[:40]
    kept = [here.decide(one.id, one.text) for one in messages]
    for one, decision in zip(messages, kept, strict=True):
        here.learn(one.id, one.text, one.label)
        there.note(decision)
    for one, decision in zip(messages, kept, strict=True):
        learned = there.learn(one.id, one.text, one.label, before=decision)
        assert learned.live == (not decision.gated)
        assert learned.predicted == decision.intent
    assert there.freeze() == here.freeze()


def test_what_was_never_decided_is_judged_before_it_is_learned() -> None:
    triage = fresh()
    triage.seed("please cancel my order", "cancel_order")
    learned = triage.learn("new", "please cancel the pending order", "cancel_order")
    assert (learned.predicted, learned.right, learned.live) == ("cancel_order", True, True)
    assert triage.live == 1


def test_written_examples_are_no_live_decisions() -> None:
    triage = fresh()
    triage.seed_all([("please cancel my order", "cancel_order"), ("the lamp came broken", "damaged_item")])
    triage.seed("the vase came broken", "damaged_item")
    assert triage.live == 0
    assert triage.judge("x", "the vase came broken").evidence[0].id == "intent:damaged_item#2"


def test_a_new_intent_is_learned_at_once() -> None:
    triage = fresh()
    assert triage.learn("1", "is there a wheelchair ramp", "access").added
    assert not triage.learn("2", "wheelchair ramp at the door", "access").added
    assert triage.judge("3", "do you have a wheelchair ramp").intent == "access"


@pytest.mark.parametrize("word", ["unknown", "oos"])
def test_both_words_for_unknown_mean_the_same(word: str) -> None:
    learned = fresh().learn("1", "how deep is the lake", word)
    assert learned.intent == UNKNOWN
    assert not learned.added


def test_without_any_intent_everything_is_asked() -> None:
    triage = Triage({}, SMALL)
    decision = triage.decide("1", "anything")
    assert (decision.intent, decision.auto, decision.unknown, decision.features) == (UNKNOWN, False, True, ())
    triage.learn("1", "anything", "oos")
    assert not triage.learn("2", "anything else", "oos").live
    triage.learn("3", "where is my parcel", "delivery")
    assert len(triage.decide("4", "my parcel").features) == len(NAMES)


def test_without_an_embedder_words_serve() -> None:
    triage = Triage({"late": "where a late delivery is", "invoice": "a copy of an invoice"}, None)
    assert "words" in triage.recipe
    assert triage.decide("1", "another copy of my invoices please").intent == "invoice"
    assert triage.decide("2", "").unknown in (True, False)


@pytest.mark.parametrize("text", ["", " ", "\x00", "\ud800 half", "a" * 100_000, "🙂" * 50])
def test_every_text_gets_a_decision(text: str) -> None:
    triage = fresh()
    decision = triage.decide("1", text)
    assert not decision.auto
    triage.learn("1", text, "oos")


def test_the_recipe_tells_of_features_algorithm_and_embedder_and_not_of_what_was_learned(done: Run) -> None:
    assert done.triage.recipe == fresh().recipe
    assert SMALL.recipe in done.triage.recipe

"""The sample mailbox through all agents of triage: how often they are right, and what must never happen."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from mainstay.agents.base import Failed, Inspected, IntentView, MessageView, Outcome, Produced, Proposed
from mainstay.agents.executor import Proposer
from mainstay.agents.inspector import ReplyInspector
from mainstay.agents.intents import UNKNOWN
from mainstay.agents.specialists.intent import IntentSpecialist
from mainstay.agents.specialists.writer import Draft, ReplyWriter
from mainstay.agents.tools import NoTools, reply_units
from mainstay.models.base import Embedder
from tests.agents.recalling import Recalling
from tests.agents.sample import OPERATOR, OWN, Case, brief, cases, intents, message, replies, rules, templates


@dataclass(frozen=True)
class Triage:
    """The agents of the shipped workflow, in its order."""

    specialist: IntentSpecialist
    tools: NoTools

    def annotate(self, view: MessageView) -> IntentView:
        produced = self.specialist.annotate(view)
        assert isinstance(produced.output, IntentView)
        return produced.output

    def draft(self, view: MessageView, intent: str, *, revision: int = 0) -> Outcome:
        writer = ReplyWriter(intents(), templates(), OPERATOR)
        return asyncio.run(
            writer.work(brief({"message": view, "intent": intent}, revision=revision), self.tools)
        )

    def inspect(self, view: MessageView, draft: Draft, seen: IntentView) -> Inspected:
        given = {"draft": draft.reply, "message": view, "confidence": seen.confidence, "flags": seen.flags}
        outcome = asyncio.run(ReplyInspector(rules()).work(brief(given), self.tools))
        assert isinstance(outcome, Inspected)
        return outcome


@pytest.fixture(scope="module", params=["meaning", "words"])
def triage(request: pytest.FixtureRequest, embedder: Embedder) -> Triage:
    given = embedder if request.param == "meaning" else None
    memory = Recalling(reply_units(replies()), given)
    return Triage(IntentSpecialist(intents(), embedder=given), memory)


def share(which: Callable[[Case], bool], right: Callable[[Case], bool]) -> float:
    chosen = [case for case in cases() if which(case)]
    assert len(chosen) > 20
    return sum(map(right, chosen)) / len(chosen)


def test_english_messages_are_classified_well_enough(embedder: Embedder) -> None:
    specialist = IntentSpecialist(intents(), embedder=embedder)
    triage = Triage(specialist, NoTools())
    judged = lambda case: bool(case.intent) and case.english  # noqa: E731
    assert share(judged, lambda case: triage.annotate(case.view).intent == case.intent) >= 0.84
    sure = lambda case: judged(case) and triage.annotate(case.view).confidence >= 0.6  # noqa: E731
    assert share(sure, lambda case: triage.annotate(case.view).intent == case.intent) >= 0.95


def test_words_alone_are_better_than_nothing() -> None:
    triage = Triage(IntentSpecialist(intents()), NoTools())
    judged = lambda case: bool(case.intent) and case.english  # noqa: E731
    assert share(judged, lambda case: triage.annotate(case.view).intent == case.intent) >= 0.55


def test_what_a_person_must_answer_is_never_drafted(triage: Triage) -> None:
    refused = [case for case in cases() if case.disposition == "refused"]
    assert len(refused) >= 12
    for case in refused:
        assert not triage.annotate(case.view).reply_expected, case.name


def test_what_a_person_must_answer_is_looked_at_even_if_somebody_drafts_it(triage: Triage) -> None:
    for case in cases():
        if case.disposition != "refused":
            continue
        seen = triage.annotate(case.view)
        for intent in intents():
            outcome = triage.draft(case.view, intent.id)
            if isinstance(outcome, Produced):
                assert isinstance(outcome.output, Draft)
                assert triage.inspect(case.view, outcome.output, seen).verdict != "passed", case.name


def test_machines_are_never_answered_at_any_station(triage: Triage) -> None:
    machines = [case for case in cases() if "machine" in case.flags]
    assert len(machines) >= 8
    for case in machines:
        assert not triage.annotate(case.view).reply_expected, case.name
        assert isinstance(triage.draft(case.view, "how-to"), Failed), case.name
        outcome = triage.draft(message(), "how-to")
        assert isinstance(outcome, Produced)
        assert isinstance(outcome.output, Draft)
        assert triage.inspect(case.view, outcome.output, triage.annotate(case.view)).verdict == "refuse", (
            case.name
        )
        request = brief({"message": case.view, "reply": outcome.output.reply}, act="email.reply")
        assert isinstance(asyncio.run(Proposer(own_addresses=OWN).work(request, triage.tools)), Failed), (
            case.name
        )


def test_another_language_is_always_looked_at(triage: Triage) -> None:
    foreign = [case for case in cases() if "language" in case.flags and case.disposition == "draft"]
    assert len(foreign) >= 10
    for case in foreign:
        seen = triage.annotate(case.view)
        assert "language" in seen.flags, case.name
        outcome = triage.draft(case.view, seen.intent if seen.reply_expected else "how-to")
        assert isinstance(outcome, Produced), case.name
        assert isinstance(outcome.output, Draft)
        assert triage.inspect(case.view, outcome.output, seen).verdict == "look", case.name


@pytest.mark.long
def test_every_drafted_reply_can_be_sent_and_says_nothing_of_the_message(triage: Triage) -> None:
    drafted = 0
    for case in cases():
        seen = triage.annotate(case.view)
        if not seen.reply_expected:
            continue
        outcome = triage.draft(case.view, seen.intent)
        assert isinstance(outcome, Produced), case.name
        assert isinstance(outcome.output, Draft)
        inspected = triage.inspect(case.view, outcome.output, seen)
        findings = {one.check for one in inspected.findings}
        assert findings <= {"risky-message", "language-mismatch", "unsure"}, (case.name, inspected.findings)
        assert inspected.verdict != "refuse"
        request = brief({"message": case.view, "reply": outcome.output.reply}, act="email.reply")
        assert isinstance(asyncio.run(Proposer(own_addresses=OWN).work(request, triage.tools)), Proposed)
        drafted += 1
    assert drafted >= 50


def test_every_message_gets_a_label_that_the_adapter_takes(triage: Triage) -> None:
    for case in cases():
        seen = triage.annotate(case.view)
        assert (seen.intent == UNKNOWN) == (seen.confidence == 0.0)
        assert seen.labels, case.name
        assert seen.intent != UNKNOWN or seen.labels in (("machine",), ("unsorted",))

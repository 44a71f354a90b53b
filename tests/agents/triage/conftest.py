"""One stream through triage, run once: sample messages, vectors by words, an operator who knows all labels."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from mainstay.agents.intents import UNKNOWN
from mainstay.agents.triage.decision import UNKNOWN_WORDS, Decision
from mainstay.agents.triage.triage import Triage
from mainstay.bench.labelled import Labelled
from mainstay.bench.sample_stream import Sample, descriptions, sample_stream
from mainstay.bench.triage_stream import flags_of
from mainstay.models.scripted import ScriptedEmbedder

SMALL = ScriptedEmbedder(dimensions=64)
SAMPLE = Sample(messages=700, intents=8, unknown=0.15, foreign=0.05, typos=0.05)


@dataclass(frozen=True)
class Run:
    triage: Triage
    messages: tuple[Labelled, ...]
    decisions: tuple[Decision, ...]

    def meant(self, place: int) -> str:
        label = self.messages[place].label
        return UNKNOWN if label in UNKNOWN_WORDS else label


def fresh(sample: Sample = SAMPLE, **given: object) -> Triage:
    return Triage(descriptions(sample), SMALL, target_error=0.02, seed=3, **given)  # type: ignore[arg-type]


def through(triage: Triage, messages: tuple[Labelled, ...]) -> tuple[Decision, ...]:
    """What is decided of each; what is not automatic is learned at once."""
    made = []
    for one in messages:
        made.append(triage.decide(one.id, one.text, flags=flags_of(one.text)))
        if not made[-1].auto:
            triage.learn(one.id, one.text, one.label)
    return tuple(made)


@pytest.fixture(scope="session")
def done() -> Run:
    triage, messages = fresh(), sample_stream(SAMPLE, seed=5)
    return Run(triage, messages, through(triage, messages))

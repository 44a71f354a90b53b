"""A labelled stream of our own making: plainly sample data, the same for the same seed, for tests and for trying out.

Messages are put together from openings, requests and endings of invented customers of an invented shop. Knobs add
what real mail has: intents of very different frequency, typing mistakes, labels that are wrong, messages that belong
to no intent, another language, and intents that appear midway.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mainstay.bench.labelled import Labelled
from mainstay.kernel.ids import derive

if TYPE_CHECKING:
    from collections.abc import Sequence

OUT_OF_SCOPE = "oos"

# What is asked for, three times what about: each request fits each thing.
INTENTS: dict[str, tuple[str, str, str]] = {
    "delivery_late": (
        "has not arrived|is still on its way|was due last week|never reached me",
        "parcel|shipment|package|box",
        "where a late delivery is",
    ),
    "invoice_copy": (
        "send a copy of|I lost|I need again|could I download",
        "the invoice|the receipt|my bill|the tax document",
        "another copy of an invoice",
    ),
    "login_problem": (
        "cannot sign in to|am locked out of|forgot how to enter|get an error when opening",
        "my account|the customer area|my profile|the portal",
        "trouble with signing in",
    ),
    "cancel_order": (
        "please cancel|stop|I no longer want|call off",
        "my order|the purchase|what I ordered yesterday|the pending order",
        "an order that shall be cancelled",
    ),
    "change_address": (
        "moved, please change|update|correct|use a new one for",
        "my street address|the shipping address|where you deliver to|my house number",
        "a new postal address",
    ),
    "product_size": (
        "which one fits|how large is|what are the measurements of|does it run small,",
        "the jacket|the blue sweater|size medium|the trousers",
        "sizes and measurements",
    ),
    "damaged_item": (
        "came broken|has a crack|is scratched|was crushed",
        "the lamp|the vase|the glass shelf|the mirror",
        "something that arrived damaged",
    ),
    "opening_hours": (
        "when do you open|until when are you there|are you open on Sunday,|which hours has",
        "the shop|the store in town|the showroom|the pickup desk",
        "opening hours",
    ),
    "newsletter_stop": (
        "take me off|unsubscribe me from|no more of|stop sending",
        "the newsletter|your weekly advertising|these promotional mails|the mailing list",
        "no more newsletters",
    ),
    "gift_wrapping": (
        "can you wrap|is there gift paper for|please pack as a present|add a card to",
        "the birthday present|a wedding gift|the gift|a surprise for my aunt",
        "wrapping as a gift",
    ),
    "warranty_claim": (
        "stopped working after a year,|is under guarantee,|failed within warranty,|needs a repair,",
        "the coffee machine|the blender|the toaster|the kettle",
        "a repair under warranty",
    ),
    "bulk_discount": (
        "what is the price for fifty|do you give a discount on many|a quote for a hundred|wholesale terms for",
        "chairs|notebooks|mugs|desk lamps",
        "prices for large quantities",
    ),
    "payment_methods": (
        "can I pay by bank transfer for|do you accept credit cards for|is paying later possible for|how do I pay",
        "an online order|the subscription|a first order|orders from abroad",
        "ways of paying",
    ),
    "back_in_stock": (
        "when will you have again|is there more coming of|tell me once you restock|sold out:",
        "the green kettle|the oak table|the wool blanket|the red bicycle",
        "when something is available again",
    ),
    "job_application": (
        "I would like to work as|are you hiring|my application for|do you take on",
        "a sales assistant|somebody for the warehouse|an intern|a driver",
        "somebody who looks for work",
    ),
}
_STRANGE = (
    "what will the weather be like on the coast tomorrow",
    "who won the chess tournament in the end",
    "how many moons does that planet have",
    "a recipe for lentil soup with carrots",
    "why do cats purr at night",
    "translate this poem about autumn for my class",
    "the train to the mountains was full of hikers",
    "which key is that piano sonata written in",
    "my neighbour plays the trumpet at dawn",
    "how deep is the lake",
)
_FOREIGN = (
    "wo bleibt denn meine Bestellung, ich warte schon seit zwei Wochen und habe nichts gehört",
    "ich möchte bitte eine neue Rechnung haben, weil die alte nicht mehr da ist",
    "können Sie mir sagen, wann der Laden am Samstag geöffnet ist und ob ich dort parken kann",
)
_OPENINGS = (
    *("", "", "hello, ", "hi there, ", "good morning, ", "dear team, "),
    *("excuse me, ", "quick question: ", "sorry to bother you, "),
)
_ENDINGS = (
    *("", "", " thanks", " please help", " as soon as you can", " kind regards"),
    *(", what can I do", ", it is for my mother", " (second message)"),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """What the stream shall be like. Shares lie between 0 and 1."""

    messages: int = 1_000
    intents: int = len(INTENTS)
    unknown: float = 0.1
    foreign: float = 0.0
    typos: float = 0.1
    wrong_labels: float = 0.0
    skew: float = 0.0  # 0: all intents alike; 1: each half as frequent as the one before it
    late: int = 0  # the last so many intents appear after half of the stream


def descriptions(sample: Sample) -> dict[str, str]:
    """The intents that are known from the beginning, and what they are about."""
    names = list(INTENTS)[: sample.intents]
    return {name: INTENTS[name][2] for name in names[: len(names) - sample.late]}


def sample_stream(sample: Sample, *, seed: int) -> tuple[Labelled, ...]:
    """The messages."""
    return tuple(_message(sample, seed, place) for place in range(sample.messages))


def _message(sample: Sample, seed: int, place: int) -> Labelled:
    draw = _Draw(seed, place)
    id = f"sample:{seed}:{place + 1}"
    if draw.share() < sample.foreign:
        return Labelled(id, draw.one(_FOREIGN), OUT_OF_SCOPE)
    if draw.share() < sample.unknown:
        return Labelled(id, f"{draw.one(_OPENINGS)}{draw.one(_STRANGE)}{draw.one(_ENDINGS)}", OUT_OF_SCOPE)
    names = list(INTENTS)[: sample.intents]
    if sample.late and place < sample.messages // 2:
        names = names[: len(names) - sample.late]
    name = _weighted(names, sample.skew, draw)
    asks, things, _ = INTENTS[name]
    ask, thing = draw.one(asks.split("|")), draw.one(things.split("|"))
    body = f"{ask} {thing}" if draw.share() < 0.5 else f"{thing}: {ask}"
    text = f"{draw.one(_OPENINGS)}{body}{draw.one(_ENDINGS)}"
    if draw.share() < sample.typos:
        text = _mistyped(text, draw)
    wrong = draw.share() < sample.wrong_labels
    return Labelled(id, text, draw.one(names) if wrong else name)


def _weighted(names: Sequence[str], skew: float, draw: _Draw) -> str:
    weights = [(1.0 - skew / 2.0) ** place for place in range(len(names))]
    left = draw.share() * sum(weights)
    for name, weight in zip(names, weights, strict=True):
        left -= weight
        if left < 0:
            return name
    return names[-1]


def _mistyped(text: str, draw: _Draw) -> str:
    place = int(draw.share() * (len(text) - 1))
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


class _Draw:
    """Numbers that follow from seed and place alone."""

    def __init__(self, seed: int, place: int) -> None:
        self._seed, self._place, self._count = seed, place, 0

    def share(self) -> float:
        self._count += 1
        drawn = derive("sample stream", self._seed, self._place, self._count, size=6)
        return int.from_bytes(drawn, "big") / (1 << 48)

    def one(self, of: Sequence[str]) -> str:
        return of[int(self.share() * len(of))]

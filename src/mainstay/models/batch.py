"""Work that is not urgent, in batches: the port `BatchClient`, and `in_batch`, which pays for one and waits for it.

A provider answers a batch within a day, usually at half the price. Rules of the file:

- The key of a batch is derived from its prompts, and the provider keeps it with the batch. Whoever submits looks for
  the key first, so a process that crashed anywhere on the way finds the batch again instead of paying for a second.
- A look-up that did not reach its end is no proof that there is none: then nothing is submitted.
- The worst case of all prompts is reserved before, at the batch's price, and each answer is settled by itself.
- What was submitted lies with the provider until `drop`, which comes only after the answers have been taken.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, replace
from time import monotonic
from typing import Final, NewType, Protocol

from mainstay.kernel.values import NO_USAGE, Usage, money
from mainstay.models.base import Completion, Prompt, Unanswered
from mainstay.models.bounds import worst_case
from mainstay.models.metered import PRICE_REMEDY, Purse
from mainstay.models.prices import Price
from mainstay.models.typed import fit

PROMPTS_MAX: Final = 500
POLL_S: Final = 60.0
DEADLINE_S: Final = 26 * 3_600.0  # a day, and some time for what the provider calls one

BatchId = NewType("BatchId", str)
Answered = Completion | Unanswered


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch has come."""

    over: bool
    done: int = 0
    of: int = 0


class BatchClient(Protocol):
    """Answers many prompts, later. It neither waits nor counts money."""

    @property
    def model_id(self) -> str:
        """Provider and model."""
        ...

    async def submit(self, key: str, prompts: Mapping[str, Prompt]) -> BatchId | Unanswered:
        """The batch of this key: the one that is there already, else a new one."""
        ...

    async def poll(self, batch: BatchId) -> Progress | Unanswered:
        """How far it is; `Unanswered` with no usage if it failed as a whole."""
        ...

    async def fetch(
        self, batch: BatchId, prompts: Mapping[str, Prompt]
    ) -> Mapping[str, Answered] | Unanswered:
        """What was answered, by the names of the prompts, once it is over."""
        ...

    async def drop(self, batch: BatchId) -> None:
        """Remove prompts and answers from the provider, as far as it lets us."""
        ...


def batch_key(model: str, prompts: Mapping[str, Prompt], *, attempt: int = 1) -> str:
    """The same for the same prompts to the same model. Another `attempt` is another batch."""
    said = json.dumps([model, attempt, {name: asdict(one) for name, one in prompts.items()}], sort_keys=True)
    return "mainstay-" + hashlib.sha256(said.encode()).hexdigest()[:32]


async def in_batch(
    client: BatchClient,
    prompts: Mapping[str, Prompt],
    *,
    price: Price | None,
    purse: Purse,
    attempt: int = 1,
    poll_s: float = POLL_S,
    deadline_s: float = DEADLINE_S,
    now: Callable[[], float] = monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    taken: Callable[[Mapping[str, Answered]], None] = lambda answers: None,
) -> Mapping[str, Answered]:
    """An answer for each prompt. Asked again after a crash with the same prompts, it goes on with the same batch.

    `taken` is told the answers before the provider is told to remove them: there they can be made durable.
    """
    assert 0 < len(prompts) <= PROMPTS_MAX, f"a batch has at most {PROMPTS_MAX} prompts"
    if price is None:
        unknown = f"nobody knows what {client.model_id} costs in a batch"
        return dict.fromkeys(prompts, Unanswered("refused", unknown, NO_USAGE, remedy=PRICE_REMEDY))
    worst = {name: _at(price, worst_case(one)) for name, one in prompts.items()}
    reserved = sum(one.cost_micros for one in worst.values())
    if not purse.reserve(reserved):
        detail = f"the batch may cost {money(reserved)}, and {money(purse.left_micros)} is left"
        return dict.fromkeys(
            prompts, Unanswered("refused", detail, NO_USAGE, remedy="Ask in smaller portions.")
        )
    answers: Mapping[str, Answered] = {}
    try:
        key = batch_key(client.model_id, prompts, attempt=attempt)
        answers, batch = await _awaited(client, key, prompts, poll_s, now() + deadline_s, now, sleep)
        answers = {name: _settled(answers[name], price, worst[name]) for name in prompts}
        if batch is not None:
            taken(answers)
            await client.drop(batch)
    finally:
        left = reserved
        for name, most in worst.items():
            usage = answers[name].usage if name in answers else most
            purse.settle(most.cost_micros, usage or most)
            left -= most.cost_micros
        assert left == 0, "all that was reserved is settled"
    return answers


async def _awaited(
    client: BatchClient,
    key: str,
    prompts: Mapping[str, Prompt],
    poll_s: float,
    deadline: float,
    now: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
) -> tuple[Mapping[str, Answered], BatchId | None]:
    """The answers, and the batch if it is over and can be removed."""
    batch = await client.submit(key, prompts)
    if isinstance(batch, Unanswered):
        return dict.fromkeys(prompts, batch), None
    while True:
        progress = await client.poll(batch)
        if isinstance(progress, Unanswered) and progress.cause == "refused":
            return dict.fromkeys(prompts, progress), None
        if isinstance(progress, Progress) and progress.over:
            break
        if now() + poll_s > deadline:  # also if it could not be asked: it may be at work all the same
            late = f"the batch of {client.model_id} was not answered in time; asking again goes on with it"
            return dict.fromkeys(prompts, Unanswered("timeout", late)), None
        await sleep(poll_s)
    answers = await client.fetch(batch, prompts)
    if isinstance(answers, Unanswered):
        return dict.fromkeys(prompts, answers), None
    lost = Unanswered("broken", f"the batch of {client.model_id} has no answer to this")
    return {name: _typed(answers.get(name, lost), one) for name, one in prompts.items()}, batch


def _typed(answer: Answered, prompt: Prompt) -> Answered:
    """The answer in its form, or why it is none. There is nobody to ask once more in a batch."""
    if isinstance(answer, Unanswered) or prompt.output_schema is None:
        return answer
    fitting, wrong = fit(answer, prompt.output_schema)
    if fitting is not None:
        return fitting
    return Unanswered("broken", f"the answer has not the form that was asked for: {wrong[0]}", answer.usage)


def _settled(answer: Answered, price: Price, worst: Usage) -> Answered:
    """The answer with what it cost; all that was reserved for it where that is unknown."""
    usage = answer.usage
    if usage is None or (isinstance(answer, Completion) and answer.unproven):
        return replace(answer, usage=worst)
    booked = _at(price, usage)
    return replace(answer, usage=booked if booked.cost_micros <= worst.cost_micros else worst)


def _at(price: Price, usage: Usage) -> Usage:
    cost = price.cost_micros(usage.input_tokens, usage.output_tokens, usage.calls)
    return replace(usage, cost_micros=cost)

"""`MeteredModel`: the worst case is reserved before each call, and what was consumed is settled after it.

Rules of the file: a call is made only if the most it can cost is left in the purse, so calls at once cannot spend
beyond it together. What a provider refused costs nothing; what nobody knows (no answer, a report that cannot be true,
a call given up half-way) costs all that was reserved. With an unknown price nothing can be reckoned, so one call takes
all that is left and settles it whole: whoever filled the purse by hand agreed to that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mainstay.kernel.values import NO_USAGE, Usage, money
from mainstay.models.base import Completion, ModelClient, ModelUse, Prompt, Unanswered
from mainstay.models.bounds import worst_case
from mainstay.models.prices import Price
from mainstay.models.typed import added


@dataclass(slots=True)
class Purse:
    """What may still be spent, and what was. One for each brief; used within one event loop."""

    left_micros: int
    spent: Usage = NO_USAGE
    cached: int = 0
    saved_micros: int = 0

    def reserve(self, micros: int) -> bool:
        """Set so much aside; False, and nothing changes, if so much is not left."""
        if micros > self.left_micros:
            return False
        self.left_micros -= micros
        return True

    def settle(self, reserved: int, usage: Usage) -> None:
        """Book what a call consumed, and give back what it did not."""
        assert 0 <= usage.cost_micros <= reserved, "nothing is booked that was not reserved"
        self.left_micros += reserved - usage.cost_micros
        self.spent = added(self.spent, usage)

    def spare(self, micros: int) -> None:
        """An answer of before was used: it would have cost so much again."""
        self.cached += 1
        self.saved_micros += micros

    def use(self, model: str) -> tuple[ModelUse, ...]:
        """What was used, for the ledger; nothing if nothing was."""
        one = self.spent
        if not (one.calls or self.cached):
            return ()
        return (
            ModelUse(
                model,
                one.calls,
                one.input_tokens,
                one.output_tokens,
                one.cost_micros,
                self.cached,
                self.saved_micros,
            ),
        )


class MeteredModel:
    """A model that is paid from a purse."""

    def __init__(self, inner: ModelClient, price: Price | None, purse: Purse) -> None:
        self._inner = inner
        self._price = price
        self._purse = purse

    @property
    def model_id(self) -> str:
        return self._inner.model_id

    async def complete(self, prompt: Prompt) -> Completion | Unanswered:
        """The answer with its cost; refused before the call if the purse could not bear its worst case."""
        worst, purse, price = worst_case(prompt), self._purse, self._price
        reserved = (
            purse.left_micros if price is None else price.cost_micros(worst.input_tokens, worst.output_tokens)
        )
        if not purse.reserve(reserved) or (price is None and reserved == 0):
            return self._too_dear(reserved)
        ceiling = replace(worst, cost_micros=reserved)
        usage = ceiling  # also if the wait is given up: what became of the call nobody knows
        try:
            answer = await self._inner.complete(prompt)
            usage = self._settled(answer, ceiling)
        finally:
            purse.settle(reserved, usage)
        return replace(answer, usage=usage)

    def _settled(self, answer: Completion | Unanswered, ceiling: Usage) -> Usage:
        usage = answer.usage
        if usage is None or (isinstance(answer, Completion) and answer.unproven):
            return ceiling
        if self._price is None:
            return replace(usage, cost_micros=ceiling.cost_micros) if usage.calls else usage
        cost = self._price.cost_micros(usage.input_tokens, usage.output_tokens, usage.calls)
        # What is told beyond the worst case cannot be: it proves nothing.
        return replace(usage, cost_micros=cost) if cost <= ceiling.cost_micros else ceiling

    def _too_dear(self, worst_micros: int) -> Unanswered:
        if self._price is None:
            detail, remedy = f"nobody knows what {self.model_id} costs", PRICE_REMEDY
        else:
            worst, left = money(worst_micros), money(self._purse.left_micros)
            detail = f"a call of {self.model_id} may cost {worst}, and {left} is left"
            remedy = "Give the task a larger budget, or the retrieval policy a smaller `token_max`."
        return Unanswered("refused", detail, NO_USAGE, remedy=remedy)


PRICE_REMEDY = (
    "Write `price_input_usd` and `price_output_usd` (for a million tokens) in its table, "
    "[models.NAME] of mainstay.toml."
)

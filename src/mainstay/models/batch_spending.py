"""`BatchSpending`: `Spending` for many prompts that are not urgent.

The same wrappers in the same order: what the data class forbids is refused, answers of before are used, the worst case
of the rest is reserved at the batch's price, and the batch is submitted. Its answers are kept before the provider is
told to remove them, all at once, so a crash at any moment leads to the same batch or to no batch at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from itertools import islice

from mainstay.models.answer_cache import AnswerBook
from mainstay.models.base import ModelUse, Prompt
from mainstay.models.batch import DEADLINE_S, POLL_S, PROMPTS_MAX, Answered, BatchClient, in_batch
from mainstay.models.metered import Purse
from mainstay.models.prices import Price
from mainstay.models.settings import ModelSettings
from mainstay.models.spending import Answers, forbidden


class BatchSpending:
    """One purpose's way to a model's batches. Without `answers` what was answered is kept nowhere."""

    def __init__(
        self,
        settings: ModelSettings,
        client: BatchClient,
        price: Price | None,
        *,
        cost_max_micros: int,
        data_class: str,
        answers: Answers | None = None,
    ) -> None:
        self._settings = settings
        self._client = client
        self._price = price
        self._data_class = data_class
        self._purse = Purse(cost_max_micros)
        self._book: AnswerBook | None = None
        if answers is not None:
            self._book = AnswerBook(
                settings.use,
                answers.shelf,
                answers.seal,
                answers.keyed_hash,
                purse=self._purse,
                price=price,
                endpoint=settings.endpoint,
            )

    @property
    def uses(self) -> tuple[ModelUse, ...]:
        """What was used so far."""
        return self._purse.use(self._settings.use)

    async def complete(
        self,
        prompts: Mapping[str, Prompt],
        *,
        attempt: int = 1,
        poll_s: float = POLL_S,
        deadline_s: float = DEADLINE_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> Mapping[str, Answered]:
        """An answer for each prompt, by its name; a day later at worst."""
        refused = forbidden(self._settings, self._data_class)
        if refused is not None:
            return dict.fromkeys(prompts, refused)
        limit = self._settings.output_token_max
        asked = {
            name: replace(one, output_token_max=min(one.output_token_max, limit))
            for name, one in prompts.items()
        }
        found: dict[str, Answered] = {}
        for name, one in asked.items():
            kept = self._book.kept(one) if self._book is not None else None
            if kept is not None:
                found[name] = kept
        rest = iter([name for name in asked if name not in found])
        while names := list(islice(rest, PROMPTS_MAX)):
            portion = {name: asked[name] for name in names}
            found |= await in_batch(
                self._client,
                portion,
                price=self._price,
                purse=self._purse,
                attempt=attempt,
                poll_s=poll_s,
                deadline_s=deadline_s,
                sleep=sleep,
                taken=lambda answers, portion=portion: self._keep(portion, answers),  # type: ignore[misc]
            )
        return {name: found[name] for name in prompts}

    def _keep(self, portion: Mapping[str, Prompt], answers: Mapping[str, Answered]) -> None:
        if self._book is not None:
            self._book.keep((portion[name], answer) for name, answer in answers.items())

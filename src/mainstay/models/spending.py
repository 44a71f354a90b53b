"""`Spending`: how one brief gets to use a language model, within what it may cost and what may be sent.

Every wrapper in its place, from the outside in: what the data class forbids is refused, an answer of before is used,
an answer in JSON is held against its schema, the worst case is reserved, the call waits for its turn, and then it is
made. A refusal of the first kinds is proof that nothing was sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from mainstay.kernel.values import NO_USAGE
from mainstay.models.answer_cache import CachedModel, Seal
from mainstay.models.base import Completion, ModelClient, ModelUse, Prompt, Unanswered
from mainstay.models.embedding_cache import EmbeddingCache
from mainstay.models.metered import MeteredModel, Purse
from mainstay.models.prices import Price
from mainstay.models.settings import ModelSettings
from mainstay.models.typed import TypedModel


@dataclass(frozen=True, slots=True)
class Supply:
    """One configured model as all briefs share it. `client` waits for its turn by itself."""

    settings: ModelSettings
    client: ModelClient
    price: Price | None


@dataclass(frozen=True, slots=True)
class Answers:
    """Where answers are kept, and how: the hash is the workspace's, the seal of the person a brief is about."""

    shelf: EmbeddingCache
    seal: Seal
    keyed_hash: Callable[[str, str], bytes]


class Spending:
    """One brief's way to a model. Used within one event loop, gone with its attempt."""

    def __init__(
        self, supply: Supply, *, cost_max_micros: int, data_class: str, answers: Answers | None = None
    ) -> None:
        self._settings = supply.settings
        self._data_class = data_class
        self._purse = Purse(cost_max_micros)
        metered = MeteredModel(supply.client, supply.price, self._purse)
        self._model: ModelClient = TypedModel(metered)
        if answers is not None:
            self._model = CachedModel(
                self._model,
                answers.shelf,
                answers.seal,
                answers.keyed_hash,
                purse=self._purse,
                price=supply.price,
                endpoint=supply.settings.endpoint,
            )

    @property
    def model(self) -> str:
        """Provider and model, or empty where this brief may not use it at all."""
        return self._settings.use if self._allowed else ""

    @property
    def uses(self) -> tuple[ModelUse, ...]:
        """What was used so far, for the ledger."""
        return self._purse.use(self._settings.use)

    async def complete(self, prompt: Prompt) -> Completion | Unanswered:
        """The model's answer. Raises `ValueError` only for a schema that is none."""
        if not self._allowed:
            return Unanswered(
                "refused",
                f"data of the class {self._data_class!r} may not be sent to {self._settings.use}",
                NO_USAGE,
                remedy=f"Add it to `allowed_data` of [models.{self._settings.name}] if you agree to that.",
            )
        limit = min(prompt.output_token_max, self._settings.output_token_max)
        return await self._model.complete(replace(prompt, output_token_max=limit))

    @property
    def _allowed(self) -> bool:
        return self._data_class in self._settings.allowed_data

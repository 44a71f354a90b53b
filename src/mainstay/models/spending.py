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
        return "" if forbidden(self._settings, self._data_class) else self._settings.use

    @property
    def uses(self) -> tuple[ModelUse, ...]:
        """What was used so far, for the ledger."""
        return self._purse.use(self._settings.use)

    async def complete(self, prompt: Prompt) -> Completion | Unanswered:
        """The model's answer. Raises `ValueError` only for a schema that is none."""
        refused = forbidden(self._settings, self._data_class)
        if refused is not None:
            return refused
        limit = min(prompt.output_token_max, self._settings.output_token_max)
        return await self._model.complete(replace(prompt, output_token_max=limit))


def forbidden(settings: ModelSettings, data_class: str) -> Unanswered | None:
    """The refusal where data of this class may not be sent to the model; None where it may."""
    if data_class in settings.allowed_data:
        return None
    return Unanswered(
        "refused",
        f"data of the class {data_class!r} may not be sent to {settings.use}",
        NO_USAGE,
        remedy=f"Add it to `allowed_data` of [models.{settings.name}] if you agree to that.",
    )

"""The configured models of a workspace: clients, prices and turnstiles that all briefs share, and one brief's spending.

Rules of this file:

- Nothing heavy is imported and no secret is looked up before the first call.
- Agents use the model that is called `default`, if there is one. Without any, nothing here is ever asked.
- Answers are kept sealed under the key of the sender whose message the brief is about, so that they are forgotten with
  them; those of briefs without a message under a key of the workspace.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mainstay.agents.base import Brief, MessageView
from mainstay.kernel import errors
from mainstay.kernel.errors import LedgerCorrupt
from mainstay.kernel.ids import SubjectId
from mainstay.ledger.sealing import Forgotten, Vault
from mainstay.models.answer_cache import ENTRY_MAX
from mainstay.models.base import Embedder, Unavailable
from mainstay.models.client import INSTALL, EndpointModel
from mainstay.models.embedding_cache import CachedEmbedder, EmbeddingCache, SqliteEmbeddingCache
from mainstay.models.endpoint_embedder import EndpointEmbedder, find_endpoint_embedder
from mainstay.models.limited import LimitedModel, Turnstile
from mainstay.models.metered import Purse
from mainstay.models.prices import price_of
from mainstay.models.settings import AGENTS_MODEL, ModelSettings
from mainstay.models.spending import Answers, Spending, Supply
from mainstay.net.secrets import SecretStore

if TYPE_CHECKING:
    from mainstay.models.batch_spending import BatchSpending

log = logging.getLogger("mainstay")

ANSWERS = "answers.sqlite3"
VECTORS = "vectors-endpoint.sqlite3"  # of their own: a vector has another length there
# What memory may hold, as far as it is known: messages of customers, and what the operator writes down.
MEMORY_DATA = ("customer",)
UNLIMITED_MICROS = 1_000_000_000_000
_NONCE_BYTES = 12
_PERSON, _HOUSE = b"p", b"h"
_CONTEXT = b"answer"


class LanguageModels:
    """All models of `mainstay.toml`. `vault` is asked for only when an answer is to be kept."""

    def __init__(
        self,
        models: Mapping[str, ModelSettings],
        *,
        cache: Path,
        vault: Callable[[], Vault],
        secrets: SecretStore | None = None,
    ) -> None:
        self._models = models
        self._cache = cache
        self._vault = vault
        self._secrets = secrets or SecretStore()
        self._supplies: dict[str, Supply] = {}
        self._clients: list[EndpointModel] = []
        self._embedders: list[EndpointEmbedder] = []
        self._shelf: EmbeddingCache | None = None
        self._shelf_failed = False

    def spending(self, brief: Brief) -> Spending | None:
        """What the brief may use; None where no model is configured for agents."""
        if AGENTS_MODEL not in self._models:
            return None
        return Spending(
            self.supply(AGENTS_MODEL),
            cost_max_micros=brief.cost_max_micros,
            data_class=brief.data_class,
            answers=self.answers(brief),
        )

    def supply(self, name: str) -> Supply:
        """A configured model as all briefs share it. Raises `KeyError`."""
        found = self._supplies.get(name)
        if found is None:
            settings = self._models[name]
            client = EndpointModel(settings, lambda: self.key(settings))
            self._clients.append(client)
            turnstile = Turnstile(
                concurrency=settings.concurrency, calls_per_minute=settings.calls_per_minute
            )
            found = Supply(settings, LimitedModel(client, turnstile), price_of(settings))
            self._supplies[name] = found
        return found

    def key(self, settings: ModelSettings) -> str:
        """The secret of a model, looked up now; empty where it needs none. Raises `SecretError`."""
        return self._secrets.resolve(settings.key).reveal() if settings.key else ""

    def answers(self, brief: Brief | None = None) -> Answers | None:
        """Where answers are kept, sealed for whom the brief is about; None where the cache cannot be used."""
        shelf = self._opened()
        if shelf is None:
            return None
        vault = self._vault()
        return Answers(shelf, AnswerSeal(vault, _about(brief, vault)), vault.keyed_hash)

    def batch(self, name: str, *, cost_max_micros: int, data_class: str) -> BatchSpending:
        """A model's batches, for work that is not urgent. Raises `SecretError`, and `Unavailable` without the extra."""
        try:
            from mainstay.models.openai_batch import OpenAIBatch
        except ImportError as error:
            raise errors.Unavailable(
                f"Language models need a package that is missing: {error.name}.", remedy=INSTALL
            ) from None
        from mainstay.models.batch_spending import BatchSpending

        settings = self._models[name]
        return BatchSpending(
            settings,
            OpenAIBatch(settings, lambda: self.key(settings)),
            price_of(settings, batch=True),
            cost_max_micros=cost_max_micros,
            data_class=data_class,
            answers=self.answers(),
        )

    def embedder(self, name: str, *, day_micros: int | None) -> Embedder | Unavailable:
        """Vectors from a configured model, kept like those of this device; or why it is not used."""
        settings = self._models[name]
        found = find_endpoint_embedder(
            settings,
            key=lambda: self.key(settings),
            data_classes=MEMORY_DATA,
            purse=Purse(UNLIMITED_MICROS if day_micros is None else day_micros),
        )
        if isinstance(found, Unavailable):
            return found
        if isinstance(found, EndpointEmbedder):
            self._embedders.append(found)
        secret = self._vault().keyed_hash("purpose", "embedding cache")
        return CachedEmbedder(found, SqliteEmbeddingCache(self._cache / VECTORS), secret=secret)

    def renew(self) -> None:
        """Look up every key again: one was replaced."""
        for client in self._clients:
            client.renew()
        for embedder in self._embedders:
            embedder.renew()

    async def aclose(self) -> None:
        """Close what this event loop has open."""
        for client in self._clients:
            await client.aclose()

    def forget(self) -> int:
        """Drop every answer that is kept; how many these were. They may quote whom their question quoted."""
        if not (self._cache / ANSWERS).exists():
            return 0
        shelf = self._opened()
        if shelf is not None:
            return shelf.retain(frozenset())
        for suffix in ("-wal", "-shm", ""):  # nobody can read which these are, so none may stay
            kept = self._cache / (ANSWERS + suffix)
            if not kept.is_dir():  # which holds no answer of ours
                kept.unlink(missing_ok=True)
        return 0

    def close(self) -> None:
        """Close the cache of answers."""
        if isinstance(self._shelf, SqliteEmbeddingCache):
            self._shelf.close()
            self._shelf = None

    def _opened(self) -> EmbeddingCache | None:
        if self._shelf is None and not self._shelf_failed:
            try:
                self._shelf = SqliteEmbeddingCache(self._cache / ANSWERS, entry_max=ENTRY_MAX)
            except errors.Unavailable as error:
                self._shelf_failed = True
                log.warning("answers of models are not kept: %s %s", error.why, error.remedy)
        return self._shelf


@dataclass(frozen=True, slots=True)
class AnswerSeal:
    """Seals under the key of a person, or of the workspace where an answer is about nobody we have a key for."""

    vault: Vault
    subject: SubjectId | None

    def seal(self, plain: bytes) -> bytes | None:
        """The answer as it may lie on the disk; None where it is about somebody who was forgotten."""
        if self.subject is not None and self.vault.knows(self.subject):
            return _PERSON + self.vault.seal(self.subject, plain, _CONTEXT)
        if self.subject is not None and self.vault.was_known(self.subject):
            return None
        nonce = os.urandom(_NONCE_BYTES)
        return _HOUSE + nonce + self._house().encrypt(nonce, plain, _CONTEXT)

    def unseal(self, token: bytes) -> bytes | None:
        """What was sealed; None if it was forgotten, or is damaged."""
        kind, rest = token[:1], token[1:]
        try:
            if kind == _PERSON:
                plain = self.vault.unseal(rest, _CONTEXT)
                return None if isinstance(plain, Forgotten) else plain
            return self._house().decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _CONTEXT)
        except (LedgerCorrupt, InvalidTag, ValueError):
            return None

    def _house(self) -> AESGCM:
        halves = (self.vault.keyed_hash("purpose", f"answers of models {half}") for half in (1, 2))
        return AESGCM(b"".join(halves))


def _about(brief: Brief | None, vault: Vault) -> SubjectId | None:
    """Whom a brief is about: who wrote the message that it was given."""
    if brief is None:
        return None
    messages = (one for one in brief.inputs.values() if isinstance(one, MessageView))
    message = next(messages, None)
    return None if message is None else vault.subject(message.from_address)

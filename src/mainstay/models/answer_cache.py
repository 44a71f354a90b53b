"""`CachedModel`: the same question to the same model is asked once.

Rules of the file: only at temperature 0, where the same is to be expected, and only answers, never faults. A question
is found by a keyed hash of all that could change its answer (model, address, instructions, conversation, schema,
limits), so nothing on the disk tells what was asked; an answer is sealed, under the key of the person it is about
where there is one, so that it is forgotten with them. What cannot be opened counts as not there.

A cache is never the truth: it holds at most `entry_max` answers, the oldest go first, and deleting the file costs the
price of asking again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Final, Protocol

from mainstay.kernel.errors import Unavailable
from mainstay.kernel.values import NO_USAGE, Usage
from mainstay.models.base import Completion, ModelClient, Prompt, Unanswered
from mainstay.models.embedding_cache import EmbeddingCache
from mainstay.models.metered import Purse
from mainstay.models.prices import Price

ENTRY_MAX: Final = 50_000
log = logging.getLogger("mainstay")
_VERSION: Final = 1


class Seal(Protocol):
    """How an answer is closed for the disk and opened again."""

    def seal(self, plain: bytes) -> bytes:
        """The answer as it may lie there."""
        ...

    def unseal(self, token: bytes) -> bytes | None:
        """What was sealed; None if it was forgotten, or is damaged."""
        ...


class CachedModel:
    """A model that remembers its answers. `shelf` keeps bytes by key; a vector cache will do."""

    def __init__(
        self,
        inner: ModelClient,
        shelf: EmbeddingCache,
        seal: Seal,
        keyed_hash: Callable[[str, str], bytes],
        *,
        purse: Purse | None = None,
        price: Price | None = None,
        endpoint: str = "",
    ) -> None:
        self._inner = inner
        self._shelf = shelf
        self._seal = seal
        self._keyed_hash = keyed_hash
        self._purse = purse
        self._price = price
        self._endpoint = endpoint

    @property
    def model_id(self) -> str:
        return self._inner.model_id

    async def complete(self, prompt: Prompt) -> Completion | Unanswered:
        """The answer of before if there is one, else the model's."""
        if prompt.temperature != 0:
            return await self._inner.complete(prompt)
        key = self._key(prompt)
        kept = self._kept(key)
        if kept is not None:
            return kept
        answer = await self._inner.complete(prompt)
        if isinstance(answer, Completion):
            self._keep(key, answer)
        return answer

    def _kept(self, key: bytes) -> Completion | None:
        try:
            token = self._shelf.get([key]).get(key)
        except Unavailable as error:
            log.warning("answers are not looked up: %s", error.why)
            return None
        plain = None if token is None else self._seal.unseal(token)
        if plain is None:
            return None
        try:
            said = json.loads(plain)
            usage = Usage(**said["usage"])
            kept = Completion(str(said["text"]), str(said["model"]), NO_USAGE, bool(said["cut"]), cached=True)
        except (ValueError, TypeError, KeyError):
            return None
        if self._purse is not None:
            self._purse.spare(self._worth(usage))
        return kept

    def _worth(self, usage: Usage) -> int:
        """What the answer would cost today; what it cost then where today's price is unknown."""
        if self._price is None:
            return usage.cost_micros
        return self._price.cost_micros(usage.input_tokens, usage.output_tokens, usage.calls)

    def _keep(self, key: bytes, answer: Completion) -> None:
        said = {
            "text": answer.text,
            "model": answer.model_id,
            "cut": answer.cut,
            "usage": asdict(answer.usage),
        }
        try:
            self._shelf.put({key: self._seal.seal(json.dumps(said).encode())})
        except Unavailable as error:
            log.warning("an answer is not kept: %s", error.why)

    def _key(self, prompt: Prompt) -> bytes:
        asked = json.dumps([_VERSION, self.model_id, self._endpoint, asdict(prompt)], sort_keys=True)
        return self._keyed_hash("answer", asked)

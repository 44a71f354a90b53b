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
from collections.abc import Callable, Iterable
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

    def seal(self, plain: bytes) -> bytes | None:
        """The answer as it may lie there; None where it may not."""
        ...

    def unseal(self, token: bytes) -> bytes | None:
        """What was sealed; None if it was forgotten, or is damaged."""
        ...


class AnswerBook:
    """The answers of one model that are kept. `shelf` keeps bytes by key; a vector cache will do."""

    def __init__(
        self,
        model_id: str,
        shelf: EmbeddingCache,
        seal: Seal,
        keyed_hash: Callable[[str, str], bytes],
        *,
        purse: Purse | None = None,
        price: Price | None = None,
        endpoint: str = "",
    ) -> None:
        self._model_id = model_id
        self._shelf = shelf
        self._seal = seal
        self._keyed_hash = keyed_hash
        self._purse = purse
        self._price = price
        self._endpoint = endpoint

    def kept(self, prompt: Prompt) -> Completion | None:
        """The answer of before, if there is one; what it spares is noted in the purse."""
        if prompt.temperature != 0:
            return None
        key = self._key(prompt)
        try:
            token = self._shelf.get([key]).get(key)
            plain = None if token is None else self._seal.unseal(token)
            if token is not None and plain is None:
                self._shelf.drop([key])  # else the next answer could not take its place
        except Unavailable as error:
            log.warning("answers are not looked up: %s", error.why)
            return None
        return None if plain is None else self._read(plain)

    def keep(self, answers: Iterable[tuple[Prompt, Completion | Unanswered]]) -> None:
        """Keep these, all or none of them."""
        entries = {
            self._key(prompt): sealed
            for prompt, answer in answers
            if isinstance(answer, Completion)
            and prompt.temperature == 0
            and (sealed := self._seal.seal(_written(answer))) is not None
        }
        try:
            self._shelf.put(entries)
        except Unavailable as error:
            log.warning("answers are not kept: %s", error.why)

    def _read(self, plain: bytes) -> Completion | None:
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

    def _key(self, prompt: Prompt) -> bytes:
        asked = json.dumps([_VERSION, self._model_id, self._endpoint, asdict(prompt)], sort_keys=True)
        return self._keyed_hash("answer", asked)


class CachedModel:
    """A model that remembers its answers."""

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
        self._book = AnswerBook(
            inner.model_id, shelf, seal, keyed_hash, purse=purse, price=price, endpoint=endpoint
        )

    @property
    def model_id(self) -> str:
        return self._inner.model_id

    async def complete(self, prompt: Prompt) -> Completion | Unanswered:
        """The answer of before if there is one, else the model's."""
        kept = self._book.kept(prompt)
        if kept is not None:
            return kept
        answer = await self._inner.complete(prompt)
        self._book.keep([(prompt, answer)])
        return answer


def _written(answer: Completion) -> bytes:
    said = {
        "text": answer.text,
        "model": answer.model_id,
        "cut": answer.cut,
        "usage": asdict(answer.usage),
    }
    return json.dumps(said).encode()

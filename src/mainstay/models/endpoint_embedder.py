"""`EndpointEmbedder`: vectors from an OpenAI-compatible endpoint, in place of the embedder of this device.

Rules of the file: what is embedded leaves the machine, so the model must be allowed for the classes of data that memory
holds, and its price must be known; both are checked when it is made, before anything is sent. Each call is reserved at
its worst case and settled after, from a purse of its own. A provider that is down is told by `errors.Unavailable`:
recall goes on by words, and says so; for a while nobody is made to wait for it again.

The port promises equal bits in any company, and a provider does not. So it is used behind `CachedEmbedder`, where a
text keeps the vector that it got first; what a provider changes under the same name shows only in new texts.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from importlib.util import find_spec
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from mainstay.kernel import errors
from mainstay.kernel.values import Usage, money
from mainstay.models import traces
from mainstay.models.base import ModelUse, Unavailable
from mainstay.models.client import INSTALL
from mainstay.models.metered import PRICE_REMEDY, Purse
from mainstay.models.prices import Price, price_of
from mainstay.models.settings import ModelSettings
from mainstay.net.egress import why_refused

if TYPE_CHECKING:
    from openai import OpenAI

    from mainstay.models.base import Embedder, Vectors

DOWN_S: Final = 30.0  # for so long a provider that failed is not asked again
TIMEOUT_MAX_S: Final = 20.0  # somebody waits for what is recalled
# As many tokens as the common models read are never more than these bytes, so nothing is cut at a place unknown to us.
TEXT_BYTES_MAX: Final = 8_000
BATCH_TEXTS_MAX: Final = 64
BATCH_BYTES_MAX: Final = 200_000
_VERSION: Final = 1
_EMPTY: Final = "-"  # providers refuse a text without a word in it
_DIMENSIONS: Final = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
    "nomic-embed-text": 768,
    "mxbai-embed-large": 1024,
    "all-minilm": 384,
    "bge-m3": 1024,
}


def find_endpoint_embedder(
    settings: ModelSettings, *, key: Callable[[], str], data_classes: Collection[str], purse: Purse
) -> Embedder | Unavailable:
    """The embedder of a configured model, or why it is not used. Nothing is sent to find out."""
    where = f"[models.{settings.name}]"
    if find_spec("openai") is None:
        return Unavailable("Embeddings of an endpoint need a package that is missing: openai.", INSTALL)
    forbidden = sorted(set(data_classes) - set(settings.allowed_data))
    if forbidden:
        return Unavailable(
            f"Memory holds data of the class {forbidden[0]!r}, which may not be sent to {settings.use}.",
            f"Add it to `allowed_data` of {where} if you agree to that.",
        )
    dimensions = known_dimensions(settings)
    if not dimensions:
        return Unavailable(
            f"Nobody knows how many numbers a vector of {settings.use} has.",
            f"Write `dimensions` into {where}; `mainstay models check {settings.name}` tells it.",
        )
    price = price_of(settings, embedding=True)
    if price is None:
        return Unavailable(f"Nobody knows what {settings.use} costs.", PRICE_REMEDY)
    return EndpointEmbedder(settings, key, dimensions, price, purse)


def known_dimensions(settings: ModelSettings) -> int:
    """How many numbers a vector of the model has: as it is written, else as its name is known to have; 0: unknown."""
    return settings.dimensions or _DIMENSIONS.get(settings.model.partition(":")[0], 0)


class EndpointEmbedder:
    """The port on an endpoint. Made by `find_endpoint_embedder`."""

    def __init__(
        self,
        settings: ModelSettings,
        key: Callable[[], str],
        dimensions: int,
        price: Price,
        purse: Purse,
        *,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._settings = settings
        self._key = key
        self._dimensions = dimensions
        self._price = price
        self._purse = purse
        self._now = now
        self._lock = threading.Lock()
        self._client: OpenAI | None = None
        self._down_until = 0.0
        self._down: errors.Unavailable | None = None

    @property
    def model_id(self) -> str:
        return self._settings.use

    @property
    def dimensions(self) -> int:
        return self._dimensions

    @property
    def allowed_data(self) -> tuple[str, ...]:
        """The data classes that may be sent to it."""
        return self._settings.allowed_data

    @property
    def recipe(self) -> str:
        parts = (self._settings.use, self._settings.endpoint, self._dimensions, TEXT_BYTES_MAX, _VERSION)
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    @property
    def uses(self) -> tuple[ModelUse, ...]:
        """What was used since the start of this process."""
        with self._lock:
            return self._purse.use(self.model_id)

    def renew(self) -> None:
        """Look up the secret again at the next call."""
        with self._lock:
            self._client = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`. Raises `errors.Unavailable` when the provider is, or the purse is empty."""
        import numpy

        vectors = numpy.empty((len(texts), self._dimensions), dtype=numpy.float32)
        start = 0
        for batch in _batches([_sendable(text) for text in texts]):
            vectors[start : start + len(batch)] = self._checked(self._ask(batch), len(batch))
            start += len(batch)
        return vectors

    def measured(self, text: str) -> int:
        """How many numbers a vector has, found out by one call."""
        answer = self._ask([_sendable(text)])
        try:
            return len(answer.data[0].embedding)
        except (AttributeError, IndexError, TypeError):
            raise self._unavailable(None, "It answered with something that is no list of vectors.") from None

    def _ask(self, batch: list[str]) -> Any:
        with self._lock:
            if self._down is not None and self._now() < self._down_until:
                raise self._down
        bound = sum(len(text.encode()) + 8 for text in batch)
        reserved = self._price.cost_micros(bound, 0)
        with self._lock:
            if not self._purse.reserve(reserved):
                raise errors.Unavailable(
                    f"{self.model_id} is not asked for more vectors.",
                    why=f"A call may cost {money(reserved)}, and {money(self._purse.left_micros)} is left.",
                    remedy="Raise [budgets] day_usd in mainstay.toml and start again.",
                )
        usage = Usage(reserved, bound, 0, 1)  # unless it is proven to be less
        try:
            with traces.embeddings(self._settings.provider, self._settings.model):
                answer = self._opened().embeddings.create(
                    model=self._settings.model, input=batch, encoding_format="float"
                )
            usage = self._settled(answer, bound, len(batch), reserved)
        except errors.MainstayError:
            usage = Usage()  # the secret is missing: nothing was sent
            raise
        except Exception as error:  # whatever the library raises, there are no vectors
            if _unspent(error):
                usage = Usage()
            raise self._unavailable(error) from None
        finally:
            with self._lock:
                self._purse.settle(reserved, usage)
        self._down = None
        return answer

    def _opened(self) -> OpenAI:
        if self._client is None:
            from openai import OpenAI

            from mainstay.models.wire import blocking_http_client

            timeout_s = min(self._settings.timeout_s, TIMEOUT_MAX_S)
            self._client = OpenAI(
                base_url=self._settings.endpoint,
                api_key=self._key() or "none",
                max_retries=0,
                timeout=timeout_s,
                http_client=blocking_http_client(self._settings, timeout_s),
            )
        return self._client

    def _settled(self, answer: Any, bound: int, texts: int, reserved: int) -> Usage:
        asked = getattr(getattr(answer, "usage", None), "prompt_tokens", None)
        if type(asked) is not int or not texts <= asked <= bound:
            return Usage(reserved, bound, 0, 1)
        return Usage(self._price.cost_micros(asked, 0), asked, 0, 1)

    def _checked(self, answer: Any, count: int) -> Vectors:
        """The vectors in the order of their texts, of length one."""
        import numpy

        try:
            rows = sorted(answer.data, key=lambda one: one.index)
            found = numpy.array([one.embedding for one in rows], dtype=numpy.float64)
        except (AttributeError, TypeError, ValueError):
            raise self._unavailable(None, "It answered with something that is no list of vectors.") from None
        if found.shape != (count, self._dimensions):
            why = f"{count} vectors of {self._dimensions} numbers were expected, and {found.shape} came."
            raise self._unavailable(None, why)
        norms = numpy.sqrt((found * found).sum(axis=1, keepdims=True))
        if not numpy.isfinite(found).all() or not (norms > 0).all():
            raise self._unavailable(None, "Its vectors have no direction.")
        unit: Vectors = (found / norms).astype(numpy.float32)
        return unit

    def _unavailable(self, error: Exception | None, why: str = "") -> errors.Unavailable:
        status = getattr(error, "status_code", None)
        made = errors.Unavailable(
            f"{self.model_id} gives no vectors; search goes by words alone.",
            why=why
            or why_refused(error)
            or (f"It answered {status}." if status else "Nobody answers, or not in time."),
            remedy=f"`mainstay models check {self._settings.name}` tells more. It is asked again by itself.",
        )
        with self._lock:
            self._down, self._down_until = made, self._now() + DOWN_S
            self._client = None  # the secret is looked up again: it may have been put right by then
        return made


def _unspent(error: Exception) -> bool:
    """Whether it is proven that nothing was consumed: it was refused, or never sent."""
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return status < 500
    if why_refused(error):
        return True
    return type(error.__cause__).__name__ in ("ConnectError", "ConnectTimeout", "PoolTimeout")


def _sendable(text: str) -> str:
    """The text as it is sent: writable, not empty, and as long as every model reads."""
    # Only so much of a text can count, however long it is.
    raw = text[:TEXT_BYTES_MAX].encode("utf-8", "replace")[:TEXT_BYTES_MAX]
    cut = raw.decode("utf-8", "ignore").replace("\x00", " ")
    return cut if cut.strip() else _EMPTY


def _batches(texts: list[str]) -> Iterator[list[str]]:
    """The texts in order, in portions that one request may hold."""
    batch: list[str] = []
    size = 0
    for text in texts:
        length = len(text.encode())
        if batch and (len(batch) == BATCH_TEXTS_MAX or size + length > BATCH_BYTES_MAX):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += length
    if batch:
        yield batch

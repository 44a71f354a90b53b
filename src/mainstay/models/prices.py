"""What a model costs: as the operator says, else as it is published, else unknown.

Rules of the file: whole micro-units, rounded up, never a float. An unknown price is None and never zero: who gets None
asks a person. Only a model that is known to run on this machine is free without anybody saying so; an address on
loopback may be a gateway to somebody who sends bills.

Published prices come with the package `genai-prices`; nothing is fetched. They are bounds from above: the dearest hour
of the day, the dearest step of a graded price, and no discount for what a provider cached. So what is booked is never
less than the bill.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from mainstay.models.settings import ModelSettings

if TYPE_CHECKING:
    from decimal import Decimal

    from genai_prices.types import ModelInfo, ModelPrice

MILLION: Final = 1_000_000
STALE_DAYS: Final = 120

_INPUT: Final = ("input_mtok", "input_text_mtok", "cache_write_mtok", "cache_text_write_mtok")
_OUTPUT: Final = ("output_mtok", "output_text_mtok", "output_reasoning_mtok", "output_text_reasoning_mtok")

Said = Literal["settings", "local", "published"]


@dataclass(frozen=True, slots=True)
class Price:
    """Micro-units for a million tokens in and out, and for the call itself; `said` tells who says so."""

    input_micros: int
    output_micros: int
    call_micros: int = 0
    said: Said = "settings"

    @property
    def free(self) -> bool:
        """Whether nothing is ever to be paid."""
        return not (self.input_micros or self.output_micros or self.call_micros)

    def cost_micros(self, input_tokens: int, output_tokens: int, calls: int = 1) -> int:
        """What that much costs, rounded up."""
        tokens = input_tokens * self.input_micros + output_tokens * self.output_micros
        return -(-tokens // MILLION) + calls * self.call_micros


def price_of(settings: ModelSettings, *, batch: bool = False, embedding: bool = False) -> Price | None:
    """The price of a configured model, or None where it is unknown: then a person is asked.

    `batch`: of work that is not urgent; the usual price where no other is published. `embedding`: nothing is put out.
    """
    told_in, told_out = settings.price_input_micros, settings.price_output_micros
    if told_in is not None and (told_out is not None or embedding):
        return Price(told_in, told_out or 0)
    if settings.known_local:
        return Price(0, 0, said="local")
    today = datetime.now(UTC).date()
    return _published(settings.provider, settings.url, settings.model, batch, embedding, today)


def ceiling_micros(price: Price | None, token_max: int, output_max: int, *, calls: int = 1) -> int | None:
    """The most that an attempt may cost: `calls` calls, each of that many tokens in and out. None: unknown."""
    return None if price is None else price.cost_micros(token_max * calls, output_max * calls, calls)


@lru_cache(maxsize=1)
def prices_as_of() -> date | None:
    """The newest day that the published prices speak of: they are at least as new. None: they are not installed."""
    try:
        from genai_prices.data import providers
    except ImportError:
        return None
    known = (day for provider in providers for model in provider.models for day in _days(model))
    return max(known, default=None)


def stale(today: date) -> bool:
    """Whether the published prices are so old that they should be looked at again."""
    newest = prices_as_of()
    return newest is not None and (today - newest).days > STALE_DAYS


@lru_cache(maxsize=64)
def _published(
    provider: str, url: str, model: str, batch: bool, embedding: bool, today: date
) -> Price | None:
    """By the address where one is written, never by names alone: the same model has other prices elsewhere."""
    try:
        from genai_prices.data_snapshot import get_snapshot
    except ImportError:
        return None
    try:
        _, info = get_snapshot().find_provider_model(model, None, None if url else provider, url or None)
    except LookupError:
        return None
    return _dearest(info, batch, embedding, today)


def _dearest(info: ModelInfo, batch: bool, embedding: bool, today: date) -> Price | None:
    context = {"processing": "batch"} if batch else None
    hours = [datetime.combine(today, time(hour, minute), UTC) for hour in range(24) for minute in (0, 30)]
    prices = [info.get_prices(hour, context) for hour in hours]
    asked = _most(prices, _INPUT)
    said = 0 if embedding else _most(prices, _OUTPUT)
    if asked is None or said is None:
        return None
    calls = _most(prices, ("requests_kcount",)) or 0
    return Price(asked, said, -(-calls // 1_000), "published")


def _most(prices: Iterable[ModelPrice], names: tuple[str, ...]) -> int | None:
    """The highest of the prices by these names, in micro-units; None where there is none, or one that can be none."""
    found = [amount for price in prices for name in names for amount in _steps(getattr(price, name, None))]
    if not found or not all(amount.is_finite() and amount >= 0 for amount in found):
        return None
    return int(-(-max(found) * MILLION // 1))


def _steps(price: object) -> Iterator[Decimal]:
    """The amounts of a price: one, or one for each step where it is graded by length."""
    if price is None:
        return
    if hasattr(price, "tiers") and hasattr(price, "base"):
        yield price.base
        yield from (tier.price for tier in price.tiers)
    else:
        yield price  # type: ignore[misc]  # a plain Decimal, as the package types it


def _days(model: ModelInfo) -> Iterator[date]:
    """The days from which on a price of this model holds."""
    conditional = model.prices if isinstance(model.prices, list) else []
    for one in (*conditional, *(model.price_variants or ())):
        day = getattr(one.constraint, "start_date", None)
        if isinstance(day, date):
            yield day

"""`[throttles]` and `[recovery]` of `mainstay.toml`: how often things may start, and when to leave a side alone."""

from __future__ import annotations

import re
from collections.abc import Collection

from mainstay.kernel.breaker import BreakerSettings
from mainstay.kernel.throttle import Rate
from mainstay.kernel.values import DAY, HOUR, MINUTE, SECOND
from mainstay.workflows.document import NAME, NAME_RULE, Problems, Section, suggestion

Throttles = tuple[tuple[str, Rate], ...]

BURST = 10  # starts at once where nothing is said, or all of them where there are fewer
_COUNT_MAX = 1_000_000
_UNITS = {"second": SECOND, "minute": MINUTE, "hour": HOUR, "day": DAY}
_RATE = re.compile(r"([0-9]{1,9}) */ *(second|minute|hour|day)(?: +burst +([0-9]{1,9}))?")
_REST_MAX_US = 7 * DAY


def parse_rate(text: str) -> Rate:
    """The rate that a text such as `30/minute` or `500/day burst 20` says. Raises `ValueError`."""
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:60]!r} is not a rate")
    count = int(match[1])
    burst = min(count, BURST) if match[3] is None else int(match[3])
    if not (1 <= count <= _COUNT_MAX and 1 <= burst <= _COUNT_MAX):
        raise ValueError(f"the numbers of {text[:60]!r} must lie between 1 and {_COUNT_MAX}")
    return Rate(count, _UNITS[match[2]], burst)


def read_throttles(section: Section, adapters: Collection[str] | None) -> Throttles:
    """The rates by scope: `workspace`, `adapter:NAME`, `agent:NAME`. Without `adapters`, any name will do."""
    problems, found = Problems(), list[tuple[str, Rate]]()
    section.only("workspace", "adapter.NAME", "agent.NAME", *(key for key in section.data if _kind(key)))
    for key in section.data:
        with problems.caught():
            found.append((_scope(section, key, adapters), _rate(section, key)))
    problems.raise_any()
    return tuple(found)


def _kind(key: str) -> bool:
    return key.startswith(("adapter.", "agent."))


def _scope(section: Section, key: str, adapters: Collection[str] | None) -> str:
    kind, _, name = key.partition(".")
    if not _kind(key):
        return key
    if NAME.fullmatch(name) is None:
        raise section.error(key, f"{name[:80]!r} is not a name", why=NAME_RULE)
    if kind == "adapter" and adapters is not None and name not in adapters:
        raise section.error(key, f"there is no adapter {name!r}", remedy=suggestion(name, adapters))
    return f"{kind}:{name}"


def _rate(section: Section, key: str) -> Rate:
    section.value(key)
    rate = section.parsed(key, parse_rate, 'write "30/minute", or "500/day burst 20"')
    assert isinstance(rate, Rate)
    return rate


def read_recovery(section: Section) -> BreakerSettings:
    """When a circuit breaker opens, and how long it rests."""
    section.only("breaker_failures", "breaker_rest", "breaker_rest_max")
    usual = BreakerSettings()
    failures = section.whole("breaker_failures", usual.failures, least=1, most=1_000)
    rest_us = section.duration_us("breaker_rest", usual.rest_us)
    rest_max_us = section.duration_us("breaker_rest_max", usual.rest_max_us)
    assert rest_us is not None
    assert rest_max_us is not None
    if rest_max_us > _REST_MAX_US:
        raise section.error("breaker_rest_max", "to rest for longer than a week is to be switched off")
    if rest_us > rest_max_us:
        raise section.error(
            "breaker_rest" if section.has("breaker_rest") else "breaker_rest_max",
            "a breaker would rest longer at first than at most",
            remedy="raise breaker_rest_max",
        )
    return BreakerSettings(failures, rest_us, rest_max_us)

"""How often things may start, and when a side is left alone: what is written, and what is answered to mistakes."""

from pathlib import Path

import pytest

from mainstay.config.limits import parse_rate
from mainstay.config.settings import Settings, read_settings
from mainstay.kernel.breaker import BreakerSettings
from mainstay.kernel.errors import ConfigError
from mainstay.kernel.throttle import Rate
from mainstay.kernel.values import DAY, HOUR, MINUTE, SECOND

ADAPTER = '[adapters.support]\nuse = "email"\naddress = "help@example.org"\n'


def read(text: str) -> Settings:
    return read_settings((ADAPTER + text).encode(), Path("/nowhere/desk"))


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("30/minute", Rate(30, MINUTE, 10)),
        ("3/second", Rate(3, SECOND, 3)),
        ("500/day burst 20", Rate(500, DAY, 20)),
        (" 1 / hour  burst  5 ", Rate(1, HOUR, 5)),
    ],
)
def test_a_rate(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate


def test_throttles_by_scope() -> None:
    found = read(
        '[throttles]\nworkspace = "500/day burst 20"\n"adapter.support" = "30/minute"\n'
        '"agent.reply-writer" = "5/second"\n'
    )
    assert found.throttles == (
        ("workspace", Rate(500, DAY, 20)),
        ("adapter:support", Rate(30, MINUTE, 10)),
        ("agent:reply-writer", Rate(5, SECOND, 5)),
    )
    assert read("").throttles == ()


def test_when_a_breaker_opens() -> None:
    assert read("").breaker == BreakerSettings(5, 30 * SECOND, 15 * MINUTE)
    text = '[recovery]\nbreaker_failures = 3\nbreaker_rest = "PT1M"\nbreaker_rest_max = "PT1H"\n'
    assert read(text).breaker == BreakerSettings(3, MINUTE, HOUR)


@pytest.mark.parametrize(
    ("lines", "key", "says"),
    [
        ('[throttles]\nworkspace = "30"', "throttles.workspace", "write"),
        ('[throttles]\nworkspace = "30/week"', "throttles.workspace", "'30/week' is not a rate"),
        ('[throttles]\nworkspace = "0/day"', "throttles.workspace", "between 1 and"),
        ('[throttles]\nworkspace = "9/day burst 0"', "throttles.workspace", "between 1 and"),
        ("[throttles]\nworkspace = 30", "throttles.workspace", "cannot be 30"),
        ('[throttles]\nworkspce = "3/day"', "throttles.workspce", "did you mean 'workspace'?"),
        ('[throttles]\n"adapter.suport" = "3/day"', "throttles.adapter.suport", "did you mean 'support'?"),
        ('[throttles]\n"agent.Reply Writer" = "3/day"', "throttles.agent.Reply Writer", "is not a name"),
        ('[throttles]\n"adapter.NAME" = "3/day"', "throttles.adapter.NAME", "is not a name"),
        ("[recovery]\nbreaker_failures = 0", "recovery.breaker_failures", "between 1 and"),
        ('[recovery]\nbreaker_rest = "soon"', "recovery.breaker_rest", "write PT30S"),
        ('[recovery]\nbreaker_rest = "PT1H"', "recovery.breaker_rest", "longer at first than at most"),
        (
            '[recovery]\nbreaker_rest_max = "PT1S"',
            "recovery.breaker_rest_max",
            "longer at first than at most",
        ),
        ('[recovery]\nbreaker_rest_max = "P8D"', "recovery.breaker_rest_max", "longer than a week"),
        ("[recovery]\nbreaker = 1", "recovery.breaker", "there is no key 'breaker'"),
    ],
)
def test_a_mistake_is_answered_with_key_and_line(lines: str, key: str, says: str) -> None:
    error = refusal(lines)
    assert says in str(error)
    assert (error.key, error.line) == (key, 5)


def test_every_mistake_is_told_at_once() -> None:
    error = refusal('[throttles]\nworkspace = "x"\n"agent.a" = "y"\n[recovery]\nbreaker_failures = 0\n')
    assert [one.line for one in (error, *error.also)] == [5, 6, 8]

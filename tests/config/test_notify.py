"""`[notify]`: what may stand there, and what is refused with the way out."""

from pathlib import Path

import pytest

from mainstay.config.notify import NotifySettings, QuietHours, WebhookSettings
from mainstay.config.settings import read_settings
from mainstay.kernel.errors import ConfigError
from mainstay.kernel.values import HOUR


def notify(text: str, folder: Path) -> NotifySettings:
    return read_settings(f"[notify]\n{text}".encode(), folder).notify


def test_all_of_it(tmp_path: Path) -> None:
    found = notify(
        'address = "ada@example.org"\nevery = "PT1H"\nquiet = "22:00-07:00"\nurgent = true\ndetail = "title"\n'
        'webhook = { url = "https://hooks.example.org/desk", secret = "env:HOOK" }\n',
        tmp_path,
    )
    assert (found.address, found.every_us, found.urgent, found.detail) == (
        "ada@example.org",
        HOUR,
        True,
        "title",
    )
    assert found.quiet == QuietHours(22 * 60, 7 * 60)
    assert found.webhook == WebhookSettings("https://hooks.example.org/desk", "env:HOOK")
    assert found.webhook.allow == frozenset()


@pytest.mark.parametrize(
    ("begin", "end", "minute", "quiet"),
    [
        (1320, 420, 1320, True),
        (1320, 420, 1319, False),
        (1320, 420, 0, True),
        (1320, 420, 419, True),
        (1320, 420, 420, False),
        (720, 780, 750, True),
        (720, 780, 780, False),
    ],
)
def test_quiet_hours_may_go_over_midnight(begin: int, end: int, minute: int, quiet: bool) -> None:
    assert QuietHours(begin, end).holds(minute) is quiet


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ('address = "ada"', "notify.address", "no address"),
        ('address = "ada@example.org\\nBcc: eve@example.net"', "notify.address", "no address"),
        ('every = "PT5S"', "notify.every", "too soon"),
        ('quiet = "22-7"', "notify.quiet", "no hours"),
        ('quiet = "07:00-07:00"', "notify.quiet", "no time at all"),
        ('detail = "all"', "notify.detail", "title"),
        ('webhook = { url = "https://example.org" }', "notify.webhook", "missing"),
        ('webhook = { url = "ftp://example.org", secret = "env:X" }', "notify.webhook.url", "http and https"),
        ('webhook = { url = "http://example.org", secret = "env:X" }', "notify.webhook.url", "encrypted"),
        (
            'webhook = { url = "https://169.254.169.254/x", secret = "env:X" }',
            "notify.webhook.url",
            "link-local|kind",
        ),
        (
            'webhook = { url = "https://example.org", secret = "hunter2" }',
            "notify.webhook.secret",
            "secret|reference",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, key: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        notify(text, tmp_path)
    assert refused.value.key == key
    assert "hunter2" not in str(refused.value)

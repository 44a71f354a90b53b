"""Settings with where each comes from: what is shown is what is read, and no secret is."""

from __future__ import annotations

from pathlib import Path

import pytest

from mainstay.config.recorded import Shown, shown
from mainstay.kernel.errors import ConfigError

FOLDER = Path("/desk")
FILE = b"""\
[workspace]
name = "desk"

[adapters.support]
use = "email"
address = "me@example.org"
imap = { host = "imap.example.org", user = "me", password = "env:MAIL_PASSWORD" }
send = { smtp = "smtp.example.org", user = "me", password = "keyring:mail" }
poll = "PT2M"

[budgets]
day_usd = "3.50"

[notify.webhook]
url = "https://hooks.example.org/services/T000/SECRET?key=SECRET"
secret = "age:hook"
"""


def keys(raw: bytes = FILE) -> dict[tuple[str, str], Shown]:
    return {(table.name, one.key): one for table in shown(raw, FOLDER) for one in table.keys}


def test_what_is_written_has_its_line_and_what_is_not_its_default() -> None:
    found = keys()
    assert found["budgets", "day_usd"] == Shown("day_usd", "3.50", True, 12, False)
    assert found["budgets", "month_usd"] == Shown("month_usd", "$20.00", False, None, False)
    assert found["adapters.support", "poll"].value == "PT2M"
    assert keys(b"")["console", "idle"].value == "P3D"
    assert found["console", "port"].value == "8420"


def test_secrets_are_references_and_addresses_hold_no_more_than_the_machine() -> None:
    found = keys()
    assert found["adapters.support.imap", "password"].reference
    assert found["adapters.support.imap", "password"].value == "env:MAIL_PASSWORD"
    assert found["notify.webhook", "secret"] == Shown("secret", "age:hook", True, 16, True)
    assert found["notify.webhook", "url"].value == "https://hooks.example.org/..."
    assert "SECRET" not in repr(found)


def test_a_password_in_the_file_is_refused_and_never_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        shown(FILE.replace(b"env:MAIL_PASSWORD", b"hunter2hunter2"), FOLDER)
    assert "hunter2" not in repr(caught.value.as_dict())


def test_every_key_that_readers_take_is_there() -> None:
    from mainstay.config.settings import read_settings
    from mainstay.workflows.document import Section

    taken: dict[tuple[str | int, ...], set[str]] = {}
    only = Section.only
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Section,
            "only",
            lambda self, *names: (taken.setdefault(self.path, set()).update(names), only(self, *names))[1],
        )
        read_settings(FILE, FOLDER)
    told = {(table, key) for table, key in keys()}
    assert told == {
        (".".join(map(str, path)), name) for path, names in taken.items() if path for name in names
    }

"""`mainstay.toml`: forms, defaults, and what is refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.config.accounts import (
    AdapterSettings,
    ImapSource,
    MaildirSend,
    MaildirSource,
    MboxSource,
    SmtpSend,
)
from mainstay.config.models import ModelSettings
from mainstay.config.settings import (
    BudgetSettings,
    OperatorSettings,
    Settings,
    WorkspaceSettings,
    read_settings,
)
from mainstay.kernel.errors import ConfigError

FOLDER = Path("/srv/north-desk")

EXAMPLE = """\
[workspace]
name = "north-desk"
language = ["en"]
[adapters.support]
use = "email"
imap = { host = "imap.example.org", user = "help@example.org", password = "keyring:support" }
send = { smtp = "smtp.example.org", witness = true }
start = "now"                            # or a date; older mail becomes memory, never runs
[models.default]
use = "ollama:qwen3"                     # leave it out: on-device only
allowed_data = ["public", "customer"]    # a task's data class must be allowed for the provider
[budgets]
day_usd = "2.00"
"""


def read(text: str) -> Settings:
    return read_settings(text.encode(), FOLDER)


def adapter(text: str) -> AdapterSettings:
    return read(f'[adapters.a]\nuse = "email"\naddress = "me@example.org"\n{text}\n').adapters["a"]


def test_an_empty_file_has_defaults() -> None:
    assert read("") == Settings(
        workspace=WorkspaceSettings("north-desk", ("en",), None),
        operator=OperatorSettings(),
        budgets=BudgetSettings(2_000_000, 20_000_000, None, None),
    )
    assert read_settings(b"", Path("/srv/2026 (new)")).workspace.name == "workspace"


def test_the_settings_by_example() -> None:
    settings = read(EXAMPLE)
    assert settings.workspace == WorkspaceSettings("north-desk", ("en",))
    assert settings.adapters == {
        "support": AdapterSettings(
            name="support",
            use="email",
            mailbox="support",
            address="help@example.org",
            source=ImapSource("imap.example.org", "help@example.org", "keyring:support", 993, "tls"),
            send=SmtpSend(
                "smtp.example.org", "help@example.org", "keyring:support", 465, "tls", witness=True
            ),
            start="now",
        )
    }
    assert settings.models == {"default": ModelSettings("default", "ollama:qwen3", ("public", "customer"))}
    assert settings.budgets.day_micros == 2_000_000


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ('source = { mbox = "inbox.mbox" }', MboxSource(FOLDER / "inbox.mbox")),
        ('mbox = "/var/mail/me"', MboxSource(Path("/var/mail/me"))),
        ('maildir = "Mail"', MaildirSource(FOLDER / "Mail")),
        ("", None),
    ],
)
def test_sources(text: str, source: object) -> None:
    assert adapter(text).source == source


def test_a_path_may_begin_at_home(home: Path) -> None:
    assert adapter('mbox = "~/mail"').source == MboxSource(home / "mail")


def test_without_a_way_out_replies_are_put_into_a_folder() -> None:
    assert adapter("").send == MaildirSend(FOLDER / "outbox")
    assert adapter('send = { maildir = "sent" }').send == MaildirSend(FOLDER / "sent")


@pytest.mark.parametrize(
    ("text", "port", "tls"),
    [
        ('smtp = "mail.example.org"', 465, "tls"),
        ('smtp = "mail.example.org", port = 587', 587, "starttls"),
        ('smtp = "mail.example.org", tls = "starttls"', 587, "starttls"),
        ('smtp = "mail.example.org", port = 2525', 2525, "tls"),
        ('smtp = "127.0.0.1", port = 2525, tls = "none"', 2525, "none"),
    ],
)
def test_ports_and_encryption(text: str, port: int, tls: str) -> None:
    send = adapter(f"send = {{ {text} }}").send
    assert isinstance(send, SmtpSend)
    assert (send.port, send.tls) == (port, tls)


def test_smtp_has_the_log_in_of_the_mailbox_unless_it_has_its_own() -> None:
    imap = 'imap = { host = "i.example.org", user = "u@example.org", password = "env:A" }\n'

    def login(text: str) -> tuple[str, str]:
        send = adapter(imap + f'send = {{ smtp = "s.example.org"{text} }}').send
        assert isinstance(send, SmtpSend)
        return send.user, send.password

    assert login("") == ("u@example.org", "env:A")
    assert login(', password = "env:B"') == ("u@example.org", "env:B")
    assert login(', user = "v", password = "age:b"') == ("v", "age:b")
    assert login(', user = ""') == ("", "")


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ('start = "all"', "all"),
        ("start = 2026-03-02", 1_772_409_600_000_000),
        ('start = "2026-03-02"', 1_772_409_600_000_000),
        ("start = 2026-03-02T01:00:00+01:00", 1_772_409_600_000_000),
        ("start = 2026-03-02 00:00:00", 1_772_409_600_000_000),
        ("", "now"),
    ],
)
def test_starts(text: str, start: object) -> None:
    assert adapter(text).start == start


def test_the_other_keys_of_an_adapter() -> None:
    found = adapter('mailbox = "sales"\naliases = ["b@example.org"]\npoll = "PT5M"\nreplies_per_hour_max = 1')
    assert (found.mailbox, found.aliases, found.poll_s, found.replies_per_hour_max) == (
        "sales", ("b@example.org",), 300.0, 1,
    )  # fmt: skip


def test_an_adapter_that_there_is_not_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="calendr"):
        read('[adapters.desk]\nuse = "calendr"\naddress = "a@example.org"\n')


def test_the_rest() -> None:
    settings = read(
        '[operator]\nname = "Ada"\naddress = "ada@example.org"\nsignature = """\nBest wishes\nAda"""\n'
        '[adapters.desk]\nuse = "email"\naddress = "a@example.org"\n'
        '[notify]\naddress = "ada@example.org"\nadapter = "desk"\n'
        '[console]\nport = 9000\npublic_url = "https://desk.example.org/"\n'
        '[budgets]\nmonth_usd = "5"\nrun_usd = "0.10"\nworkflow_usd = "1.00"\n'
    )
    assert settings.operator == OperatorSettings("Ada", "Best wishes\nAda", "ada@example.org")
    assert (settings.notify.address, settings.notify.adapter) == ("ada@example.org", "desk")
    assert (settings.console.port, settings.console.public_url) == (9000, "https://desk.example.org")
    assert settings.budgets == BudgetSettings(2_000_000, 5_000_000, 100_000, 1_000_000)


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "says"),
    [
        ("[workspace]", "[workspaces]", 1, "workspaces", "did you mean 'workspace'?"),
        ('name = "north-desk"', 'name = "North Desk"', 2, "workspace.name", "is not a name"),
        ('language = ["en"]', 'language = "en"', 3, "workspace.language", "must be a list of texts"),
        ('language = ["en"]', 'language = ["English"]', 3, "workspace.language", "not a language code"),
        ('language = ["en"]', 'key = "keys/master"', 3, "workspace.key", "outside of the workspace"),
        ("[adapters.support]", "[adapters.Support]", 4, "adapters.Support", "cannot be the name"),
        ('use = "email"', "", 4, "adapters.support", "'use' is missing"),
        ('use = "email"', 'user = "email"', 5, "adapters.support.user", "did you mean 'use'?"),
        (
            'use = "email"',
            'use = "email"\naddress = "nobody"',
            6,
            "adapters.support.address",
            "is not an address",
        ),
        (
            'use = "email"',
            'use = "email"\nmbox = "x"',
            7,
            "adapters.support.imap",
            "several sources: mbox, imap",
        ),
        (
            '"keyring:support"',
            '"hunter2"',
            6,
            "adapters.support.imap.password",
            "not a reference to a secret",
        ),
        (
            '"keyring:support"',
            '"keyring:"',
            6,
            "adapters.support.imap.password",
            "not a reference to a secret",
        ),
        ('user = "help@example.org", ', "", 6, "adapters.support.imap", "'user' is missing"),
        (
            'host = "imap.example.org"',
            'host = "imaps://x"',
            6,
            "adapters.support.imap.host",
            "name of a machine",
        ),
        ('host = "imap.example.org"', 'host = "x:993"', 6, "adapters.support.imap.host", "name of a machine"),
        (
            'host = "imap.example.org"',
            'host = "x", port = 0',
            6,
            "adapters.support.imap.port",
            "between 1 and",
        ),
        (
            'host = "imap.example.org"',
            'host = "x", tls = "none"',
            6,
            "adapters.support.imap.tls",
            "be encrypted",
        ),
        (
            'host = "imap.example.org"',
            'host = "x", tls = "ssl"',
            6,
            "adapters.support.imap.tls",
            "cannot be 'ssl'",
        ),
        ("witness = true", 'witness = "yes"', 7, "adapters.support.send.witness", "true or false"),
        ('smtp = "smtp.example.org", ', "", 7, "adapters.support.send", "no way out"),
        ('start = "now"', 'start = "later"', 8, "adapters.support.start", "is no start"),
        ('start = "now"', "start = 3", 8, "adapters.support.start", "cannot be a number"),
        ('start = "now"', 'poll = "PT1S"', 8, "adapters.support.poll", "every five seconds"),
        ('use = "ollama:qwen3"', 'use = "qwen3"', 10, "models.default.use", "names no model"),
        ('use = "ollama:qwen3"', 'use = "a:b"\nkey = "sk-123"', 11, "models.default.key", "not a reference"),
        (
            'use = "ollama:qwen3"',
            'use = "a:b"\nurl = "file:///x"',
            11,
            "models.default.url",
            "not a web address",
        ),
        ('day_usd = "2.00"', "day_usd = 2.0", 13, "budgets.day_usd", 'write it as text, such as "2.00"'),
        ('day_usd = "2.00"', 'day = "2.00"', 13, "budgets.day", "did you mean 'day_usd'?"),
        (
            "[budgets]",
            '[notify]\nadapter = "suport"\n[budgets]',
            13,
            "notify.adapter",
            "did you mean 'support'?",
        ),
        (
            "[budgets]",
            '[console]\npublic_url = "http://x.example"\n[budgets]',
            13,
            "console.public_url",
            "not safe",
        ),
        ("[budgets]", "budgets = 1", 12, "models.default.budgets", "there is no key 'budgets'"),
    ],
)
def test_a_mistake_is_answered_with_file_line_and_key(
    old: str, new: str, line: int, key: str, says: str
) -> None:
    assert old in EXAMPLE
    with pytest.raises(ConfigError) as caught:
        read(EXAMPLE.replace(old, new, 1))
    error = caught.value
    assert says in str(error)
    assert (error.file, error.line, error.key) == ("mainstay.toml", line, key)


def test_a_password_in_the_file_is_refused_and_never_repeated() -> None:
    for text in (
        EXAMPLE.replace("keyring:support", "hunter2"),
        EXAMPLE.replace("password =", "pass =").replace("keyring:support", "hunter2"),
    ):
        with pytest.raises(ConfigError) as caught:
            read(text)
        everything = str(caught.value) + repr(caught.value) + str(caught.value.as_dict())
        assert "hunter2" not in everything


def test_all_mistakes_come_at_once() -> None:
    text = (
        EXAMPLE.replace("north-desk", "X")
        .replace('"now"', '"x"')
        .replace("ollama:", "")
        .replace('"2.00"', "2")
    )
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert [one.line for one in (caught.value, *caught.value.also)] == [2, 8, 10, 13]


_WORDS = st.lists(st.sampled_from(EXAMPLE.replace("\n", " \n ").split(" ")), max_size=30).map(" ".join)


@given(
    piece=st.one_of(st.text(max_size=10), _WORDS),
    start=st.integers(0, len(EXAMPLE)),
    length=st.integers(0, 30),
)
def test_damaged_files_give_settings_or_a_config_error(piece: str, start: int, length: int) -> None:
    text = EXAMPLE[:start] + piece + EXAMPLE[start + length :]
    try:
        found: object = type(read_settings(text.encode(), FOLDER))
    except ConfigError as error:
        found = type(error)
    assert found in (Settings, ConfigError)

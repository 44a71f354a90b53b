"""A director that is down: the operator is told once, by mail that the next ingest drops, and once when it is back."""

import json
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from mainstay.adapters.email import parse, recognise
from mainstay.adapters.email.mime import ParsedMail
from mainstay.cli import main as command_line
from mainstay.config.files import load_settings
from mainstay.kernel.values import MINUTE, SECOND, Instant
from mainstay.ledger.lock import WriterLock
from mainstay.runtime.heartbeat import Heartbeat, beat, read_outage
from mainstay.workspace import outage, telling
from mainstay.workspace.folder import Folder, create
from mainstay.workspace.telling import Message, Told, tell
from tests.servers.dovecot import free_ports

T0 = 1_800_000_000 * SECOND


class Relay:
    """Takes every mail, or refuses as told."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], bytes]] = []
        self.answer = "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  the library's name
        if self.answer.startswith("250"):
            self.mails.append((envelope.rcpt_tos, envelope.content))
        return self.answer


@pytest.fixture
def relay() -> Iterator[tuple[Relay, int]]:
    handler = Relay()
    (port,) = free_ports(1)
    controller = Controller(handler, hostname="127.0.0.1", port=port, server_hostname="localhost")
    controller.start()
    yield handler, port
    controller.stop()


@pytest.fixture
def folder(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setenv("MAINSTAY_KEY_HOME", str(short_path / "keys"))
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    made, _ = create(short_path / "desk", "desk")
    return made


def with_mail(folder: Folder, port: int) -> None:
    (folder.root / "mainstay.toml").write_text(
        '[workspace]\nname = "north-desk"\n[operator]\naddress = "me@example.org"\n'
        '[adapters.support]\nuse = "email"\naddress = "help@example.org"\n'
        f'[adapters.support.send]\nsmtp = "127.0.0.1"\nport = {port}\ntls = "none"\nuser = ""\n',
        "utf-8",
    )


def look(folder: Folder, now: int) -> tuple[str, Told | None]:
    settings = load_settings(folder.root)
    at = Instant(now)
    found, told = outage.check(folder, settings, lambda one: tell(folder, settings, one, now=at), now=at)
    return found.state, told


def test_an_outage_is_told_once_by_mail_and_its_end_once(folder: Folder, relay: tuple[Relay, int]) -> None:
    handler, port = relay
    with_mail(folder, port)
    beat(folder.heartbeat, Heartbeat(T0))
    assert look(folder, T0 + 5 * MINUTE) == ("down", None)
    assert look(folder, T0 + 11 * MINUTE) == ("down", None)
    assert look(folder, T0 + 16 * MINUTE) == ("down", Told(("e-mail through support",)))
    assert look(folder, T0 + 21 * MINUTE) == ("down", None)
    with WriterLock(folder.lock):
        beat(folder.heartbeat, Heartbeat(T0 + 30 * MINUTE))
        assert look(folder, T0 + 31 * MINUTE)[1] == Told(("e-mail through support",))
        assert look(folder, T0 + 36 * MINUTE) == ("at work", None)
    subjects = [message_from_bytes(raw)["Subject"] for _, raw in handler.mails]
    assert subjects == [
        "Mainstay: the director of north-desk is down",
        "Mainstay: the director of north-desk is back",
    ]
    assert all(to == ["me@example.org"] for to, _ in handler.mails)
    assert read_outage(folder.outage) is None


def test_the_next_ingest_knows_the_mail_for_ours(folder: Folder, relay: tuple[Relay, int]) -> None:
    from mainstay.runtime.clock import SystemClock
    from mainstay.workspace.held import Held

    handler, port = relay
    with_mail(folder, port)
    settings = load_settings(folder.root)
    assert tell(folder, settings, Message("x", "y", "z"), now=Instant(T0)).ways
    ((_, raw),) = handler.mails
    mail = parse(raw)
    assert isinstance(mail, ParsedMail)
    held = Held(folder, SystemClock())
    try:
        assert recognise(mail, ("help@example.org",), held.assembly.seal_key) == "own_notification"
    finally:
        held.close()


def test_what_was_certainly_not_sent_is_tried_again(folder: Folder, relay: tuple[Relay, int]) -> None:
    handler, port = relay
    with_mail(folder, port)
    beat(folder.heartbeat, Heartbeat(T0))
    handler.answer = "451 later"
    look(folder, T0 + 11 * MINUTE)
    _, told = look(folder, T0 + 16 * MINUTE)
    assert told is not None
    assert (told.ways, told.settled) == ((), False)
    assert "451" in told.failed[0]
    handler.answer = "250 OK"
    _, told = look(folder, T0 + 21 * MINUTE)
    assert told == Told(("e-mail through support",))
    assert len(handler.mails) == 1


def test_what_may_have_been_sent_is_not_sent_again(folder: Folder) -> None:
    beat(folder.heartbeat, Heartbeat(T0))
    settings = load_settings(folder.root)
    asked: list[Message] = []

    def doubtful(message: Message) -> Told:
        asked.append(message)
        return Told((), ("e-mail",), maybe=True)

    for minutes in (11, 16, 21, 26):
        outage.check(folder, settings, doubtful, now=Instant(T0 + minutes * MINUTE))
    assert len(asked) == 1


def test_it_is_written_down_before_it_is_told(folder: Folder) -> None:
    beat(folder.heartbeat, Heartbeat(T0))
    settings = load_settings(folder.root)

    def killed(message: Message) -> Told:
        raise KeyboardInterrupt

    outage.check(folder, settings, killed, now=Instant(T0 + 11 * MINUTE))
    with pytest.raises(KeyboardInterrupt):
        outage.check(folder, settings, killed, now=Instant(T0 + 16 * MINUTE))
    found, told = outage.check(folder, settings, killed, now=Instant(T0 + 21 * MINUTE))
    assert (found.state, told) == ("down", None)


def test_one_that_holds_the_workspace_and_is_silent_hangs(folder: Folder) -> None:
    beat(folder.heartbeat, Heartbeat(T0))
    with WriterLock(folder.lock):
        assert look(folder, T0 + 11 * MINUTE)[0] == "hangs"
    assert not outage.locked(folder), "looking leaves the lock free"


def test_a_command_of_the_operator_comes_first_and_gets_the_text(folder: Folder, tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    (folder.root / "mainstay.toml").write_text(
        f'[workspace]\nname = "north-desk"\n[notify]\ncommand = ["/bin/sh", "-c", "cat > {heard}"]\n', "utf-8"
    )
    settings = load_settings(folder.root)
    told = tell(folder, settings, Message("It is down", "Look at it.", "x"), now=Instant(T0))
    assert told == Told(("command /bin/sh",))
    assert heard.read_text("utf-8") == "It is down\n\nLook at it.\n"
    missing = settings.notify.__class__(command=("/nowhere/at/all",))
    object.__setattr__(settings, "notify", missing)
    assert tell(folder, settings, Message("a", "b", "c"), now=Instant(T0)).failed == (
        "command /nowhere/at/all (127)",
    )


def test_the_desktop_is_told_where_there_is_one(folder: Folder, tmp_path: Path) -> None:
    program = tmp_path / "notify-send"
    program.write_text("#!/bin/sh\n", "utf-8")
    program.chmod(0o755)
    ran: list[Any] = []

    def run(command: Any, given: bytes) -> int:
        ran.append(command)
        return 0

    settings = load_settings(folder.root)
    message = Message("down", "text", "x")
    for environ, ways in (
        ({"PATH": str(tmp_path), "DISPLAY": ":0"}, ("desktop",)),
        ({"PATH": str(tmp_path)}, ()),
        ({"PATH": "/nowhere", "DISPLAY": ":0"}, ()),
    ):
        assert tell(folder, settings, message, now=Instant(T0), run=run, environ=environ).ways == ways
    assert ran == [(str(program), "--app-name=Mainstay", "down", "text")]


def test_nothing_personal_is_told(folder: Folder, relay: tuple[Relay, int]) -> None:
    _, port = relay
    with_mail(folder, port)
    text = str(telling.composed(
        load_settings(folder.root).adapters["support"], "me@example.org",
        outage._down("desk", folder, "down", Heartbeat(T0), Instant(T0 + 20 * MINUTE)),
        now=Instant(T0), seal_key=b"k" * 32,
    ))  # fmt: skip
    assert "20 minutes" in text
    assert "mainstay up -w" in text
    assert "Auto-Submitted: auto-generated" in text


def test_the_command_says_what_it_found(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    def typed(*arguments: str) -> tuple[int, str, str]:
        code = command_line.run(["heartbeat", "check", "-w", str(folder.root), *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    assert typed() == (0, "Director: unknown.\n", "")
    beat(folder.heartbeat, Heartbeat(T0 // 2, stopped=True))
    assert typed("--quiet") == (0, "", "")
    beat(folder.heartbeat, Heartbeat(T0 // 2))
    assert typed() == (0, "Director: down.\n", "")
    outage.write_outage(folder.outage, outage.Outage(T0 // 2, T0 // 2))
    code, said, error = typed("--json")
    assert code == 1
    assert json.loads(said) == {"director": "down", "way": "tell_down", "told": [], "failed": []}
    assert "set [notify]" in error

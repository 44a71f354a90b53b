"""Canaries: a value of its own for every secret, a day of work with everything that can go wrong, and then a search.

The director is a real one in this process; the model's endpoint and the mail server are real servers on loopback that
refuse, and quote in their refusal what they were given. What is sealed is searched before it is sealed.
"""

import asyncio
import base64
import io
import json
import logging
import socketserver
import threading
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mainstay.agents.base import Reply
from mainstay.agents.checks.subject import Subject
from mainstay.agents.executor import Proposer
from mainstay.agents.inspector import ReplyInspector
from mainstay.cli.main import run
from mainstay.ledger.sealing import Vault
from mainstay.models import traces
from mainstay.models.base import Completion, Message, Prompt
from mainstay.models.client import EndpointModel
from mainstay.models.scripted import ScriptedEmbedder
from mainstay.models.settings import ModelSettings
from mainstay.net.secrets import Secret, SecretStore
from mainstay.net.withheld import without_secrets
from mainstay.testing.model_server import Asked, Given, ModelServer, completion
from mainstay.workspace.assembly import Assembly
from mainstay.workspace.console_password import ConsolePassword
from mainstay.workspace.folder import Folder
from mainstay.workspace.serving import Service
from mainstay.workspace.workspace import Workspace
from tests.agents.sample import message, rules
from tests.cli.conftest import lay_out
from tests.models.test_traces import Records, Traces
from tests.security.attacks import attack

CANARIES = {
    "mailbox": "mail-Canary-lantern-8841",
    "model": "model-Canary-harbour-2206",
    "webhook": "hook-Canary-orchard-7733-longer",
    "console": "console Canary meadow 5512",
}
SETTINGS = """
[models.default]
use = "scripted:small"
url = "{model}"
key = "file:{keys}/model.key"
allowed_data = ["public", "customer"]
price_input_usd = "0"
price_output_usd = "0"
[notify]
webhook = {{ url = "http://127.0.0.1:{hook}/", secret = "file:{keys}/webhook.key" }}
"""
SEND = 'send = {{ smtp = "127.0.0.1", port = {port}, tls = "none", user = "help", password = "env:MAIL_CANARY" }}'


class _Quoting(socketserver.StreamRequestHandler):
    """A mail server that refuses a password and repeats it."""

    def handle(self) -> None:
        self.wfile.write(b"220 loopback\r\n")
        for line in iter(self.rfile.readline, b""):
            word = line[:4].upper()
            if word == b"EHLO":
                self.wfile.write(b"250-loopback\r\n250 AUTH PLAIN\r\n")
            elif word == b"AUTH":
                given = base64.b64decode(line.split()[-1]).split(b"\0")[-1]
                self.server.asked += 1  # type: ignore[attr-defined]
                self.wfile.write(
                    b"535 5.7.8 the password " + given + b" of " + line.split()[-1] + b" is wrong\r\n"
                )
            elif word == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"502 no\r\n")


def quoting(asked: Asked) -> Given:
    """A provider that repeats the key it was given."""
    given = asked.headers.get("authorization", "")
    body = {"error": {"message": f"no such key: {given}", "code": given, "type": given}}
    return Given(status=401, raw=json.dumps(body).encode(), headers={"X-Seen": given})


def failing(asked: Asked) -> Given:
    """A provider that fails and repeats it."""
    return Given(status=500, raw=f"Traceback: {asked.headers}".encode())


@dataclass
class Day:
    """What is left of a day: the folder, and everything that was said, written and traced."""

    root: Path
    keys: Path
    said: list[tuple[str, str]] = field(default_factory=list)
    sealed: list[bytes] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)


class _Scripted(Assembly):
    embedder = ScriptedEmbedder()


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """As any handler of an embedding program would write it."""
        if record.name.startswith("mainstay"):
            self.lines.append(record.getMessage())


def lived(place: Path) -> Day:
    """One day, from the first mail to a backup in the evening."""
    keys = place / "keys"
    keys.mkdir(mode=0o700)
    for name in ("model", "webhook"):
        (keys / f"{name}.key").write_text(CANARIES[name])
        (keys / f"{name}.key").chmod(0o600)
    day = Day(place / "desk", keys)
    with (
        pytest.MonkeyPatch.context() as patch,
        ModelServer(quoting, failing, quoting, completion("Hello.")) as model,
    ):
        patch.setenv("MAINSTAY_KEY_HOME", str(keys))
        patch.setenv("MAIL_CANARY", CANARIES["mailbox"])
        patch.setenv("MAINSTAY_TRACEBACK", "1")
        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Quoting) as mail:
            mail.asked = 0  # type: ignore[attr-defined]
            serving = threading.Thread(target=mail.serve_forever, daemon=True)
            serving.start()
            try:
                _lived(day, patch, model.url, mail.server_address[1])
            finally:
                mail.shutdown()
                serving.join()
            day.seen["mail"] = mail.asked  # type: ignore[attr-defined]
        day.seen["model"] = sum(CANARIES["model"] in str(one.headers) for one in model.asked)
    return day


def _lived(day: Day, patch: pytest.MonkeyPatch, model: str, port: int) -> None:
    lay_out(day.root, messages=3)
    file = day.root / "mainstay.toml"
    text = file.read_text().replace('send = { maildir = "outbox" }', SEND.format(port=port))
    file.write_text(text + SETTINGS.format(model=model, keys=day.keys, hook=port))
    spans = Traces()
    from opentelemetry import trace

    patch.setattr(trace, "_TRACER_PROVIDER", spans)
    patch.setattr(trace, "get_tracer", lambda *args, **more: spans.tracer)
    patch.setattr(traces, "_meter", Records(), raising=False)
    sealing = Vault.seal

    def spied(self: Vault, subject: Any, plain: bytes, *rest: Any, **more: Any) -> bytes:
        day.sealed.append(plain)
        return sealing(self, subject, plain, *rest, **more)

    patch.setattr(Vault, "seal", spied)
    proposing, raised = Proposer.work, list[int]()

    async def clumsy(self: Proposer, *args: Any) -> Any:
        if not raised:
            raised.append(1)
            SecretStore().resolve(f"file:{day.keys}/model.key")  # whoever quotes a secret was given it
            raise RuntimeError(
                f"a library says: Authorization: Bearer {CANARIES['model']}, {CANARIES['mailbox']!r}"
            )
        return await proposing(self, *args)

    patch.setattr(Proposer, "work", clumsy)
    heard = _Heard()
    logging.getLogger().addHandler(heard)
    out, err = io.StringIO(), io.StringIO()
    try:
        with redirect_stdout(out), redirect_stderr(err):
            asyncio.run(_worked(day))
    finally:
        logging.getLogger().removeHandler(heard)
    day.seen["raised"] = len(raised)
    day.said += [("stdout", out.getvalue()), ("stderr", err.getvalue()), ("log", "\n".join(heard.lines))]
    day.said.append(("traces", repr([(one.name, vars(one)) for one in spans.tracer.spans])))
    _looked(day)


async def _worked(day: Day) -> None:
    folder = Folder(day.root)
    service, ready = Service(folder, ingest=False, assembly=_Scripted), asyncio.Event()
    ConsolePassword(folder.id, service.held.assembly.untyped.settings.console).set(
        Secret(CANARIES["console"])
    )
    working = asyncio.create_task(service.run(ready.set))
    await ready.wait()
    await service._operate("ingest", {"adapter": ""})
    await _quiet(service)
    with Workspace.open(day.root) as opened:
        card = next(iter(opened.approvals()), None)
    if card is not None:
        day.seen["cards"] = 1
        answer = {
            "approval": card.approval,
            "digest": card.digest,
            "actor": "operator",
            "confirm": card.second_step,
        }
        await service._operate("approve", answer)
        await _quiet(service)
    service.stop()
    await working


async def _quiet(service: Service) -> None:
    for _ in range(2_000):
        if service.loop.quiet:
            return
        await asyncio.sleep(0.005)


def _looked(day: Day) -> None:
    """Every way to look at it, from the command line."""
    with Workspace.open(day.root) as opened:
        runs = [str(row["run"]) for row in opened.runs()]
        with_backup = day.root.parent / "backup"
        opened.back_up(with_backup)
    commands: list[list[str]] = [["explain", one] for one in runs]
    commands += [
        ["status"],
        ["approvals"],
        ["doctor"],
        ["runs"],
        ["dead-letters"],
        ["logs"],
        ["models"],
        ["secrets"],
    ]
    commands += [
        ["models", "check", "default"],
        ["secrets", "check"],
        ["export"],
        ["costs"],
        ["doubts"],
        ["nonsense"],
    ]
    for command in commands:
        for more in ([], ["--json"]):
            out, err = io.StringIO(), io.StringIO()
            with redirect_stdout(out), redirect_stderr(err):
                run([*command, *more, "-w", str(day.root)])
            day.said.append((" ".join(command + more), out.getvalue() + err.getvalue()))
    with Workspace.open(day.root) as opened:
        day.said.append(("export, opened", b"".join(opened.export(opened=True)).decode()))


def needles(day: Day) -> dict[str, list[bytes]]:
    """Each secret in the spellings it could have: also the keys that Mainstay made by itself."""
    found = {
        name: [
            value.encode(),
            base64.b64encode(value.encode())[:-3],
            quote(value).encode(),
            value.encode().hex().encode(),
        ]
        for name, value in CANARIES.items()
    }
    own = [one for one in (*day.keys.iterdir(), day.root.parent / "master.key") if one.is_file()]
    for file in own:
        raw = file.read_bytes().strip()
        if 16 <= len(raw) <= 200 and file.name not in ("model.key", "webhook.key"):
            found[file.name] = [raw, raw.hex().encode(), base64.b64encode(raw).rstrip(b"=")]
    return found


def leaks(day: Day) -> list[str]:
    """Where a secret stands."""
    texts = [(name, text.encode()) for name, text in day.said]
    texts += [(f"sealed {number}", one) for number, one in enumerate(day.sealed)]
    for folder in (day.root, day.root.parent / "backup"):
        texts += [(str(one), one.read_bytes()) for one in folder.rglob("*") if one.is_file()]
    wanted = needles(day)
    return [
        f"{secret} in {name}"
        for name, text in texts
        for secret, each in wanted.items()
        if any(n in text for n in each)
    ]


@pytest.mark.long
@attack(
    ("mainstay.runtime.reasons", "without_secrets", lambda text: text),
    ("mainstay.workspace.serving", "without_secrets", lambda text: text),
)
def test_no_secret_stands_anywhere_after_a_day_of_work_and_failures(tmp_path: Path) -> None:
    day = lived(tmp_path)
    # What should go wrong did.
    assert day.seen["model"] > 0
    assert day.seen["raised"] == day.seen["mail"] == 1
    assert day.sealed
    found = leaks(day)
    assert found == []


def test_a_canary_in_a_file_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "desk").mkdir()
    (tmp_path / "keys").mkdir()
    day = Day(tmp_path / "desk", tmp_path / "keys")
    assert leaks(day) == []
    (tmp_path / "desk" / "note").write_bytes(base64.b64encode(CANARIES["model"].encode()))
    assert leaks(day) == [f"model in {tmp_path}/desk/note"]


@attack(("mainstay.net.secrets", "Secret.__repr__", lambda self: f"Secret({self._value})"))
def test_a_secret_shows_itself_to_nobody() -> None:
    one = Secret(CANARIES["model"])
    for shown in (
        repr(one),
        str(one),
        f"{one}",
        f"{one:>40}",
        repr([one]),
        repr({"key": one}),
        str(Exception(one)),
    ):
        assert CANARIES["model"] not in shown


@attack(("mainstay.net.withheld", "without_secrets", lambda text: text))
def test_an_error_that_quotes_a_secret_is_shown_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAINSTAY_TRACEBACK", "1")
    Secret(CANARIES["mailbox"]).reveal()

    def raised(*args: Any, **more: Any) -> Any:
        raise RuntimeError(f"log-in failed for {CANARIES['mailbox']}")

    monkeypatch.setattr(Workspace, "open", raised)
    for more in ([], ["--json"]):
        assert run(["costs", *more, "-w", str(tmp_path)]) != 0
        written = capsys.readouterr()
        assert "RuntimeError" in written.out + written.err
        assert CANARIES["mailbox"] not in written.out + written.err


class _Everything:
    def __contains__(self, name: object) -> bool:
        return True


@attack(("mainstay.workspace.telling", "PASSED_ON", _Everything()))
def test_a_program_that_is_told_of_cards_gets_no_secret_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mainstay.workspace.telling import run_command

    monkeypatch.setenv("MAIL_CANARY", CANARIES["mailbox"])
    script = tmp_path / "told"
    script.write_text(
        f'#!/bin/sh\nenv > {tmp_path}/seen; tr "\\0" " " < /proc/self/cmdline >> {tmp_path}/seen\n'
    )
    script.chmod(0o755)
    run_command((str(script),), b"a card waits")
    assert CANARIES["mailbox"] not in (tmp_path / "seen").read_text()
    assert "PATH=" in (tmp_path / "seen").read_text()


@attack(
    ("mainstay.agents.checks.leaks", "_secret", lambda text: ""),
    ("mainstay.agents.checks.grounds", "facts_of", lambda text: set()),
)
def test_a_secret_and_an_address_in_the_words_of_a_model_are_neither_sent_nor_fetched() -> None:
    Secret(CANARIES["model"]).reveal()
    forms = (
        f"Your key is {CANARIES['model']}.",
        f"See {{trap}}/?k={quote(CANARIES['model'])}",
        f"![]({{trap}}/{base64.b64encode(CANARIES['model'].encode()).decode()})",
        "Use sk-abcdefghijklmnop12345678 and read {trap}/more",
    )
    with ModelServer(Given()) as trap:
        for form in forms:
            text = f"Hello Pat,\n\n{form.format(trap=trap.url)}\n\nBest wishes"
            with ModelServer(completion(text)) as server:
                drafted = asyncio.run(_drafted(server.url))
            draft = Reply(
                text=drafted, subject="Re: Hello", template="how-to", grounds=(), model="scripted:small"
            )
            inspected = ReplyInspector(rules()).inspect(Subject(draft, message(), rules()))
            assert inspected.verdict == "refuse", form
            # What was found is not written down again: remarks are taken to the card by this way.
            assert CANARIES["model"].lower() not in without_secrets(str(inspected)).lower()
            if trap.url in text:
                assert any(trap.url in one.remark for one in inspected.findings), inspected.findings
        assert trap.asked == []


async def _drafted(url: str) -> str:
    model = EndpointModel(ModelSettings("default", "scripted:small", url=url))
    try:
        answer = await model.complete(Prompt("Draft.", (Message("user", "Hello?"),), output_token_max=400))
    finally:
        await model.aclose()
    assert isinstance(answer, Completion), answer
    return answer.text

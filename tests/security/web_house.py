"""A director at work with its web server, in a thread of this process: real sockets, real ledger, real cards.

The fixture `web` is one for each file of tests, begun from a copy of a workspace that was triaged once: what a file
finds does not hang on which files ran before it. Tests of one file share it, so a test takes a card of its own and
counts what is its own. Time is the system's with an offset, so that a test may let an hour pass; each test begins with
full buckets. `Browser` sends what a browser sends and keeps its cookies.
"""

from __future__ import annotations

import asyncio
import http.client
import re
import shutil
import socket
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import pytest

from mainstay.config.console import ConsoleSettings
from mainstay.console.limits import Limits
from mainstay.console.server import serve
from mainstay.kernel.contract import Finality
from mainstay.kernel.events import (
    NUMBER_OF,
    CheckpointSigned,
    IncidentCleared,
    IncidentDetected,
    OperatorNotified,
    SigningKeyAdopted,
)
from mainstay.kernel.ids import ApprovalId
from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.store import Position
from mainstay.models.base import Embedder, Unavailable
from mainstay.models.embedder import find_embedder
from mainstay.net.secrets import Secret
from mainstay.runtime.clock import SystemClock
from mainstay.runtime.links import issue
from mainstay.runtime.tick import Request
from mainstay.workspace import Workspace
from mainstay.workspace.console_password import ConsolePassword
from mainstay.workspace.folder import Folder
from mainstay.workspace.serving import Service
from tests.cli.conftest import lay_out
from tests.prepared import copied, embedder_cache, prepared

MESSAGES = 64
# What a director adds by itself, asked or not: it tells, it signs, it notices.
IN_ITS_OWN_TIME = frozenset(
    NUMBER_OF[kind]
    for kind in (CheckpointSigned, SigningKeyAdopted, OperatorNotified, IncidentDetected, IncidentCleared)
)
WAIT_S = 60.0
START_S = 300.0  # seconds of work, on a machine that may be busy with a dozen other things
PASSWORD = "plain sample words 7"
Result = TypeVar("Result")


class OffsetClock(SystemClock):
    """The machine's clocks, and what a test added."""

    def __init__(self) -> None:
        self._ahead_s = 0.0
        self._stands_at: tuple[Instant, float] | None = None

    def now(self) -> Instant:
        if self._stands_at is not None:
            return self._stands_at[0]
        return Instant(super().now() + round(self._ahead_s * 1_000_000))

    def monotonic_s(self) -> float:
        if self._stands_at is not None:
            return self._stands_at[1]
        return super().monotonic_s() + self._ahead_s

    def pass_s(self, seconds: float) -> None:
        self._ahead_s += seconds
        if self._stands_at is not None:
            now, elapsed_s = self._stands_at
            self._stands_at = Instant(now + round(seconds * 1_000_000)), elapsed_s + seconds

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Time stands, however long the machine takes; only `pass_s` moves it."""
        self._stands_at = self.now(), self.monotonic_s()
        try:
            yield
        finally:
            self._stands_at = None


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str
    cookies: tuple[str, ...] = ()  # as they were set, with their flags

    def token_of(self, action: str = "") -> str:
        """The token of the form that is sent to this address; of the first form where none is named."""
        text = self.text[self.text.index(f'action="{action}"') :] if action else self.text
        found = re.search(r'name="form_token" value="([0-9a-f]+)"', text)
        return found[1] if found else ""


@dataclass
class Browser:
    """Somebody with a browser."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    name: str = ""

    @property
    def host(self) -> str:
        return self.name or f"127.0.0.1:{self.port}"

    def get(self, path: str, *, method: str = "GET", **headers: str) -> Answer:
        return self.ask(method, path, **{"Sec_Fetch_Site": "none", **headers})

    def post(self, path: str, fields: Mapping[str, str | list[str]], **headers: str) -> Answer:
        here = {
            "Origin": f"http://{self.host}",
            "Sec_Fetch_Site": "same-origin",
            "Content_Type": "application/x-www-form-urlencoded",
        }
        return self.ask("POST", path, urlencode(fields, doseq=True).encode(), **{**here, **headers})

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        sent = {"Host": self.host} | {
            name.replace("_", "-"): value for name, value in headers.items() if value
        }
        if self.cookies:
            sent.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            connection.request(method, path, body, sent)
            heard = connection.getresponse()
            answer = Answer(
                heard.status,
                {name.lower(): value for name, value in heard.getheaders()},
                heard.read().decode(),
                tuple(heard.headers.get_all("Set-Cookie") or ()),
            )
        finally:
            connection.close()
        for one in answer.cookies:
            name, _, value = one.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
            if not self.cookies[name]:
                del self.cookies[name]
        return answer


@dataclass(frozen=True)
class Waiting:
    """A card that waits, and the link to it."""

    approval: str
    digest: str
    token: str

    @property
    def path(self) -> str:
        return f"/a/{self.token}"


class WebHouse:
    """The server, and what a test does with it."""

    def __init__(self, root: Path) -> None:
        self.clock = OffsetClock()
        self.root = root
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._failed: BaseException | None = None

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(START_S), "it did not start"
        assert self._failed is None, self._failed

    def require_alive(self) -> None:
        """Say why it ended, if it did: what comes after can only be refused connections."""
        if not self._thread.is_alive():
            raise RuntimeError("the house ended while a test was its guest") from self._failed

    def stop(self) -> None:
        self.call(self.service.stop)
        self._thread.join(WAIT_S)

    def _run(self) -> None:
        try:
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                runner.run(self._work())
        except BaseException as error:
            self._failed = error
            self._ready.set()

    async def _work(self) -> None:
        self.service = Service(Folder(self.root), clock=self.clock, listening=listening())
        await self.service.run(self._ready.set)

    # --- the house -------------------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        return self.front.port

    @property
    def front(self) -> Any:
        return self.service.web._front

    def call(self, what: Callable[[], Result]) -> Result:
        async def calling() -> Result:
            return what()

        return self.ask(calling())

    def ask(self, what: Awaitable[Result]) -> Result:
        async def asking() -> Result:
            return await what

        return asyncio.run_coroutine_threadsafe(asking(), self._loop).result(WAIT_S)

    @property
    def head(self) -> int:
        """Where the ledger stands when nothing is under way, but for what the director adds in its own time."""

        async def looking() -> int:
            async with asyncio.timeout(WAIT_S):
                while not self.service.loop.quiet:
                    await asyncio.sleep(0.001)
            store = self.service.held.store
            head = store.head
            while store.read_all(after=Position(head - 1), limit=1)[0].type in IN_ITS_OWN_TIME:
                head = Position(head - 1)
            return int(head)

        return self.ask(looking())

    def rows(self, table: str, **where: Any) -> list[dict[str, Any]]:
        return self.call(lambda: self.service.held.store.select(table, where=where, limit=1_000))

    def card(
        self, *, digest: str = "", life_s: float = 86_400.0, high: bool = False, last: bool = False
    ) -> Waiting:
        """A card that nobody has decided or put off, and a link to it; `high`: one that wants the second step."""
        free = [
            row
            for row in self.rows("approvals", status="waiting")
            if not row["snoozed_until"] and (row["finality"] == Finality.FINAL_HIGH) is high
        ]
        if not free:  # no AssertionError: a planted weakness would be taken for found
            raise LookupError("there are no more cards: raise MESSAGES")
        row = free[-1 if last else 0]
        expires = Instant(self.clock.now() + round(life_s * 1_000_000))
        vault = self.service.held.assembly.artifacts.vault
        about = Digest(digest or row["digest"])
        token, command = issue(vault, ApprovalId(row["approval"]), about, expires_at=expires)
        self.ask(self.service.loop.ask(Request(command, "operator")))
        return Waiting(row["approval"], about, token)

    @contextmanager
    def service_reader(self) -> Iterator[Workspace]:
        """The ledger as a process beside the director reads it."""
        with Workspace(Folder(self.root)) as opened:
            yield opened

    def status(self, card: Waiting) -> str:
        return str(self.rows("approvals", approval=card.approval)[0]["status"])

    # --- visitors --------------------------------------------------------------------------------------------------

    def stranger(self, port: int = 0) -> Browser:
        return Browser(port or self.port)

    def login_path(self) -> str:
        url: str = self.call(self.service.web.login_link)["url"]
        return url[url.index("/login/") :]

    def log_in(self, browser: Browser | None = None) -> Browser:
        """Somebody who opened a one-time link and pressed its button."""
        browser = browser or self.stranger()
        path = self.login_path()
        token = browser.get(path).token_of()
        answer = browser.post(path, {"form_token": token})
        assert answer.status == 303, answer.text
        return browser

    def raw(self, sent: bytes, *, port: int = 0, timeout_s: float = WAIT_S) -> bytes:
        """What comes back until the server ends the connection, or nothing comes any more."""
        with socket.create_connection(("127.0.0.1", port or self.port), timeout=timeout_s) as connection:
            connection.sendall(sent)
            return heard(connection)

    @contextmanager
    def also(self, limits: Limits | None = None, settings: ConsoleSettings | None = None) -> Iterator[int]:
        """A second server over the same director, with other limits or settings; its port."""
        second = listening()
        port = second.getsockname()[1]
        front = replace(self.front, port=port, settings=settings or self.front.settings)
        ending = self.call(asyncio.Event)
        served = asyncio.run_coroutine_threadsafe(serve(front, second, ending, limits), self._loop)
        try:
            yield port
        finally:
            self._loop.call_soon_threadsafe(ending.set)
            served.result(WAIT_S)
            second.close()

    def set_password(self) -> None:
        ConsolePassword.set(self.front.password, Secret(PASSWORD))


def heard(connection: socket.socket) -> bytes:
    """All that comes until the end, or until nothing comes."""
    parts = []
    try:
        while part := connection.recv(65_536):
            parts.append(part)
    except (TimeoutError, ConnectionError):
        pass
    return b"".join(parts)


def listening() -> socket.socket:
    # Named, or answers wait for each other's acknowledgement: 40 ms a request.
    one = socket.socket(proto=socket.IPPROTO_TCP)
    one.bind(("127.0.0.1", 0))
    one.listen(1_024)
    one.setblocking(False)
    return one


@contextmanager
def standing_house(messages: int = MESSAGES, also: bytes = b"", *, settings: str = "") -> Iterator[WebHouse]:
    """A house of its own whose cards all wait; it takes some seconds.

    `also`: more for its mailbox, as an mbox; `settings`: more of its mainstay.toml.
    """
    with _place() as place, working(triaged(place, messages, also, settings)) as house:
        yield house


def triaged(place: Path, messages: int, also: bytes = b"", settings: str = "") -> Path:
    """A workspace whose mailbox was read: its cards wait, and nobody is at work in it."""
    root = place / "desk"
    with _keys_in(place):
        lay_out(root, messages=messages)
    with (root / "inbox.mbox").open("ab") as inbox:
        inbox.write(also)
    with (root / "mainstay.toml").open("a") as file:
        file.write(settings)
    with working(root) as house:
        deadline = house.clock.monotonic_s() + START_S
        while not (
            house.rows("approvals", status="waiting") and house.call(lambda: house.service.loop.quiet)
        ):
            assert house.clock.monotonic_s() < deadline, "no cards"
            house.ask(asyncio.sleep(0.02))
    return root


@contextmanager
def working(root: Path) -> Iterator[WebHouse]:
    """The director and the server of a workspace, until the end of the block."""
    with _keys_in(root.parent), pytest.MonkeyPatch.context() as patching:
        patching.setattr("mainstay.models.embedder.find_embedder", lambda _: embedder())
        house = WebHouse(root)
        house.start()
    try:
        yield house
    finally:
        house.stop()


@cache
def embedder() -> Embedder | Unavailable:
    """One for all houses of this process: each would load the same ninety megabytes."""
    return find_embedder(embedder_cache())


@contextmanager
def _place() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="ms-", dir="/tmp"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _keys_in(place: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patching:
        patching.setenv("MAINSTAY_KEY_HOME", str(place / "keys"))
        yield


@contextmanager
def copied_house() -> Iterator[WebHouse]:
    """A house like every other of this run on its first morning."""

    def make(place: Path) -> None:
        triaged(place, MESSAGES)

    master = prepared("web", make)
    with _place() as place:
        copied(master, place)
        settings = place / "desk" / "mainstay.toml"
        settings.write_text(settings.read_text("utf-8").replace(str(master), str(place)), "utf-8")
        with working(place / "desk") as house:
            yield house

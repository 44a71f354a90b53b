"""The web server beside the director: its port, and when it is loaded.

The socket is bound at the start, so that a port which is taken is told at once. What serves it (`mainstay.console`, a
layer above this one, which is therefore named and not imported) is loaded when the first connection comes, or before
that, a piece at a time, once the director has come up and has nothing to do: the first visit is then as quick as the
second. What goes wrong there is told, and ends no director.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol

from mainstay.config.console import ConsoleSettings
from mainstay.kernel.errors import ConfigError, MainstayError, Unavailable
from mainstay.kernel.values import Json
from mainstay.runtime.devices import Devices
from mainstay.runtime.tokens import Tokens
from mainstay.workspace.console_password import ConsolePassword
from mainstay.workspace.login_links import LoginLinks
from mainstay.workspace.web_socket import bound, require_safe
from mainstay.workspace.workspace import Workspace

log = logging.getLogger("mainstay")

SERVER = "mainstay.console.server"
WARMING = "mainstay.console.warming"
WARM_AFTER_S = 10.0  # the director's own beginning comes first, and what reads beside it
WARM_REST_S = 0.02  # between two pieces
BUSY_REST_S = 1.0  # while the director works
NEEDED = ("starlette", "uvicorn", "h11", "jinja2", "python_multipart", "argon2")
LOOK_AFTER_S = 60.0  # how late a device that was not used for long may be dismissed
EVERYWHERE = ("0.0.0.0", "::")
AGAIN_S = 30.0  # a port that another program had at the start is tried again this often


class Served(Protocol):
    """What is served, as far as its server looks into it (`serving_web.Front`)."""

    settings: ConsoleSettings
    password: ConsolePassword
    login_links: LoginLinks
    devices: Devices
    tokens: Tokens
    port: int

    async def read(self, look: Callable[[Workspace], object]) -> object:
        """What the SDK shows."""
        ...

    async def read_slowly(self, look: Callable[[Workspace], object]) -> object:
        """The same for what takes its time."""
        ...

    def close(self) -> None:
        """Give up what was opened."""
        ...


class Web:
    """The web server of one director."""

    def __init__(
        self,
        front: Served,
        noticed: Callable[[str, Exception], None],
        quiet: Callable[[], bool] = lambda: True,  # whether the director has nothing to do
    ) -> None:
        self._front = front
        self._noticed = noticed
        self._quiet = quiet
        self._listening: socket.socket | None = None
        self._ending = asyncio.Event()
        self._taken = False  # by another program, which may leave it
        self.off = ""  # why it is not served, for the operator
        self.freed: Callable[[], None] = lambda: None  # told when a port that was taken at the start is ours

    @property
    def address(self) -> str:
        """Where this machine reaches it; empty while it is not served."""
        if self._listening is None:
            return ""
        scheme = "https" if self._front.settings.encrypts else "http"
        host = "127.0.0.1" if self._front.settings.host in EVERYWHERE else self._front.settings.host
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self._front.port}"

    def login_link(self) -> Json:
        """A one-time link for logging in on this machine. Raises `Unavailable` while nothing is served."""
        if not self.address:
            raise Unavailable(
                "The web server is not served.", why=self.off, remedy="Look at [console] in mainstay.toml."
            )
        if not self._front.settings.loopback and self._front.settings.host not in EVERYWHERE:
            raise Unavailable(
                "One-time links log in on this machine alone, and nothing listens there.",
                why=f"[console] host is {self._front.settings.host!r}.",
                remedy="Log in with the password; `mainstay console password` sets it.",
            )
        return {"url": f"{self.address}/login/{self._front.login_links.issue()}", "good_for_s": 600}

    def open(self, listening: socket.socket | None = None) -> None:
        """Bind, or take a socket that is bound. Raises `ConfigError` for what is not safe or not possible."""
        settings = self._front.settings
        if listening is None and not settings.served:
            self.off = "[console] switches it off."
            return
        missing = [name for name in NEEDED if find_spec(name) is None]
        if missing:
            self.off = f'Not installed: {", ".join(missing)}. pip install "mainstay[console]"'
            log.info("the web server is not served: %s", self.off)
            return
        require_safe(settings, self._front.password)
        try:
            self._listening = listening or bound(settings)
        except OSError as error:
            self._refused(error)
            return
        self._front.port = self._listening.getsockname()[1]

    def _refused(self, error: OSError) -> None:
        settings = self._front.settings
        if error.errno == errno.EADDRINUSE and not settings.port_named:
            self._taken = True
            self.off = (
                f"Port {settings.port} is taken, perhaps by another workspace; [console] port names another one. "
                f"It is tried again every {AGAIN_S:.0f} s."
            )
            log.info("the web server is not served: %s", self.off)
            return
        raise ConfigError(
            f"{settings.host}:{settings.port} cannot be listened on",
            file="mainstay.toml",
            key="console.port",
            why=error.strerror or str(error),
            remedy="name another port, or end what listens there",
        ) from error

    async def run(self) -> None:
        """Serve until `stop`. What goes wrong here is told and ends nothing else."""
        looking_after = asyncio.create_task(self._look_after())
        warming = asyncio.create_task(self._warm()) if self._listening is not None else None
        try:
            if self._taken:
                await self._until_free()
            if self._listening is not None and await self._first_visit():
                server = await asyncio.to_thread(import_module, SERVER)
                serve: Callable[[Served, socket.socket, asyncio.Event], Awaitable[None]] = server.serve
                await serve(self._front, self._listening, self._ending)
        except Exception as error:
            self._noticed("the web server ended", error)
        finally:
            looking_after.cancel()
            if warming is not None:
                warming.cancel()
            self.close()

    def try_again(self) -> bool:
        """One more try at a port that another program had; whether it is ours now."""
        try:
            self._listening = bound(self._front.settings)
        except OSError:
            return False
        self._front.port = self._listening.getsockname()[1]
        self._taken, self.off = False, ""
        log.info("the port is free again: the web server is at %s", self.address)
        self.freed()
        return True

    async def _until_free(self) -> None:
        while not self._ending.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_S):
                    await self._ending.wait()
            if not self._ending.is_set() and self.try_again():
                return

    def stop(self) -> None:
        """End `run`."""
        self._ending.set()

    def close(self) -> None:
        """Give up the socket and what was opened for reading."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        self._front.close()

    async def _first_visit(self) -> bool:
        """Wait until somebody connects; whether that was before the end."""
        assert self._listening is not None
        loop, handle = asyncio.get_running_loop(), self._listening.fileno()
        visited = asyncio.Event()
        loop.add_reader(handle, visited.set)
        waiting = [asyncio.create_task(one.wait()) for one in (visited, self._ending)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            loop.remove_reader(handle)
            for one in waiting:
                one.cancel()
        return not self._ending.is_set()

    async def _warm(self) -> None:
        """Load what the first visit needs; whoever comes meanwhile has some of it already."""
        await asyncio.sleep(WARM_AFTER_S)
        try:
            for name in (SERVER, WARMING):
                await self._until_quiet()
                module = await asyncio.to_thread(import_module, name)
            pieces: Iterator[Callable[[], object]] = module.pieces()
            while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                await self._until_quiet()
                await asyncio.to_thread(piece)
            await self._front.read(module.look)
            await self._front.read_slowly(module.look_slowly)
        except Exception as error:
            self._noticed("the web server could not be made ready before its first visit", error)

    async def _until_quiet(self) -> None:
        await asyncio.sleep(WARM_REST_S)
        while not self._quiet():
            await asyncio.sleep(BUSY_REST_S)

    async def _look_after(self) -> None:
        while True:
            try:
                await self._front.devices.dismiss_idle()
                await self._front.tokens.revoke_over()
            except MainstayError as error:
                self._noticed("devices that were not used for long, and tokens whose time is over", error)
            await asyncio.sleep(LOOK_AFTER_S)

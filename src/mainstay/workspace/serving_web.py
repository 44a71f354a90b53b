"""The web server of a director at work: what its pages are given, and how they reach the director.

The pages (`mainstay.console`) lie in a layer above this one. They read in threads of their own, so that the director is
not kept waiting, and whatever they ask goes by the same desks as at every other door. `workspace.web_server` serves it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mainstay.config.console import ConsoleSettings
from mainstay.kernel.commands import Command
from mainstay.kernel.errors import StorageFull, Unavailable
from mainstay.kernel.values import Json
from mainstay.net.secrets import SecretStore
from mainstay.runtime.clock import Clock
from mainstay.runtime.desk import Desk
from mainstay.runtime.devices import Devices
from mainstay.runtime.links import Link, look_up
from mainstay.runtime.long_requests import LongRequests
from mainstay.runtime.loop import Loop
from mainstay.runtime.performer import Performer
from mainstay.runtime.tick import Answer, Request
from mainstay.runtime.tokens import Tokens
from mainstay.workspace.console_password import ConsolePassword
from mainstay.workspace.desks import desk_of
from mainstay.workspace.folder import Folder
from mainstay.workspace.health import Health
from mainstay.workspace.held import Held
from mainstay.workspace.house_now import HouseNow, HouseWatch
from mainstay.workspace.login_links import LoginLinks
from mainstay.workspace.moves import Moves
from mainstay.workspace.rooms import Room
from mainstay.workspace.web_server import Web
from mainstay.workspace.workspace import Workspace

log = logging.getLogger("mainstay")

ANSWER_S = 30.0  # a decision takes some milliseconds; after this the disk is to blame

Result = TypeVar("Result")


async def _not_at_work(operation: str, arguments: Json) -> Json:
    raise Unavailable(
        "No director is at work here.", why="This page is not served by one.", remedy="Start `mainstay up`."
    )


@dataclass(slots=True)
class Front:
    """What the pages are given of a director at work. They read and ask; what a decision means is decided below."""

    folder: Folder
    settings: ConsoleSettings
    clock: Clock
    devices: Devices
    tokens: Tokens
    long: LongRequests
    login_links: LoginLinks
    password: ConsolePassword
    link: Callable[[str], Link | None]  # what stands behind the token of a link to a card
    keyed_hash: Callable[[str, str], bytes]
    desk: Callable[
        [Sequence[Command]], Desk
    ]  # whose decisions take these commands with them, in the same tick
    status: Callable[[], Json]
    house: Callable[[], HouseNow]  # how it stands now, for the rail of every page
    moves: Moves
    health: Callable[[], Health]
    metrics: Callable[[], bytes]
    metrics_token: Callable[[], str] = lambda: ""
    operate: Callable[[str, Json], Coroutine[Any, Any, Json]] = _not_at_work  # every operation of a door
    port: int = 0
    at_the_end: list[Callable[[], None]] = field(default_factory=list)  # they end what outlives a request
    _rooms: dict[str, Room] = field(default_factory=dict)

    async def read(self, look: Callable[[Workspace], Result]) -> Result:
        """What the SDK shows, looked up in a thread of its own: the director is not kept waiting."""
        return await self._room("reading").ask(look)

    async def read_slowly(self, look: Callable[[Workspace], Result]) -> Result:
        """The same for what takes its time (a report, a proof, a search), so that no page waits behind it."""
        return await self._room("reading slowly").ask(look)

    async def read_elsewhere(self, look: Callable[[Workspace], Result]) -> Result:
        """The same for what lies on another disk, as backups do: it may never answer, and nobody else waits for it."""
        return await self._room("reading elsewhere").ask(look)

    async def read_outside(self, look: Callable[[Workspace], Result]) -> Result:
        """The same for what other machines are asked, as models are: they may be slow, and nobody else waits."""
        return await self._room("reading outside").ask(look)

    async def act(self, do: Callable[[Workspace], Result]) -> Result:
        """What the SDK does, through this director: a decision, a start, a steering. Raises what refused it."""
        return await self._room("acting").ask(do)

    async def act_once(self, request: str, body: str, do: Callable[[Workspace], Result]) -> Result:
        """`act` for a request that has a name of its own (`Workspace.once`)."""
        return await self._room("acting").ask(_named(request, body, do))

    async def act_slowly_once(self, request: str, body: str, do: Callable[[Workspace], Result]) -> Result:
        """`act_slowly` for such a request."""
        return await self._room("acting slowly").ask(_named(request, body, do))

    async def act_slowly(self, do: Callable[[Workspace], Result]) -> Result:
        """The same for what takes as long as it takes: reading mailboxes, importing, forgetting somebody."""
        return await self._room("acting slowly").ask(do)

    def _room(self, name: str) -> Room:
        if name not in self._rooms:
            self._rooms[name] = Room(name, self.folder, self.clock, self.operate)
        return self._rooms[name]

    def close(self) -> None:
        """Give up what was opened for reading and acting, and what goes on beside it."""
        while self.at_the_end:
            self.at_the_end.pop()()
        for one in self._rooms.values():
            one.close()


def _named(request: str, body: str, do: Callable[[Workspace], Result]) -> Callable[[Workspace], Result]:
    def named(workspace: Workspace) -> Result:
        with workspace.once(request, body) as once:
            return do(once)

    return named


def web_beside(
    held: Held,
    loop: Loop,
    performer: Performer,
    *,
    devices: Devices,
    tokens: Tokens,
    heard: Callable[[], None],
    health: Callable[[], Health],
    metrics: Callable[[], bytes],
    noticed: Callable[[str, Exception], None],
    operate: Callable[[str, Json], Coroutine[Any, Any, Json]],
    moves: Moves,
) -> Web:
    """The web server of a director at work; it is not bound yet."""
    settings = held.assembly.untyped.settings.console
    vault, secrets = held.assembly.artifacts.vault, SecretStore()

    def desk(more: Sequence[Command]) -> Desk:
        async def ask(request: Request) -> Answer:
            if loop.disk_full:
                raise _full()
            request.follow = (*request.follow, *more)
            try:
                async with asyncio.timeout(ANSWER_S):
                    answer = await asyncio.shield(loop.ask(request))
            except TimeoutError:
                raise _full() from None
            heard()
            return answer

        return desk_of(held, ask, performer)

    front = Front(
        folder=held.folder,
        settings=settings,
        clock=held.clock,
        devices=devices,
        tokens=tokens,
        long=LongRequests(held.store, held.assembly.artifacts, vault.keyed_hash, loop.ask),
        login_links=LoginLinks(held.clock),
        password=ConsolePassword(held.folder.id, settings),
        link=lambda token: look_up(held.store, vault, token, held.clock.now()),
        keyed_hash=vault.keyed_hash,
        desk=desk,
        status=lambda: desk_of(held, loop.ask, performer).status(),
        house=HouseWatch(loop, held.store, held.folder, held.clock, moves).now,
        moves=moves,
        health=health,
        metrics=metrics,
        operate=operate,
        metrics_token=lambda: (
            secrets.resolve(settings.metrics_token).reveal() if settings.metrics_token else ""
        ),
    )
    return Web(front, noticed, lambda: loop.quiet)


def _full() -> StorageFull:
    return StorageFull(
        "This could not be made durable yet.",
        why="The disk is full, or slow beyond measure. It may be decided still, once there is space.",
        remedy="Free some space, then look at the card again: what was decided is not decided twice.",
    )

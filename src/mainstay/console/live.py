"""`/live`: what moved, told to the pages that are open, as server-sent events.

    event: approvals        the topic that moved (workspace/moves.py), or `run-ID`
    id: 4711                up to which position of the ledger this stream has told everything
    data: 4711

A page asks for the topics that it shows, and `house` always. What moves is gathered and told at most every quarter of
a second (less often where more than ten listen, or while the director is catching up), sums and reports every two
seconds. `figures` says how the house stands, for the rail. Who comes back with `Last-Event-ID` is told which topics
moved in between, out of the ledger itself.

What is told is that something moved, never what: the page asks for that by itself, with its session. So a stream
holds no text of anybody, and what waits for a slow reader is a few bits, however long it waits. Whose connection
is full for ten seconds is cut off. A stream ends with the session of its device, and when the director ends.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mainstay.console.figures import CALM_S, Figures, figures_of
from mainstay.console.refused import Refused
from mainstay.console.routes import not_logged_in
from mainstay.console.sessions import session_of
from mainstay.kernel.ids import RunId, run_stream
from mainstay.workspace.moves import BIT, CALM, Listener, topics_of
from mainstay.workspace.serving_web import Front

log = logging.getLogger("mainstay")

GATHERED_S = 0.25  # what moves within so long is told at once
BUSY_S = 1.0  # while the director is catching up
TOLD_PER_S = 40  # over all streams: each telling brings a request for a part, some milliseconds' work
LOOK_S = 1.0  # what no event tells: a full disk, a device whose time is over
HEARTBEAT_S = 15.0
SLOW_S = 10.0
TOPICS_MAX = 16
ID_MAX = 18  # digits
RUN = re.compile(r"run-([0-9A-Za-z][0-9A-Za-z_-]{0,63})")
HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),  # a proxy between us passes on what comes, as it comes
)


@dataclass(eq=False, slots=True)
class Stream:
    """One page that listens, and what it has not been told yet."""

    topics: int
    runs: frozenset[RunId]
    secret: str  # of its session
    moved: int = 0
    moved_runs: set[RunId] = field(default_factory=set)
    position: int = 0
    figures: str = ""
    over: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, moved: int, runs: frozenset[RunId] | set[RunId], position: int, figures: str) -> None:
        """More that moved, and how the house stands if that is news."""
        self.moved |= moved & self.topics
        self.moved_runs |= runs & self.runs
        self.position = position
        self.figures = figures or self.figures
        if self.moved or self.moved_runs or figures:
            self.news.set()

    def end(self) -> None:
        """It is over."""
        self.over = True
        self.news.set()

    def told(self) -> bytes:
        """All of it, in the words of the protocol; forgotten here."""
        names = [*topics_of(self.moved), *sorted(f"run-{run}" for run in self.moved_runs)]
        text = "".join(message(name, self.position, str(self.position)) for name in names)
        if self.figures:
            text += message("figures", self.position, self.figures)
        self.moved, self.moved_runs, self.figures = 0, set(), ""
        self.news.clear()
        return text.encode()


def message(event: str, position: int, data: str) -> str:
    """One event. `data` is one line of ours."""
    return f"event: {event}\nid: {position}\ndata: {data}\n\n"


class Live:
    """The streams of one server."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._streams: set[Stream] = set()
        self._listener: Listener | None = None
        self._telling: asyncio.Task[None] | None = None
        self._over = False

    async def show(self, request: Request) -> Response:
        """A stream, until it ends."""
        session = session_of(request)
        if session is None:
            raise not_logged_in()
        topics, runs = asked(request.query_params.get("topics", ""))
        if request.method == "HEAD":
            return Response(b"", headers={"Content-Type": HEADERS[0][1].decode()})
        return _Telling(self, Stream(topics, runs, session.secret), _position(request))

    async def join(self, stream: Stream, position: int) -> None:
        """From here on it is told; first, what moved since this position, if it names one."""
        if self._over:
            stream.end()
            return
        if self._listener is None:
            self._listener = self._front.moves.listen()
            self._telling = asyncio.create_task(self._tell())
            self._telling.add_done_callback(self._told_no_more)
        self._streams.add(stream)
        self._watch()
        stream.offer(0, set(), self._listener.position, figures_of(self._front.house()))
        if position >= 0:
            moved, runs = await asyncio.to_thread(self._front.moves.since, position, stream.runs)
            stream.offer(moved, runs, stream.position, "")  # the figures may be newer by now

    def leave(self, stream: Stream) -> None:
        """It is gone."""
        self._streams.discard(stream)
        self._watch()
        if not self._streams:
            self._rest()

    def close(self) -> None:
        """The director ends: each page hears the end of its stream, and comes back when there is another."""
        self._over = True
        for one in list(self._streams):
            one.end()
        self._rest()

    def _watch(self) -> None:
        if self._listener is not None:
            self._listener.watched = frozenset(
                str(run_stream(run)) for one in self._streams for run in one.runs
            )

    def _rest(self) -> None:
        if self._listener is not None:
            self._front.moves.leave(self._listener)
            self._listener = None
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None

    def _told_no_more(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task is not self._telling:
            return
        log.error("the live streams ended", exc_info=task.exception())
        for one in list(self._streams):
            one.end()  # the pages come back, to a telling that begins anew
        self._rest()

    async def _tell(self) -> None:
        listener, clock = self._listener, asyncio.get_running_loop().time
        assert listener is not None, "`join` listens first"
        late, looked_s, calm_s = 0, clock(), clock()
        figures = Figures(clock)
        figures.news(self._front.house())  # who joins is told as it joins
        while True:
            try:
                async with asyncio.timeout(LOOK_S):
                    await listener.news.wait()
            except TimeoutError:
                pass
            moved, runs = listener.take()
            late |= moved & CALM
            now = moved & ~CALM
            if clock() - calm_s >= CALM_S:
                now, late, calm_s = now | late, 0, clock()
            house = self._front.house()
            told = figures.news(house)
            if now or runs or told:
                for one in self._streams:
                    one.offer(now, runs, listener.position, told)
            if clock() - looked_s >= LOOK_S or now & BIT["house"]:
                looked_s = clock()
                self._look_after()
            await asyncio.sleep(gathered_s(len(self._streams), catching_up=bool(house.queued)))

    def _look_after(self) -> None:
        """End the streams of devices that were dismissed, or whose time is over."""
        known = {secret: is_known(self._front, secret) for secret in {one.secret for one in self._streams}}
        for one in self._streams:
            if not known[one.secret]:
                one.end()


def gathered_s(streams: int, *, catching_up: bool) -> float:
    """How long is gathered with so many streams: pages that are open take their share of the director, and no more,
    and little while it has more to do than it can.
    """
    return min(CALM_S, max(BUSY_S if catching_up else GATHERED_S, streams / TOLD_PER_S))


def is_known(front: Front, secret: str) -> bool:
    """Whether this is the secret of a device that may look. A stream is no use of it: it keeps nobody logged in."""
    return front.devices.known(secret, using=False) is not None


def asked(text: str) -> tuple[int, frozenset[RunId]]:
    """What a page wants to hear of. Raises `Refused` for a topic that there is not."""
    names = [one for one in text.split(",") if one]
    runs = frozenset(RunId(found[1]) for one in names if (found := RUN.fullmatch(one)))
    bits = BIT["house"]
    for one in names:
        bits |= 0 if RUN.fullmatch(one) else BIT.get(one, 0)
    unknown = any(one not in BIT and not RUN.fullmatch(one) for one in names)
    if unknown or len(names) > TOPICS_MAX:
        raise Refused(
            400, "There is no such stream.", why="A page names the topics that it shows.", remedy="Reload it."
        )
    return bits, runs


def _position(request: Request) -> int:
    """The position after which this page has heard nothing; -1 where it says none that could be."""
    text = request.headers.get("last-event-id", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= ID_MAX else -1


class _Telling(Response):
    """The answer that goes on."""

    def __init__(self, live: Live, stream: Stream, position: int) -> None:
        super().__init__()
        self._live, self._stream, self._position = live, stream, position

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stream = self._stream
        gone = asyncio.create_task(_gone(receive))
        gone.add_done_callback(lambda task: stream.end())
        try:
            await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS]})
            await self._live.join(stream, self._position)
            while not stream.over:
                part = stream.told() if stream.news.is_set() else b":\n\n"
                await in_time(send({"type": "http.response.body", "body": part, "more_body": True}))
                await _heartbeat(stream.news)
            if not gone.done():
                await in_time(send({"type": "http.response.body", "body": b"", "more_body": False}))
        except TimeoutError:
            scope["mainstay.abort"]()  # closing in order would wait for it to read
        finally:
            self._live.leave(stream)
            gone.cancel()


async def in_time(sending: Awaitable[None]) -> None:
    """Send it. Raises `TimeoutError` for who does not read: the buffers of the connection are full, and stay so."""
    async with asyncio.timeout(SLOW_S):
        await sending


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _heartbeat(news: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(HEARTBEAT_S):
            await news.wait()
    except TimeoutError:
        return

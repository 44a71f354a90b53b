"""The two doors to a workspace: the control socket of a running director, or the lock itself.

Both take the operations of `mainstay.workspace.operations.operate`, so a decision means the same through either.
Whoever holds the lock without a director decides and appends but performs nothing: what that owes will be
done by the next `mainstay up`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from mainstay.kernel.errors import DirectorUnavailable, WorkspaceLocked
from mainstay.kernel.values import Json
from mainstay.runtime.clock import Clock
from mainstay.runtime.control import ControlClient
from mainstay.workspace.folder import Folder
from mainstay.workspace.said_of_cards import ON_CARDS, answer_card

if TYPE_CHECKING:
    import asyncio

    from mainstay.runtime.director import Director
    from mainstay.runtime.tick import Answer, Request
    from mainstay.workspace.held import Held

_LONG = frozenset({"ingest", "import_mail", "forget"})  # they take as long as they take
_STARTING = frozenset(
    {"ingest", "start", "replay", "restart", "ask_again", "fork", "review", "forget", "propose"}
)
_TAKING_IN = frozenset({"ingest", "replay", "import_mail", "remember"})
TOGETHER_MAX = 256  # requests of one tick, as in the loop


class Door(Protocol):
    """A way to a decision."""

    @property
    def live(self) -> bool:
        """Whether a director is at work that performs what is decided."""
        ...

    def ask(self, operation: str, arguments: Json) -> Json:
        """The durable answer. Raises what refused it."""
        ...


class SocketDoor:
    """Through the running director."""

    live = True

    def __init__(self, folder: Folder) -> None:
        self._client = ControlClient(folder.socket)

    def ask(self, operation: str, arguments: Json) -> Json:
        """See `Door.ask`."""
        # Reading a mailbox takes as long as it takes; every other answer is a tick away.
        timeout_s = 3600.0 if operation in _LONG else 60.0
        return self._client.ask(operation, arguments, timeout_s=timeout_s)


class LockDoor:
    """With the lock in hand; a context manager."""

    live = False

    def __init__(
        self,
        folder: Folder,
        clock: Clock,
        *,
        progress: Callable[[int], None] = lambda count: None,
        operation: str = "",
    ) -> None:
        """`operation`: what will be asked, where that is known; what is said of one card is decided sooner."""
        self._one_run = operation in ON_CARDS
        self._folder = folder
        self._clock = clock
        self._progress = progress
        self._held: Held | None = None

    def __enter__(self) -> LockDoor:
        from mainstay.workspace.held import Held  # everything there is; the other door does without

        held = Held(self._folder, self._clock, one_run=self._one_run)
        try:
            held.director.acquire()
            held.register()
        except BaseException:
            held.close()  # the lock would stay with us
            raise
        self._held = held
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None

    def ask(self, operation: str, arguments: Json) -> Json:
        """See `Door.ask`."""
        held = self._held
        assert held is not None, "a LockDoor is used in a with block"
        from mainstay.workspace.desks import desk_of, desks_of, forgetting_of, ingests_of

        if operation in ON_CARDS:
            return _at_once(answer_card(desk_of(held, Alone(held.director).ask), operation, arguments))
        import asyncio

        from mainstay.workspace.operations import operate

        decide = Together(held.director).ask
        if operation in _STARTING:
            held.load_all()  # a new run may supersede others of its key, or has to wait behind them
        ingests = ingests_of(held, decide) if operation in ("ingest", "replay") else {}
        forgetting = forgetting_of(held, decide)
        desks = desks_of(held, decide, forgetting, ingests=lambda: ingests)

        async def work() -> Json:
            if operation in _TAKING_IN and forgetting.unfinished():
                held.load_all()
                await forgetting.go_on()  # what comes from them now must not be forgotten with the rest
            return await operate(desks, operation, arguments, progress=self._progress)

        return asyncio.run(work())


class Alone:
    """Asks a director that has no loop, one request after the other."""

    def __init__(self, director: Director) -> None:
        self._director = director

    async def ask(self, request: Request) -> Answer:
        """The durable answer. Raises what the ledger raised."""
        heard: list[Answer] = []
        request.answer = heard.append
        self._director.handle([request])
        return heard[0]


def _at_once(work: Coroutine[Any, Any, Json]) -> Json:
    """The result of what waits for nobody: without a loop, which takes long to load."""
    try:
        work.send(None)
    except StopIteration as done:
        result: Json = done.value
        return result
    raise AssertionError("what is said of one card waits for nobody")


class Together:
    """Asks a director that has no loop: what is asked in one turn is decided in one tick and written at once."""

    def __init__(self, director: Director) -> None:
        self._director = director
        self._waiting: list[tuple[Request, asyncio.Future[Answer]]] = []

    async def ask(self, request: Request) -> Answer:
        """The durable answer. Raises what the ledger raised."""
        import asyncio

        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        request.answer = future.set_result
        if not self._waiting:
            loop.call_soon(self._decide)  # after everybody else who asks in this turn
        self._waiting.append((request, future))
        return await future

    def _decide(self) -> None:
        waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), TOGETHER_MAX):
            part = waiting[start : start + TOGETHER_MAX]
            try:
                self._director.handle([request for request, _ in part])
            except Exception as error:  # for whoever asked
                for _, future in waiting[start:]:
                    future.set_exception(error)
                return


def director_runs(folder: Folder) -> bool:
    """Whether a director answers on the socket of this workspace."""
    if not folder.socket.exists():
        return False
    try:
        ControlClient(folder.socket).ask("status", {}, timeout_s=10.0)
    except DirectorUnavailable:
        return False
    return True


def locked_without_answer(error: WorkspaceLocked) -> DirectorUnavailable:
    """Somebody holds the lock and does not answer: it starts, ends, or decides something itself."""
    return DirectorUnavailable(
        "Another process is at work in this workspace and does not answer.",
        why=str(error.why),
        remedy="It may be starting, or be another command. Try again in a moment.",
        sent=False,
        pid=error.fields.get("pid"),
    )

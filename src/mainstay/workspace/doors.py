"""The two doors to a workspace: the control socket of a running director, or the lock itself.

`operate` names everything that can be asked through either, so that both mean the same. Whoever holds the lock without
a director decides and appends but performs nothing: what that owes will be done by the next `mainstay up`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Protocol

import msgspec

from mainstay import __version__
from mainstay.kernel.errors import CommandRefused, DirectorUnavailable, WorkspaceLocked
from mainstay.kernel.values import Json
from mainstay.ledger.lock import WriterLock
from mainstay.ledger.projections import STANDARD
from mainstay.ledger.rebuild import Progress, rebuild
from mainstay.ledger.sqlite import SqliteStore
from mainstay.runtime.clock import Clock
from mainstay.runtime.control import ControlClient
from mainstay.runtime.desk import Desk, encode
from mainstay.runtime.director import Answer, Director, PlanShelf, Request
from mainstay.runtime.ingest import Ingest, Pulled
from mainstay.runtime.performer import Performer
from mainstay.workspace.assembly import TABLES, Assembly
from mainstay.workspace.folder import Folder

Ingests = Mapping[str, Ingest]


class Door(Protocol):
    """A way to a decision."""

    live: bool  # whether a director is at work that performs what is decided

    def ask(self, operation: str, arguments: Json) -> Json:
        """The durable answer. Raises what refused it."""
        ...


async def operate(
    desk: Desk,
    ingests: Ingests,
    operation: str,
    arguments: Json,
    *,
    progress: Callable[[int], None] = lambda count: None,
) -> Json:
    """Do what was asked through a door. Raises `CommandRefused` for an operation or argument that is none."""
    try:
        match operation:
            case "approve":
                return encode(await desk.approve(**arguments))
            case "reject":
                return encode(await desk.reject(**arguments))
            case "edit":
                return encode(await desk.edit(**arguments))
            case "resolve":
                return encode(await desk.resolve(**arguments))
            case "cancel":
                return encode(await desk.cancel(**arguments))
            case "start":
                return encode(await desk.start(**arguments))
            case "kill_switch":
                return encode(await desk.throw_kill_switch(**arguments))
            case "ingest":
                return await _ingest(ingests, progress, **arguments)
            case "status":
                return desk.status()
            case _:
                raise CommandRefused(
                    f"There is no operation {operation!r}.",
                    why="The director may be of another version than this command.",
                    remedy="Restart `mainstay up` after an upgrade.",
                )
    except TypeError as error:
        raise CommandRefused(f"{operation!r} was asked with the wrong arguments.", why=str(error)) from error


async def _ingest(ingests: Ingests, progress: Callable[[int], None], adapter: str = "") -> Json:
    chosen = {name: one for name, one in ingests.items() if adapter in ("", name)}
    if not chosen:
        raise CommandRefused(
            f"There is no mailbox {adapter!r}." if adapter else "No mailbox is configured.",
            why="Known are: " + (", ".join(sorted(ingests)) or "none") + ".",
            remedy="Look at [adapters] in mainstay.toml, or run `mainstay connect email`.",
        )
    pulled: dict[str, Pulled] = {}
    for name, one in chosen.items():
        pulled[name] = await one.pull(progress)
    return {name: msgspec.to_builtins(one) for name, one in pulled.items()}


class SocketDoor:
    """Through the running director."""

    live = True

    def __init__(self, folder: Folder) -> None:
        self._client = ControlClient(folder.socket)

    def ask(self, operation: str, arguments: Json) -> Json:
        """See `Door.ask`."""
        # Reading a mailbox takes as long as it takes; every other answer is a tick away.
        timeout_s = 3600.0 if operation == "ingest" else 60.0
        return self._client.ask(operation, arguments, timeout_s=timeout_s)


class LockDoor:
    """With the lock in hand; a context manager."""

    live = False

    def __init__(
        self, folder: Folder, clock: Clock, *, progress: Callable[[int], None] = lambda count: None
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._progress = progress
        self._held: Held | None = None

    def __enter__(self) -> LockDoor:
        self._held = Held(self._folder, self._clock)
        self._held.director.acquire()
        self._held.register()
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

        async def decide(request: Request) -> Answer:
            answers: list[Answer] = []
            request.answer = answers.append
            held.director.handle([request])
            return answers[0]

        desk = held.desk(decide)
        if operation == "ingest":
            held.director.load_all()  # a new message may supersede any run of its thread
        ingests = held.ingests(decide) if operation == "ingest" else {}
        return asyncio.run(operate(desk, ingests, operation, arguments, progress=self._progress))


class Held:
    """A workspace under the lock: its store for writing, its parts, and a director that is not at work yet."""

    def __init__(
        self,
        folder: Folder,
        clock: Clock,
        *,
        performing: bool = False,
        rebuilding: Progress = lambda done, of: None,
    ) -> None:
        self.folder = folder
        self.clock = clock
        folder.id  # noqa: B018  says first of all that this is no workspace
        self._lock = WriterLock(folder.lock)
        self._lock.acquire()
        try:
            self.store = SqliteStore(folder.ledger, tables=TABLES)
            self.assembly = Assembly(folder, self.store, writable=True)
            self.director = Director(
                self.store,
                clock,
                PlanShelf(self.assembly.plan),
                projections=STANDARD,
                policy=self.assembly.files.policy,
                limits=self.assembly.limits,
                version=__version__,
                performing=performing,
            )
            rebuild(
                self.store,
                self.director.codec,
                STANDARD,
                epoch=self.store.acquire(),
                at=clock.now(),
                progress=rebuilding,
            )
        except BaseException:
            self.close()
            raise

    def register(self) -> None:
        """Put the workflows and rules of the folder in force, where they differ from what the ledger knows."""
        from mainstay.kernel.commands import AdoptPolicy, RegisterWorkflow
        from mainstay.kernel.ids import digest

        requests: list[Request] = []
        for name, (plan, raw) in self.assembly.definitions.items():
            known = self.director.workflows.get(name)
            if known is None or known.definition != plan.digest:
                assert digest(raw) == plan.digest, "a definition is stored under its own digest"
                command = RegisterWorkflow(name, plan.workflow.version, plan.digest)
                requests.append(Request(command, "operator", blobs={plan.digest: raw}))
        if self.director.policy.digest:
            requests.append(Request(AdoptPolicy(self.director.policy.digest), "operator"))
        if requests:
            self.director.handle(requests)

    def performer(self, **options: object) -> Performer:
        """A performer over the parts of this workspace."""
        assembly = self.assembly
        return Performer(
            clock=self.clock,
            agents=assembly.agents if self.director.performing else {},
            artifacts=assembly.artifacts,
            gate=self.director,
            routes=assembly.route,
            adapters=assembly.adapters,
            tools=assembly.tools,
            **options,  # type: ignore[arg-type]
        )

    def desk(self, ask: Callable[[Request], object], performer: Performer | None = None) -> Desk:
        """The desk over this director."""
        return Desk(
            self.director,
            performer or self.performer(),
            self.assembly.artifacts,
            self.assembly.route,
            ask,  # type: ignore[arg-type]
        )

    def ingests(self, ask: Callable[[Request], object], **options: object) -> dict[str, Ingest]:
        """The mailboxes of this workspace."""
        return {
            name: Ingest(
                account.mailbox,
                artifacts=self.assembly.artifacts,
                store=self.store,
                ask=ask,  # type: ignore[arg-type]
                **options,  # type: ignore[arg-type]
            )
            for name, account in self.assembly.accounts.items()
            if account.mailbox is not None
        }

    def close(self) -> None:
        """Give everything back; the lock last."""
        store = getattr(self, "store", None)
        if store is not None:
            store.close()
        assembly = getattr(self, "assembly", None)
        if assembly is not None and "artifacts" in vars(assembly):
            assembly.artifacts.vault.close()
        self._lock.release()


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

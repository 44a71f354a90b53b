"""`mainstay up`: a director at work, with its performer, its mailboxes and its control socket."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Protocol

from mainstay import __version__
from mainstay.governance.incidents import open_incidents
from mainstay.kernel.commands import StopDirector
from mainstay.kernel.errors import Unavailable
from mainstay.kernel.events import IncidentKind
from mainstay.kernel.values import Json
from mainstay.ledger.rebuild import Progress
from mainstay.net.withheld import without_secrets
from mainstay.runtime.checkpointing import OPERATIONS, Checkpointing
from mainstay.runtime.clock import Clock, SystemClock
from mainstay.runtime.collector import settle_collector
from mainstay.runtime.control import ControlServer
from mainstay.runtime.incidents import Incident, Incidents, view_disagreed
from mainstay.runtime.ingest import Ingest
from mainstay.runtime.loop import Loop
from mainstay.runtime.performer import Performer
from mainstay.runtime.telemetry import RunSpans, Telemetry
from mainstay.runtime.telemetry import begin as begin_telemetry
from mainstay.runtime.tick import Owed, Request, Tick
from mainstay.workspace.asked_by_name import asked_once_of
from mainstay.workspace.assembly import Assembly
from mainstay.workspace.compacting import Compacting
from mainstay.workspace.desks import desks_of, forgetting_of, ingests_of, learning_of, refining_of
from mainstay.workspace.folder import Folder
from mainstay.workspace.full_audit import FullAudit
from mainstay.workspace.full_disk import FullDisk
from mainstay.workspace.health import Health
from mainstay.workspace.held import Held
from mainstay.workspace.memory_look import LOOKING, MemoryLook
from mainstay.workspace.moves import Moves
from mainstay.workspace.notifying import notifying_of
from mainstay.workspace.objectives import ObjectivesWatch
from mainstay.workspace.observing import Observing
from mainstay.workspace.once import OPERATION as ONCE
from mainstay.workspace.operations import operate
from mainstay.workspace.remembering import Remembering
from mainstay.workspace.rereading import Rereading
from mainstay.workspace.said_of_cards import require_types
from mainstay.workspace.serving_web import web_beside
from mainstay.workspace.signing_places import signing_of
from mainstay.workspace.watching import Standing, Watch

log = logging.getLogger("mainstay")

_TOLD = frozenset({"status", "health", "metrics", "login_link"})  # without a decision


class Working(Protocol):
    """What works beside the loop."""

    async def run(self) -> None:
        """Until it is cancelled."""
        ...


class Service:
    """A director at work in one workspace, from `start` until `stop`. Holds the lock for life."""

    def __init__(
        self,
        folder: Folder,
        *,
        clock: Clock | None = None,
        ingest: bool = True,
        rebuilding: Progress = lambda done, of: None,
        assembly: type[Assembly] = Assembly,
        web: bool = False,
        listening: socket.socket | None = None,
    ) -> None:
        self._folder = folder
        self._clock = clock or SystemClock()
        self.held = Held(folder, self._clock, performing=True, rebuilding=rebuilding, assembly=assembly)
        self._ingest = ingest
        self.ingests: dict[str, Ingest] = {}
        self._full_disk = FullDisk()
        try:
            performer = self._wire_loop()
            self._wire_watches()
            self._wire_desks(performer)
            self._wire_web(performer, listening, opened=web)
            self._wire_care()
        except BaseException:
            if "web" in vars(self):
                self.web.close()
            self.held.close()  # the lock would stay with us
            raise
        self._control = ControlServer(folder.socket, self._operate, noticed=_noticed)

    def _wire_loop(self) -> Performer:
        """What is decided and performed."""
        store = self.held.store
        self.notifying = notifying_of(
            self.held, ask=lambda request: self.loop.ask(request), incident=self._tell
        )
        self.rereading = Rereading(lambda: self.ingests, self._clock)
        performer = self.held.performer(
            notifier=self.notifying, refresh=self.rereading.read, noticed=_noticed
        )
        self._moves = Moves(store)
        self._spans = RunSpans(store)
        self.loop = Loop(
            self.held.director,
            performer,
            self._clock,
            noticed=self._noticed,
            incident=self._tell,
            committed=self._committed,
        )
        known = [(IncidentKind(one.kind), one.subject) for one in open_incidents(store)]
        self._incidents = Incidents(self.loop.send, known)
        return performer

    def _wire_watches(self) -> None:
        """What looks after the house."""
        held, clock = self.held, self._clock
        settings = held.assembly.files.settings
        self._watch = Watch(self._folder, clock, self._incidents, self._standing, settings.backup)
        self.objectives = ObjectivesWatch(
            held.store, settings.slo, lambda: held.director.workflows, clock, self.loop.send
        )
        self._observing = Observing(
            *(self._folder, clock, held.store, self.loop, self._watch, self.objectives),
            lambda: held.assembly,
        )

    def _wire_desks(self, performer: Performer) -> None:
        """What may be asked, and what learns from the answers."""
        held, ask = self.held, self.loop.ask
        self.learning = learning_of(held, ask)
        self._refining = refining_of(held, ask)
        self.forgetting = forgetting_of(
            *(held, ask),
            ingests=lambda: self.ingests.values(),
            learning=self.learning,
            refining=self._refining,
            noticed=_noticed,
        )
        self.desks = desks_of(
            *(held, ask, self.forgetting), performer=performer, ingests=lambda: self.ingests
        )
        self.desk, self.devices = self.desks.cards, self.desks.devices
        self._once = asked_once_of(held, ask, performer, self.forgetting, ingests=lambda: self.ingests)
        self._look = MemoryLook(lambda: held.assembly, self._clock)

    def _wire_web(self, performer: Performer, listening: socket.socket | None, *, opened: bool) -> None:
        self.web = web_beside(
            *(self.held, self.loop, performer),
            devices=self.desks.devices,
            tokens=self.desks.tokens,
            heard=self._heard,
            health=self.health,
            metrics=self.metrics,
            noticed=_noticed,
            operate=self._operate,
            moves=self._moves,
        )
        if opened or listening is not None:
            self.web.open(listening)

    def _wire_care(self) -> None:
        """What keeps the ledger, and what is remembered, in order."""
        held, clock = self.held, self._clock
        self._remembering = Remembering(held.assembly.opened_memory, clock, _noticed)
        self._compacting = Compacting(held.store, held.director, clock, self.loop.between)
        signing = signing_of(self._folder, held.store)
        self._checkpointing = Checkpointing(signing, clock, self.loop.ask, self._incidents)
        self._full_audit = FullAudit(self._folder, clock, self._incidents)

    def _tell(self, incident: Incident) -> None:
        self._incidents.tell(incident)

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Boot and work until `stop`, a signal, or what makes going on unsafe (raised)."""
        ended = False
        telemetry = self._telemetry()
        try:
            self._watch.begin()
            owed = self._boot()
            async with asyncio.TaskGroup() as group:
                working = group.create_task(self.loop.run(owed))
                await self.forgetting.begin()
                await self._control.start()
                background = [group.create_task(one.run()) for one in self._background()]
                web = group.create_task(self.web.run())
                self._watch.ready(self._rhythms() if self._ingest else {})
                ready()
                await working
                self.web.stop()
                await web
                for one in background:
                    one.cancel()
            self.held.director.handle([Request(StopDirector())])
            self._checkpointing.end()
            ended = True
        except* Exception as group_error:
            first = group_error.exceptions[0]
            raise first from first.__cause__
        finally:
            await self.rereading.end()
            await self._control.close()
            self.web.close()
            telemetry.end()
            self.held.close()
            self._watch.end(on_purpose=ended)

    def _boot(self) -> list[Owed]:
        """Take the workspace, put in force what its folder says, and begin with what is learned by now."""
        held = self.held
        owed = held.director.boot()
        if held.disagreed:
            self._tell(view_disagreed(held.disagreed))
        if not held.director.cards_agree():
            self._tell(view_disagreed("approvals"))
            held.rebuild_views()
        owed += held.register()
        if self.learning is not None:
            self.learning.restore()
        settle_collector()
        self.ingests = ingests_of(held, self.loop.ask, noticed=_noticed, heard=self._watch.heard)
        return owed

    def _background(self) -> Iterator[Working]:
        """What works beside the loop, until that ends."""
        if self._ingest:
            yield from self.ingests.values()
        yield from (self._watch, self.objectives, self._checkpointing, self._full_audit)
        yield from (self._remembering, self._refining)
        if self.learning is not None:
            yield self.learning
        yield from (self.forgetting, self.notifying)

    def _committed(self, tick: Tick) -> None:
        self._spans.committed(tick)
        self._moves.committed(tick)

    def _telemetry(self) -> Telemetry:
        settings = self.held.assembly.files.settings
        told = settings.telemetry
        try:
            return begin_telemetry(
                told.otlp,
                workspace=settings.workspace.name,
                version=__version__,
                content=told.content,
                share_percent=told.share_percent,
            )
        except Unavailable as error:
            log.warning("%s", error)
            return Telemetry()

    def _rhythms(self) -> dict[str, float]:
        accounts = self.held.assembly.accounts
        found = {name: accounts[name].mailbox for name in self.ingests}
        return {name: one.poll_s for name, one in found.items() if one is not None}

    def _standing(self) -> Standing:
        return Standing(self.held.director.position, self.held.director.epoch)

    def metrics(self) -> bytes:
        """The figures of this director, in Prometheus's text format. Raises `Unavailable` without its library."""
        return self._observing.metrics()

    def health(self) -> Health:
        """Whether all is well here, and each reason why not."""
        return self._observing.health()

    def stop(self) -> None:
        """End after the tick that is under way."""
        self.loop.stop()

    def stop_on_signals(self) -> None:
        """Ctrl-C and `kill` end it in order."""
        running = asyncio.get_running_loop()
        for one in (signal.SIGINT, signal.SIGTERM):
            running.add_signal_handler(one, self.stop)

    async def _operate(self, operation: str, arguments: Json) -> Json:
        """Do what was asked; on a full disk say so at once, for it may take hours until there is space."""
        if operation in _TOLD or operation in LOOKING:
            return await self._told(operation, arguments)
        if self.loop.disk_full:
            self._full_disk.refuse()
        if operation == "compact":
            require_types(operation, arguments)
            return await self._compacting.seal_one(arguments.get("before"))
        if operation in OPERATIONS:
            require_types(operation, arguments)
            return await self._checkpointing.asked(operation, arguments)
        if operation == ONCE:
            require_types(operation, arguments)
            return await self._full_disk.answer(self._once.do(**arguments), self._heard)
        return await self._full_disk.answer(operate(self.desks, operation, arguments), self._heard)

    async def _told(self, operation: str, arguments: Json) -> Json:
        """What nothing is decided for."""
        if operation == "status":
            return {
                **await operate(self.desks, operation, arguments),
                "disk_full": self.loop.disk_full,
                "memory": self._remembering.standing(),
            }
        require_types(operation, arguments)
        match operation:
            case "health":
                return self.health().told()
            case "metrics":
                return {"text": self.metrics().decode()}
            case "login_link":
                return self.web.login_link()
            case _:
                threads, running = self.held.assembly.recalling, asyncio.get_running_loop()
                return await running.run_in_executor(threads, self._look.told, operation, arguments)

    def _heard(self, task: asyncio.Task[Json] | None = None) -> None:
        """A person decided something, perhaps about an annotation."""
        if self.learning is not None:
            self.learning.wake()
        self._refining.wake()

    def _noticed(self, what: str, error: Exception) -> None:
        self._full_disk.noticed(error)
        _noticed(what, error)


def _noticed(what: str, error: Exception) -> None:
    # Whoever embeds this may keep what is logged as it is said: a library's error may quote what it was given.
    log.warning("%s: %s: %s", what, type(error).__name__, without_secrets(str(error)))

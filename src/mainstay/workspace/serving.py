"""`mainstay up`: a director at work, with its performer, its mailboxes and its control socket."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable

from mainstay import __version__
from mainstay.governance.incidents import open_incidents
from mainstay.kernel.commands import StopDirector
from mainstay.kernel.errors import StorageFull, Unavailable
from mainstay.kernel.events import IncidentKind
from mainstay.kernel.values import Json
from mainstay.ledger.rebuild import Progress
from mainstay.net.withheld import without_secrets
from mainstay.runtime.checkpointing import OPERATIONS, Checkpointing
from mainstay.runtime.clock import Clock, SystemClock
from mainstay.runtime.collector import settle_collector
from mainstay.runtime.control import ControlServer
from mainstay.runtime.desk import Desk
from mainstay.runtime.incidents import Incidents, view_disagreed
from mainstay.runtime.ingest import Ingest
from mainstay.runtime.loop import Loop
from mainstay.runtime.telemetry import RunSpans, Telemetry
from mainstay.runtime.telemetry import begin as begin_telemetry
from mainstay.runtime.tick import Request, Tick
from mainstay.workspace.asked_by_name import asked_once_of
from mainstay.workspace.assembly import Assembly
from mainstay.workspace.compacting import Compacting
from mainstay.workspace.folder import Folder
from mainstay.workspace.full_audit import FullAudit
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
from mainstay.workspace.said_of_cards import require_types
from mainstay.workspace.serving_web import web_beside
from mainstay.workspace.signing_places import signing_of
from mainstay.workspace.watching import Standing, Watch

log = logging.getLogger("mainstay")

REFRESH_EVERY_S = 2.0  # a mailbox that was read so recently is not read again before a send


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
        self._clock = clock or SystemClock()
        self.held = Held(folder, self._clock, performing=True, rebuilding=rebuilding, assembly=assembly)
        self._ingest = ingest
        self.ingests: dict[str, Ingest] = {}
        self._read_at: dict[str, float] = {}
        self._reading: dict[
            str, asyncio.Task[None]
        ] = {}  # mailboxes that are read once more now, for all who ask
        self._full = asyncio.Event()  # set when the disk was full since somebody asked
        self._unanswered: set[asyncio.Task[Json]] = set()  # what goes on although its asker was sent away
        try:
            self.notifying = notifying_of(
                self.held,
                ask=lambda request: self.loop.ask(request),
                incident=lambda incident: self._incidents.tell(incident),
            )
            performer = self.held.performer(notifier=self.notifying, refresh=self._refresh, noticed=_noticed)
            self._moves = Moves(self.held.store)
            self._spans = RunSpans(self.held.store)
            self.loop = Loop(
                self.held.director,
                performer,
                self._clock,
                noticed=self._noticed,
                incident=lambda incident: self._incidents.tell(incident),
                committed=self._committed,
            )
            self._incidents = Incidents(
                self.loop.send,
                [(IncidentKind(one.kind), one.subject) for one in open_incidents(self.held.store)],
            )
            self._watch = Watch(
                folder,
                self._clock,
                self._incidents,
                self._standing,
                self.held.assembly.files.settings.backup,
            )
            self.objectives = ObjectivesWatch(
                self.held.store,
                self.held.assembly.files.settings.slo,
                lambda: self.held.director.workflows,
                self._clock,
                self.loop.send,
            )
            self._observing = Observing(
                *(folder, self._clock, self.held.store, self.loop, self._watch, self.objectives),
                lambda: self.held.assembly,
            )
            self.desk: Desk = self.held.desk(self.loop.ask, performer)
            self.devices = self.held.devices(self.loop.ask)
            self.tokens = self.held.tokens(self.loop.ask)
            self.web = web_beside(
                *(self.held, self.loop, performer),
                devices=self.devices,
                tokens=self.tokens,
                heard=self._heard,
                health=self.health,
                metrics=self.metrics,
                noticed=_noticed,
                operate=self._operate,
                moves=self._moves,
            )
            if web or listening is not None:
                self.web.open(listening)
            self.steering = self.held.steering(self.loop.ask)
            self._memory_desk = self.held.memory_desk(self.loop.ask)
            self._reviewing = self.held.reviewing(self.loop.ask)
            self._granting = self.held.granting(self.loop.ask)
            self._proposing = self.held.proposing(self.loop.ask)
            self._vouching = self.held.vouching(self.loop.ask)
            self._rules = self.held.rule_desk(self.loop.ask)
            self.learning = self.held.learning(self.loop.ask)
            self._refining = self.held.refining(self.loop.ask)
            self.forgetting = self.held.forgetting(
                self.loop.ask,
                ingests=lambda: self.ingests.values(),
                learning=self.learning,
                refining=self._refining,
                noticed=_noticed,
            )
            self._once = asked_once_of(
                *(self.held, self.loop.ask, performer),
                ingests=lambda: self.ingests,
                forgetting=lambda: self.forgetting,
            )
            self._look = MemoryLook(lambda: self.held.assembly, self._clock)
            self._remembering = Remembering(self.held.assembly.opened_memory, self._clock, _noticed)
            self._compacting = Compacting(self.held.store, self.held.director, self._clock, self.loop.between)
            signing = signing_of(folder, self.held.store)
            self._checkpointing = Checkpointing(signing, self._clock, self.loop.ask, self._incidents)
            self._full_audit = FullAudit(folder, self._clock, self._incidents)
        except BaseException:
            if "web" in vars(self):
                self.web.close()
            self.held.close()  # the lock would stay with us
            raise
        self._control = ControlServer(folder.socket, self._operate, noticed=_noticed)

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Boot and work until `stop`, a signal, or what makes going on unsafe (raised)."""
        ended = False
        telemetry = self._telemetry()
        try:
            self._watch.begin()
            owed = self.held.director.boot()
            if self.held.disagreed:
                self._incidents.tell(view_disagreed(self.held.disagreed))
            if not self.held.director.cards_agree():
                self._incidents.tell(view_disagreed("approvals"))
                self.held.rebuild_views()
            owed += self.held.register()
            if self.learning is not None:
                self.learning.restore()
            settle_collector()
            self.ingests = self.held.ingests(self.loop.ask, noticed=_noticed, heard=self._watch.heard)
            async with asyncio.TaskGroup() as group:
                working = group.create_task(self.loop.run(owed))
                await self.forgetting.begin()
                await self._control.start()
                readers = [group.create_task(one.run()) for one in self.ingests.values() if self._ingest]
                self._watch.ready(self._rhythms() if self._ingest else {})
                watching = group.create_task(self._watch.run())
                objectives = group.create_task(self.objectives.run())
                audits = [group.create_task(one.run()) for one in (self._checkpointing, self._full_audit)]
                remembering = group.create_task(self._remembering.run())
                refining = group.create_task(self._refining.run())
                learning = [group.create_task(self.learning.run())] if self.learning is not None else []
                forgetting = group.create_task(self.forgetting.run())
                notifying = group.create_task(self.notifying.run())
                web = group.create_task(self.web.run())
                ready()
                await working
                self.web.stop()
                await web
                background = (watching, objectives, remembering, refining, forgetting, notifying)
                for one in (*readers, *learning, *audits, *background):
                    one.cancel()
            self.held.director.handle([Request(StopDirector())])
            self._checkpointing.end()
            ended = True
        except* Exception as group_error:
            first = group_error.exceptions[0]
            raise first from first.__cause__
        finally:
            for reading in list(self._reading.values()):
                reading.cancel()
            await asyncio.gather(*self._reading.values(), return_exceptions=True)
            await self._control.close()
            self.web.close()
            telemetry.end()
            self.held.close()
            self._watch.end(on_purpose=ended)

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
        if operation == "status":
            return {
                **await operate(self.desk, self.steering, self.ingests, operation, arguments),
                "disk_full": self.loop.disk_full,
                "memory": self._remembering.standing(),
            }
        if operation in ("health", "metrics"):
            require_types(operation, arguments)
            return self.health().told() if operation == "health" else {"text": self.metrics().decode()}
        if operation == "login_link":
            require_types(operation, arguments)
            return self.web.login_link()
        if operation in LOOKING:
            require_types(operation, arguments)
            threads = self.held.assembly.recalling
            return await asyncio.get_running_loop().run_in_executor(
                threads, self._look.told, operation, arguments
            )
        if self.loop.disk_full:
            raise StorageFull(
                "The disk is full, so nothing can be decided.",
                why="What was asked before still waits for space. Nothing was accepted.",
                remedy="Free some space: the director goes on by itself. Then run this command again.",
            )
        if operation == "compact":
            require_types(operation, arguments)
            return await self._compacting.seal_one(arguments.get("before"))
        if operation in OPERATIONS:
            require_types(operation, arguments)
            return await self._checkpointing.asked(operation, arguments)
        if operation == ONCE:
            require_types(operation, arguments)
        self._full.clear()
        working = asyncio.create_task(
            self._once.do(**arguments)
            if operation == ONCE
            else operate(
                self.desk,
                self.steering,
                self.ingests,
                operation,
                arguments,
                memory=self._memory_desk,
                reviewing=self._reviewing,
                forgetting=self.forgetting,
                granting=self._granting,
                proposing=self._proposing,
                vouching=self._vouching,
                rules=self._rules,
                devices=self.devices,
                tokens=self.tokens,
            )
        )
        working.add_done_callback(self._heard)
        full = asyncio.create_task(self._full.wait())
        try:
            await asyncio.wait({working, full}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            full.cancel()
        if working.done():
            return await working
        # It waits with the tick in hand and cannot be called back. Asking twice decides once.
        self._unanswered.add(working)
        working.add_done_callback(self._answered_nobody)
        raise StorageFull(
            "The disk is full.",
            why="What was asked waits for space and is not durable yet; if the director ends before, it is forgotten.",
            remedy="Free some space: the director goes on by itself. Then run the same command again: what was "
            "decided is not decided twice.",
        )

    def _heard(self, task: asyncio.Task[Json] | None = None) -> None:
        """A person decided something, perhaps about an annotation."""
        if self.learning is not None:
            self.learning.wake()
        self._refining.wake()

    def _answered_nobody(self, task: asyncio.Task[Json]) -> None:
        self._unanswered.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("what waited for space: %s", error)

    def _noticed(self, what: str, error: Exception) -> None:
        if isinstance(error, StorageFull):
            self._full.set()
        _noticed(what, error)

    async def _refresh(self, instance: str) -> None:
        """Read the mailbox once more before something final leaves: the customer may have written again."""
        one = self.ingests.get(instance)
        if one is None:
            return
        now = self._clock.monotonic_s()
        if now - self._read_at.get(instance, -REFRESH_EVERY_S) < REFRESH_EVERY_S:
            return
        reading = self._reading.get(instance)
        if reading is None:
            reading = self._reading[instance] = asyncio.create_task(self._read(instance, one))
        await asyncio.shield(reading)  # many may wait for it: the end of one is not the end of all

    async def _read(self, instance: str, mailbox: Ingest) -> None:
        try:
            await mailbox.pull()
            self._read_at[instance] = self._clock.monotonic_s()
        finally:
            del self._reading[instance]


def _noticed(what: str, error: Exception) -> None:
    # Whoever embeds this may keep what is logged as it is said: a library's error may quote what it was given.
    log.warning("%s: %s: %s", what, type(error).__name__, without_secrets(str(error)))

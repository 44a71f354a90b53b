"""A workspace under the lock.

`Held` opens the store for writing and wires a director that is not at work yet; `mainstay up` puts it to work, a
command without a running director only decides with it. What can be asked of it is named in
`mainstay.workspace.operations`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from mainstay import __version__
from mainstay.config.files import RuleFiles
from mainstay.ledger.head_mark import MarkedStore
from mainstay.ledger.lock import WriterLock
from mainstay.ledger.projections import STANDARD, TABLES
from mainstay.ledger.rebuild import Progress, rebuild
from mainstay.ledger.rows import META
from mainstay.ledger.safety import check_folder
from mainstay.ledger.standing import disagreements, open_runs_differ
from mainstay.ledger.store import Epoch, Put
from mainstay.runtime.clock import Clock
from mainstay.runtime.desk import Desk
from mainstay.runtime.director import Director
from mainstay.runtime.operator_time import calendar_of
from mainstay.runtime.plan_shelf import PlanShelf
from mainstay.runtime.tick import Owed, Request
from mainstay.workspace.assembly import Assembly
from mainstay.workspace.brake import ReplyBrake
from mainstay.workspace.file_desk import FileDesk
from mainstay.workspace.folder import Folder
from mainstay.workspace.proposing import proposable
from mainstay.workspace.recipes import RecipesWhenAsked, autonomy_of, recipes_of
from mainstay.workspace.registering import registrations
from mainstay.workspace.rules import RuleDesk, adoptions, differs, policy_in_force

if TYPE_CHECKING:
    from asyncio import Lock

    from mainstay.agents.base import Finding
    from mainstay.runtime.devices import Devices
    from mainstay.runtime.forgetting import Forgetting
    from mainstay.runtime.granting import Granting
    from mainstay.runtime.ingest import Ingest
    from mainstay.runtime.performer import Performer
    from mainstay.runtime.proposing import Proposing
    from mainstay.runtime.reviewing import Reviewing
    from mainstay.runtime.steering import Steering
    from mainstay.runtime.teaching import Teaching
    from mainstay.runtime.tokens import Tokens
    from mainstay.runtime.vouching import Vouching
    from mainstay.workspace.learning import Learning
    from mainstay.workspace.memory_desk import House, MemoryDesk
    from mainstay.workspace.refining import Refining

log = logging.getLogger("mainstay")


class Held:
    """A workspace under the lock: its store for writing, its parts, and a director that is not at work yet."""

    def __init__(
        self,
        folder: Folder,
        clock: Clock,
        *,
        performing: bool = False,
        rebuilding: Progress = lambda done, of: None,
        assembly: type[Assembly] = Assembly,
        one_run: bool = False,
    ) -> None:
        """`one_run`: what is decided about one card looks at no run but its own, so the list of open ones is taken
        at its word until `load_all` needs it.
        """
        self.folder = folder
        self.clock = clock
        self.disagreed = ""  # views that were not what the events say, before they were folded anew
        folder.id  # noqa: B018  says first of all that this is no workspace
        mended = check_folder(folder.state)
        if mended:
            log.warning("others could look into it: %s", mended)
        self._lock = WriterLock(folder.lock)
        self._lock.acquire()
        try:
            self.store = MarkedStore(folder.ledger, tables=TABLES)
            self.assembly = assembly(folder, self.store, writable=True)
            if performing:
                _ = self.assembly.files  # raises what is wrong with them before anything is begun
            self._brake = ReplyBrake(self.store, clock, self.assembly.reply_limits)
            self.director = Director(
                self.store,
                clock,
                PlanShelf(self.assembly.plan),
                projections=STANDARD,
                policy=self.assembly.untyped.policy,
                limits=self.assembly.limits,
                throttles=dict(self.assembly.untyped.settings.throttles),
                breakers=self.assembly.untyped.settings.breaker,
                version=__version__,
                ceilings=self._ceilings() if performing else {},  # without a performer, nothing starts
                performing=performing,
                calendar=calendar_of(self.assembly.untyped.settings.workspace.zone),
                undo_us=self.assembly.untyped.settings.approvals.undo_us,
                autonomy=autonomy_of(self.assembly.untyped.settings.autonomy),
                recipes=RecipesWhenAsked(lambda: recipes_of(self.assembly)),
            )
            epoch = self.store.acquire()
            plans = self.director.plans.__getitem__
            wrong = disagreements(
                self.store, self.director.codec, STANDARD, plans=plans, open_runs=not one_run
            )
            if wrong or folder.anew.exists():
                what = ", ".join(wrong) or "a view that was looked at before"
                self.disagreed = what  # for whoever records it
                log.warning("%s: not what the events say; all views are folded anew", what)
                self._forget_views(epoch)
                folder.anew.unlink(missing_ok=True)
            rebuild(
                self.store,
                self.director.codec,
                STANDARD,
                epoch=epoch,
                at=clock.now(),
                progress=rebuilding,
            )
            # What was in force stays so until `register` puts the files in its place, in one tick with the event.
            self.director.policy = policy_in_force(
                self.store, self.assembly.blobs, self.assembly.untyped.policy
            )
            self._open_unproved = one_run
        except BaseException:
            self.close()
            raise

    def _ceilings(self) -> dict[str, int | None]:
        return {name: one.cost_max_micros for name, one in self.assembly.light_agents.items()}

    def load_all(self) -> None:
        """Fold every open run into memory, once the list of them is what the events say."""
        if self._open_unproved and open_runs_differ(self.store):
            self.disagreed = "open_runs"
            log.warning("%s: not what the events say; all views are folded anew", self.disagreed)
            self.rebuild_views()
            self.director.acquire()  # what it read of them before may have been wrong as well
        self._open_unproved = False
        self.director.load_all()

    def rebuild_views(self) -> None:
        """Fold every view anew from the events: they are what happened, views are only how it is looked at."""
        epoch = self.director.epoch
        self._forget_views(epoch)
        rebuild(self.store, self.director.codec, STANDARD, epoch=epoch, at=self.clock.now())

    def _forget_views(self, epoch: Epoch) -> None:
        marks = [Put(META.name, (f"projection:{one.name}",), {"value": ""}) for one in STANDARD]
        self.store.append((), epoch=epoch, at=self.clock.now(), changes=marks)

    def register(self) -> list[Owed]:
        """Put the workflows and rules of the folder in force, where they differ from what the ledger knows.

        A workflow whose file is gone starts no more runs. Returns what is owed by it: timers of schedules.
        """
        requests: list[Request] = []
        if self._is_news():
            _ = self.assembly.files  # raises what is wrong with it, held against everything else
        requests += registrations(self.director, self.assembly.written.workflows)
        adopted = adoptions(self.director, self._rules(), self.assembly.blobs)
        if adopted:
            self.load_all()  # everything that waits is held against them
        requests += adopted
        owed = self.director.handle(requests) if requests else []
        outdated = self.director.outdated()  # by the workflows and templates that are in force now
        return owed + self.director.handle(outdated) if outdated else owed

    def _rules(self) -> RuleFiles:
        files = self.assembly.written
        return RuleFiles(files.policy, files.policy_text, files.templates)

    def _is_news(self) -> bool:
        """Whether the folder says anything that is not in force: what is was held against everything else before."""
        if self.director.performing:
            return True  # it is put to work with what adapters and agents there are now
        known = {name: one.definition for name, one in self.director.workflows.items()}
        said = {name: one.plan.digest for name, one in self.assembly.written.workflows.items()}
        return known != said or differs(self.director, self._rules())

    def performer(self, **options: object) -> Performer:
        """A performer over the parts of this workspace."""
        from mainstay.runtime.last_look import LastLook
        from mainstay.runtime.performer import Performer

        assembly = self.assembly
        return Performer(
            clock=self.clock,
            agents=assembly.agents if self.director.performing else {},
            artifacts=assembly.artifacts,
            gate=LastLook(self.director),
            routes=assembly.route,
            adapters=assembly.adapters,
            tools=assembly.tools,
            habits=self._brake.features,
            **options,  # type: ignore[arg-type]
        )

    def desk(self, ask: Callable[[Request], object], performer: Performer | None = None) -> Desk:
        """The desk over this director."""
        return Desk(
            self.director,
            lambda: performer or self.performer(),
            self.assembly.artifacts,
            self.assembly.route,
            ask,  # type: ignore[arg-type]
            lambda: self.teaching,
            self._inspect,
        )

    def _inspect(self, text: str, shown: str) -> Sequence[Finding]:
        """What the checks say of a text that a person wrote, besides what they say of the one that was shown."""
        from mainstay.agents.checks.own_words import inspect_own_words
        from mainstay.workspace.agents import house_rules

        return inspect_own_words(text, shown, house_rules(self.assembly.untyped))

    @cached_property
    def teaching(self) -> Teaching:
        """What learns from what people make of drafts."""
        from mainstay.runtime.teaching import Teaching
        from mainstay.workspace.agents import house, operator_of

        files = self.assembly.untyped
        return Teaching(
            self.store,
            self.assembly.artifacts,
            house=house(files),
            operator=operator_of(files),
            intents=files.intents,
        )

    def rule_desk(self, ask: Callable[[Request], object]) -> RuleDesk:
        """What takes changed rules and templates into this director."""
        files = FileDesk(
            *(self.director, self.assembly, ask, self._renewed),  # type: ignore[arg-type]
            one_at_a_time=self._one_file_at_a_time,
        )
        return RuleDesk(files, self.director, self.assembly, ask, self._renewed)  # type: ignore[arg-type]

    @cached_property
    def _one_file_at_a_time(self) -> Lock:
        """The same by whichever way somebody asks: two desks with a lock each would let two in at once."""
        from asyncio import Lock  # whoever decides about one card loads no loop

        return Lock()

    def _renewed(self) -> None:
        vars(self).pop("teaching", None)  # made of templates that are others now
        self.director.recipes = recipes_of(self.assembly)

    def steering(self, ask: Callable[[Request], object]) -> Steering:
        """The operator's hand on the runs of this director."""
        from mainstay.runtime.steering import Steering

        adapters = self.assembly.untyped.settings.adapters
        return Steering(self.director, self.assembly.artifacts, ask, adapters=adapters)  # type: ignore[arg-type]

    def devices(self, ask: Callable[[Request], object]) -> Devices:
        """Who may look and decide through the web."""
        from mainstay.runtime.devices import Devices

        settings = self.assembly.untyped.settings.console
        hashed = self.assembly.artifacts.vault.keyed_hash
        return Devices(
            *(self.store, self.clock, hashed, ask),  # type: ignore[arg-type]
            idle_us=settings.idle_us,
            session_us=settings.session_us,
        )

    def tokens(self, ask: Callable[[Request], object]) -> Tokens:
        """Which programs and agents may use the API."""
        from mainstay.runtime.tokens import Tokens

        hashed = self.assembly.artifacts.vault.keyed_hash
        return Tokens(self.store, self.clock, hashed, ask)  # type: ignore[arg-type]

    def reviewing(self, ask: Callable[[Request], object]) -> Reviewing:
        """Where people say what they think of annotations."""
        from mainstay.runtime.reviewing import Reviewing

        assembly = self.assembly
        steering = self.steering(ask)
        return Reviewing(self.director, assembly.artifacts, steering, assembly.untyped.intents, ask)  # type: ignore[arg-type]

    def granting(self, ask: Callable[[Request], object]) -> Granting:
        """Where the operator says how far kinds of act go by themselves."""
        from mainstay.runtime.granting import Granting

        return Granting(self.director, self.assembly.artifacts, ask)  # type: ignore[arg-type]

    def proposing(self, ask: Callable[[Request], object]) -> Proposing:
        """What takes proposals of somebody outside for this director."""
        from mainstay.runtime.proposing import Proposing

        assembly = self.assembly
        own = (
            own for one in assembly.untyped.settings.adapters.values() for own in (one.address, *one.aliases)
        )
        return Proposing(
            self.director,
            assembly.artifacts,
            ask,  # type: ignore[arg-type]
            lambda: proposable(assembly.untyped.settings),
            own=tuple(dict.fromkeys(own)),
        )

    def vouching(self, ask: Callable[[Request], object]) -> Vouching:
        """Where the operator vouches for programs of their own. Other bytes are another way of making it."""
        from mainstay.runtime.vouching import Vouching

        def renewed() -> None:
            self.director.recipes = recipes_of(self.assembly)

        def replaced() -> None:
            if "language_models" in vars(self.assembly):
                self.assembly.language_models.renew()

        return Vouching(ask, renewed, replaced)  # type: ignore[arg-type]

    def learning(self, ask: Callable[[Request], object]) -> Learning | None:
        """What keeps the intent specialist up with the ledger; None where nobody of that kind works here."""
        from mainstay.agents.specialists.intent import IntentSpecialist
        from mainstay.workspace.learning import Learning

        one = self.assembly.agents.get(IntentSpecialist.name)
        if not isinstance(one, IntentSpecialist):
            return None
        return Learning(self.store, self.assembly.artifacts, one.judge, one.heard, ask)  # type: ignore[arg-type]

    def refining(self, ask: Callable[[Request], object]) -> Refining:
        """What refines the ranking of memory by what is used of it."""
        from mainstay.workspace.refining import Refining

        assembly = self.assembly
        return Refining(self.store, assembly.artifacts, self.director.codec, assembly.reading, ask)  # type: ignore[arg-type]

    def memory_desk(self, ask: Callable[[Request], object]) -> MemoryDesk:
        """What keeps and retracts memories for this director."""
        from mainstay.workspace.memory_desk import MemoryDesk

        return MemoryDesk(self.store, self.assembly.artifacts, ask, self._memory_house)  # type: ignore[arg-type]

    def forgetting(
        self,
        ask: Callable[[Request], object],
        *,
        ingests: Callable[[], Iterable[Ingest]] = tuple,
        learning: Learning | None = None,
        refining: Refining | None = None,
        noticed: Callable[[str, Exception], None] = lambda what, error: None,
    ) -> Forgetting:
        """What forgets somebody; with what reads mail and what learns, where a director is at work."""
        from mainstay.runtime.forgetting import Forgetting
        from mainstay.workspace.traces import Traces

        traces = Traces(self.assembly, ingests, learning=learning, refining=refining)
        return Forgetting(self.director, self.assembly.artifacts, ask, traces, noticed=noticed)  # type: ignore[arg-type]

    def _memory_house(self) -> House:
        from mainstay.workspace.memory_desk import House

        files = self.assembly.untyped
        accounts = files.settings.adapters.values()
        own = dict.fromkeys(address for one in accounts for address in (one.address, *one.aliases))
        return House(frozenset(files.recalls.spaces), tuple(own), self.assembly.seal_key)

    def ingests(self, ask: Callable[[Request], object], **options: object) -> dict[str, Ingest]:
        """The mailboxes of this workspace."""
        from mainstay.runtime.ingest import Ingest

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
        if assembly is not None:
            assembly.close_memory()
            if "artifacts" in vars(assembly):
                assembly.artifacts.vault.close()
        self._lock.release()

"""A workspace under the lock.

`Held` opens the store for writing and wires a director that is not at work yet; `mainstay up` puts it to work, a
command without a running director only decides with it. Who asks it by which desk lies in `mainstay.workspace.desks`.
"""

from __future__ import annotations

import logging
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
from mainstay.runtime.director import Director
from mainstay.runtime.operator_time import calendar_of
from mainstay.runtime.plan_shelf import PlanShelf
from mainstay.runtime.tick import Owed, Request
from mainstay.workspace.assembly import Assembly
from mainstay.workspace.brake import ReplyBrake
from mainstay.workspace.folder import Folder
from mainstay.workspace.recipes import RecipesWhenAsked, autonomy_of, recipes_of
from mainstay.workspace.registering import registrations
from mainstay.workspace.rules import adoptions, differs, policy_in_force

if TYPE_CHECKING:
    from asyncio import Lock

    from mainstay.runtime.performer import Performer
    from mainstay.runtime.teaching import Teaching

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
            self.director = self._director(performing)
            epoch = self.store.acquire()
            self._mend_views(epoch, open_runs=not one_run)
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

    def _director(self, performing: bool) -> Director:
        files = self.assembly.untyped
        settings = files.settings
        return Director(
            self.store,
            self.clock,
            PlanShelf(self.assembly.plan),
            projections=STANDARD,
            policy=files.policy,
            limits=self.assembly.limits,
            throttles=dict(settings.throttles),
            breakers=settings.breaker,
            version=__version__,
            ceilings=self._ceilings() if performing else {},  # without a performer, nothing starts
            performing=performing,
            calendar=calendar_of(settings.workspace.zone),
            undo_us=settings.approvals.undo_us,
            autonomy=autonomy_of(settings.autonomy),
            recipes=RecipesWhenAsked(lambda: recipes_of(self.assembly)),
        )

    def _mend_views(self, epoch: Epoch, *, open_runs: bool) -> None:
        """Views that are not what the events say are forgotten, and so folded anew."""
        plans = self.director.plans.__getitem__
        wrong = disagreements(self.store, self.director.codec, STANDARD, plans=plans, open_runs=open_runs)
        if not wrong and not self.folder.anew.exists():
            return
        self.disagreed = ", ".join(wrong) or "a view that was looked at before"  # for whoever records it
        log.warning("%s: not what the events say; all views are folded anew", self.disagreed)
        self._forget_views(epoch)
        self.folder.anew.unlink(missing_ok=True)

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

    @cached_property
    def one_file_at_a_time(self) -> Lock:
        """The same by whichever way somebody asks: two desks with a lock each would let two in at once."""
        from asyncio import Lock  # whoever decides about one card loads no loop

        return Lock()

    def renew(self) -> None:
        """Rules or templates are others now."""
        vars(self).pop("teaching", None)  # made of them
        self.renew_recipes()

    def renew_recipes(self) -> None:
        """Something that acts are made by is another now."""
        self.director.recipes = recipes_of(self.assembly)

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

"""A workspace under the lock, and what can be asked of it.

`Held` opens the store for writing and wires a director that is not at work yet; `mainstay up` puts it to
work, a command without a running director only decides with it. `operate` names everything that can be
asked, through whichever door.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from mainstay import __version__
from mainstay.config.files import RuleFiles
from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.values import Json
from mainstay.ledger.head_mark import MarkedStore
from mainstay.ledger.lock import WriterLock
from mainstay.ledger.projections import STANDARD, TABLES
from mainstay.ledger.rebuild import Progress, rebuild
from mainstay.ledger.rows import META
from mainstay.ledger.safety import check_folder
from mainstay.ledger.standing import disagreements, open_runs_differ
from mainstay.ledger.store import Epoch, Put
from mainstay.runtime.clock import Clock
from mainstay.runtime.desk import Desk, encode
from mainstay.runtime.director import Director, PlanShelf
from mainstay.runtime.operator_time import calendar_of
from mainstay.runtime.tick import Owed, Request
from mainstay.workspace.assembly import Assembly
from mainstay.workspace.brake import ReplyBrake
from mainstay.workspace.file_desk import ON_FILES, FileDesk, of_file
from mainstay.workspace.folder import Folder
from mainstay.workspace.persons_only import require_person
from mainstay.workspace.proposing import proposable
from mainstay.workspace.recipes import RecipesWhenAsked, autonomy_of, recipes_of
from mainstay.workspace.registering import registrations
from mainstay.workspace.rules import RuleDesk, adoptions, differs, policy_in_force
from mainstay.workspace.said_of_cards import ON_CARDS, of_card, require_types, wrong_arguments

if TYPE_CHECKING:
    from asyncio import Lock

    from mainstay.agents.base import Finding
    from mainstay.runtime.devices import Devices
    from mainstay.runtime.forgetting import Forgetting
    from mainstay.runtime.granting import Granting
    from mainstay.runtime.ingest import Ingest, Pulled
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


async def operate(
    desk: Desk,
    steering: Steering,
    ingests: Mapping[str, Ingest],
    operation: str,
    arguments: Json,
    *,
    progress: Callable[[int], None] = lambda count: None,
    memory: MemoryDesk | None = None,
    reviewing: Reviewing | None = None,
    rules: RuleDesk | None = None,
    devices: Devices | None = None,
    tokens: Tokens | None = None,
    granting: Granting | None = None,
    proposing: Proposing | None = None,
    vouching: Vouching | None = None,
    forgetting: Forgetting | None = None,
) -> Json:
    """Do what was asked through a door. Raises `CommandRefused` for an operation or argument that is none."""
    require_types(operation, arguments)
    require_person(operation, arguments)
    try:
        match operation:
            case _ if operation in ON_CARDS:
                return await of_card(desk, operation, arguments)
            case "decide_together":
                return await desk.decide_together(**arguments)
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
                return desk.status(**arguments)
            case "pause_scope":
                return encode(await steering.pause(**arguments))
            case "resume_scope":
                return encode(await steering.resume(**arguments))
            case "cancel_scope":
                ended = await steering.cancel_scope(**arguments)
                return {"cancelled": [encode(one) for one in ended]}
            case "pause_run":
                return encode(await steering.pause_run(**arguments))
            case "resume_run":
                return encode(await steering.resume_run(**arguments))
            case "allow":
                return encode(await steering.allow(**arguments))
            case "cancel_task":
                return encode(await steering.cancel_task(**arguments))
            case "restart":
                return await _restart(steering, **arguments)
            case "fork":
                return encode(await steering.fork(**arguments))
            case "replay":
                return await _replay(steering, ingests, **arguments)
            case "purge":
                return encode(await steering.purge(**arguments))
            case "remember" if memory is not None:
                return await memory.remember(**arguments)
            case "retract_memory" if memory is not None:
                return await memory.retract(**arguments)
            case "import_mail" if memory is not None:
                return await memory.import_mail(**arguments, progress=progress)
            case "forget" if forgetting is not None:
                return msgspec.to_builtins(await forgetting.forget(**arguments))  # type: ignore[no-any-return]
            case "apply_rules" if rules is not None:
                return await rules.apply(**arguments)
            case _ if operation in ON_FILES and rules is not None:
                return await of_file(rules.files, operation, arguments)
            case "dismiss" if devices is not None:
                return await devices.dismissed(**arguments)
            case "token_issue" if tokens is not None:
                return await tokens.issued(**arguments)
            case "token_revoke" if tokens is not None:
                return await tokens.revoked(**arguments)
            case "review" if reviewing is not None:
                return encode(await reviewing.review(**arguments))
            case "trust" if vouching is not None:
                return await vouching.trust(**arguments)
            case "distrust" if vouching is not None:
                return await vouching.distrust(**arguments)
            case "secret_rotated" if vouching is not None:
                return await vouching.rotated(**arguments)
            case "propose" if proposing is not None:
                return encode(await proposing.propose(**arguments))
            case "autonomy_grant" if granting is not None:
                return await granting.grant(**arguments)
            case "autonomy_revoke" if granting is not None:
                return await granting.revoke(**arguments)
            case "autonomy_wrong" if granting is not None:
                return await granting.wrong(**arguments)
            case _:
                raise CommandRefused(
                    f"There is no operation {operation!r}.",
                    why="The director may be of another version than this command.",
                    remedy="Restart `mainstay up` after an upgrade.",
                )
    except TypeError as error:
        raise wrong_arguments(operation, error) from error


async def _restart(steering: Steering, run: str, *, actor: str, **how: str) -> Json:
    """Do a part of an ended run anew. Where it waits among the dead letters, it waits there no more."""
    began = await steering.restart(run, actor=actor, **how)
    letter = steering.waiting_letter(run)
    if letter:
        await steering.note_replay(letter, "run", "started", actor=actor, run=began.run)
    return encode(began)


async def _replay(steering: Steering, ingests: Mapping[str, Ingest], letter: str, *, actor: str) -> Json:
    """Try a dead letter again: a message is read once more, a failed run is restarted where it was given up."""
    row = steering.dead_letter(letter)
    name, kind = str(row["letter"]), str(row["kind"])
    if row["status"] == "purged":
        raise CommandRefused(
            "This dead letter was purged.",
            why="It was put away for good; what is left is the trace of it.",
            remedy="`mainstay dead-letters` lists what waits.",
        )
    if kind == "run":
        began = await steering.restart(name, actor=actor)
        await steering.note_replay(name, kind, "started", actor=actor, run=began.run)
        return encode(began)
    one = next((one for one in ingests.values() if one.mailbox == row["mailbox"]), None)
    if one is None:
        raise CommandRefused(
            f"There is no mailbox {row['mailbox']!r} any more.",
            why="A message is read by the mailbox that it came to.",
            remedy="Put it back into mainstay.toml, or purge the letter.",
        )
    outcome = await one.read_again(name)
    return encode(await steering.note_replay(name, kind, outcome, actor=actor))


async def _ingest(ingests: Mapping[str, Ingest], progress: Callable[[int], None], adapter: str = "") -> Json:
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
        from mainstay.runtime.performer import Performer

        assembly = self.assembly
        return Performer(
            clock=self.clock,
            agents=assembly.agents if self.director.performing else {},
            artifacts=assembly.artifacts,
            gate=self.director,
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

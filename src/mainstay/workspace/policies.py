"""Rules, as the operator looks at them: which are in force, why a card was judged so, what other files would change.

Read from the ledger and from the folder; nothing here decides but `apply`, which goes through the door.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mainstay.config.circumstances import suppose
from mainstay.config.files import WorkspaceFiles, load_rules
from mainstay.config.policies import read_policy_text
from mainstay.governance.policy_check import Remark, remarks
from mainstay.governance.policy_difference import PolicyDifference, difference
from mainstay.kernel.autonomy import Level
from mainstay.kernel.circumstances import circumstances
from mainstay.kernel.contract import Finality, Repeatability
from mainstay.kernel.door import verdict_on
from mainstay.kernel.draft import Draft
from mainstay.kernel.errors import AmbiguousId, CommandRefused, NotFound, PolicyError
from mainstay.kernel.events import NUMBER_OF, PolicyAdopted
from mainstay.kernel.facts import Facts
from mainstay.kernel.ids import WORKSPACE, IdempotencyKey
from mainstay.kernel.policy import RESERVED, Action, Between, Policy, Verdict, evaluate
from mainstay.kernel.policy_trace import Traced, trace
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.ledger.blobs import BlobStore
from mainstay.ledger.codec import Codec
from mainstay.ledger.short_ids import find_card
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.runtime.boot import read_standing
from mainstay.runtime.clock import Clock
from mainstay.runtime.operator_time import calendar_of
from mainstay.workspace.doors import Door
from mainstay.workspace.folder import Folder
from mainstay.workspace.known import KnownNow, catalog_of

if TYPE_CHECKING:
    from mainstay.workspace.assembly import Assembly

FILES = "files"
DIGEST_MIN = 4  # digits
_NAMED = 8  # rules that would be lost
JUDGED_MAX = 500  # waiting cards that are judged by both of two policies; the oldest

Doors = Callable[[], AbstractContextManager[Door]]


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A policy that is or was in force, or stands in the files."""

    digest: Digest
    at: Instant = Instant(0)  # when it came into force last; 0: never
    rules: int | None = None  # None: its text was not kept, or cannot be read any more
    in_force: bool = False
    in_files: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """What there is to say of the rules in the files."""

    rules: int
    digest: Digest
    in_force: bool  # they are what is in force
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """A verdict and every rule that had a part in it."""

    act: str
    verdict: Verdict
    rules: tuple[Traced, ...]
    policy: Digest
    circumstances: Json  # what changes with the hour and with every act
    features: Json
    finality: str
    left_out: tuple[str, ...] = ()  # what a described act has nothing of

    @property
    def above(self) -> bool:
        """Whether something that stands above every rule decided."""
        return self.verdict.rule in RESERVED


@dataclass(frozen=True, slots=True)
class JudgedCard:
    """A card that waits and would be judged otherwise."""

    approval: str
    run: str
    task: int
    act: str
    old: Verdict
    new: Verdict


@dataclass(frozen=True, slots=True)
class Compared:
    """Two policies, and what the step from one to the other does to what waits."""

    old: PolicyVersion
    new: PolicyVersion
    rules: PolicyDifference
    cards: tuple[JudgedCard, ...]
    judged: int  # cards that were looked at
    waiting: int


@dataclass(frozen=True, slots=True)
class _Ledger:
    store: SqliteReader
    blobs: BlobStore
    codec: Codec


@dataclass
class Policies:
    """The rules of one workspace."""

    folder: Folder
    door: Doors
    opened: Callable[[], tuple[SqliteReader, BlobStore, Codec] | None]  # None: there is no ledger yet
    run: Callable[[str], tuple[Json, RunState]]
    clock: Clock
    assembly: Callable[[], Assembly]
    known: KnownNow
    _policies: dict[Digest, Policy] = field(default_factory=dict, repr=False)

    def check(self) -> Checked:
        """What is wrong with the rules of the files. Raises `ConfigError` for a file that cannot be read."""
        files = self._files()
        policy = files.policy
        ledger = self._ledger()
        in_force = ledger is not None and self._adopted(ledger) == policy.digest
        lost = self._lost(policy, ledger)
        found = remarks(policy, self._acts(), _known(files))
        if lost:
            found = (Remark("", "lost", _told_lost(lost)), *found)
        return Checked(len(policy.rules), policy.digest, in_force, found)

    def versions(self) -> list[PolicyVersion]:
        """Every policy that was in force, newest first, and that of the files."""
        ledger, of_files = self._ledger(), self._rules_of_files()
        found: dict[Digest, PolicyVersion] = {}
        if ledger is not None:
            adopted, number = self._adopted(ledger), NUMBER_OF[PolicyAdopted]
            for recorded in ledger.store.read(WORKSPACE):
                if recorded.type == number:
                    event = ledger.codec.event(recorded)
                    assert isinstance(event, PolicyAdopted)
                    digest = event.policy
                    found.pop(digest, None)
                    found[digest] = PolicyVersion(
                        digest,
                        recorded.at,
                        self._count(ledger, digest),
                        digest == adopted,
                        digest == of_files.digest,
                    )
        versions = list(reversed(found.values()))
        if of_files.digest not in found:
            versions.insert(0, PolicyVersion(of_files.digest, rules=len(of_files.rules), in_files=True))
        return versions

    def explain(self, run: str, task: int | None = None) -> Explained:
        """Why a card, or the act of a task, is judged as it is now. Raises `NotFound` for what has no act."""
        ledger = self._required()
        if task is None:
            row = find_card(ledger.store, run)
            number, run = row["task"], str(row["run"])
            assert isinstance(number, int)
        else:
            number = task
        _, state = self.run(run)
        act = state.task(number).act if state.exists(number) else None
        if act is None:
            raise NotFound(
                f"Task {number} of this run has proposed nothing.",
                why="Rules judge an effect, and there is none.",
                remedy="`mainstay run RUN` shows the tasks of a run.",
            )
        facts = self._facts(ledger, self.policy())
        draft = Draft(state, facts)
        counts = circumstances(draft, number, act.action)
        return Explained(
            act.action.act,
            verdict_on(draft, number, act.action),
            trace(facts.policy, act.action, counts),
            facts.policy.digest,
            _told(counts),
            act.action.features,
            str(act.action.finality),
        )

    def explain_act(self, act: str, given: Mapping[str, str]) -> Explained:
        """What the rules of the files would say of an act that is described by what rules may look at."""
        files = self._files()
        operation = catalog_of(files).acts.get(act)
        if operation is None:
            raise NotFound(
                f"There is no act {act[:60]!r}.", remedy="There is " + ", ".join(self._acts()) + "."
            )
        supposed, policy = suppose(given), files.policy
        weekday, minute = calendar_of(files.settings.workspace.zone)(self.clock.now())
        usual: Json = {"weekday": weekday, "minute": minute, "hour": minute // 60, "template_changed": False}
        usual |= {"workflow": "", "done_by_this_workflow": 0, "done_today": 0, "done_this_hour": 0}
        counts = usual | supposed.counts
        name = supposed.operation or act.partition(".")[2]
        action = Action(
            *(act, supposed.adapter, name, "", Repeatability.ONCE),
            supposed.finality or operation.finality,
            *(IdempotencyKey(""), Digest(""), Digest(""), Digest("")),
            price_micros=supposed.price_micros,
            features=supposed.features,
        )
        return Explained(
            act,
            evaluate(policy, action, counts),
            trace(policy, action, counts),
            policy.digest,
            counts,
            supposed.features,
            str(action.finality),
            ("the kill switch", "inspectors", "the gate", "autonomy"),
        )

    def difference(self, old: str = "", new: str = "") -> Compared:
        """Two policies, each by the beginning of its digest or `files`; left out: what is in force, and the files."""
        versions = self.versions()
        one = self._find(versions, old) if old else self._in_force(versions)
        other = self._find(versions, new) if new else self._find(versions, FILES)
        before, after = self._policy_of(one), self._policy_of(other)
        cards, judged, waiting = self._judged(before, after)
        return Compared(one, other, difference(before, after), cards, judged, waiting)

    def foreseen(self, policy: Policy) -> Compared:
        """What these rules would change against those in force, and what they would do to what waits."""
        before = self.policy()
        cards, judged, waiting = self._judged(before, policy)
        old, new = (PolicyVersion(one.digest, rules=len(one.rules)) for one in (before, policy))
        return Compared(old, new, difference(before, policy), cards, judged, waiting)

    def apply(self, *, without_rules: bool = False, looked_at: str | None = None) -> Json:
        """Put the rules and templates of the files in force. Raises `ConfigError`, and then nothing has changed.

        `looked_at`: the digest of the rules that somebody saw (`check`); others are refused.

        Files without a single rule, where some are in force, are refused unless `without_rules` says that it is meant:
        a folder that is away for a moment must not take every rule with it.
        """
        rules, ledger = load_rules(self.folder.root, self._acts()), self._ledger()
        if looked_at is not None and looked_at != rules.policy.digest:
            raise CommandRefused(
                "The rules on disk are not the ones that you were shown.",
                why="A file was written in between. Nothing was changed.",
                remedy="Look at what they would change now, then put them in force.",
            )
        lost = self._lost(rules.policy, ledger)
        if lost and not without_rules:
            raise CommandRefused(
                "There is no rule in the files, and nothing was changed.",
                why=f"{_told_lost(lost)}.",
                remedy="Put the files of policies/ back. If no rule shall be in force, run it with --yes.",
                lost=list(lost),
            )
        adopted = self._adopted(ledger) if ledger is not None else None
        rows = ledger.store.select("templates", limit=10_000) if ledger is not None else []
        known = {str(row["name"]): row["template"] for row in rows}
        with self.door() as door:  # without a director, taking the lock has adopted them by itself
            answer = door.ask("apply_rules", {"policy": rules.policy.digest})
            new = [name for name, one in sorted(rules.templates.items()) if known.get(name) != one.digest]
            changed = adopted != rules.policy.digest
            gone = sorted(known.keys() - rules.templates.keys())
            return {**answer, "changed": changed, "templates": new, "retired": gone, "live": door.live}

    def policy(self) -> Policy:
        """What is in force: as the ledger kept it, or the files where nothing was ever adopted."""
        ledger = self._ledger()
        adopted = self._adopted(ledger) if ledger is not None else None
        if ledger is None or adopted is None:
            return self._files().policy
        return self._policy_of(PolicyVersion(adopted))

    def facts(self) -> Facts:
        """What a decision would look at now: rules in force, counts, balances, levels of autonomy."""
        return self._facts(self._required(), self.policy())

    # --- within ----------------------------------------------------------------------------------------------------

    def _ledger(self) -> _Ledger | None:
        opened = self.opened()
        return _Ledger(*opened) if opened is not None else None

    def _required(self) -> _Ledger:
        ledger = self._ledger()
        if ledger is None:
            raise NotFound("There is nothing in this workspace yet.", remedy="Run `mainstay up` first.")
        return ledger

    def _files(self) -> WorkspaceFiles:
        return self.known.whole()

    def _acts(self) -> tuple[str, ...]:
        return tuple(sorted(self.known.catalog().acts))

    def _rules_of_files(self) -> Policy:
        return load_rules(self.folder.root).policy

    def _adopted(self, ledger: _Ledger) -> Digest | None:
        row = ledger.store.get("house", ("policy",))
        return Digest(str(row["value"])) if row is not None else None

    def _lost(self, of_files: Policy, ledger: _Ledger | None) -> tuple[str, ...]:
        """The rules in force, if the files have none at all."""
        adopted = self._adopted(ledger) if ledger is not None else None
        if of_files.rules or adopted is None or adopted == of_files.digest:
            return ()
        return tuple(one.name for one in self._policy_of(PolicyVersion(adopted)).rules)

    def _count(self, ledger: _Ledger, digest: Digest) -> int | None:
        try:
            return len(read_policy_text(ledger.blobs.read(digest)).rules)
        except Exception:  # a version of long ago: whatever cannot be read any more is told as that
            return None

    def _policy_of(self, one: PolicyVersion) -> Policy:
        """Rules by their digest, read once: what has the same digest says the same."""
        known = self._policies.get(one.digest)
        if known is None:
            known = self._adopted_text(one.digest) or self._rules_of_files()
            if known.digest != one.digest:
                known = read_policy_text(
                    self._required().blobs.read(one.digest)
                )  # says why it cannot be read
            self._policies = {
                one.digest: known
            }  # a card is looked at all day, and needs those in force alone
        return known

    def _adopted_text(self, digest: Digest) -> Policy | None:
        """A policy as the ledger kept it: whatever became of the files, what is in force can be told."""
        ledger = self._ledger()
        if ledger is None:
            return None
        try:
            return read_policy_text(ledger.blobs.read(digest))
        except (NotFound, PolicyError):
            return None  # never adopted, or written in a way of before

    def _in_force(self, versions: list[PolicyVersion]) -> PolicyVersion:
        found = next((one for one in versions if one.in_force), None)
        if found is None:
            raise NotFound(
                "No rules are in force yet.", remedy="`mainstay up` puts those of the folder in force."
            )
        return found

    def _find(self, versions: list[PolicyVersion], asked: str) -> PolicyVersion:
        if asked == FILES:
            return next(one for one in versions if one.in_files)
        if len(asked) < DIGEST_MIN:
            raise CommandRefused(
                f"{asked[:20]!r} is too short.", remedy=f"Give {DIGEST_MIN} digits or more, or `{FILES}`."
            )
        found = [one for one in versions if one.digest.startswith(asked.lower())]
        if len(found) > 1:
            raise AmbiguousId(f"{asked[:70]!r} begins {len(found)} digests.", remedy="Give more digits.")
        if not found:
            raise NotFound(
                f"There is no policy {asked[:70]!r}.", remedy="`mainstay policy list` shows all there were."
            )
        return found[0]

    def _facts(self, ledger: _Ledger, policy: Policy) -> Facts:
        now = self.clock.now()
        standing = read_standing(ledger.store, now)
        settings = self.known.settings()
        weekday, minute = calendar_of(settings.workspace.zone)(now)
        facts = Facts(
            now,
            policy,
            standing.balances,
            counts=standing.counts,
            killed=standing.house.killed,
            templates=standing.templates,
            weekday=weekday,
            minute=minute,
        )
        facts.tally.restore(standing.lately)
        if all(one.level is Level.ASK for one in standing.autonomy.values()):
            return facts
        # Something goes by itself: then it counts by what its acts are made, for which everything is looked at.
        from mainstay.workspace.recipes import autonomy_of, recipes_of

        autonomy = autonomy_of(settings.autonomy)
        autonomy.kinds = standing.autonomy
        return replace(facts, autonomy=autonomy, recipes=recipes_of(self.assembly()))

    def _judged(self, before: Policy, after: Policy) -> tuple[tuple[JudgedCard, ...], int, int]:
        ledger = self._ledger()
        if ledger is None:
            return (), 0, 0
        facts = replace(self._facts(ledger, before), killed=False)
        rows = ledger.store.select(
            "approvals", where={"status": "waiting"}, order="requested_at", limit=JUDGED_MAX
        )
        changed: list[JudgedCard] = []
        for row in rows:
            number, run = row["task"], str(row["run"])
            assert isinstance(number, int)
            _, state = self.run(run)
            act = state.task(number).act
            assert act is not None
            old = verdict_on(Draft(state, facts), number, act.action)
            new = verdict_on(Draft(state, replace(facts, policy=after)), number, act.action)
            if (old.decision, old.rule, old.reason) != (new.decision, new.rule, new.reason):
                changed.append(JudgedCard(str(row["approval"]), run, number, act.action.act, old, new))
        waiting = ledger.store.count("approvals", where={"status": "waiting"})
        return tuple(changed), len(rows), waiting


def _told_lost(names: Sequence[str]) -> str:
    shown = ", ".join(repr(one) for one in names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"the files of policies/ are missing or empty, and these rules are in force: {shown}{more}"


def _told(counts: Mapping[str, Any]) -> Json:
    """Counts as plain numbers: what is done; and beside it what will be, where more is on its way."""
    told: Json = {}
    for name, value in counts.items():
        if isinstance(value, Between):
            told[name] = value.least
            if value.most != value.least:
                told[f"{name}_at_most"] = value.most
        else:
            told[name] = value
    return told


def _known(files: WorkspaceFiles) -> Mapping[str, tuple[str, ...]]:
    """The words that a field can have, where the files say them all."""
    from mainstay.agents.flags import FLAGS

    known: dict[str, tuple[str, ...]] = {
        "flags": tuple(FLAGS),
        "workflow": tuple(files.workflows),
        "finality": tuple(Finality),
    }
    if files.settings.adapters:
        known["adapter"] = tuple(files.settings.adapters)
        known["mailbox"] = tuple({one.mailbox for one in files.settings.adapters.values()})
    if files.intents:
        known["intent"] = tuple(one.id for one in files.intents)
    if files.templates:
        known["template"] = tuple(files.templates)
    return known

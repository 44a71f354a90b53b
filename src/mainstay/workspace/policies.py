"""Rules, as the operator looks at them: which are in force, why a card was judged so, what other files would change.

Read from the ledger and from the folder; nothing here decides but `apply`, which goes through the door.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mainstay.config.files import WorkspaceFiles, load_rules
from mainstay.governance.policy_check import Remark, remarks
from mainstay.governance.policy_difference import difference
from mainstay.kernel.autonomy import Level
from mainstay.kernel.contract import Finality
from mainstay.kernel.errors import CommandRefused, FileChanged, NotFound
from mainstay.kernel.facts import Facts
from mainstay.kernel.policy import Policy
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Digest, Json
from mainstay.ledger.short_ids import find_card
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.runtime.boot import read_standing
from mainstay.runtime.clock import Clock
from mainstay.runtime.operator_time import calendar_of
from mainstay.workspace.doors import Door
from mainstay.workspace.folder import Folder
from mainstay.workspace.known import KnownNow, catalog_of
from mainstay.workspace.policy_compared import Compared, judge_cards
from mainstay.workspace.policy_explained import Explained, explained, supposed
from mainstay.workspace.policy_versions import Opened, PolicyVersion, PolicyVersions, nothing_yet

if TYPE_CHECKING:
    from mainstay.workspace.assembly import Assembly

_NAMED = 8  # rules that would be lost

Doors = Callable[[], AbstractContextManager[Door]]


@dataclass(frozen=True, slots=True)
class Checked:
    """What there is to say of the rules in the files."""

    rules: int
    digest: Digest
    in_force: bool  # they are what is in force
    remarks: tuple[Remark, ...]


@dataclass
class Policies:
    """The rules of one workspace."""

    folder: Folder
    door: Doors
    opened: Opened
    run: Callable[[str], tuple[Json, RunState]]
    clock: Clock
    assembly: Callable[[], Assembly]
    known: KnownNow
    _versions: PolicyVersions = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._versions = PolicyVersions(self.folder.root, self.opened)

    def check(self) -> Checked:
        """What is wrong with the rules of the files. Raises `ConfigError` for a file that cannot be read."""
        files = self._files()
        policy = files.policy
        in_force = self._versions.adopted() == policy.digest
        lost = self._lost(policy)
        found = remarks(policy, self._acts(), _known(files))
        if lost:
            found = (Remark("", "lost", _told_lost(lost)), *found)
        return Checked(len(policy.rules), policy.digest, in_force, found)

    def versions(self) -> list[PolicyVersion]:
        """Every policy that was in force, newest first, and that of the files."""
        return self._versions.all()

    def explain(self, run: str, task: int | None = None) -> Explained:
        """Why a card, or the act of a task, is judged as it is now. Raises `NotFound` for what has no act."""
        store = self._store()
        if task is None:
            row = find_card(store, run)
            number, run = row["task"], str(row["run"])
            assert isinstance(number, int)
        else:
            number = task
        _, state = self.run(run)
        return explained(state, number, self._facts(store, self.policy()))

    def explain_act(self, act: str, given: Mapping[str, str]) -> Explained:
        """What the rules of the files would say of an act that is described by what rules may look at."""
        files = self._files()
        operation = catalog_of(files).acts.get(act)
        if operation is None:
            raise NotFound(
                f"There is no act {act[:60]!r}.", remedy="There is " + ", ".join(self._acts()) + "."
            )
        weekday, minute = calendar_of(files.settings.workspace.zone)(self.clock.now())
        return supposed(act, operation, given, files.policy, weekday=weekday, minute=minute)

    def difference(self, old: str = "", new: str = "") -> Compared:
        """Two policies, each by the beginning of its digest or `files`; left out: what is in force, and the files."""
        one, other = self._versions.pair(old, new)
        before, after = self._versions.rules(one.digest), self._versions.rules(other.digest)
        return self._compared(one, other, before, after)

    def foreseen(self, policy: Policy) -> Compared:
        """What these rules would change against those in force, and what they would do to what waits."""
        before = self.policy()
        old, new = (PolicyVersion(one.digest, rules=len(one.rules)) for one in (before, policy))
        return self._compared(old, new, before, policy)

    def apply(self, *, without_rules: bool = False, looked_at: str | None = None) -> Json:
        """Put the rules and templates of the files in force. Raises `ConfigError`, and then nothing has changed.

        `looked_at`: the digest of the rules that somebody saw (`check`); others are refused.

        Files without a single rule, where some are in force, are refused unless `without_rules` says that it is meant:
        a folder that is away for a moment must not take every rule with it.
        """
        rules = load_rules(self.folder.root, self._acts())
        if looked_at is not None and looked_at != rules.policy.digest:
            raise FileChanged(
                "The rules on disk are not the ones that you were shown.",
                why="A file was written in between. Nothing was changed.",
                remedy="Look at what they would change now, then put them in force.",
            )
        lost = self._lost(rules.policy)
        if lost and not without_rules:
            raise CommandRefused(
                "There is no rule in the files, and nothing was changed.",
                why=f"{_told_lost(lost)}.",
                remedy="Put the files of policies/ back. If no rule shall be in force, run it with --yes.",
                lost=list(lost),
            )
        adopted, opened = self._versions.adopted(), self.opened()
        rows = opened[0].select("templates", limit=10_000) if opened is not None else []
        known = {str(row["name"]): row["template"] for row in rows}
        with self.door() as door:  # without a director, taking the lock has adopted them by itself
            answer = door.ask("apply_rules", {"policy": rules.policy.digest})
            new = [name for name, one in sorted(rules.templates.items()) if known.get(name) != one.digest]
            changed = adopted != rules.policy.digest
            gone = sorted(known.keys() - rules.templates.keys())
            return {**answer, "changed": changed, "templates": new, "retired": gone, "live": door.live}

    def policy(self) -> Policy:
        """What is in force: as the ledger kept it, or the files where nothing was ever adopted."""
        adopted = self._versions.adopted()
        return self._files().policy if adopted is None else self._versions.rules(adopted)

    def facts(self) -> Facts:
        """What a decision would look at now: rules in force, counts, balances, levels of autonomy."""
        return self._facts(self._store(), self.policy())

    # --- within ----------------------------------------------------------------------------------------------------

    def _store(self) -> SqliteReader:
        opened = self.opened()
        if opened is None:
            raise nothing_yet()
        return opened[0]

    def _files(self) -> WorkspaceFiles:
        return self.known.whole()

    def _acts(self) -> tuple[str, ...]:
        return tuple(sorted(self.known.catalog().acts))

    def _lost(self, of_files: Policy) -> tuple[str, ...]:
        """The rules in force, if the files have none at all."""
        adopted = self._versions.adopted()
        if of_files.rules or adopted is None or adopted == of_files.digest:
            return ()
        return tuple(one.name for one in self._versions.rules(adopted).rules)

    def _compared(self, old: PolicyVersion, new: PolicyVersion, before: Policy, after: Policy) -> Compared:
        opened = self.opened()
        if opened is None:
            return Compared(old, new, difference(before, after), (), 0, 0)
        facts = replace(self._facts(opened[0], before), killed=False)
        cards, judged, waiting = judge_cards(opened[0], lambda run: self.run(run)[1], facts, after)
        return Compared(old, new, difference(before, after), cards, judged, waiting)

    def _facts(self, store: SqliteReader, policy: Policy) -> Facts:
        now = self.clock.now()
        standing = read_standing(store, now)
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


def _told_lost(names: Sequence[str]) -> str:
    shown = ", ".join(repr(one) for one in names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"the files of policies/ are missing or empty, and these rules are in force: {shown}{more}"


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

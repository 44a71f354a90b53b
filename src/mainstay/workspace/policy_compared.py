"""Two policies side by side, and what the step from one to the other does to the cards that wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from mainstay.governance.policy_difference import PolicyDifference
from mainstay.kernel.door import verdict_on
from mainstay.kernel.draft import Draft
from mainstay.kernel.facts import Facts
from mainstay.kernel.policy import Policy, Verdict
from mainstay.kernel.state import RunState
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.workspace.policy_versions import PolicyVersion

JUDGED_MAX = 500  # waiting cards that are judged by both of two policies; the oldest


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


def judge_cards(
    store: SqliteReader, folded: Callable[[str], RunState], facts: Facts, after: Policy
) -> tuple[tuple[JudgedCard, ...], int, int]:
    """The waiting cards that another policy would judge otherwise, how many were looked at, and how many wait."""
    other = replace(facts, policy=after)
    rows = store.select("approvals", where={"status": "waiting"}, order="requested_at", limit=JUDGED_MAX)
    changed: list[JudgedCard] = []
    for row in rows:
        number, run = row["task"], str(row["run"])
        assert isinstance(number, int)
        state = folded(run)
        action = state.act(number).action
        old = verdict_on(Draft(state, facts), number, action)
        new = verdict_on(Draft(state, other), number, action)
        if (old.decision, old.rule, old.reason) != (new.decision, new.rule, new.reason):
            changed.append(JudgedCard(str(row["approval"]), run, number, action.act, old, new))
    waiting = store.count("approvals", where={"status": "waiting"})
    return tuple(changed), len(rows), waiting

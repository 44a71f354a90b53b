"""Random events of the workspace: pauses, breakers, schedules, incidents, dead letters, directors, restores."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from mainstay.kernel.events import (
    BreakerClosed,
    BreakerOpened,
    DeadLetterPurged,
    DeadLetterReplayed,
    DirectorStarted,
    DirectorStopped,
    Event,
    IncidentCleared,
    IncidentDetected,
    IncidentKind,
    KillSwitchThrown,
    LedgerRestored,
    MessageRejected,
    ScheduleFired,
    ScopePaused,
    ScopeResumed,
    WorkflowRegistered,
    WorkflowRetired,
)
from mainstay.kernel.ids import WORKSPACE, StreamId
from mainstay.kernel.values import Digest, Instant

if TYPE_CHECKING:
    from tests.ledger.any_run import Play

INBOX = StreamId("inbox:support")
_SCOPES = (("workspace", ""), ("workflow", "triage"), ("workflow", "pay"), ("adapter", "email"))
_OPERATIONS = (("email", "reply"), ("email", "label"), ("bank", "transfer"))
_NAMES = ("triage", "pay", "newsletter")


def happens(random: Random, play: Play) -> None:
    """Something happens that belongs to no run."""
    event = random.choice(_EVENTS)(random, play)
    play.append(INBOX if isinstance(event, MessageRejected) else WORKSPACE, [event])


def _letter(random: Random, play: Play) -> tuple[str, str]:
    """A dead letter there is, mostly; or a word that was never one."""
    known = [(str(row["letter"]), str(row["kind"])) for row in play.store.select("dead_letters", limit=50)]
    return random.choice([*known, ("i" * 32, "message")])


def _replayed(random: Random, play: Play) -> Event:
    letter, kind = _letter(random, play)
    outcome = random.choice(["received", "rejected", "duplicate"]) if kind == "message" else "started"
    return DeadLetterReplayed(letter, kind, "operator", random.choice([None, *play.runs]), outcome)


_EVENTS: list[Callable[[Random, Play], Event]] = [
    lambda random, play: ScopePaused(*random.choice(_SCOPES), "operator", random.choice(["", "on holiday"])),
    lambda random, play: ScopeResumed(*random.choice(_SCOPES), "operator"),
    lambda random, play: BreakerOpened(
        *random.choice(_OPERATIONS), Instant(play.now + 60), random.randint(1, 9), 1, "no answer"
    ),
    lambda random, play: BreakerClosed(*random.choice(_OPERATIONS)),
    lambda random, play: ScheduleFired(random.choice(_NAMES), play.now, random.randint(0, 2), 1, 1),
    lambda random, play: IncidentDetected(
        random.choice(list(IncidentKind)),
        random.choice(["", "support"]),
        "it was seen",
        {"by_s": random.randint(1, 9), "also": None},
        ("wait", "ask"),
        "ask",
    ),
    lambda random, play: IncidentCleared(random.choice(list(IncidentKind)), random.choice(["", "support"])),
    lambda random, play: MessageRejected(
        "support", random.choice("abc") * 32, "it has no header", Digest("f" * 64), "INBOX/7"
    ),
    _replayed,
    lambda random, play: DeadLetterPurged(*_letter(random, play), "operator", "old"),
    lambda random, play: DirectorStarted(random.randint(1, 9), "0.1", random.randint(0, 2)),
    lambda random, play: DirectorStopped(random.randint(1, 9)),
    lambda random, play: LedgerRestored(random.randint(1, 9), "b" * 64, "operator"),
    lambda random, play: KillSwitchThrown("operator", random.random() < 0.5),
    lambda random, play: WorkflowRegistered(random.choice(_NAMES), random.randint(1, 9), Digest("d" * 64)),
    lambda random, play: WorkflowRetired(random.choice(_NAMES), "operator"),
]

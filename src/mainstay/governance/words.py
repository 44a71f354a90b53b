"""Words that all that is told shares: ids, times, failures, remedies, finality, levels, and what a start waits for."""

from __future__ import annotations

from collections.abc import Callable

from mainstay.kernel.ids import ApprovalId
from mainstay.kernel.values import Instant
from mainstay.ledger.export import rfc3339

Open = Callable[[str], str | None]  # a sealed text, opened; None: forgotten, or not to be shown
NameOf = Callable[[int], str]  # how a person calls the task of this number

SHORT = 12  # digits of an id or digest that a person is shown
SHORT_RUN = 16  # a run's id begins with twelve digits of time, which two runs may share

FAILURES = {
    "transient": "it may work when tried again",
    "throttled": "the other side asked to come back later",
    "refused": "refused",
    "invalid": "it makes no sense",
    "in_doubt": "it may have happened",
    "timeout": "there was no answer in time",
    "lost": "the director stopped while it ran",
    "bug": "the code raised an error",
    "stopped": "it was held back before it left",
    "poisoned": "the director ended each time it was tried",
}
FINALITY = {
    "reversible": ("reversible", "it can be undone"),
    "withdrawable": ("withdrawable", "it can be taken back while it is held"),
    "final_low_stake": ("final, low stake", "it cannot be taken back"),
    "final_high_stake": ("final, high stake", "it cannot be taken back: it always asks, with a second step"),
}
LEVELS = {
    "shadow": "only watched",
    "ask": "asks",
    "held": "by itself, held first",
    "automatic": "by itself",
}  # how far a kind of act goes
REMEDIES = {
    "retry": "try again",
    "look_up": "look whether it happened",
    "ask": "ask the operator",
    "give_up": "give up",
}


def short(identifier: str) -> str:
    """The beginning of an id or digest."""
    return identifier[:SHORT]


def short_run(run: str) -> str:
    """The beginning of a run's id."""
    return run[:SHORT_RUN]


def moment(at: Instant) -> str:
    """A time to the second, for people."""
    return rfc3339(at)[:19].replace("T", " ")


def by_number(number: int) -> str:
    """A task's name where nobody knows a better one."""
    return f"task {number}"


def because(reason: str) -> str:
    """The reason a person gave, if there is one."""
    return f": {reason}" if reason else ""


def remedy(word: str) -> str:
    """A way on, in words."""
    return REMEDIES.get(word, word.replace("_", " "))


def counted(number: int, noun: str) -> str:
    """`one task`, `3 tasks`."""
    return f"one {noun}" if number == 1 else f"{number} {noun}s"


def place(scope: str, name: str) -> str:
    """Where a pause holds: the workspace, a workflow, an adapter."""
    return "the whole workspace" if scope == "workspace" else f"{scope} `{name}`"


def withdrawn(cards: int) -> str:
    """What became of the cards that waited."""
    if not cards:
        return ""
    return "; its waiting card was withdrawn" if cards == 1 else f"; its {cards} waiting cards were withdrawn"


def withdrawn_card(card: ApprovalId | None) -> str:
    """The same of one card."""
    return withdrawn(0 if card is None else 1)


def waits_for(scope: str, wake_at: Instant) -> str:
    """What a deferred start waits for."""
    kind, _, name = scope.partition(":")
    match kind:
        case "delay":
            return f"It begins later, at {moment(wake_at)}"
        case "again":
            return "It is begun again"
        case "throttle":
            return f"It waits: {_throttle(name)}"
        case "breaker":
            return f"It waits: `{name}` failed again and again, and is left alone for a while"
        case "pause":
            return f"It waits: {_pause(name)}"
        case "kill switch":
            return "It waits: it would cost money, and the kill switch is on"
        case _:
            return f"It waits for {scope}"


def _throttle(name: str) -> str:
    where, _, what = name.partition(":")
    match where:
        case "adapter":
            return f"as many calls to `{what}` as may go out in a while have gone out"
        case "agent":
            return f"agent `{what}` was asked as often as it may be in a while"
        case _:
            return "as much as may start in the workspace in a while has started"


def _pause(name: str) -> str:
    where, _, what = name.partition(":")
    match where:
        case "run":
            return "the run is paused"
        case "task":
            return "the task is paused"
        case _:
            return f"{place(where, what)} is paused"

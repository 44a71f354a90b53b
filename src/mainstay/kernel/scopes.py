"""What a token may be good for: a closed set of scopes, and which of them an agent can hold.

Rules of this file: pure; nothing else says which scopes there are. An agent's token reads, remembers, starts and
proposes; it never decides, whoever issued it and whatever was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable

OPERATOR, AGENT = "operator", "agent"
HOLDERS = (OPERATOR, AGENT)

SCOPES = {
    "read": "Look at everything: cards, runs, memory, rules, costs, the audit.",
    "memory": "Remember, correct and retract memories.",
    "start": "Start runs of the workflows in force.",
    "propose": "Propose an act, which a person decides about.",
    "steer": "Pause, resume, cancel, restart and fork; dead letters; read the mailboxes; review annotations.",
    "decide": "Answer cards and doubts and allow spending, as the operator.",
    "admin": "Autonomy, forgetting, rules, devices, tokens, the kill switch, backups.",
}
OF_AGENTS = frozenset({"read", "memory", "start", "propose"})
ONLY_BY_HAND = frozenset(
    {"decide", "admin"}
)  # issued on this machine or in the console, never through the API


def in_order(scopes: Iterable[str]) -> tuple[str, ...]:
    """Each of them once, in the order of this file; those that are none come last."""
    given = set(scopes)
    known = tuple(one for one in SCOPES if one in given)
    return known + tuple(sorted(given - SCOPES.keys()))


def may_hold(holder: str, scopes: Iterable[str]) -> bool:
    """Whether a token of this holder can be good for exactly these."""
    given = frozenset(scopes)
    bound = OF_AGENTS if holder == AGENT else frozenset(SCOPES)
    return holder in HOLDERS and bool(given) and given <= bound

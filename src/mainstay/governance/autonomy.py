"""Autonomy as people see it: where each kind of act stands, what is missing, and what that would be worth in minutes.

Everything is read from views. Minutes are the operator's own: how long cards of the kind were open, as measured, and
how many of them come in a week; without measured times cards are counted instead. What is granted still asks for its
audits, so of the minutes a twentieth stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import log

from mainstay.kernel.autonomy import (
    ALPHA,
    AUDIT_SHARE_LEAST,
    AutonomyRules,
    Level,
    Standing,
    attainable,
    audit_share,
    clean_of_late,
    evidence,
    goes_by_itself,
    target,
    wanting,
    worst_case,
)
from mainstay.kernel.contract import Finality
from mainstay.kernel.errors import AmbiguousId, NotFound
from mainstay.kernel.policy import Decision, Policy
from mainstay.kernel.values import DAY, MINUTE, Instant
from mainstay.ledger.store import EventReader, Value

RulesOf = Callable[[str], AutonomyRules]
KINDS_MAX = 1_000
LATELY_US = 28 * DAY  # what "a week" is reckoned from
OPEN_MAX_US = 10 * MINUTE  # a card that was left open over lunch was not looked at for all of it
CARDS_MAX = 2_000
_DECIDED = ("granted", "rejected", "edited")


@dataclass(frozen=True, slots=True)
class Ruled:
    """What the rules say of a kind whatever it has earned: evidence speaks only where no rule does.

    Attributes:
        decision: What becomes of every act of it: "allow", "ask", "deny"; empty: no rule speaks of all of them.
        rule: Which rule says so.
        why: And its reason.
        some: Rules that speak of some of them, under conditions.
    """

    decision: str = ""
    rule: str = ""
    why: str = ""
    some: tuple[str, ...] = ()


UNRULED = Ruled()
_STRONGEST = (Decision.DENY, Decision.ASK, Decision.ALLOW)
_HIGH_STAKE = Ruled("ask", "high stake", "each of them so far was final and of high stake, which always asks")
_FINALITIES_FROM = 50  # cards of a kind


def ruled(policy: Policy, kind: str) -> Ruled:
    """What rules without a condition say of a kind's acts, and which others speak of some of them."""
    rules = policy.rules_for((*kind.split("/", 2), "", "")[1])
    of_all = [one for one in rules if not one.conditions]
    strongest = min(of_all, key=lambda one: _STRONGEST.index(one.then), default=None)
    some = tuple(one.name for one in rules if one.conditions)
    if strongest is None:
        return Ruled(some=some)
    return Ruled(str(strongest.then), strongest.name, strongest.why, some)


@dataclass(frozen=True, slots=True)
class KindOfAct:
    """One kind of act: how far it goes by itself, on which evidence, and what is missing for more."""

    kind: str
    level: str
    clean: int
    errors: int
    target: float  # the share of errors that is proved not to be exceeded, or is to be
    strength: float  # of the evidence, from 0 to 1: at 1 it is proved
    missing: int  # decisions without an error until it is proved
    attainable: str  # the level that it can be granted now; empty: none
    proposed: bool
    most: str  # no evidence leads further
    audits: str  # the last ones: "." clean, "x" error
    share: float  # of its acts that a person looks at now; 1 where it asks
    worst_now: int  # wrong acts that would pass, in 19 of 20 cases, were all of them wrong from now on
    worst_later: int  # and at the least share of audits
    hold_us: int
    cards_per_week: float
    minutes_per_week: float  # that it takes now; 0 where no times were measured
    left: int  # acts that went by themselves so far
    would_leave: int  # in the shadow
    would_ask: int
    changed_at: Instant
    cause: str  # why it was taken back the last time
    reason: str
    ruled: Ruled = UNRULED

    @property
    def minutes_saved(self) -> float:
        """Minutes a week that letting it go would save: what is audited still asks."""
        return self.minutes_per_week * (1 - AUDIT_SHARE_LEAST)


def kinds_of_act(
    store: EventReader,
    rules_of: RulesOf,
    *,
    now: Instant,
    declared: Collection[str] = (),
    policy: Policy | None = None,
) -> list[KindOfAct]:
    """Every kind that was decided about or is declared: first what goes by itself, then what is nearest to it."""
    rows = {str(row["kind"]): row for row in store.select("autonomy", limit=KINDS_MAX)}
    names = list(dict.fromkeys([*rows, *declared]))
    found = [_told(store, name, rows.get(name), rules_of(name), now, policy) for name in names]
    return sorted(found, key=lambda one: (_rank(one), one.missing, one.kind))


_ORDER = {"automatic": 0, "held": 1, "shadow": 4, "ask": 2}


def _rank(one: KindOfAct) -> int:
    return 3 if one.level == "ask" and one.ruled.decision else _ORDER[one.level]


def kind_of_act(
    store: EventReader, kind: str, rules: AutonomyRules, *, now: Instant, policy: Policy | None = None
) -> KindOfAct:
    """One kind, also one of which nothing was heard yet."""
    return _told(store, kind, store.get("autonomy", (kind,)), rules, now, policy)


def missing(
    store: EventReader, kind: str, rules: AutonomyRules, *, now: Instant, policy: Policy | None = None
) -> str:
    """What is missing until a kind stops asking, as a card says it; empty where nothing could ever be."""
    return in_words(kind_of_act(store, kind, rules, now=now, policy=policy))


def in_words(one: KindOfAct, *, how: bool = True) -> str:
    """`9 more clean decisions and faq replies stop asking: about 22 minutes a week`; `how`: by which command."""
    name, worth = spoken(one.kind), _worth(one)
    if one.level in ("held", "automatic"):
        return f"{name} go by themselves, and {100 * one.share:.0f} % of them are looked at"
    if one.level == "shadow":
        return (
            f"{name} are only watched: {one.would_leave + one.would_ask} were decided, and nothing was done"
        )
    if one.ruled.decision:
        return _by_rule(name, one.ruled)
    if one.most == "ask":
        return ""  # the settings say that it always asks
    if one.attainable:
        command = f": `mainstay autonomy grant {one.kind}`" if how else ""
        return f"{name} could stop asking{worth}{command}"
    more = "1 more clean decision" if one.missing == 1 else f"{one.missing} more clean decisions"
    return f"{more} and {name} stop asking{worth}"


def _by_rule(name: str, rule: Ruled) -> str:
    """What is so by a rule, which no evidence changes."""
    match rule.decision:
        case "allow":
            return f"{name} go by a rule already ({rule.rule}: {rule.why}), so nothing is to be proved"
        case "deny":
            return f"{name} are forbidden by a rule ({rule.rule}: {rule.why})"
        case _:
            return f"{name} ask by a rule ({rule.rule}: {rule.why}), whatever is proved"


def spoken(kind: str) -> str:
    """A kind in words: `faq replies`, `replies of triage`."""
    workflow, act, kind_class = (*kind.split("/", 2), "", "")[:3]
    plain = _SPOKEN.get(act) or f"{act} acts"
    return f"{kind_class} {plain}" if kind_class else f"{plain} of {workflow}"


_SPOKEN = {
    "email.reply": "replies",
    "email.send": "mails",
    "email.label": "labels",
    "email.unlabel": "labels",
}


def find_kind(known: Collection[str], text: str) -> str:
    """The kind that is meant by its name or a part of it. Raises `NotFound` or `AmbiguousId`."""
    wanted = text.strip()
    exact = [one for one in known if wanted in (one, one.rstrip("/"))]
    fitting = exact or [one for one in known if wanted and wanted in one]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise AmbiguousId(
            f"{wanted[:80]!r} could be {len(fitting)} kinds of act.",
            why="Known are " + ", ".join(sorted(fitting)[:8]) + ".",
            remedy="Name one of them in full.",
        )
    raise NotFound(
        f"There is no kind of act {wanted[:80]!r}.",
        why=("Known are " + ", ".join(sorted(known)[:8]) + ".") if known else "Nothing was decided here yet.",
        remedy="`mainstay autonomy show` lists them; a kind is workflow/act/class.",
    )


def _told(
    store: EventReader,
    kind: str,
    row: dict[str, Value] | None,
    rules: AutonomyRules,
    now: Instant,
    policy: Policy | None,
) -> KindOfAct:
    standing, row = _standing(row), row or {}
    rate = standing.target_ppm / 1e6 if goes_by_itself(standing) and standing.target_ppm else target(rules)
    reachable = attainable(standing, rules)
    clean = clean_of_late(standing)
    cards, minutes = _weekly(store, kind, now)
    unasked = store.get("unasked", (kind,)) or {}
    return KindOfAct(
        kind=kind,
        level=str(standing.level),
        clean=standing.clean,
        errors=standing.errors,
        target=rate,
        strength=_strength(standing, rate),
        missing=wanting(standing.clean, standing.errors, rate),
        attainable=str(reachable) if reachable is not None else "",
        proposed=bool(standing.proposed),
        most=str(rules.most),
        audits=standing.audits,
        share=audit_share(clean) if goes_by_itself(standing) else 1.0,
        worst_now=worst_case(clean),
        worst_later=worst_case(),
        hold_us=standing.hold_us or rules.hold_us,
        cards_per_week=cards,
        minutes_per_week=minutes,
        left=_int(unasked.get("left")),
        would_leave=_int(unasked.get("would_leave")),
        would_ask=_int(unasked.get("would_ask")),
        changed_at=Instant(_int(row.get("changed_at"))),
        cause=str(row.get("cause") or ""),
        reason=str(row.get("reason") or ""),
        ruled=UNRULED if policy is None else _ruled(store, kind, policy),
    )


def _ruled(store: EventReader, kind: str, policy: Policy) -> Ruled:
    found = ruled(policy, kind)
    if found.decision == "deny":
        return found
    # How final an act is depends on its recipient, too: only where no card was of less is nothing ever proved.
    cards = store.select("approvals", where={"kind": kind}, limit=_FINALITIES_FROM)
    high = bool(cards) and all(one["finality"] == Finality.FINAL_HIGH for one in cards)
    return _HIGH_STAKE if high else found


def _standing(row: dict[str, Value] | None) -> Standing:
    if row is None:
        return Standing()
    return Standing(
        recipe=str(row["recipe"] or ""),
        level=Level(str(row["level"] or Level.ASK)),
        clean=_int(row["clean"]),
        errors=_int(row["errors"]),
        audits=str(row["audits"] or ""),
        audits_clean=_int(row["audits_clean"]),
        audits_errors=_int(row["audits_errors"]),
        hold_us=_int(row["hold_us"]),
        target_ppm=_int(row["target_ppm"]),
        proposed=str(row["proposed"] or ""),
        withheld=bool(row["withheld"]),
    )


def _strength(standing: Standing, rate: float) -> float:
    """How far the evidence has come, on the scale on which each clean decision adds alike."""
    value = evidence(standing.clean, standing.errors, rate)
    if value <= 1:
        return 0.0
    return min(1.0, log(value) / log(1 / ALPHA))


def _weekly(store: EventReader, kind: str, now: Instant) -> tuple[float, float]:
    """Cards of this kind a week, and the minutes for which they were open."""
    since = now - LATELY_US
    times: list[int] = []
    first = now
    for status in _DECIDED:
        rows = store.select(
            "approvals",
            where={"kind": kind, "status": status},
            order="decided_at",
            descending=True,
            limit=CARDS_MAX,
        )
        for row in rows:
            decided_at = _int(row["decided_at"])
            if decided_at < since:
                break
            first = Instant(min(first, decided_at))
            if status != "edited":  # its edit is a card of its own, which was granted
                times.append(min(_int(row["open_us"]), OPEN_MAX_US))
    if not times:
        return 0.0, 0.0
    weeks = max(1.0, (now - first) / (7 * DAY))
    measured = [one for one in times if one]
    each_us = sum(measured) / len(measured) if measured else 0.0
    return len(times) / weeks, each_us * len(times) / weeks / MINUTE


def _worth(one: KindOfAct) -> str:
    if one.minutes_saved >= 0.5:
        minutes = round(one.minutes_saved)
        return f": about {minutes} minute{'s' if minutes != 1 else ''} a week"
    if one.cards_per_week >= 1:
        return f": about {round(one.cards_per_week)} cards a week"
    return ""


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0

"""Autonomy: which kinds of act go by themselves, on which evidence, and when that is taken back.

A kind is workflow, operation and a class that the workflow declares. Evidence belongs to a recipe: what annotated,
drafted and rendered the act. It is weighed by an e-process (`kernel.proof`), which may be looked at after every
decision; the mirrored one takes autonomy back.

What is guaranteed is so for one accumulation of evidence: each time it begins anew (another recipe, a demotion by
errors) is another chance of alpha to be wrong. Acts that go by themselves are held against audits alone: acts drawn at
random, and what came to light of itself (an undo, a complaint, a correction), which can only count against. A card that
a rule asked for is no audit: rules choose, and what is chosen says nothing of the rest.

Rules of this file: pure; `Autonomy` is kept in place by the director, like the balances, since every decision of a tick
looks at it; `weigh` says which events a piece of evidence leads to, `note` folds them, nothing else changes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from mainstay.kernel.commands import AutonomyCommand, GrantAutonomy, RevokeAutonomy, WeighEvidence
from mainstay.kernel.events import (
    AutonomyEvent,
    AutonomyGranted,
    AutonomyProposed,
    AutonomyRevoked,
    EvidenceWeighed,
)
from mainstay.kernel.levels import PPM as PPM
from mainstay.kernel.levels import AutonomyRules as AutonomyRules
from mainstay.kernel.levels import Level as Level
from mainstay.kernel.proof import ALPHA as ALPHA
from mainstay.kernel.proof import evidence as evidence
from mainstay.kernel.proof import evidence_against as evidence_against
from mainstay.kernel.proof import proved as proved
from mainstay.kernel.proof import wanting as wanting
from mainstay.kernel.recipe import contradicts, covers, joined

RECENT_AUDITS = 20
RECENT_ERRORS_MAX = 2  # so many errors among the last 20 audits, and it asks again
AUDIT_SHARE_FIRST = 0.5
AUDIT_SHARE_LEAST = 0.05
AUDITS_KEPT = 200
CERTAINTY = 0.95  # of the worst case that a grant tells
# Sources of evidence: what says something of the rest, and what comes to light later, so that it may be of long ago.
AUDITED = frozenset({"audit", "undo", "report", "correction"})
LATER = frozenset({"undo", "report", "correction"})
KEEPING = frozenset({"operator", "slo", "kill switch"})  # causes that say nothing of the kind itself


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a kind of act stands."""

    recipe: str = ""
    level: Level = Level.ASK
    clean: int = 0
    errors: int = 0
    audits: str = ""  # since it was granted: "." clean, "x" error; at most the last 200
    audits_clean: int = 0
    audits_errors: int = 0
    hold_us: int = 0
    target_ppm: int = 0
    proposed: str = ""  # the level that was proposed, until it is granted or the evidence changes
    withheld: bool = (
        False  # taken back for reasons besides its evidence, which is therefore no reason to grant it anew
    )


NEW = Standing()


@dataclass(slots=True)
class Autonomy:
    """All kinds, folded."""

    rules: AutonomyRules = field(default_factory=AutonomyRules)
    kinds_rules: Mapping[str, AutonomyRules] = field(default_factory=dict)
    kinds: dict[str, Standing] = field(default_factory=dict)

    def of(self, kind: str) -> Standing:
        """Where a kind stands; one that nobody heard of asks."""
        return self.kinds.get(kind, NEW)

    def rules_of(self, kind: str) -> AutonomyRules:
        """The settings of a kind: its own, or those of all."""
        return self.kinds_rules.get(kind, self.rules)

    def level(self, kind: str, recipe: str) -> Level:
        """How far an act of this kind, made by this recipe, goes by itself now."""
        standing = self.kinds.get(kind)
        if standing is None:
            return Level.ASK
        if standing.level is Level.SHADOW:
            return Level.SHADOW  # what is only watched is watched whatever makes it
        return standing.level if covers(standing.recipe, recipe) else Level.ASK

    def decide(self, command: AutonomyCommand) -> tuple[AutonomyEvent, ...]:
        """The events that the command leads to; none when it is so already, or when the evidence does not suffice."""
        match command:
            case WeighEvidence():
                return weigh(self.of(command.kind), self.rules_of(command.kind), command)
            case GrantAutonomy():
                return grant(self.of(command.kind), self.rules_of(command.kind), command)
            case RevokeAutonomy():
                if self.of(command.kind).level is Level.ASK:
                    return ()
                told = (command.cause, command.reason, command.actor, command.note_sealed)
                return (AutonomyRevoked(command.kind, *told),)
            case _:
                assert_never(command)

    def note(self, event: AutonomyEvent) -> None:
        """Fold an event."""
        self.kinds[event.kind] = folded(self.of(event.kind), event)


def folded(standing: Standing, event: AutonomyEvent) -> Standing:
    """A kind's standing after an event."""
    match event:
        case EvidenceWeighed():
            return replace(
                standing,
                recipe=event.recipe,
                clean=event.clean,
                errors=event.errors,
                audits=event.audits,
                audits_clean=event.audits_clean,
                audits_errors=event.audits_errors,
                proposed=standing.proposed if event.verdict == "clean" else "",
            )
        case AutonomyProposed():
            return replace(standing, proposed=event.level)
        case AutonomyGranted():
            return replace(
                standing,
                recipe=event.recipe,
                level=Level(event.level),
                hold_us=event.hold_us,
                target_ppm=event.target_ppm,
                audits=event.audits,
                audits_clean=event.audits_clean,
                audits_errors=event.audits_errors,
                proposed="",
                withheld=False,
            )
        case AutonomyRevoked(cause=cause):
            kept = cause in KEEPING
            fresh = standing if kept else replace(standing, clean=0, errors=0)
            return replace(
                fresh,
                level=Level.ASK,
                audits="",
                audits_clean=0,
                audits_errors=0,
                hold_us=0,
                proposed="",
                withheld=kept or standing.withheld,
            )
        case _:
            assert_never(event)


def goes_by_itself(standing: Standing) -> bool:
    """Whether acts of this kind leave without being asked about."""
    return standing.level in (Level.HELD, Level.AUTOMATIC)


def beyond(standing: Standing, rules: AutonomyRules) -> str:
    """Why what was granted is more than the settings allow by now; empty where it is not.

    Against a stricter target the evidence is held anew; audits against the same one are the business of `lost`.
    """
    if not goes_by_itself(standing):
        return ""
    if _order(standing.level) > _order(rules.most):
        return f"the settings let it go no further than {rules.most} by now"
    stricter = rules.target_ppm < standing.target_ppm
    if stricter and not proved(standing.clean, standing.errors, target(rules)):
        return f"the settings want at most {100 * target(rules):g} % errors by now, which is not proved"
    return ""


def weigh(standing: Standing, rules: AutonomyRules, command: WeighEvidence) -> tuple[AutonomyEvent, ...]:
    """What a piece of evidence leads to: it counts, and may prove that a kind may go by itself, or may not."""
    events: list[AutonomyEvent] = []
    if contradicts(standing.recipe, command.recipe):
        if command.source in LATER:
            return ()  # it was made another way than the one that is weighed
        if standing.level is not Level.SHADOW:
            events.append(AutonomyRevoked(command.kind, "recipe", OTHERWISE_MADE))
        shadowed = standing.level is Level.SHADOW
        standing = replace(NEW, level=Level.SHADOW if shadowed else Level.ASK, withheld=standing.withheld)
    wrong = command.verdict == "error"
    by_itself = goes_by_itself(standing)
    audited = by_itself and command.source in AUDITED
    weighed = EvidenceWeighed(
        command.kind,
        # An error vouches for no template: what is made from it goes on asking.
        standing.recipe if wrong and standing.recipe else joined(standing.recipe, command.recipe),
        command.verdict,
        command.source,
        command.run,
        command.task,
        standing.clean + (not wrong),
        standing.errors + wrong,
        (standing.audits + ("x" if wrong else "."))[-AUDITS_KEPT:] if audited else standing.audits,
        standing.audits_clean + (audited and not wrong),
        standing.audits_errors + (audited and wrong),
        command.actor,
        command.note_sealed,
    )
    events.append(weighed)
    after = folded(standing, weighed)
    if by_itself:
        against = lost(after, target(rules)) if audited else ""
        if against:
            cause = "errors" if recent_errors(after) >= RECENT_ERRORS_MAX else "evidence"
            events.append(AutonomyRevoked(command.kind, cause, against))
        return tuple(events)
    level = attainable(after, rules)
    if not wrong and level is not None and after.proposed != level:
        proposed = AutonomyProposed(
            *(command.kind, after.recipe, str(level), after.clean, after.errors, rules.target_ppm)
        )
        events.append(proposed)
        if rules.by_itself and not after.withheld:
            events += grant(
                folded(after, proposed), rules, GrantAutonomy(command.kind, str(level), "director")
            )
    return tuple(events)


OTHERWISE_MADE = "it is made another way than what the evidence is about, which therefore begins anew"


def attainable(standing: Standing, rules: AutonomyRules) -> Level | None:
    """The level that a kind could be granted now, as the settings have it; None: it lacks proof, or may not."""
    if standing.level is not Level.ASK or _order(rules.most) < _order(Level.HELD):
        return None
    if not proved(standing.clean, standing.errors, target(rules)):
        return None
    return Level.HELD if rules.most is Level.HELD or rules.hold_us else Level.AUTOMATIC


def grant(standing: Standing, rules: AutonomyRules, command: GrantAutonomy) -> tuple[AutonomyEvent, ...]:
    """A grant rests on proof; the shadow, in which nothing happens, may be had without.

    To go by itself with a window instead of without is less, and needs no new proof.
    """
    level = Level(command.level)
    if level is standing.level or level is Level.ASK:
        return ()
    lower = standing.level is Level.AUTOMATIC and level is Level.HELD
    if level is not Level.SHADOW and not lower:
        if _order(level) > _order(rules.most):
            return ()
        if not proved(standing.clean, standing.errors, target(rules)):
            return ()
    # Another level of the same trust: what was audited so far still counts, errors above all.
    going_on = goes_by_itself(standing) and level is not Level.SHADOW
    granted = AutonomyGranted(
        command.kind,
        standing.recipe,
        str(level),
        command.actor,
        standing.clean,
        standing.errors,
        rules.target_ppm,
        # A window of nothing would be the level without one.
        (rules.hold_us or AutonomyRules().hold_us) if level is Level.HELD else 0,
        0 if level is Level.SHADOW else worst_case(),
        *((standing.audits, standing.audits_clean, standing.audits_errors) if going_on else ("", 0, 0)),
    )
    return (granted,)


def target(rules: AutonomyRules) -> float:
    """The share of errors that must be proved not to be exceeded."""
    return rules.target_ppm / PPM


def _order(level: Level) -> int:
    return list(Level).index(level)


def lost(standing: Standing, rate: float) -> str:
    """Why autonomy is taken back by these audits, in words; empty where it is not."""
    wrong = recent_errors(standing)
    if wrong >= RECENT_ERRORS_MAX:
        seen = min(len(standing.audits), RECENT_AUDITS)
        return f"{wrong} of the last {seen} that were looked at were wrong"
    if evidence_against(standing.audits_clean, standing.audits_errors, rate) >= 1 / ALPHA:
        seen = standing.audits_clean + standing.audits_errors
        return (
            f"{standing.audits_errors} of {seen} that were looked at were wrong: more than {100 * rate:g} %"
        )
    return ""


def recent_errors(standing: Standing) -> int:
    """Errors among the last audits."""
    return standing.audits[-RECENT_AUDITS:].count("x")


def clean_of_late(standing: Standing) -> int:
    """Clean audits since the last error, or since it was granted: what the share of audits falls by."""
    return len(standing.audits) - (standing.audits.rfind("x") + 1)


def audit_share(clean: int) -> float:
    """Which share of what goes by itself a person looks at, after so many clean audits in a row.

    Half at first, falling to a twentieth. An error brings it back to half: a kind that begins to fail is then caught by
    the next but one, instead of one of twenty.
    """
    return max(AUDIT_SHARE_LEAST, AUDIT_SHARE_FIRST * 2 / (2 + clean))


def worst_case(clean: int = AUDITS_KEPT, *, certainty: float = CERTAINTY) -> int:
    """Wrong acts that leave before two of them were looked at, were all wrong from one moment on.

    The smallest number that is not exceeded with this certainty, at the share of audits that applies after so many
    clean ones; without an argument at the least share, where it is greatest.
    """
    first, second = audit_share(clean), audit_share(0)
    reached, passed = 0.0, 0
    chance = first * second  # that exactly `passed` leave: a sum of two geometric numbers, carried along
    still = first
    while True:
        reached += chance
        if reached >= certainty:
            return passed
        passed += 1
        still *= 1 - first
        chance = chance * (1 - second) + still * second

"""Autonomy: the figures that the product promises, what the statistic guarantees, and how kinds rise and fall."""

from dataclasses import replace
from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.kernel.autonomy import (
    ALPHA,
    NEW,
    Autonomy,
    AutonomyRules,
    Level,
    Standing,
    attainable,
    audit_share,
    clean_of_late,
    evidence,
    evidence_against,
    folded,
    proved,
    wanting,
    weigh,
    worst_case,
)
from mainstay.kernel.commands import GrantAutonomy, RevokeAutonomy, WeighEvidence
from mainstay.kernel.events import (
    AutonomyEvent,
    AutonomyGranted,
    AutonomyProposed,
    AutonomyRevoked,
    EvidenceWeighed,
)
from mainstay.kernel.ids import RunId

KIND = "triage/email.reply/faq"
WAY = "0123456789abcdef"


def said(
    verdict: str = "clean", source: str = "decision", *, recipe: str = WAY, task: int = 0
) -> WeighEvidence:
    return WeighEvidence(KIND, recipe, verdict, source, RunId("run"), task, "operator")


def after(
    autonomy: Autonomy, *commands: WeighEvidence | GrantAutonomy | RevokeAutonomy
) -> list[AutonomyEvent]:
    """Decide and fold each in turn; the events of the last."""
    events: tuple[AutonomyEvent, ...] = ()
    for command in commands:
        events = autonomy.decide(command)
        for event in events:
            autonomy.note(event)
    return list(events)


def automatic(level: str = "held", **rules: object) -> Autonomy:
    """A kind that goes by itself."""
    autonomy = Autonomy(AutonomyRules(**rules))  # type: ignore[arg-type]
    after(autonomy, *[said()] * 43, GrantAutonomy(KIND, level, "operator"))
    assert autonomy.of(KIND).level == level
    return autonomy


# --- the statistic -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "needed"), [(0.20, (20, 31, 41)), (0.10, (43, 66, 85)), (0.05, (88, 134, 174)), (0.02, (224,))]
)
def test_the_promised_number_of_decisions_proves_it(rate: float, needed: tuple[int, ...]) -> None:
    for errors, decisions in enumerate(needed):
        assert wanting(0, errors, rate) + errors == decisions
        assert proved(decisions - errors, errors, rate)
        assert not proved(decisions - errors - 1, errors, rate)


def _by_the_integral(clean: int, errors: int, rate: float, low: float, high: float) -> float:
    steps, total = 20_000, 0.0
    for step in range(steps):
        p = low + (high - low) * (step + 0.5) / steps
        total += exp(errors * log(p / rate) + clean * log((1 - p) / (1 - rate)))
    return total / steps


@pytest.mark.parametrize(
    ("clean", "errors", "rate"), [(43, 0, 0.1), (10, 10, 0.1), (0, 5, 0.2), (100, 100, 0.1), (400, 20, 0.05)]
)
def test_it_is_the_mean_likelihood_ratio(clean: int, errors: int, rate: float) -> None:
    """Held against the integral itself, also far out, where one less a sum of probabilities is rounding alone."""
    value = evidence(clean, errors, rate)
    assert value == pytest.approx(_by_the_integral(clean, errors, rate, 0, rate), rel=1e-5)
    mirrored = evidence_against(clean, errors, rate)
    assert mirrored == pytest.approx(_by_the_integral(clean, errors, rate, rate, 1), rel=1e-5)


@given(st.integers(0, 5_000), st.integers(0, 5_000), st.sampled_from([0.02, 0.05, 0.1, 0.2, 0.5]))
def test_more_errors_never_prove_more(clean: int, errors: int, rate: float) -> None:
    """At up to 10,000 decisions: a number, one more clean decision says more, an error less, and never both proved."""
    value, against = evidence(clean, errors, rate), evidence_against(clean, errors, rate)
    assert value >= 0
    assert against >= 0
    slack = 1 + 1e-6
    assert evidence(clean + 1, errors, rate) * slack >= value
    assert evidence(clean, errors + 1, rate) <= value * slack
    assert evidence_against(clean, errors + 1, rate) * slack >= against
    if errors >= rate * (clean + errors):
        assert value <= 1 + 1e-9
    else:
        assert against <= 1 + 1e-9


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.2])
def test_a_kind_at_the_target_is_promoted_in_one_of_twenty_at_most_whenever_one_looks(rate: float) -> None:
    """Exactly, by summing over all histories of 1,200 decisions, with a look after each of them."""
    horizon = 1_200
    needed: list[int] = []  # clean decisions that prove it, by errors
    while not needed or needed[-1] + len(needed) <= horizon:
        needed.append((needed[-1] if needed else 0) + wanting(needed[-1] if needed else 0, len(needed), rate))
    promoted, standing = 0.0, {0: 1.0}  # by errors; of those that were not promoted yet
    for decisions in range(1, horizon + 1):
        moved: dict[int, float] = {}
        for errors, share in standing.items():
            moved[errors] = moved.get(errors, 0.0) + share * (1 - rate)
            moved[errors + 1] = moved.get(errors + 1, 0.0) + share * rate
        standing = {}
        for errors, share in moved.items():
            if errors < len(needed) and decisions - errors >= needed[errors]:
                promoted += share
            elif share > 1e-15:
                standing[errors] = share
    assert 0.02 < promoted <= ALPHA


def test_the_worst_case_is_the_sum_of_two_waits() -> None:
    """Against a count of all histories: an act is looked at with the share, two of them end it."""
    for clean in (0, 5, 200):
        first, second, promised = audit_share(clean), 0.5, worst_case(clean)

        def passed_at_most(most: int, first: float = first, second: float = second) -> float:
            return sum(
                first * (1 - first) ** one * second * (1 - second) ** other
                for one in range(most + 1)
                for other in range(most + 1 - one)
            )

        assert passed_at_most(promised) >= 0.95 > passed_at_most(promised - 1)
    assert (worst_case(0), worst_case()) == (6, 59)


def test_half_is_looked_at_first_then_a_twentieth_and_after_an_error_half_again() -> None:
    assert [round(audit_share(clean), 3) for clean in (0, 1, 8, 18, 500)] == [0.5, 0.333, 0.1, 0.05, 0.05]
    assert clean_of_late(replace(NEW, audits="." * 30)) == 30
    assert clean_of_late(replace(NEW, audits="..x")) == 0
    assert clean_of_late(replace(NEW, audits="..x...")) == 3


# --- how a kind rises ----------------------------------------------------------------------------------------------


def test_the_forty_third_clean_decision_proposes_it_and_nothing_is_granted_by_itself() -> None:
    autonomy = Autonomy()
    after(autonomy, *[said()] * 42)
    assert attainable(autonomy.of(KIND), autonomy.rules) is None
    [weighed, proposed] = after(autonomy, said())
    assert isinstance(weighed, EvidenceWeighed)
    assert proposed == AutonomyProposed(KIND, WAY, "held", 43, 0, 100_000)
    assert autonomy.level(KIND, WAY) is Level.ASK
    assert [type(event) for event in after(autonomy, said())] == [EvidenceWeighed]  # proposed once


def test_it_is_granted_at_once_where_the_operator_wants_it_so() -> None:
    autonomy = Autonomy(AutonomyRules(by_itself=True))
    events = after(autonomy, *[said()] * 43)
    assert [type(event) for event in events] == [EvidenceWeighed, AutonomyProposed, AutonomyGranted]
    assert autonomy.level(KIND, WAY) is Level.HELD
    granted = events[-1]
    assert isinstance(granted, AutonomyGranted)
    assert (granted.worst, granted.clean, granted.errors) == (59, 43, 0)
    assert type(granted.level) is str


def test_without_proof_nothing_is_granted_and_the_shadow_needs_none() -> None:
    autonomy = Autonomy()
    assert after(autonomy, *[said()] * 42, GrantAutonomy(KIND, "held", "operator")) == []
    [granted] = after(autonomy, GrantAutonomy(KIND, "shadow", "operator"))
    assert isinstance(granted, AutonomyGranted)
    assert autonomy.level(KIND, "another") is Level.SHADOW


def test_no_level_beyond_the_settings_is_granted() -> None:
    autonomy = Autonomy(AutonomyRules(most=Level.HELD))
    after(autonomy, *[said()] * 60)
    assert after(autonomy, GrantAutonomy(KIND, "automatic", "operator")) == []
    assert after(autonomy, GrantAutonomy(KIND, "held", "operator"))
    asks = Autonomy(AutonomyRules(most=Level.ASK))
    assert [type(event) for event in after(asks, *[said()] * 60)] == [EvidenceWeighed]


def test_a_lower_level_keeps_what_was_audited() -> None:
    autonomy = automatic("automatic")
    after(autonomy, said("clean", "audit"), said("error", "audit"))
    [lowered] = after(autonomy, GrantAutonomy(KIND, "held", "operator"))
    assert isinstance(lowered, AutonomyGranted)
    assert (lowered.audits, lowered.audits_errors, lowered.hold_us > 0) == (".x", 1, True)
    assert isinstance(after(autonomy, said("error", "undo"))[-1], AutonomyRevoked)


# --- how it falls --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["audit", "undo", "report", "correction"])
def test_two_errors_among_the_last_twenty_audits_demote(source: str) -> None:
    autonomy = automatic()
    after(autonomy, said("error", source), *[said("clean", "audit")] * 18)
    assert autonomy.of(KIND).level is Level.HELD
    revoked = after(autonomy, said("error", source))[-1]
    assert isinstance(revoked, AutonomyRevoked)
    assert revoked.cause == "errors"
    assert autonomy.of(KIND) == replace(NEW, recipe=WAY, target_ppm=100_000)


def test_an_error_twenty_audits_ago_is_forgotten() -> None:
    autonomy = automatic()
    after(autonomy, said("error", "audit"), *[said("clean", "audit")] * 20, said("error", "audit"))
    assert autonomy.of(KIND).level is Level.HELD


def test_errors_that_come_slowly_demote_by_the_mirrored_evidence() -> None:
    """One in 21 is less than two in twenty, and more than the target."""
    autonomy = automatic()
    autonomy.rules = AutonomyRules(target_ppm=10_000)
    for _ in range(20):
        events = after(autonomy, *[said("clean", "audit")] * 20, said("error", "audit"))
        if autonomy.of(KIND).level is Level.ASK:
            break
    revoked = events[-1]
    assert isinstance(revoked, AutonomyRevoked)
    assert revoked.cause == "evidence"


def test_a_card_that_a_rule_asked_for_is_no_audit() -> None:
    """What a rule chooses says nothing of the rest: neither lowers it the share of audits, nor does it demote."""
    autonomy = automatic()
    after(autonomy, *[said("clean", "decision")] * 50, said("error"), said("error"))
    standing = autonomy.of(KIND)
    assert (standing.level, standing.audits, standing.clean, standing.errors) == (Level.HELD, "", 93, 2)


@pytest.mark.parametrize("cause", ["operator", "slo", "kill switch"])
def test_taken_back_for_other_reasons_the_evidence_stays(cause: str) -> None:
    autonomy = automatic()
    after(autonomy, RevokeAutonomy(KIND, cause, "because"))
    assert (autonomy.of(KIND).level, autonomy.of(KIND).clean) == (Level.ASK, 43)
    assert after(autonomy, RevokeAutonomy(KIND, cause, "because")) == []
    assert after(autonomy, GrantAutonomy(KIND, "held", "operator"))


# --- recipes -------------------------------------------------------------------------------------------------------


def test_another_recipe_begins_anew_and_demotes() -> None:
    autonomy = automatic()
    [revoked, weighed] = after(autonomy, said(recipe="fedcba9876543210"))
    assert isinstance(revoked, AutonomyRevoked)
    assert revoked.cause == "recipe"
    assert isinstance(weighed, EvidenceWeighed)
    assert (weighed.clean, autonomy.of(KIND).level) == (1, Level.ASK)


def test_a_late_complaint_about_what_another_recipe_made_touches_nothing() -> None:
    autonomy = automatic()
    before = autonomy.of(KIND)
    assert after(autonomy, said("error", "report", recipe="fedcba9876543210")) == []
    assert autonomy.of(KIND) == before


def test_a_kind_is_made_from_several_templates_and_a_new_one_is_not_covered_before_a_clean_decision() -> None:
    autonomy = Autonomy()
    faq, refund = WAY + "+aaaaaaaa11111111", WAY + "+bbbbbbbb11111111"
    after(autonomy, *[said(recipe=faq), said(recipe=refund)] * 22, GrantAutonomy(KIND, "held", "operator"))
    assert autonomy.of(KIND).clean == 44
    new = WAY + "+cccccccc11111111"
    assert [autonomy.level(KIND, one) for one in (faq, refund, new)] == [Level.HELD, Level.HELD, Level.ASK]
    after(autonomy, said("error", recipe=new))
    assert autonomy.level(KIND, new) is Level.ASK
    after(autonomy, said(recipe=new))
    assert autonomy.level(KIND, new) is Level.HELD
    [revoked, _] = after(autonomy, said(recipe=WAY + "+bbbbbbbb22222222"))
    assert isinstance(revoked, AutonomyRevoked)


# --- folds ---------------------------------------------------------------------------------------------------------

_words = st.one_of(
    st.builds(
        said,
        st.sampled_from(["clean", "clean", "clean", "error"]),
        st.sampled_from(["decision", "audit", "undo", "report", "correction"]),
        recipe=st.sampled_from([WAY, WAY, WAY + "+aaaaaaaa11111111", "fedcba9876543210"]),
        task=st.integers(0, 3),
    ),
    st.builds(
        GrantAutonomy, st.just(KIND), st.sampled_from(["shadow", "ask", "held", "automatic"]), st.just("o")
    ),
    st.builds(RevokeAutonomy, st.just(KIND), st.sampled_from(["operator", "slo", "errors"]), st.just("why")),
)


@given(st.lists(_words, max_size=60), st.booleans(), st.sampled_from([200_000, 900_000]))
def test_the_standing_is_the_fold_of_the_events_and_no_level_is_without_its_grant(
    words: list[WeighEvidence | GrantAutonomy | RevokeAutonomy], by_itself: bool, target_ppm: int
) -> None:
    autonomy = Autonomy(AutonomyRules(by_itself=by_itself, target_ppm=target_ppm))
    events: list[AutonomyEvent] = []
    for word in words:
        before = autonomy.of(KIND).level
        new = after(autonomy, word)
        events += new
        now = autonomy.of(KIND).level
        if now in (Level.HELD, Level.AUTOMATIC) and now is not before:
            grants = [one for one in new if isinstance(one, AutonomyGranted)]
            assert grants
            lower = before is Level.AUTOMATIC
            assert lower or proved(grants[-1].clean, grants[-1].errors, target_ppm / 1e6)
        if isinstance(word, GrantAutonomy | RevokeAutonomy):
            assert after(autonomy, word) == [], "what is said twice is done once"
    state = Standing()
    for event in events:
        state = folded(state, event)
    assert state == autonomy.of(KIND)


def test_weighing_is_pure() -> None:
    standing = replace(NEW, recipe=WAY, clean=10)
    assert weigh(standing, AutonomyRules(), said()) == weigh(standing, AutonomyRules(), said())
    assert standing.clean == 10

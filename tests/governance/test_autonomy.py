"""What people are told of kinds of act: what is missing, in decisions and minutes, and which kind is meant."""

import pytest

from mainstay.governance.autonomy import Ruled, find_kind, kind_of_act, kinds_of_act, missing, ruled, spoken
from mainstay.kernel.autonomy import AutonomyRules, Level
from mainstay.kernel.errors import AmbiguousId, NotFound
from mainstay.kernel.policy import Condition, Decision, Policy, Rule
from mainstay.kernel.predicates import Operator
from mainstay.kernel.values import DAY, HOUR, SECOND
from mainstay.testing.earning import KIND, Earning

USUAL = AutonomyRules()


def lived(decisions: int, *, each_us: int, open_us: int) -> Earning:
    earning = Earning()
    for _ in range(decisions):
        earning.clock.advance(each_us)
        earning.decided(clean=True, open_us=open_us)
    return earning


def test_what_is_missing_is_told_with_the_minutes_that_it_is_worth() -> None:
    earning = lived(34, each_us=7 * DAY // 34, open_us=41 * SECOND)
    told = missing(earning.store, KIND, USUAL, now=earning.clock.now())
    assert told == "9 more clean decisions and faq replies stop asking: about 22 minutes a week"
    earning.decided(clean=False, open_us=41 * SECOND)
    told = missing(earning.store, KIND, USUAL, now=earning.clock.now())
    assert told.startswith("31 more clean decisions and faq replies stop asking")


def test_a_card_that_was_left_open_over_lunch_counts_ten_minutes() -> None:
    earning = lived(10, each_us=HOUR, open_us=2 * HOUR)
    one = kind_of_act(earning.store, KIND, USUAL, now=earning.clock.now())
    assert (one.cards_per_week, one.minutes_per_week) == (10, 100)


def test_what_was_decided_long_ago_says_nothing_of_a_week() -> None:
    earning = lived(10, each_us=HOUR, open_us=60 * SECOND)
    earning.clock.advance(40 * DAY)
    one = kind_of_act(earning.store, KIND, USUAL, now=earning.clock.now())
    assert (one.cards_per_week, one.minutes_per_week, one.clean) == (0, 0, 10)
    told = missing(earning.store, KIND, USUAL, now=earning.clock.now())
    assert told == "33 more clean decisions and faq replies stop asking"


def test_what_is_proved_what_goes_by_itself_and_what_never_may_are_told_apart() -> None:
    earning = lived(43, each_us=HOUR, open_us=10 * SECOND)
    now = earning.clock.now()
    assert "could stop asking" in missing(earning.store, KIND, USUAL, now=now)
    assert missing(earning.store, KIND, AutonomyRules(most=Level.ASK), now=now) == ""
    earning.grant("held")
    assert (
        missing(earning.store, KIND, USUAL, now=now)
        == "faq replies go by themselves, and 50 % of them are looked at"
    )
    one = kind_of_act(earning.store, KIND, USUAL, now=now)
    assert (one.strength, one.share, one.worst_now, one.worst_later) == (1.0, 0.5, 6, 59)


def test_declared_kinds_are_told_before_anything_was_decided() -> None:
    earning = lived(1, each_us=HOUR, open_us=10 * SECOND)
    found = kinds_of_act(
        earning.store, lambda kind: USUAL, now=earning.clock.now(), declared=[KIND, "support/email.label/"]
    )
    assert [(one.kind, one.missing) for one in found] == [(KIND, 42), ("support/email.label/", 43)]


def test_a_kind_is_found_by_a_part_of_its_name() -> None:
    known = [KIND, "support/email.reply/refund", "support/email.label/"]
    assert find_kind(known, "faq") == KIND
    assert find_kind(known, "support/email.label") == "support/email.label/"
    with pytest.raises(AmbiguousId):
        find_kind(known, "email.reply")
    for wrong in ("", "fax"):
        with pytest.raises(NotFound):
            find_kind(known, wrong)


def test_kinds_are_spoken_of_in_words() -> None:
    assert spoken("triage/email.reply/faq") == "faq replies"
    assert spoken("triage/email.label/") == "labels of triage"
    assert spoken("desk/calendar.create/short") == "short calendar.create acts"


def rule(then: Decision, act: str = "email.reply", *, when: bool = False, name: str = "r") -> Rule:
    conditions = (Condition("recipient_known", Operator.IS, False),) if when else ()
    return Rule(name, then, f"why {name}", act, conditions)


def test_a_rule_without_a_condition_decides_whatever_is_proved() -> None:
    earning = lived(20, each_us=HOUR, open_us=10 * SECOND)
    now = earning.clock.now()
    act = KIND.split("/")[1]
    for then, said in (
        (Decision.ALLOW, "go by a rule already (r: why r), so nothing is to be proved"),
        (Decision.ASK, "ask by a rule (r: why r), whatever is proved"),
        (Decision.DENY, "are forbidden by a rule (r: why r)"),
    ):
        told = missing(earning.store, KIND, USUAL, now=now, policy=Policy((rule(then, act),)))
        assert told == f"faq replies {said}"
        # Under a condition it speaks of some of them alone, and evidence of the rest.
        some = Policy((rule(then, act, when=True),))
        assert missing(earning.store, KIND, USUAL, now=now, policy=some).startswith("23 more clean decisions")
    elsewhere = Policy((rule(Decision.ALLOW, "files.*"),))
    assert missing(earning.store, KIND, USUAL, now=now, policy=elsewhere).startswith("23 more")


def test_of_several_rules_the_strictest_counts_as_in_a_verdict() -> None:
    def of(*rules: Rule) -> Ruled:
        return ruled(Policy(rules), "support/email.reply/faq")

    allow, ask = rule(Decision.ALLOW, "email.*", name="a"), rule(Decision.ASK, name="q")
    assert of(allow, ask).decision == "ask"
    assert of(allow, ask, rule(Decision.DENY, "*", name="d")).rule == "d"
    assert of(allow, rule(Decision.ASK, when=True, name="s")) == Ruled("allow", "a", "why a", ("s",))
    assert of() == Ruled()


def test_what_a_rule_decides_stands_after_what_may_still_be_earned() -> None:
    earning = lived(3, each_us=HOUR, open_us=10 * SECOND)
    free = Policy((rule(Decision.ALLOW, "email.label"),))
    kinds = kinds_of_act(
        *(earning.store, lambda kind: USUAL),
        now=earning.clock.now(),
        declared=("a/email.label/", "a/email.label/", "b/other.act/"),
        policy=free,
    )
    assert [one.kind for one in kinds] == [KIND, "b/other.act/", "a/email.label/"]
    assert kinds[-1].ruled.decision == "allow"

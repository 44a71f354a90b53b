"""What holds of any rules and any act: a denial or a question added never allows more, and nothing makes it fail."""

from dataclasses import replace
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.kernel.contract import Finality, Repeatability
from mainstay.kernel.ids import IdempotencyKey
from mainstay.kernel.policy import Action, Between, Condition, Decision, Policy, Rule, evaluate
from mainstay.kernel.policy_trace import contradictory, covers, trace
from mainstay.kernel.predicates import Operator
from mainstay.kernel.values import Digest

STRENGTH = {Decision.ALLOW: 0, Decision.ASK: 1, Decision.DENY: 2}
NAMES = ("recipient_known", "confidence", "flags", "intent", "recipients", "done_today")
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.just(10**400),
    st.floats(),  # NaN and the infinite ones too
    st.sampled_from(["True", "money", "", "\u202e", "0.5"]),
    st.lists(st.sampled_from(["money", "law", 3, None]), max_size=3),
    st.builds(Between, st.integers(0, 3), st.integers(3, 6)),
    st.dictionaries(st.text(max_size=2), st.none(), max_size=1),
)
PLAIN = st.one_of(st.booleans(), st.integers(0, 5), st.floats(0, 1), st.sampled_from(["money", "faq"]))
CONDITIONS = st.builds(Condition, st.sampled_from(NAMES), st.sampled_from(list(Operator)), PLAIN) | st.builds(
    Condition,
    st.sampled_from(NAMES),
    st.sampled_from([Operator.IN, Operator.NOT_IN]),
    st.tuples(PLAIN, PLAIN),
)
ACTS = st.sampled_from(["email.reply", "email.label"])
PATTERNS = st.sampled_from(["*", "email.*", "email.reply", "email.label", "crm.*"])


def rules(then: st.SearchStrategy[Decision]) -> st.SearchStrategy[Rule]:
    return st.builds(
        Rule, st.text(max_size=4), then, st.just("w"), PATTERNS, st.tuples() | st.tuples(CONDITIONS)
    )


RULES = st.lists(rules(st.sampled_from(list(Decision))), max_size=6)


@st.composite
def actions(draw: st.DrawFn) -> Action:
    return Action(
        *(
            draw(ACTS),
            "support",
            "reply",
            "1.0",
            Repeatability.FINDABLE,
            draw(st.sampled_from(list(Finality))),
        ),
        *(IdempotencyKey(""), Digest(""), Digest(""), Digest("")),
        price_micros=draw(st.none() | st.integers(0, 9)),
        features=draw(st.dictionaries(st.sampled_from(NAMES), ODD, max_size=6)),
    )


COUNTS = st.dictionaries(st.just("done_today"), ODD, max_size=1)


def strength(found: list[Rule], action: Action, counts: dict[str, object]) -> int:
    return STRENGTH[evaluate(Policy(tuple(found)), action, counts).decision]


@settings(max_examples=150, deadline=None)
@given(RULES, rules(st.sampled_from([Decision.DENY, Decision.ASK])), st.integers(0, 6), actions(), COUNTS)
def test_a_rule_that_restricts_never_allows_more(
    found: list[Rule], extra: Rule, place: int, action: Action, counts: dict[str, object]
) -> None:
    with_it = [*found[:place], extra, *found[place:]]
    assert strength(with_it, action, counts) >= strength(found, action, counts)


@settings(max_examples=100, deadline=None)
@given(st.lists(rules(st.sampled_from(list(Decision))), max_size=4), actions(), COUNTS)
def test_order_matters_only_among_equals(
    found: list[Rule], action: Action, counts: dict[str, object]
) -> None:
    assert len({strength(list(order), action, counts) for order in permutations(found)}) == 1


@settings(max_examples=100, deadline=None)
@given(RULES, actions(), COUNTS)
def test_the_trace_says_what_the_verdict_says(
    found: list[Rule], action: Action, counts: dict[str, object]
) -> None:
    traced = [one.rule.then for one in trace(Policy(tuple(found)), action, counts) if one.matched]
    strongest = max((STRENGTH[one] for one in traced), default=1)
    # What stands above the rules only ever asks.
    assert strength(found, action, counts) in (strongest, max(strongest, 1))


@settings(max_examples=100, deadline=None)
@given(rules(st.just(Decision.ASK)), rules(st.just(Decision.ASK)), actions(), COUNTS)
def test_a_rule_that_covers_another_matches_wherever_that_does(
    one: Rule, other: Rule, action: Action, counts: dict[str, object]
) -> None:
    plain = {name: value for name, value in action.features.items() if isinstance(value, bool | str)}
    action = replace(action, features=plain)
    mine, theirs = (trace(Policy((rule,)), action, {})[0].matched for rule in (one, other))
    if covers(one, other):
        assert mine or not theirs
    if contradictory(other):
        assert not theirs


def test_what_cannot_be_judged_restricts_and_never_allows() -> None:
    odds: tuple[object, ...] = (float("nan"), "True", ["x"], {})
    for odd in odds:
        action = Action(
            *("email.reply", "support", "reply", "1.0", Repeatability.FINDABLE, Finality.FINAL_LOW),
            *(IdempotencyKey(""), Digest(""), Digest(""), Digest("")),
            features={"confidence": odd},
        )
        for then, wanted in ((Decision.DENY, Decision.DENY), (Decision.ALLOW, Decision.ASK)):
            for operator in (Operator.BELOW, Operator.ABOVE, Operator.IS_NOT):
                policy = Policy((Rule("r", then, "w", "*", (Condition("confidence", operator, 0.5),)),))
                assert evaluate(policy, action, {}).decision is wanted, (odd, operator)


def test_a_count_is_taken_at_the_worse_end() -> None:
    def verdict(then: Decision, operator: Operator, count: Between) -> Decision:
        action = Action(
            *("email.reply", "support", "reply", "1.0", Repeatability.FINDABLE, Finality.FINAL_LOW),
            *(IdempotencyKey(""), Digest(""), Digest(""), Digest("")),
        )
        rule = Rule("r", then, "w", "*", (Condition("done_today", operator, 20),))
        return evaluate(Policy((rule,)), action, {"done_today": count}).decision

    # "The first 20 ask": nineteen are done, however many are on their way.
    assert verdict(Decision.DENY, Operator.BELOW, Between(19, 25)) is Decision.DENY
    # "At most 20 a day go by themselves": the twentieth may be on its way already.
    assert verdict(Decision.ALLOW, Operator.BELOW, Between(19, 19)) is Decision.ALLOW
    assert verdict(Decision.ALLOW, Operator.BELOW, Between(19, 20)) is Decision.ASK
    assert verdict(Decision.DENY, Operator.ABOVE, Between(20, 21)) is Decision.DENY
    assert verdict(Decision.DENY, Operator.IS, Between(19, 21)) is Decision.DENY
    assert verdict(Decision.ALLOW, Operator.IS, Between(20, 21)) is Decision.ASK
    assert verdict(Decision.ALLOW, Operator.IS_NOT, Between(21, 22)) is Decision.ALLOW

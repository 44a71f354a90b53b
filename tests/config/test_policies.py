"""Policy files: what each key of `when` becomes, and what the kernel then says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.config.policies import FIELDS, read_policy
from mainstay.kernel.contract import Finality, Repeatability
from mainstay.kernel.errors import ConfigError, PolicyError
from mainstay.kernel.ids import IdempotencyKey
from mainstay.kernel.policy import Action, Condition, Decision, Policy, evaluate
from mainstay.kernel.predicates import Operator
from mainstay.kernel.values import Digest

EXAMPLE = """\
[[rule]]
name = "new recipients ask"
when = { act = "email.*", recipient_known = false }
then = "ask"
why = "you have never written to this address"

[[rule]]
name = "labels are free"
when = { act = "email.label" }
then = "allow"

[[rule]]
name = "first twenty replies ask"
when = { act = "email.reply", done_by_this_workflow_below = 20 }
then = "ask"
"""


def read(text: str, file: str = "policies/a.toml") -> Policy:
    return read_policy([(file, text.encode())])


def conditions(when: str) -> tuple[Condition, ...]:
    return read(f'[[rule]]\nname = "r"\nthen = "deny"\nwhy = "w"\nwhen = {{ {when} }}\n').rules[0].conditions


def action(act: str = "email.reply", **features: object) -> Action:
    return Action(
        act=act,
        adapter="support",
        operation=act.rpartition(".")[2],
        contract="1.0",
        repeatability=Repeatability.FINDABLE,
        finality=Finality.FINAL_LOW,
        key=IdempotencyKey("k"),
        payload=Digest(""),
        card=Digest(""),
        digest=Digest(""),
        features=dict(features),
    )


def test_the_rules_by_example() -> None:
    policy = read(EXAMPLE)
    assert [(rule.name, rule.act, rule.then, rule.why) for rule in policy.rules] == [
        ("new recipients ask", "email.*", Decision.ASK, "you have never written to this address"),
        ("labels are free", "email.label", Decision.ALLOW, "the rule 'labels are free' allows it"),
        (
            "first twenty replies ask",
            "email.reply",
            Decision.ASK,
            "this workflow has done it fewer than 20 times",
        ),
    ]
    assert policy.rules[0].conditions == (Condition("recipient_known", Operator.IS, False),)
    assert policy.rules[2].conditions == (Condition("done_by_this_workflow", Operator.BELOW, 20),)


def test_what_the_kernel_says_by_these_rules() -> None:
    policy = read(EXAMPLE + '\n[[rule]]\nname = "replies"\nwhen = { act = "email.reply" }\nthen = "allow"\n')

    def verdict(act: Action, done: int) -> tuple[str, str]:
        found = evaluate(policy, act, {"done_by_this_workflow": done})
        return str(found.decision), found.rule

    assert verdict(action("email.label", recipient_known=True), 0) == ("allow", "labels are free")
    assert verdict(action(recipient_known=False), 99) == ("ask", "new recipients ask")
    assert verdict(action(recipient_known=True), 19) == ("ask", "first twenty replies ask")
    assert verdict(action(recipient_known=True), 20) == ("allow", "replies")


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ('intent = "refund"', Condition("intent", Operator.IS, "refund")),
        ('intent = ["refund", "cancel"]', Condition("intent", Operator.IN, ("refund", "cancel"))),
        ('intent_not = "refund"', Condition("intent", Operator.IS_NOT, "refund")),
        ('intent_not_in = ["a", "b"]', Condition("intent", Operator.NOT_IN, ("a", "b"))),
        ('intent_contains = "ref"', Condition("intent", Operator.CONTAINS, "ref")),
        ("intent_exists = false", Condition("intent", Operator.EXISTS, False)),
        ('flags_contains = "money"', Condition("flags", Operator.CONTAINS, "money")),
        ('flags = "money"', Condition("flags", Operator.CONTAINS, "money")),
        ('flag = "money"', Condition("flags", Operator.CONTAINS, "money")),
        ("confidence_below = 0.8", Condition("confidence", Operator.BELOW, 0.8)),
        ('price_above = "1.50"', Condition("price_micros", Operator.ABOVE, 1_500_000)),
        ('finality = "final_high_stake"', Condition("finality", Operator.IS, "final_high_stake")),
        ('adapter = "support"', Condition("adapter", Operator.IS, "support")),
        ("attachments_above = 0", Condition("attachments", Operator.ABOVE, 0)),
        ('language_not = "en"', Condition("language", Operator.IS_NOT, "en")),
    ],
)
def test_conditions(when: str, expected: Condition) -> None:
    assert conditions(when) == (expected,)


RULE = '[[rule]]\nname = "r"\nwhen = { act = "email.reply", intent = "a" }\nthen = "deny"\nwhy = "w"\n'


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "says"),
    [
        ("[[rule]]", "[[rules]]", 1, "rules", "did you mean 'rule'?"),
        ("[[rule]]", "[rule]", 1, "rule", "must be a list of tables"),
        ('name = "r"', "", 1, "rule[1]", "'name' is missing"),
        ('name = "r"', "name = 3", 2, "rule[1].name", "must be a text"),
        ('then = "deny"', 'then = "refuse"', 4, "rule[1].then", "there is allow, ask, deny"),
        ('then = "deny"', "", 1, "rule[1]", "'then' is missing"),
        ('why = "w"', "", 1, "rule[1]", "gives no reason"),
        ('why = "w"', 'why = ""', 5, "rule[1].why", "an empty text"),
        ('why = "w"', 'because = "w"', 5, "rule[1].because", "there is no key 'because'"),
        ('when = { act = "email.reply", intent = "a" }', "", 1, "rule[1]", "does not say when"),
        ('when = { act = "email.reply", intent = "a" }', 'when = "a"', 3, "rule[1].when", "must be a table"),
        ('act = "email.reply"', 'act = "reply"', 3, "rule[1].when.act", "is not an act"),
        ('act = "email.reply"', 'act = "*.reply"', 3, "rule[1].when.act", "is not an act"),
        ('act = "email.reply"', "act = 1", 3, "rule[1].when.act", "must be a text"),
        ('intent = "a"', 'intnt = "a"', 3, "rule[1].when.intnt", "did you mean 'intent'?"),
        ('intent = "a"', "recipient_knwon = true", 3, "rule[1].when.recipient_knwon", "'recipient_known'"),
        ('intent = "a"', "intent = 1", 3, "rule[1].when.intent", "'intent' is string, and this is a number"),
        ('intent = "a"', "intent = []", 3, "rule[1].when.intent", "must be a list"),
        (
            'intent = "a"',
            "intent_below = 1",
            3,
            "rule[1].when.intent_below",
            "cannot be compared with 'below'",
        ),
        (
            'intent = "a"',
            'recipient_known = "no"',
            3,
            "rule[1].when.recipient_known",
            "'recipient_known' is bool",
        ),
        ('intent = "a"', "price_above = 2.0", 3, "rule[1].when.price_above", "a price is written as text"),
        ('intent = "a"', 'finality = "final"', 3, "rule[1].when.finality", "there is no finality 'final'"),
        (
            'intent = "a"',
            "confidence_above = nan",
            3,
            "rule[1].when.confidence_above",
            "'confidence' is number, and this is no number",
        ),
        (
            'intent = "a"',
            'time_above = "25:61"',
            3,
            "rule[1].when.time_above",
            "'25:61' is no time of the day",
        ),
        ('intent = "a"', 'done_by_this_workflow_below = "20"', 3, "rule[1].when.done_by", "is int"),
        ('intent = "a"', 'flags = ["a"]', 3, "rule[1].when.flags", "and this is a list"),
        ('why = "w"', "why = ", 5, "", "not TOML"),
    ],
)
def test_a_mistake_is_answered_with_file_line_and_key(
    old: str, new: str, line: int, key: str, says: str
) -> None:
    assert old in RULE
    with pytest.raises(PolicyError) as caught:
        read(RULE.replace(old, new, 1))
    assert says in str(caught.value)
    assert (caught.value.file, caught.value.line) == ("policies/a.toml", line)
    assert caught.value.key.startswith(key)


def test_files_are_one_policy_in_the_order_of_their_names() -> None:
    first, second = (
        ("policies/10.toml", RULE.encode()),
        ("policies/20.toml", RULE.replace('"r"', '"s"').encode()),
    )
    policy = read_policy([second, first])
    assert [rule.name for rule in policy.rules] == ["r", "s"]
    assert policy == read_policy([first, second])
    assert policy.digest != read_policy([first]).digest


def test_the_digest_tells_where_one_file_ends() -> None:
    assert (
        read_policy([("a", b"# x"), ("b", b"# y")]).digest
        != read_policy([("a", b"# x# y"), ("b", b"")]).digest
    )


def test_two_rules_of_one_name_are_refused_across_files() -> None:
    with pytest.raises(PolicyError, match=r"policies/b\.toml:2: .*'r' stands in policies/a\.toml already"):
        read_policy([("policies/a.toml", RULE.encode()), ("policies/b.toml", RULE.encode())])


def test_all_mistakes_come_at_once() -> None:
    with pytest.raises(PolicyError) as caught:
        read_policy(
            [("policies/a.toml", RULE.replace("deny", "x").encode() + RULE.replace('"r"', "1").encode())]
        )
    assert [one.line for one in (caught.value, *caught.value.also)] == [4, 7]


def test_no_file_is_a_policy_that_always_asks() -> None:
    assert evaluate(read_policy([]), action(), {}).decision is Decision.ASK


@given(
    raw=st.one_of(st.binary(max_size=100), st.text(max_size=100).map(str.encode)), start=st.integers(0, 90)
)
def test_damaged_files_give_a_policy_or_a_policy_error(raw: bytes, start: int) -> None:
    text = EXAMPLE.encode()
    try:
        found: object = type(read_policy([("a.toml", text[:start] + raw + text[start + 10 :])]))
    except ConfigError as error:
        found = type(error)
    assert found in (Policy, PolicyError)


_VALUES = st.sampled_from(
    ['"x"', "1", "0.5", "true", "[]", '["x"]', "[1]", "{}", "2026-01-31", "inf", '"0.5"']
)
_SUFFIXES = st.sampled_from(["", "_not", "_not_in", "_below", "_above", "_contains", "_exists"])


@given(name=st.sampled_from(sorted(FIELDS)), suffix=_SUFFIXES, value=_VALUES)
def test_whatever_is_accepted_the_kernel_can_judge(name: str, suffix: str, value: str) -> None:
    try:
        policy = read(
            f'[[rule]]\nname = "r"\nthen = "deny"\nwhy = "w"\nwhen = {{ {name}{suffix} = {value} }}\n'
        )
    except PolicyError:
        return
    features = {"intent": "x", "confidence": 0.5, "flags": ["x"], "attachments": 1, "recipient_known": True}
    assert evaluate(policy, action(**features), {"done_by_this_workflow": 1}).decision in Decision

"""What is wrong with rules that can be read, and what differs between two policies."""

from mainstay.config.policies import read_policy
from mainstay.governance.policy_check import condition_text, remarks
from mainstay.governance.policy_difference import difference
from mainstay.kernel.policy import Policy

ACTS = ("email.reply", "email.label", "crm.note")


def policy(*rules: tuple[str, str, str]) -> Policy:
    text = "".join(
        f'[[rule]]\nname = "{name}"\nwhen = {{ {when} }}\nthen = "{then}"\nwhy = "w"\n'
        for name, when, then in rules
    )
    return read_policy([("policies/a.toml", text.encode())])


def said(made: Policy, **known: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(one.rule, one.kind) for one in remarks(made, ACTS, known) if one.kind != "silent"]


def test_rules_that_never_match() -> None:
    made = policy(
        ("a", 'act = "shop.*"', "deny"),
        ("b", 'act = "*", recipients_above = 3, recipients_below = 4', "ask"),
        ("c", 'act = "*", intent = "refund", intent_not = "refund"', "ask"),
        ("d", 'act = "*", flag = "weather"', "deny"),
        ("e", 'act = "*", recipients_above = 3, recipients_below = 5', "ask"),
    )
    assert said(made, flags=("money", "law")) == [
        ("a", "never"),
        ("b", "never"),
        ("c", "never"),
        ("d", "never"),
    ]


def test_rules_that_are_always_overruled_or_said_before() -> None:
    made = policy(
        ("no mail", 'act = "email.*"', "deny"),
        ("labels", 'act = "email.label"', "allow"),
        ("many", 'act = "*", recipients_above = 3', "ask"),
        ("very many", 'act = "crm.*", recipients_above = 5', "ask"),
        ("few", 'act = "crm.*", recipients_above = 1', "ask"),
    )
    assert said(made) == [("labels", "shadowed"), ("very many", "shadowed")]


def test_acts_that_no_rule_speaks_of() -> None:
    found = remarks(policy(("a", 'act = "email.*"', "ask")), ACTS, {})
    assert [(one.kind, one.what.partition(":")[0]) for one in found] == [
        ("silent", "no rule speaks of crm.note")
    ]


def test_a_condition_is_told_as_it_was_written() -> None:
    made = policy(
        ("a", 'act = "*", price_above = "1.50", time_below = "08:30", recipient_known = false', "ask"),
        ("b", 'act = "*", intent_not_in = ["x", "y"], confidence_exists = false', "ask"),
    )
    told = [condition_text(one) for rule in made.rules for one in rule.conditions]
    assert told == [
        "price is above 1.50",
        "time is below 08:30",
        "recipient_known is false",
        "intent is none of x, y",
        "confidence is not told",
    ]


def test_what_differs() -> None:
    old = policy(("a", 'act = "*"', "ask"), ("b", 'act = "crm.*"', "ask"), ("c", 'act = "email.*"', "deny"))
    new = policy(("b", 'act = "crm.*"', "ask"), ("a", 'act = "*"', "ask"), ("d", 'act = "email.*"', "deny"))
    found = difference(old, new)
    assert [one.name for one in found.added] == ["d"]
    assert [one.name for one in found.removed] == ["c"]
    assert found.changed == ()
    assert found.moved == ("b", "a")
    changed = difference(old, policy(("a", 'act = "email.*"', "deny"))).changed
    assert [(one.new.name, one.fields) for one in changed] == [("a", ("then", "act"))]
    assert difference(old, old).nothing

"""What rules may look at, written in a file and at a prompt: the same names, the same spellings."""

import pytest

from mainstay.config.circumstances import suppose
from mainstay.config.policies import FIELDS, read_policy
from mainstay.kernel.contract import FieldType, Finality
from mainstay.kernel.errors import CommandRefused, PolicyError
from mainstay.kernel.policy import Condition
from mainstay.kernel.predicates import Operator


def conditions(when: str) -> tuple[Condition, ...]:
    text = f'[[rule]]\nname = "r"\nthen = "deny"\nwhy = "w"\nwhen = {{ act = "*", {when} }}\n'
    return read_policy([("policies/a.toml", text.encode())]).rules[0].conditions


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ('amount_above = "100.00"', Condition("amount_micros", Operator.ABOVE, 100_000_000)),
        ('time_above = "18:30"', Condition("minute", Operator.ABOVE, 1_110)),
        ('weekday = ["saturday", "sunday"]', Condition("weekday", Operator.IN, (5, 6))),
        ('weekday_not = "monday"', Condition("weekday", Operator.IS_NOT, 0)),
        ("hour_below = 7", Condition("hour", Operator.BELOW, 7)),
        ("done_today_above = 19", Condition("done_today", Operator.ABOVE, 19)),
        ("done_this_hour_above = 4", Condition("done_this_hour", Operator.ABOVE, 4)),
        ("template_changed = true", Condition("template_changed", Operator.IS, True)),
        ('recipient_from = "message"', Condition("recipient_from", Operator.IS, "message")),
        ('from_message = "link"', Condition("from_message", Operator.CONTAINS, "link")),
        ('drafted_by = "model"', Condition("drafted_by", Operator.IS, "model")),
        ("recipients_above = 1", Condition("recipients", Operator.ABOVE, 1)),
        ("domain_differs = true", Condition("domain_differs", Operator.IS, True)),
        ('workflow = "triage"', Condition("workflow", Operator.IS, "triage")),
        ('operation = "reply"', Condition("operation", Operator.IS, "reply")),
    ],
)
def test_conditions(when: str, expected: Condition) -> None:
    assert conditions(when) == (expected,)


@pytest.mark.parametrize(
    ("when", "says"),
    [
        ('time_above = "25:00"', "18:30"),
        ("time_above = 18", "18:30"),
        ('weekday = "mondey"', "did you mean 'monday'"),
        ("weekday = 0", "there is no weekday 0"),
        ('recipient_from = "mesage"', "did you mean 'message'"),
        ("amount_above = 5", "written as text"),
        ("confidence_below = nan", "and this is"),
        ('recipent_known = "x"', "did you mean 'recipient_known'"),
    ],
)
def test_what_no_rule_can_say(when: str, says: str) -> None:
    with pytest.raises(PolicyError, match=says):
        conditions(when)


@pytest.mark.parametrize(
    ("then", "when"), [("ask", 'act = "agent.x"'), ("deny", 'act = "agent.*", hour = 3')]
)
def test_about_asking_an_agent_a_rule_says_no_or_nothing(then: str, when: str) -> None:
    text = f'[[rule]]\nname = "r"\nthen = "{then}"\nwhy = "w"\nwhen = {{ {when} }}\n'
    with pytest.raises(PolicyError, match="says more than no"):
        read_policy([("policies/a.toml", text.encode())])


USUAL = {
    FieldType.BOOL: "true",
    FieldType.INT: "3",
    FieldType.NUMBER: "0.5",
    FieldType.STRING: "x",
    FieldType.STRINGS: "a, b",
}
OF_NAME = {
    "finality": "reversible",
    "price": "2.00",
    "amount": "3.00",
    "time": "18:30",
    "weekday": "sunday",
}


def test_everything_that_a_rule_may_look_at_can_be_supposed() -> None:
    supposed = suppose(
        {name: OF_NAME.get(name, USUAL[kind]) for name, kind in FIELDS.items() if name != "hour"}
    )
    assert (supposed.finality, supposed.price_micros) == (Finality.REVERSIBLE, 2_000_000)
    assert supposed.features["amount_micros"] == 3_000_000
    assert supposed.features["flags"] == ["a", "b"]
    assert supposed.counts["minute"] == 1_110
    assert supposed.counts["hour"] == 18
    assert supposed.counts["weekday"] == 6


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("recipent_known", "true", "did you mean 'recipient_known'"),
        ("recipient_known", "yes", "true or false"),
        ("confidence", "nan", "a number"),
        ("attachments", "9" * 40, "a number"),
        ("price", "2", "cannot be read|"),
        ("time", "24:10", "24 hours"),
        ("finality", "final", "one of"),
        ("weekday", "someday", "one of"),
    ],
)
def test_what_cannot_be_supposed(name: str, text: str, says: str) -> None:
    if name == "price":
        assert suppose({name: text}).price_micros == 2_000_000
        return
    with pytest.raises(CommandRefused) as caught:
        suppose({name: text})
    told = f"{caught.value.what} {caught.value.why} {caught.value.remedy}".lower()
    assert says in told

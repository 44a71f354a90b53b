"""Policy files: `policies/*.toml`, ordered rules over the fields of an action.

All files together, in the order of their names, are one policy. What `when` may look at is a closed list,
since a rule about a misspelt field would never match, and a denial that never matches is worse than none.
Every rule gives its reason; only for a rule that allows or counts is there a sentence that says itself.

What the ledger keeps of a policy is its text (`policy_text`), under the digest that the policy bears: so every version
that was ever in force can be read again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from mainstay.config.toml import parse_toml
from mainstay.kernel.contract import FieldType, Finality
from mainstay.kernel.errors import PolicyError
from mainstay.kernel.ids import digest
from mainstay.kernel.policy import RESERVED, Condition, Decision, Policy, Rule
from mainstay.kernel.predicates import Operator
from mainstay.kernel.values import parse_money
from mainstay.workflows.document import Problems, Section, is_scalar, kind, suggestion

FIELDS: Mapping[str, FieldType] = {
    "adapter": FieldType.STRING,  # the configured instance: "support"
    "operation": FieldType.STRING,  # of the adapter: "reply"
    "workflow": FieldType.STRING,
    "finality": FieldType.STRING,
    "price": FieldType.NUMBER,  # of doing it; written as text, compared as micro-units
    "amount": FieldType.NUMBER,  # that the effect itself moves; the same
    "mailbox": FieldType.STRING,
    "recipient_known": FieldType.BOOL,  # you have written to this address before
    "recipients": FieldType.INT,  # how many
    "recipient_from": FieldType.STRING,  # who named them: see `SOURCES`
    "domain_differs": FieldType.BOOL,  # somebody gets it at another domain than the message came from
    "from_message": FieldType.STRINGS,  # what in it came in with the message: "link", "amount", "account number", ...
    "reply_to_differs": FieldType.BOOL,  # the answer would go elsewhere than where the message came from
    "automatic": FieldType.BOOL,  # a machine wrote
    "attachments": FieldType.INT,
    "language": FieldType.STRING,
    "intent": FieldType.STRING,  # and `confidence`: where the act's `in` binds them
    "confidence": FieldType.NUMBER,
    "template": FieldType.STRING,  # that the draft was made from
    "template_changed": FieldType.BOOL,  # it says something else by now
    "drafted_by": FieldType.STRING,  # "template" or "model"
    "leans_on_approved": FieldType.BOOL,  # the draft follows a reply that you approved before
    "flags": FieldType.STRINGS,
    "flagged": FieldType.BOOL,  # any flag but hurry
    "replies_last_hour": FieldType.INT,  # of this account to the same correspondent
    "done_by_this_workflow": FieldType.INT,  # how many acts of this name this workflow has done
    "done_today": FieldType.INT,  # how many acts of this name were done since your midnight, by whichever workflow
    "done_this_hour": FieldType.INT,  # the same in the last hour
    "hour": FieldType.INT,  # of your day, 0 to 23
    "time": FieldType.NUMBER,  # of your day, written "18:30"
    "weekday": FieldType.INT,  # written "monday"
}
"""What a rule may look at besides `act`. Texts of a message are not here: they are no basis for a rule."""

SOURCES = ("message", "model", "workflow", "operator")
"""Who named a value, from the least trusted to the most: of several, the least counts."""
DRAFTERS = ("template", "model")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SIZE_MAX = 1_000_000  # bytes of one file; nobody reads more rules than that
RULE_MAX = 500
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "finality": tuple(Finality),
    "recipient_from": SOURCES,
    "drafted_by": DRAFTERS,
}
_STORED = {"price": "price_micros", "amount": "amount_micros", "time": "minute"}
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_LISTED = frozenset({"weekday", "hour"})  # numbers of which a rule may name several

_SUFFIXES = {
    "_not_in": Operator.NOT_IN,
    "_not": Operator.IS_NOT,
    "_below": Operator.BELOW,
    "_above": Operator.ABOVE,
    "_contains": Operator.CONTAINS,
    "_exists": Operator.EXISTS,
}
_ALIASES = {"flag": ("flags", Operator.CONTAINS)}
_OPERATORS: Mapping[FieldType, tuple[Operator, ...]] = {
    FieldType.BOOL: (Operator.IS, Operator.IS_NOT),
    FieldType.STRING: (Operator.IS, Operator.IS_NOT, Operator.IN, Operator.NOT_IN, Operator.CONTAINS),
    FieldType.STRINGS: (Operator.CONTAINS,),
    FieldType.INT: (Operator.IS, Operator.IS_NOT, Operator.BELOW, Operator.ABOVE),
    FieldType.NUMBER: (Operator.IS, Operator.IS_NOT, Operator.BELOW, Operator.ABOVE),
}
_ACT = re.compile(r"\*|[a-z][a-z0-9_-]*\.(?:\*|[a-z][a-z0-9_-]*\*?)")
_COUNT = "done_by_this_workflow"
AGENT = "agent."


def policy_text(files: Iterable[tuple[str, bytes]]) -> bytes:
    """What the ledger keeps: the files by name, as JSON. Only of files that `read_policy` accepted."""
    listed = [[name, raw.decode()] for name, raw in sorted(files)]
    return json.dumps({"files": listed}, ensure_ascii=False, separators=(",", ":")).encode()


def read_policy_text(text: bytes) -> Policy:
    """The policy of a text that the ledger kept. Raises `PolicyError` where this version cannot read it any more."""
    try:
        listed = json.loads(text)["files"]
        files = [(str(name), str(raw).encode()) for name, raw in listed]
    except (ValueError, KeyError, TypeError) as error:
        raise PolicyError("this is not the text of a policy", why=str(error)[:80]) from None
    return read_policy(files)


def read_policy(files: Iterable[tuple[str, bytes]], acts: Collection[str] | None = None) -> Policy:
    """One policy of all files (name and bytes), in the order of their names. Raises `PolicyError`.

    With `acts`, a rule may name no other: one about an act that is not there would never match.
    """
    problems, rules = Problems(), list[Rule]()
    taken: dict[str, str] = {}
    files = sorted(files)
    for file, raw in files:
        with problems.caught():
            if len(raw) > SIZE_MAX:
                raise PolicyError(f"the file is larger than {SIZE_MAX:,} bytes", file=file)
            document = parse_toml(raw, file, PolicyError)
            with problems.caught():
                document.top.only("rule", "recall", "space")  # of these two: `config.recall`
            for section in document.top.tables("rule"):
                with problems.caught():
                    rule = _rule(section, acts)
                    if rule.name in taken:
                        raise section.error(
                            "name", f"the rule {rule.name!r} stands in {taken[rule.name]} already"
                        )
                    if len(rules) == RULE_MAX:
                        raise section.error("", f"there are more than {RULE_MAX} rules")
                    taken[rule.name] = file
                    rules.append(rule)
    problems.raise_any()
    return Policy(tuple(rules), digest(policy_text(files)))


def operators_of(name: str) -> tuple[Operator, ...]:
    """How a rule may compare this field, besides asking whether it is there."""
    return _OPERATORS[FIELDS[name]] + ((Operator.IN, Operator.NOT_IN) if name in _LISTED else ())


def _rule(section: Section, acts: Collection[str] | None) -> Rule:
    section.only("name", "when", "then", "why")
    name = section.text("name")
    if name.strip().casefold() in RESERVED:
        raise section.error(
            "name",
            f"the name {name!r} is taken by Mainstay itself",
            why="a card would not say whether your rule or the house stopped it",
            remedy="give the rule another name",
        )
    decision = Decision(section.choice("then", [str(one) for one in Decision]))
    if not section.has("when"):
        raise section.error(
            "", f"the rule {name!r} does not say when", remedy='write when = { act = "*" } for always'
        )
    when = section.table("when")
    act = _act(when, acts)
    conditions = tuple(_condition(when, key) for key in when.data if key != "act")
    if act.startswith(AGENT) and (conditions or decision is not Decision.DENY):
        raise when.error(
            "",
            f"the rule {name!r} is about asking an agent, and says more than no",
            why="an agent may be asked unless a rule denies it; nothing else is looked at",
            remedy=f'write when = {{ act = "{act}" }} and then = "deny"',
        )
    return Rule(name, decision, _why(section, name, decision, conditions), act, conditions)


def _act(when: Section, acts: Collection[str] | None) -> str:
    act = when.text("act", "*")
    if _ACT.fullmatch(act) is None:
        raise when.error(
            "act", f"{act[:80]!r} is not an act", remedy='write "email.reply", "email.*", "*" or "agent.NAME"'
        )
    if acts is not None and not act.endswith("*") and not act.startswith(AGENT) and act not in acts:
        raise when.error(
            "act",
            f"there is no act {act!r}",
            why="the rule would never match, so it would forbid nothing and ask for nothing",
            remedy=suggestion(act, acts),
        )
    return act


def _condition(when: Section, key: str) -> Condition:
    name, operator = _split(when, key)
    kind_of = FIELDS[name]
    if operator is None:
        if kind_of is FieldType.STRINGS:
            operator = Operator.CONTAINS
        else:
            operator = Operator.IN if isinstance(when.data[key], list) else Operator.IS
    fitting = operators_of(name)
    if operator is not Operator.EXISTS and operator not in fitting:
        words = ", ".join(str(one) for one in fitting)
        raise when.error(
            key, f"{name!r} cannot be compared with {str(operator)!r}", remedy=f"it takes {words}"
        )
    value = _value(when, key, name, operator)
    return Condition(_STORED.get(name, name), operator, value)


def _split(when: Section, key: str) -> tuple[str, Operator | None]:
    if key in FIELDS:
        return key, None
    if key in _ALIASES:
        return _ALIASES[key]
    for suffix, operator in _SUFFIXES.items():
        if key.endswith(suffix) and key.removesuffix(suffix) in FIELDS:
            return key.removesuffix(suffix), operator
    known = [*FIELDS, *_ALIASES, "act", *(_COUNT + suffix for suffix in ("_below", "_above"))]
    raise when.error(key, f"a rule cannot look at {key!r}", remedy=suggestion(key, known))


def _value(when: Section, key: str, name: str, operator: Operator) -> Any:
    value = when.data[key]
    if operator is Operator.EXISTS:
        return when.flag(key)
    if operator in (Operator.IN, Operator.NOT_IN):
        if not isinstance(value, list) or not value:
            raise when.error(key, f"{key!r} must be a list, and is {kind(value)}")
        return tuple(_single(when, key, name, one) for one in value)
    return _single(when, key, name, value)


def _single(when: Section, key: str, name: str, value: Any) -> Any:
    match FIELDS[name]:
        case FieldType.BOOL:
            fits = isinstance(value, bool)
        case FieldType.INT if name == "weekday":
            return WEEKDAYS.index(_chosen(when, key, value, WEEKDAYS))
        case FieldType.INT:
            fits = isinstance(value, int) and not isinstance(value, bool)
        case FieldType.NUMBER if name in ("price", "amount"):
            return _price(when, key, value)
        case FieldType.NUMBER if name == "time":
            return _time(when, key, value)
        case FieldType.NUMBER:
            fits = is_scalar(value) and not isinstance(value, bool | str) and value == value
        case _:
            fits = isinstance(value, str) and bool(value)
    if not fits:
        odd = "no number" if value != value else kind(value)
        raise when.error(key, f"{name!r} is {FIELDS[name].rstrip('s')}, and this is {odd}")
    if name in _CHOICES and key != f"{name}_contains":
        return _chosen(when, key, value, _CHOICES[name])
    return value


def _chosen(when: Section, key: str, value: Any, choices: Collection[str]) -> str:
    words = [str(one) for one in choices]
    if not isinstance(value, str) or value not in words:
        raise when.error(
            key, f"there is no {key.partition('_not')[0]} {value!r:.60}", remedy=suggestion(str(value), words)
        )
    return value


def _time(when: Section, key: str, value: Any) -> int:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        said = "a time of the day is written as text"
        if isinstance(value, str):
            said = f"{value[:20]!r} is no time of the day"
        raise when.error(key, said, remedy='write "18:30"')
    return int(match[1]) * 60 + int(match[2])


def _price(when: Section, key: str, value: Any) -> int:
    try:
        return parse_money(value if isinstance(value, str) else "")
    except ValueError:
        raise when.error(key, "a price is written as text", remedy='write "2.00"') from None


def _why(section: Section, name: str, decision: Decision, conditions: tuple[Condition, ...]) -> str:
    if section.has("why"):
        return section.text("why")
    for condition in conditions:
        if condition.field == _COUNT and condition.operator is Operator.BELOW:
            return f"this workflow has done it fewer than {condition.value} times"
    if decision is Decision.ALLOW:
        return f"the rule {name!r} allows it"
    raise section.error(
        "", f"the rule {name!r} gives no reason", remedy='add why = "...": you will read it on the card'
    )

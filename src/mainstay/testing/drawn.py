"""Values drawn from types, and from what a workflow asks about: what fakes say when nobody wrote what they should say.

A value of an agent's output is drawn from the type of its field. Where a condition of the workflow (or a rule of the
policy) compares that field, the compared values are drawn often, and those just beside them, so that every branch is
taken in some history and left in another.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Any, Literal, Union, assert_never, get_args, get_origin

from mainstay.agents.base import Data, Finding, MessageView, Reply
from mainstay.kernel.contract import Field, FieldType
from mainstay.kernel.plan import Workflow, references
from mainstay.kernel.policy import Policy
from mainstay.kernel.predicates import All, AnyOf, Compare, Not, Operator, Predicate

WORDS = ("alpha", "beta", "gamma", "delta")
ITEMS_MAX = 4
_ASKED = 0.6  # how often a value is one that somebody asks about

Asked = Mapping[str, tuple[Any, ...]]  # by field, "message.mailbox": values that conditions compare it with


@dataclass(frozen=True)
class Hints:
    """What a workflow asks about, by source: "trigger", or the name of a task."""

    asked: Mapping[str, Asked] = field(default_factory=dict)
    item_keys: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)  # of (source, list)
    read: Mapping[str, tuple[tuple[str, ...], ...]] = field(
        default_factory=dict
    )  # paths that are read at all
    lists: frozenset[tuple[str, str]] = frozenset()  # that a `for_each` fans out over

    def of(self, source: str) -> Asked:
        """What is asked about one source."""
        return self.asked.get(source, {})

    def keys(self, source: str, name: str) -> tuple[str, ...]:
        """What the items of a list must have."""
        return self.item_keys.get((source, name), ())


def hints_of(workflow: Workflow) -> Hints:
    """Everything that a workflow's conditions compare, and what it reads of items."""
    asked: dict[str, dict[str, list[Any]]] = {}
    keys: dict[tuple[str, str], dict[str, None]] = {}
    read: dict[str, dict[tuple[str, ...], None]] = {}
    lists: set[tuple[str, str]] = set()
    if workflow.on is not None and workflow.on.where is not None:
        _gather(workflow.on.where, asked)
    for task in workflow.tasks:
        if task.when is not None:
            _gather(task.when, asked)
        for ref in references(task):
            read.setdefault(ref.source, {})[ref.path] = None
        if task.for_each is not None:
            place = (task.for_each.source, ".".join(task.for_each.path))
            lists.add(place)
            found = keys.setdefault(place, {})
            for ref in references(task):
                if ref.source == "item" and ref.path:
                    found[ref.path[0]] = None
    return Hints(
        {source: {name: tuple(values) for name, values in one.items()} for source, one in asked.items()},
        {place: tuple(found) for place, found in keys.items()},
        {source: tuple(paths) for source, paths in read.items()},
        frozenset(lists),
    )


def asked_by(policy: Policy) -> Asked:
    """What the rules of a policy compare."""
    found: dict[str, list[Any]] = {}
    for rule in policy.rules:
        for one in rule.conditions:
            found.setdefault(one.field, []).extend(_near(one.operator, one.value))
    return {name: tuple(values) for name, values in found.items()}


def _gather(predicate: Predicate, asked: dict[str, dict[str, list[Any]]]) -> None:
    match predicate:
        case Compare(field=ref, operator=operator, value=value):
            place = asked.setdefault(ref.source, {}).setdefault(".".join(ref.path), [])
            place.extend(_near(operator, value))
        case All(parts=parts) | AnyOf(parts=parts):
            for part in parts:
                _gather(part, asked)
        case Not(part=part):
            _gather(part, asked)
        case _:
            assert_never(predicate)


def _near(operator: Operator, value: Any) -> tuple[Any, ...]:
    """The value that is compared, and its neighbours where order matters."""
    match operator:
        case Operator.IN | Operator.NOT_IN:
            return tuple(value) if isinstance(value, list | tuple) else ()
        case Operator.BELOW | Operator.ABOVE:
            step = 0.05 if isinstance(value, float) and abs(value) <= 1 else 1
            return (value, value - step, value + step)
        case Operator.EXISTS:
            return ()
        case _:
            return (value,)


# --- values of a model ----------------------------------------------------------------------------


def draw_model(
    model: type[Data], random: Random, asked: Asked, pools: Asked, keys: Mapping[str, tuple[str, ...]]
) -> Data:
    """An instance of a pydantic model. `pools` are known values of fields that are plain text; `keys` are what the
    items of its lists must have. Raises `ValidationError` where the model wants more than its types say."""
    values: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        hinted = tuple(one for one in asked.get(name, ()) if _fits(one, info.annotation))
        if hinted and random.random() < _ASKED:
            values[name] = _wrapped(random.choice(hinted), info.annotation)
            continue
        pool = pools.get(name, ())
        value = _draw(info.annotation, info.metadata, random, pool, keys.get(name, ()))
        if value is not None or info.is_required():  # what is left out has the model's own default
            values[name] = value
    return model(**values)


def _fits(value: Any, annotation: Any) -> bool:
    kind = _present(annotation)
    if kind is bool:
        return isinstance(value, bool)
    if kind in (int, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str) and (kind is str or get_origin(kind) in (tuple, Literal))


def _wrapped(value: Any, annotation: Any) -> Any:
    return (value,) if get_origin(_present(annotation)) is tuple else value


def _present(annotation: Any) -> Any:
    """`X` of `X | None`."""
    if get_origin(annotation) in (Union, types.UnionType):
        parts = [part for part in get_args(annotation) if part is not type(None)]
        return parts[0] if parts else annotation
    return annotation


def _draw(
    annotation: Any, metadata: Iterable[Any], random: Random, pool: tuple[Any, ...], keys: tuple[str, ...]
) -> Any:
    kind = _present(annotation)
    if kind is not annotation and random.random() < 0.2:
        return None
    if get_origin(kind) is Literal:
        return random.choice(get_args(kind))
    if get_origin(kind) is tuple:
        return _draw_list(get_args(kind)[0], random, pool, keys)
    if get_origin(kind) is dict:
        return draw_item(random, 0, keys)
    if not isinstance(kind, type):
        return random.choice(WORDS)
    if issubclass(kind, Enum):
        return random.choice(list(kind))
    if issubclass(kind, bool):
        return random.random() < 0.5
    if issubclass(kind, int | float):
        return _number(kind, metadata, random)
    if issubclass(kind, MessageView):
        return MessageView(message_id="drawn", thread="drawn", mailbox="drawn", from_address="a@example.org")
    if issubclass(kind, Reply):
        return Reply(text="A drafted answer.")
    if issubclass(kind, Data):
        return draw_model(kind, random, {}, {}, {})
    return random.choice(pool or WORDS)


def _draw_list(kind: Any, random: Random, pool: tuple[Any, ...], keys: tuple[str, ...]) -> tuple[Any, ...]:
    if kind is Finding:
        return ()
    count = random.choice((0, 1, 1, 2, ITEMS_MAX))
    if get_origin(kind) is dict:
        return tuple(draw_item(random, number, keys) for number in range(count))
    return tuple(dict.fromkeys(_draw(kind, (), random, pool, keys) for _ in range(count)))


def draw_item(random: Random, number: int, keys: tuple[str, ...]) -> dict[str, Any]:
    """One item of a list, with what tasks read of it."""
    return {"number": number} | {key: random.choice(WORDS) for key in keys}


def _number(kind: type, metadata: Iterable[Any], random: Random) -> int | float:
    least, most = 0.0, 1.0 if issubclass(kind, float) else 100.0
    for one in metadata:
        least = float(getattr(one, "ge", getattr(one, "gt", least)))
        most = float(getattr(one, "le", getattr(one, "lt", max(most, least + 1))))
    drawn = least + (most - least) * random.random()
    return round(drawn, 3) if issubclass(kind, float) else round(drawn)


# --- values of a schema ---------------------------------------------------------------------------


def draw_field(declared: Field, random: Random, asked: tuple[Any, ...] = ()) -> Any:
    """A value of a field of a contract, of an event, or of a policy."""
    if asked and random.random() < _ASKED:
        value = random.choice(asked)
        return [value] if declared.type is FieldType.STRINGS else value
    match declared.type:
        case FieldType.BOOL:
            return random.random() < 0.5
        case FieldType.INT:
            return random.randrange(10)
        case FieldType.NUMBER:
            return round(random.random(), 3)
        case FieldType.STRINGS:
            return random.sample(WORDS, random.randint(0, 2))
        case FieldType.RECORDS | FieldType.FINDINGS:
            return [draw_item(random, number, ()) for number in range(random.randint(0, 2))]
        case FieldType.RECORD:
            return draw_item(random, 0, ())
        case FieldType.MESSAGE:
            return {"message_id": "drawn", "from": "a@example.org"}
        case FieldType.REPLY:
            return {"subject": "", "text": "A drafted answer."}
        case _:
            return random.choice(WORDS)


def draw_trigger(random: Random, hints: Hints) -> dict[str, Any]:
    """What a run that is started by hand is given: whatever the workflow reads of its trigger."""
    trigger: dict[str, Any] = {}
    paths = dict.fromkeys(hints.read.get("trigger", ()))
    paths |= dict.fromkeys(tuple(name.split(".")) for name in hints.of("trigger"))
    for path in paths:
        name = ".".join(path)
        value: Any
        if ("trigger", name) in hints.lists:
            keys, count = hints.keys("trigger", name), random.choice((0, 1, 2, ITEMS_MAX))
            value = [draw_item(random, number, keys) for number in range(count)]
        else:
            asked = hints.of("trigger").get(name, ())
            value = random.choice(asked if asked and random.random() < _ASKED else WORDS)
        _put(trigger, path, value)
    return trigger


def _put(target: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        inner = target.setdefault(name, {})
        if not isinstance(inner, dict):
            return  # something is read as a whole and in part: the whole was drawn
        target = inner
    if path:
        target.setdefault(path[-1], value)

"""Strategies for events: any value of any event's fields, plans among a few real ones."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import EnumType
from types import NoneType
from typing import Any, cast, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from mainstay.kernel.events import NUMBERS, Event
from mainstay.kernel.plan import Plan, Role, TaskKind, TaskSpec, Workflow, compile_plan
from mainstay.kernel.values import Digest, Json

PLANS = {
    plan.digest: plan
    for plan in (
        compile_plan(
            Workflow(name, 1, (TaskSpec("one", TaskKind.THINK, Role.SPECIALIST, "echo"),)), Digest(name * 32)
        )
        for name in ("aa", "bb")
    )
}

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | text
    | st.floats(allow_nan=False, allow_infinity=False)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
json = st.dictionaries(text, values, max_size=4)


def of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type."""
    hint = getattr(hint, "__supertype__", hint)
    if hint is Plan:
        return st.sampled_from(list(PLANS.values()))
    if hint == Json:
        return json
    if hint is bool:
        return st.booleans()
    if hint is int:
        # Small ones often, since 0 is nearly every default.
        return (
            st.integers(0, 3) | st.integers(-(2**63), 2**63 - 1) | st.sampled_from([30_000_000, 120_000_000])
        )
    if hint is str:
        return text
    if hint is NoneType:
        return st.none()
    if isinstance(hint, EnumType):
        return st.sampled_from(list(hint))
    if is_dataclass(hint):
        return record(cast(type[Any], hint))
    if get_origin(hint) is tuple and get_args(hint)[-1] is ...:
        return st.lists(of(get_args(hint)[0]), max_size=3).map(tuple)
    if get_origin(hint) is tuple:
        return st.tuples(*map(of, get_args(hint)))
    return st.one_of([of(part) for part in get_args(hint)])


def record(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Records of a dataclass; now and then a field is left at its default."""
    hints = get_type_hints(kind)
    return st.builds(kind, **{one.name: of(hints[one.name]) for one in fields(kind)})


def any_event() -> st.SearchStrategy[Event]:
    """Any event at all."""
    return st.sampled_from(list(NUMBERS.values())).flatmap(record)

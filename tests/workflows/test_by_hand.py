"""What a person gives to start a run by hand, and what becomes of what they type."""

from __future__ import annotations

import pytest

from mainstay.kernel.contract import Field, FieldType, Schema
from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.plan import Role
from mainstay.workflows.by_hand import fields_by_hand, trigger_of
from mainstay.workflows.catalog import AgentSignature, Catalog
from mainstay.workflows.loader import read_workflow

TAKES = Schema(
    (
        Field("topic", FieldType.STRING),
        Field("count", FieldType.INT),
        Field("message", FieldType.MESSAGE, required=False),
    )
)
CATALOG = Catalog(agents={"writer": AgentSignature(Role.SPECIALIST, TAKES, Schema())})


def fields(inputs: str, top: str = "") -> object:
    raw = f"name: w\nversion: 1\n{top}tasks:\n  a: {{ role: specialist, agent: writer, in: {inputs} }}\n"
    return fields_by_hand(read_workflow(raw.encode(), "workflows/w.yaml").workflow, CATALOG)


def test_a_field_is_known_by_what_its_task_makes_of_it() -> None:
    found = fields("{ topic: ${trigger.about}, count: ${trigger.how.many} }")
    assert [(one.name, one.type) for one in found.fields] == [
        ("about", FieldType.STRING),
        ("how.many", FieldType.INT),
    ]
    assert not found.cannot


def test_a_schedule_says_its_own() -> None:
    found = fields("{ topic: ${trigger.schedule.due}, count: 1 }", 'on: { schedule: "0 9 * * 1" }\n')
    assert [(one.name, one.type) for one in found.fields] == [("schedule.due", FieldType.STRING)]


def test_nobody_types_a_message() -> None:
    found = fields("{ topic: x, count: 1, message: ${trigger.message} }")
    assert (found.fields, "nobody can type" in found.cannot) == ((), True)


def test_what_is_typed_becomes_the_trigger() -> None:
    found = fields("{ topic: ${trigger.about}, count: ${trigger.how.many} }").fields
    assert trigger_of(found, {"about": " a desk ", "how.many": "12"}) == {
        "about": "a desk",
        "how": {"many": 12},
    }


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"about": "x", "how.many": "many"},
        {"about": "x", "how.many": "1" * 20},
        {"about": "x", "how.many": "\u0661"},
        {"about": "x" * 2_000, "how.many": "1"},
        {"about": "x", "how.many": "1", "other": "y"},
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, str]) -> None:
    found = fields("{ topic: ${trigger.about}, count: ${trigger.how.many} }").fields
    with pytest.raises(CommandRefused):
        trigger_of(found, given)


@pytest.mark.parametrize(
    ("kind", "typed", "value"),
    [
        (FieldType.BOOL, "Yes", True),
        (FieldType.NUMBER, "0.5", 0.5),
        (FieldType.STRINGS, "a, b,,c", ["a", "b", "c"]),
        (FieldType.ANY, '{"a": 1}', {"a": 1}),
        (FieldType.ANY, "plain", "plain"),
    ],
)
def test_each_type_reads_its_own(kind: FieldType, typed: str, value: object) -> None:
    assert trigger_of((Field("x", kind),), {"x": typed}) == {"x": value}


@pytest.mark.parametrize(
    ("kind", "typed"), [(FieldType.BOOL, "1"), (FieldType.NUMBER, "nan"), (FieldType.ANY, "[")]
)
def test_and_nothing_else(kind: FieldType, typed: str) -> None:
    with pytest.raises(CommandRefused):
        trigger_of((Field("x", kind),), {"x": typed})

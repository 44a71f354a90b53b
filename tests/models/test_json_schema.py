"""The part of JSON Schema that typed output uses."""

from typing import Any

import pytest
from pydantic import BaseModel, Field

from mainstay.models.json_schema import PROBLEMS_MAX, problems


class Item(BaseModel):
    name: str = Field(min_length=1, max_length=5, pattern="^[a-z]+$")
    count: int = Field(ge=1, lt=10)


class Order(BaseModel):
    model_config = {"extra": "forbid"}
    items: list[Item] = Field(min_length=1)
    pair: tuple[int, str]
    note: str | None = None
    kind: str = Field(json_schema_extra={"enum": ["a", "b"]})


GOOD: dict[str, Any] = {"items": [{"name": "nail", "count": 3}], "pair": [1, "x"], "note": None, "kind": "a"}


def test_what_pydantic_takes_is_taken() -> None:
    assert problems(GOOD, Order.model_json_schema()) == ()
    Order.model_validate(GOOD)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"items": []}, "at least 1 items"),
        ({"items": "nail"}, "items must be of type array"),
        ({"items": [{"name": "", "count": 3}]}, "items[0].name must have at least 1"),
        ({"items": [{"name": "hammer", "count": 3}]}, "at most 5"),
        ({"items": [{"name": "N", "count": 3}]}, "must match"),
        ({"items": [{"name": "nail", "count": 0}]}, "at least 1"),
        ({"items": [{"name": "nail", "count": 10}]}, "less than 10"),
        ({"items": [{"name": "nail", "count": True}]}, "must be of type integer"),
        ({"items": [{"name": "nail"}]}, "lacks 'count'"),
        ({"pair": [1]}, "at least 2 items"),
        ({"pair": ["x", "x"]}, "pair[0] must be of type integer"),
        ({"note": 3}, "note must be of type"),
        ({"kind": "c"}, "must be one of 'a', 'b'"),
        ({"more": 1}, "has no key 'more'"),
    ],
)
def test_what_pydantic_refuses_is_refused(change: dict[str, Any], says: str) -> None:
    found = problems({**GOOD, **change}, Order.model_json_schema())
    assert any(says in one for one in found), found


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"const": 3}, 3, 4),
        ({"type": ["string", "null"]}, None, 1),
        ({"type": "number"}, 1.5, "1"),
        ({"type": "integer"}, 2.0, 2.5),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, 1, []),
        ({"allOf": [{"minimum": 1}, {"multipleOf": 2}]}, 4, 3),
        ({"not": {"type": "string"}}, 1, "x"),
        ({"type": "array", "uniqueItems": True, "maxItems": 2}, [1, 2], [1, 1]),
        ({"additionalProperties": {"type": "integer"}, "minProperties": 1, "maxProperties": 2}, {"a": 1}, {}),
        ({"additionalProperties": {"type": "integer"}}, {"a": 1}, {"a": "x"}),
        ({"exclusiveMinimum": 1, "maximum": 3}, 2, 1),
        ({"properties": {"a": False}}, {"b": 1}, {"a": 1}),
        ({"$defs": {"n": {"type": "integer"}}, "items": {"$ref": "#/$defs/n"}}, [1], ["x"]),
    ],
)
def test_each_keyword(schema: dict[str, Any], good: Any, bad: Any) -> None:
    assert problems(good, schema) == ()
    assert problems(bad, schema)


@pytest.mark.parametrize(
    "schema",
    [{"if": {}}, {"type": "text"}, {"$ref": "#/$defs/none"}, {"$ref": "http://example.org/schema"}],
)
def test_a_schema_that_is_not_understood_is_the_caller_s_mistake(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="schema"):
        problems({}, schema)


def test_a_flood_of_problems_is_cut() -> None:
    assert len(problems(["x"] * 1_000, {"items": {"type": "integer"}})) == PROBLEMS_MAX

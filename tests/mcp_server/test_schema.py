"""The schemas that we check ourselves."""

from __future__ import annotations

from typing import Any

import pytest

from mainstay.mcp_server.schema import ARGUMENT_BYTES_MAX, DEPTH_MAX, closed, mistakes, too_deep

SCHEMA = closed(
    {
        "name": {"type": "string", "minLength": 1, "maxLength": 5, "pattern": "^[a-z]+$"},
        "count": {"type": "integer", "minimum": 1, "maximum": 9},
        "yes": {"type": "boolean"},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "parts": {"type": "array", "maxItems": 2, "items": closed({"x": {"type": "number"}}, "x")},
    },
    "name",
)


@pytest.mark.parametrize(
    "value",
    [
        {"name": "abc"},
        {"name": "a", "count": 9, "yes": False, "kind": "b", "parts": [{"x": 1}, {"x": 1.5}]},
    ],
)
def test_what_fits_has_no_mistakes(value: Any) -> None:
    assert mistakes(SCHEMA, value) == ()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "it must be an object"),
        ({}, "name is missing"),
        ({"name": "abc", "other": 1}, "other is not taken here"),
        ({"name": ""}, "name must not be empty"),
        ({"name": "abcdef"}, "name may have at most 5 characters"),
        ({"name": "a\n"}, "name is not of the form that is asked for"),
        ({"name": "a", "count": True}, "count must be a whole number"),
        ({"name": "a", "count": 0}, "count must be at least 1"),
        ({"name": "a", "count": 10}, "count must be at most 9"),
        ({"name": "a", "count": 1.0}, "count must be a whole number"),
        ({"name": "a", "yes": 1}, "yes must be boolean"),
        ({"name": "a", "kind": "c"}, "kind must be one of: a, b"),
        ({"name": "a", "parts": [{}, {}, {}]}, "parts may have at most 2 items"),
        ({"name": "a", "parts": [{"x": "1"}]}, "parts[0].x must be number"),
        ({"name": "a", "parts": [{"x": 1, "y": 2}]}, "parts[0].y is not taken here"),
        ({"name": None}, "name must be a text"),
        ({"name": "a", "count": float("nan")}, "it holds a number that is none, or bytes that are no text"),
        ({"name": "\ud800"}, "it holds a number that is none, or bytes that are no text"),
        ({"name": "a", "\u202ename": 1}, "a name that cannot be shown is not taken here"),
    ],
)
def test_what_does_not_fit_is_named(value: Any, said: str) -> None:
    assert said in mistakes(SCHEMA, value)


def test_depth_is_bounded_without_recursing() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    assert too_deep(deep)
    assert mistakes(SCHEMA, deep) == (f"it nests deeper than {DEPTH_MAX} levels",)
    flat: Any = "x"
    for _ in range(DEPTH_MAX):
        flat = {"a": flat}
    assert not too_deep(flat)


def test_size_is_bounded() -> None:
    assert "larger than" in mistakes(SCHEMA, {"name": "x" * ARGUMENT_BYTES_MAX})[0]

"""The examples of the description fit it: each is held against the schema of the part that it stands in."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mainstay.console.api.app import build
from mainstay.console.api.samples import ASKED
from mainstay.console.api.samples_told import TOLD
from mainstay.runtime.clock import ManualClock

NOBODYS: Any = SimpleNamespace(clock=ManualClock(), long=None)
DESCRIBED = build(NOBODYS).openapi()
SCHEMAS = DESCRIBED["components"]["schemas"]


def _names(schema: dict[str, Any]) -> list[str]:
    """The parts that a schema is: one, or one of several."""
    found = [schema, *schema.get("oneOf", ()), *schema.get("anyOf", ())]
    return [one["$ref"].rpartition("/")[2] for one in found if "$ref" in one]


@pytest.mark.parametrize("name", [*ASKED, *TOLD])
def test_an_example_fits_its_part_and_leaves_nothing_out(name: str) -> None:
    (sample,) = SCHEMAS[name]["examples"]
    whole = {"components": DESCRIBED["components"], "$ref": f"#/components/schemas/{name}"}
    wrong = [one.message for one in Draft202012Validator(whole).iter_errors(sample)]
    assert wrong == []
    assert set(sample) <= set(SCHEMAS[name]["properties"]), "it has a field that nobody knows"


def test_every_request_that_brings_something_has_an_example() -> None:
    for path, methods in DESCRIBED["paths"].items():
        for method, one in methods.items():
            content = one.get("requestBody", {}).get("content", {}).get("application/json")
            if content is not None:
                assert set(_names(content["schema"])) & ASKED.keys(), f"{method} {path}"


def test_the_main_answers_have_examples() -> None:
    """What is answered as a part of its own, but for a few that are long tables of figures."""
    told = set()
    for methods in DESCRIBED["paths"].values():
        for one in methods.values():
            for status in ("200", "201", "202"):
                schema = one["responses"].get(status, {}).get("content", {}).get("application/json", {})
                found = schema.get("schema", {})
                told |= {*_names(found), *_names(found.get("items", {}))}
    told = {one.removeprefix("Page_").removesuffix("_") for one in told}  # of a page its items
    with_one = told & TOLD.keys()
    assert len(with_one) >= len(told) / 2, sorted(told - TOLD.keys())
    assert {"Decided", "Status", "Run", "Kept", "LongOperation", "DryRun", "Saved", "TokenMade"} <= with_one


def test_examples_are_plainly_samples() -> None:
    text = json.dumps([ASKED, TOLD])
    assert set(re.findall(r"[\w.-]+@([\w.-]+)", text)) == {"example.org"}
    assert set(re.findall(r"https?://([\w.-]+)", text)) <= {"example.org", "models.example.org"}


def test_no_part_is_named_by_the_file_that_declares_it() -> None:
    assert [name for name in SCHEMAS if "__" in name] == []
    text = json.dumps(DESCRIBED)
    referred = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert referred <= SCHEMAS.keys()

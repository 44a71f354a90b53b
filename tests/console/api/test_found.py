"""Faults that schemathesis found, each as cheap as it can be."""

from __future__ import annotations

import pytest

from tests.console.api.conftest import Program


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "runs", "GET, POST"),
        ("OPTIONS", "policies/explain", "GET, POST"),
        ("TRACE", "status", "GET"),
        ("GET", "decisions", "POST"),
        ("GET", "cancellations", "POST"),
        ("DELETE", "tokens", "GET, POST"),
    ],
)
def test_what_an_address_does_not_know_is_told_with_what_it_does(
    program: Program, method: str, path: str, allowed: str
) -> None:
    heard = program.ask(method, path)
    assert (heard.status, heard.headers["allow"]) == (405, allowed)
    assert heard.kind == "no-such-method"


def test_without_a_token_no_method_tells_anything(program: Program) -> None:
    for method in ("OPTIONS", "PUT", "TRACE", "DELETE", "QUERY"):
        assert Program(program.port).ask(method, "runs").status == 401


@pytest.mark.parametrize(
    "path", ["dead-letters/%60%C2%96K", "workflows/%C3%BE%13/difference", "lessons/%C2%99000"]
)
def test_a_name_that_is_none_is_no_fault(program: Program, path: str) -> None:
    assert program.get(path).status in (400, 422)


def test_every_status_that_the_guard_gives_is_described(program: Program) -> None:
    for methods in program.get("openapi.json").json["paths"].values():
        for one in methods.values():
            assert {"400", "408", "413", "414", "421", "429", "431"} <= one["responses"].keys()
    assert program.get("runs?workflow=" + "x" * 3_000).status == 414

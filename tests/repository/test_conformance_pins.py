"""The conformance suite is pinned by sums, and what it may find wrong stands there with its reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.repository.tree import ROOT

HERE = ROOT / "tests" / "mcp_server" / "conformance"
EXPECTED = sorted(HERE.glob("expected-failures-*.yaml"))


def test_every_package_is_named_by_its_sum_and_by_no_place() -> None:
    lock: dict[str, Any] = json.loads((HERE / "package-lock.json").read_text("utf-8"))
    packages = {name: one for name, one in lock["packages"].items() if name}

    assert len(packages) > 50
    assert all(one["integrity"].startswith("sha512-") for one in packages.values())
    assert not any("resolved" in one for one in packages.values())


def test_what_is_wanted_is_what_is_pinned() -> None:
    wanted: dict[str, Any] = json.loads((HERE / "package.json").read_text("utf-8"))
    lock: dict[str, Any] = json.loads((HERE / "package-lock.json").read_text("utf-8"))
    named = {**wanted["dependencies"], **wanted["optionalDependencies"]}

    assert {name: lock["packages"][f"node_modules/{name}"]["version"] for name in named} == named


@pytest.mark.parametrize("file", EXPECTED, ids=lambda one: one.stem)
def test_each_expected_failure_stands_below_its_reason(file: Any) -> None:
    lines = file.read_text("utf-8").splitlines()
    body = lines[lines.index("server:") + 1 :]

    assert body[0].startswith("  # ")
    assert all(one.startswith(("  # ", "  - ")) for one in body)
    assert len(EXPECTED) == 2


def test_ci_runs_it() -> None:
    assert "step make conformance" in (ROOT / ".ci" / "run").read_text("utf-8")
    assert "scripts/mcp-conformance.sh" in (ROOT / "Makefile").read_text("utf-8")

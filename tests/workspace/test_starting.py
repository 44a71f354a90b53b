"""What may be started by hand, and with which values."""

from __future__ import annotations

from typing import Any

import pytest

from mainstay.kernel.errors import CommandRefused, NotFound
from mainstay.kernel.plan import Plan, Role, TaskKind, TaskSpec, Trigger, Workflow, compile_plan
from mainstay.kernel.predicates import Literal, Ref
from mainstay.workflows.canonical import definition_digest
from mainstay.workspace.starting import BY_HAND, require_startable, startable


def plan(name: str, on: Trigger | None = None) -> Plan:
    task = TaskSpec(
        "send",
        TaskKind.ACT,
        Role.EXECUTOR,
        "proposer",
        "email.label",
        (("labels", Ref("trigger", ("labels",))), ("x", Literal(1))),
    )
    workflow = Workflow(name=name, version=3, tasks=(task,), on=on)
    return compile_plan(workflow, definition_digest(workflow))


BEGUN_BY_MAIL, BEGUN_BY_TIME = Trigger("message.received/1"), Trigger("schedule.due/1")
FOUND = startable([plan("tidy"), plan("triage", BEGUN_BY_MAIL), plan("daily", BEGUN_BY_TIME)])


def test_each_tells_what_begins_it_and_what_it_reads() -> None:
    told = {one.name: one for one in FOUND}

    assert [*told] == ["daily", "tidy", "triage"]
    assert told["tidy"].begins == BY_HAND
    assert told["tidy"].inputs == ("labels",)
    assert told["tidy"].acts == ("email.label",)
    assert [one.by_hand for one in FOUND] == [True, True, False]


def test_plain_values_start_it() -> None:
    given = {"labels": ["later", 1, None, {"deep": [True, 1.5]}]}

    assert require_startable(FOUND, "tidy", given).version == 3
    assert require_startable(FOUND, "daily", {}).name == "daily"


def test_what_messages_begin_is_not_begun_by_hand() -> None:
    with pytest.raises(CommandRefused, match="begun by messages"):
        require_startable(FOUND, "triage", {})
    with pytest.raises(NotFound, match="Known are: daily, tidy, triage"):
        require_startable(FOUND, "triag", {})


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"message": {"key": "1"}}, "input.message"),
        ({"labels": [{"artifact": "0" * 64, "kind": "reply"}]}, "input.labels[0].artifact"),
        ({"a": {"b": {"content": "0" * 64, "thread": "1"}}}, "input.a.b.content"),
        ({"labels": "sealed:abc"}, "input.labels"),
        ({"labels": ["x" * 100_001]}, "input.labels[0]"),
        ({"labels": ["\ud800"]}, "input.labels[0]"),
        ({"count": 2**63}, "input.count"),
        ({"count": float("inf")}, "input.count"),
        ({"a": {"b": {"c": {"d": {"e": {}}}}}}, "input.a.b.c.d.e"),
    ],
)
def test_nobody_outside_says_what_is_opened_of_what_is_sealed(given: Any, place: str) -> None:
    with pytest.raises(CommandRefused, match="cannot be given to a run") as refused:
        require_startable(FOUND, "tidy", given)
    assert place in str(refused.value)

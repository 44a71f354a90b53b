"""Who decides, what a token may hold, and what an agent's run may do by itself."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import get_args

import pytest

from mainstay.kernel.commands import (
    AnswerRequest,
    Command,
    GrantApproval,
    IssueToken,
    RevokeToken,
    StartRun,
    TakeRequest,
    ThrowKillSwitch,
)
from mainstay.kernel.contract import Finality
from mainstay.kernel.events import (
    ActionProposed,
    ActionStarted,
    ApprovalRequested,
    RequestAnswered,
    RequestTaken,
    RunForked,
    TokenIssued,
    TokenRevoked,
)
from mainstay.kernel.governing import decide_governance
from mainstay.kernel.ids import ApprovalId
from mainstay.kernel.persons import OF_PERSONS, is_machine, is_person, machine_decides
from mainstay.kernel.scopes import OF_AGENTS, SCOPES, in_order, may_hold
from mainstay.kernel.values import Digest, Instant
from mainstay.testing.plans import ALLOW_ALL, RUN, act, action, plan_of
from mainstay.testing.spec import Playbook
from mainstay.workspace.persons_only import AGENTS_MAY

NOW = Instant(1_000)
LATER = Instant(2_000)
ROBOT = "agent:token:a robot"


@pytest.mark.parametrize(
    "actor",
    [ROBOT, "Agent:x", " agent:x", "agent.x", "model:m", "mcp:tool", "adapter:a", "tool:t", "client:c"],
)
def test_a_machine_gives_no_command_of_a_person(actor: str) -> None:
    assert is_machine(actor)
    assert not is_person(actor)
    grant = GrantApproval(RUN, ApprovalId("1"), Digest("2"), "operator")
    assert machine_decides(grant, actor)
    assert machine_decides(replace(grant, actor=actor), "operator")
    assert machine_decides(ThrowKillSwitch(actor, False), "operator")


def test_no_machine_has_a_run_go_on_from_another_one() -> None:
    """Or it would ask again about what a person rejected, until somebody says yes."""
    by = partial(StartRun, RUN, "w", Digest("2"))
    assert machine_decides(by(forked=RunForked(RUN, 3, "operator")), ROBOT)
    assert machine_decides(by(forked=RunForked(RUN, 3, ROBOT)), "operator")
    assert not machine_decides(by(forked=RunForked(RUN, 3, "operator")), "operator")


# What the house does by itself, and what an agent may ask for. Everything else is a person's.
OF_THE_HOUSE = frozenset(
    {
        *(
            "RecordOutcome",
            "Wake",
            "RecordNotified",
            "SupersedeRun",
            "ReleaseRun",
            "RecoverRun",
            "ReconcileRun",
        ),
        *("Admit", "JudgeAgain", "AdoptFit", "JudgeDraft", "IssueLink", "BreachObjective", "MeetObjective"),
        *("RecordCheckpoint", "FinishForgetting", "ReceiveMessage", "RejectMessage", "ObserveSent"),
        *("AdvanceCursor", "DetectIncident", "ClearIncident", "StopDirector"),
    }
)
OF_ANYBODY = frozenset({"StartRun", "Remember", "TakeRequest", "AnswerRequest"})


def test_every_command_is_a_persons_or_is_named_here() -> None:
    """So that a new one, which nobody thought of, is not an agent's by oversight."""
    every = {one.__name__ for one in get_args(Command)}
    assert {one.__name__ for one in OF_PERSONS} == every - OF_THE_HOUSE - OF_ANYBODY
    assert {"start", "status", "remember", "propose"} == AGENTS_MAY


@pytest.mark.parametrize("actor", ["operator", "director", "dana", "clientele", ""])
def test_nobody_else_is_taken_for_one(actor: str) -> None:
    assert not is_machine(actor)
    assert not machine_decides(GrantApproval(RUN, ApprovalId("1"), Digest("2"), "operator"), actor)


def test_beginning_a_run_is_not_a_persons_alone() -> None:
    assert StartRun not in OF_PERSONS
    assert not machine_decides(StartRun(RUN, "w", Digest("2")), ROBOT)
    assert {IssueToken, RevokeToken, GrantApproval} <= OF_PERSONS


def test_an_agent_never_holds_more_than_agents_may_whatever_else_it_holds() -> None:
    for count in range(1, len(SCOPES) + 1):
        for some in combinations(SCOPES, count):
            assert may_hold("agent", some) == (set(some) <= OF_AGENTS)
            assert may_hold("operator", some)
    assert not may_hold("agent", ())
    assert not may_hold("operator", ("read", "everything"))
    assert not may_hold("somebody", ("read",))
    assert in_order(["start", "read", "x", "read"]) == ("read", "start", "x")


def token(**fields: object) -> IssueToken:
    return replace(IssueToken("t", "a robot", "agent", ("read",), LATER, "operator"), **fields)  # type: ignore[arg-type]


def test_a_token_is_issued_once_while_its_time_lasts_and_revoked_once() -> None:
    assert decide_governance(token(), None, NOW) == TokenIssued(
        "t", "a robot", "agent", ("read",), LATER, "operator"
    )
    assert decide_governance(token(), {"revoked_at": None}, NOW) is None
    assert decide_governance(token(until=NOW), None, NOW) is None
    assert decide_governance(token(scopes=("read", "decide")), None, NOW) is None
    assert decide_governance(token(scopes=("read", "decide"), holder="operator"), None, NOW) is not None
    revoke = RevokeToken("t", "operator", "lost")
    assert decide_governance(revoke, {"revoked_at": None}, NOW) == TokenRevoked("t", "operator", "lost")
    assert decide_governance(revoke, {"revoked_at": 5}, NOW) is None
    assert decide_governance(revoke, None, NOW) is None


def test_a_request_is_taken_once_and_answered_once() -> None:
    take, answer = TakeRequest("r", "b", "start", "run"), AnswerRequest("r", "{}")
    assert decide_governance(take, None, NOW) == RequestTaken("r", "b", "start", "run")
    assert decide_governance(take, {"answer": None}, NOW) is None
    taken = decide_governance(take, None, NOW, over=("1", "2", "3"))
    assert taken == RequestTaken("r", "b", "start", "run", forgotten=("1", "2"))
    assert decide_governance(answer, None, NOW) is None
    assert decide_governance(answer, {"answer": None}, NOW) == RequestAnswered("r", "{}")
    assert decide_governance(answer, {"answer": "{}"}, NOW) is None


@pytest.mark.parametrize(
    ("by", "finality", "asks"),
    [
        ("", Finality.FINAL_LOW, False),
        (ROBOT, Finality.FINAL_LOW, True),
        (ROBOT, Finality.WITHDRAWABLE, True),
        (ROBOT, Finality.REVERSIBLE, False),
    ],
)
def test_what_an_agents_run_does_asks_although_a_rule_allows_it(
    by: str, finality: Finality, asks: bool
) -> None:
    plan = plan_of(act("send"))
    book = Playbook(plan, policy=ALLOW_ALL)
    started = book.tell(StartRun(RUN, plan.workflow.name, plan.digest, by=by))
    started.proposes("send", action(0, finality=finality))
    assert [type(one) for one in book.last[:2]] == [
        ActionProposed,
        ApprovalRequested if asks else ActionStarted,
    ]


def test_every_command_of_a_person_is_one() -> None:
    from mainstay.kernel.commands import Command

    assert set(get_args(Command)) >= OF_PERSONS

"""What somebody outside proposed asks, whatever rules allow; what is denied is denied."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mainstay.kernel.commands import StartRun
from mainstay.kernel.contract import Finality
from mainstay.kernel.events import ActionDenied, ActionStarted, ApprovalRequested
from mainstay.kernel.plan import PROPOSED, Plan, compile_plan
from mainstay.kernel.policy import RESERVED, Policy
from mainstay.testing.plans import ALLOW_ALL, DENY_ALL, RUN, act, action, plan_of
from mainstay.testing.spec import Playbook
from mainstay.workflows.canonical import definition_digest

NO_RULES = Policy(())


def proposed() -> Plan:
    workflow = replace(plan_of(act("send")).workflow, name=PROPOSED)
    return compile_plan(workflow, definition_digest(workflow))


def first(policy: Policy, plan: Plan, finality: Finality) -> object:
    """What follows at once from its being proposed."""
    book = Playbook(plan, policy=policy)
    book.tell(StartRun(RUN, plan.workflow.name, plan.digest))
    return book.proposes("send", action(0, finality=finality)).last[1]


@pytest.mark.parametrize("finality", list(Finality))
@pytest.mark.parametrize("policy", [ALLOW_ALL, NO_RULES], ids=["allowed", "no rule"])
def test_it_asks_whatever_it_is(policy: Policy, finality: Finality) -> None:
    asked = first(policy, proposed(), finality)

    assert isinstance(asked, ApprovalRequested)
    assert asked.rule in (PROPOSED, "high stake")


def test_the_same_by_a_workflow_of_the_house_goes() -> None:
    assert isinstance(first(ALLOW_ALL, plan_of(act("send")), Finality.REVERSIBLE), ActionStarted)


def test_what_a_rule_denies_never_asks() -> None:
    assert isinstance(first(DENY_ALL, proposed(), Finality.REVERSIBLE), ActionDenied)


def test_no_file_of_rules_may_call_one_so() -> None:
    assert PROPOSED in RESERVED

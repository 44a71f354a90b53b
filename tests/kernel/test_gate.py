"""The gate in the one door: an act that cannot be taken back needs an annotation that passed."""

from __future__ import annotations

from typing import Any

import pytest

from mainstay.kernel.contract import Finality
from mainstay.kernel.events import ActionStarted, ApprovalRequested, FailureClass
from mainstay.kernel.plan import Role
from mainstay.kernel.policy import Policy
from mainstay.kernel.state import Phase
from mainstay.kernel.values import Json
from mainstay.testing.plans import ALLOW_ALL, ASK_ALL, DENY_ALL, act, action, each, plan_of, think
from mainstay.testing.spec import Playbook

PLAN = plan_of(
    think("annotate"),
    think("draft", "annotate", role=Role.EXECUTOR, agent="writer"),
    act("send", "draft"),
)
SURE: Json = {"intent": "refund", "auto": True, "audit": False, "unknown": False}


def sending(annotation: Json, policy: Policy = ALLOW_ALL, **fields: Any) -> Playbook:
    book = Playbook(PLAN, policy=policy).start().produces("annotate", annotation).produces("draft")
    return book.proposes("send", action(0, **fields))


def asked(book: Playbook) -> tuple[str, str]:
    (request,) = [one for one in book.last if isinstance(one, ApprovalRequested)]
    return request.rule, request.reason


def left(book: Playbook) -> bool:
    return any(isinstance(one, ActionStarted) for one in book.last)


def test_what_passed_leaves_by_the_rule_that_allows_it() -> None:
    assert left(sending(SURE))


def test_a_rule_that_asks_still_asks_for_what_passed() -> None:
    assert asked(sending(SURE, ASK_ALL))[0] == "asks"


@pytest.mark.parametrize("said", [{}, {"auto": None}, {"intent": "refund", "confidence": 0.1}])
def test_a_specialist_that_says_nothing_of_the_gate_changes_nothing(said: Json) -> None:
    assert left(sending(said))


def test_what_did_not_pass_asks_although_a_rule_allows_it_two_tasks_away() -> None:
    book = sending(SURE | {"auto": False})
    assert asked(book) == ("gate", "annotate is not sure enough of it")
    assert book.state.task(2).phase is Phase.APPROVAL


def test_a_yes_lets_it_go() -> None:
    book = sending(SURE | {"auto": False}).grants("send")
    assert left(book)


def test_a_rule_that_forbids_or_asks_goes_first() -> None:
    assert asked(sending({"auto": False}, ASK_ALL))[0] == "asks"
    assert not any(isinstance(one, ApprovalRequested) for one in sending({"auto": False}, DENY_ALL).last)


def test_what_can_be_taken_back_needs_no_gate() -> None:
    assert left(sending({"auto": False}, finality=Finality.REVERSIBLE))


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (
            {"audit": True},
            "annotate is sure enough; this one belongs to the sample that a person looks at all the same",
        ),
        (
            {"unknown": True},
            "annotate finds it like nothing that it was taught: that always goes to a person",
        ),
        (
            {"auto": False, "gate": {"learned": 43, "wanted": 150}},
            "annotate was confirmed or corrected 43 times so far, and 150 are wanted before it is relied upon",
        ),
        (
            {"auto": False, "gate": {"learned": 150, "wanted": 150, "risk": 0.18, "risk_max": 0.021}},
            "annotate takes it to be wrong with 18.0 %, and up to 2.1 % may go unasked",
        ),
        ({"auto": False, "gate": "none"}, "annotate is not sure enough of it"),
    ],
)
def test_the_reason_has_numbers_and_plain_words(more: Json, reason: str) -> None:
    assert asked(sending(SURE | more)) == ("gate", reason)


def test_of_a_fan_out_every_item_must_have_passed() -> None:
    plan = plan_of(think("list"), each("annotate", "list.items"), act("send", "annotate"))
    for last, leaves in ((True, True), (False, False)):
        book = Playbook(plan).start().produces("list", {"items": [{}, {}]})
        book.produces("annotate[0]", SURE).produces("annotate[1]", SURE | {"auto": last})
        assert left(book.proposes("send", action(0))) is leaves


def test_an_annotation_that_the_act_does_not_need_says_nothing_of_it() -> None:
    plan = plan_of(think("annotate"), act("send"))
    book = Playbook(plan).start().produces("annotate", {"auto": False})
    assert left(book.proposes("send", action(0)))


@pytest.mark.parametrize("said", ["no", "true", 1, 0, [], {"yes": True}])
def test_an_answer_about_the_gate_that_is_none_has_not_passed(said: object) -> None:
    assert asked(sending(SURE | {"auto": said})) == ("gate", "annotate is not sure enough of it")


def test_a_specialist_that_was_given_up_vouches_for_nothing() -> None:
    plan = plan_of(think("annotate", optional=True), act("send", "annotate"))
    book = Playbook(plan).start().fails("annotate", FailureClass.INVALID)
    book.proposes("send", action(0))
    assert asked(book) == ("gate", "annotate came to nothing, so nobody vouches for it")


def test_an_item_that_was_given_up_vouches_for_nothing() -> None:
    plan = plan_of(think("list"), each("annotate", "list.items", optional=True), act("send", "annotate"))
    book = Playbook(plan).start().produces("list", {"items": [{}, {}]})
    book.produces("annotate[0]", SURE).fails("annotate[1]", FailureClass.INVALID)
    assert asked(book.proposes("send", action(0)))[0] == "gate"

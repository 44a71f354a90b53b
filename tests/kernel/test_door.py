"""The one door: rules, cards, grants, edits, rejections, expiry, the kill switch."""

from dataclasses import replace

import pytest

from mainstay.kernel.commands import (
    Acted,
    CancelRun,
    EditApproval,
    GrantApproval,
    Inspected,
    Produced,
    RecordNotified,
    RejectApproval,
    ResolveDoubt,
    SupersedeRun,
)
from mainstay.kernel.contract import Finality, Repeatability
from mainstay.kernel.effects import Mode, Notify, WakeAt
from mainstay.kernel.events import (
    ActionDenied,
    ActionEdited,
    ActionInDoubt,
    ActionProposed,
    ActionStarted,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    AttemptFailed,
    BudgetRefused,
    FailureClass,
    OperatorNotified,
    RunCancelled,
    RunSucceeded,
    RunSuperseded,
    TaskFailed,
    TaskSkipped,
    TaskSucceeded,
)
from mainstay.kernel.ids import ApprovalId
from mainstay.kernel.policy import Policy
from mainstay.kernel.state import Phase, Status
from mainstay.kernel.values import DAY, HOUR
from mainstay.testing.plans import (
    ALLOW_ALL,
    ASK_ALL,
    DENY_ALL,
    RUN,
    act,
    action,
    each,
    inspect,
    plan_of,
    think,
)
from mainstay.testing.spec import Playbook

SEND = plan_of(act("send"))


def sending(policy: Policy = ASK_ALL, **fields: object) -> Playbook:
    return Playbook(SEND, policy=policy).start().proposes("send", action(0, **fields))  # type: ignore[arg-type]


def grant_of(book: Playbook) -> GrantApproval:
    waiting = book.act("send")
    assert waiting.approval is not None
    return GrantApproval(RUN, waiting.approval, waiting.action.digest, "operator", confirmed=True)


def test_a_rule_that_allows_lets_it_go_in_its_name() -> None:
    book = sending(ALLOW_ALL).then(ActionProposed, ActionStarted)
    started = book.last[1]
    assert isinstance(started, ActionStarted)
    assert (started.authority, started.digest) == ("rule:allowed", action(0).digest)
    assert [one.mode for one in book.calls()] == [Mode.CALL]
    book.acted("send", {"id": "7"}).then(TaskSucceeded, RunSucceeded()).ended(Status.SUCCEEDED)


def test_a_rule_that_denies_skips_it() -> None:
    sending(DENY_ALL).then(ActionProposed, ActionDenied, RunSucceeded())


def test_asking_lays_a_card_before_the_operator_and_costs_nothing() -> None:
    book = sending().then(ActionProposed, ApprovalRequested)
    book.owes(WakeAt, Notify)
    book.tell(RecordNotified(RUN, 0)).then(OperatorNotified(0)).owes(WakeAt)
    book.tell(RecordNotified(RUN, 0)).then()


def test_a_grant_lets_exactly_this_digest_go_once() -> None:
    book = sending()
    grant = grant_of(book)
    book.tell(replace(grant, digest=action(0, text="other").digest)).then()
    book.tell(replace(grant, approval=ApprovalId("f" * 16))).then()
    book.tell(replace(grant, approval=ApprovalId("nonsense"))).then()
    book.tell(grant).then(ApprovalGranted, ActionStarted)
    assert book.act("send").authority == f"approval:{grant.approval}"
    book.tell(grant).then()


def test_a_grant_that_comes_too_late_records_the_expiry() -> None:
    book = sending().later(8 * DAY)
    book.tell(grant_of(book)).then(ApprovalExpired, RunSucceeded())


def test_silence_expires_by_timer_and_never_before_it() -> None:
    book = Playbook(plan_of(act("send", deadline_us=2 * HOUR)), policy=ASK_ALL).start()
    book.proposes("send", action(0)).later(HOUR).wakes("send").then()
    book.later(-5 * HOUR).wakes("send").then()
    book.later(6 * HOUR).wakes("send").then(ApprovalExpired, RunSucceeded())


def test_a_rule_that_came_to_deny_wins_over_a_grant() -> None:
    book = sending().under(DENY_ALL)
    book.tell(grant_of(book)).then(ActionDenied, RunSucceeded())


def test_a_rejection_skips_what_needs_it() -> None:
    book = Playbook(plan_of(act("send"), think("after", "send")), policy=ASK_ALL).start()
    book.proposes("send", action(0)).rejects("send").then(ApprovalRejected, TaskSkipped, RunSucceeded())
    book.tell(RejectApproval(RUN, ApprovalId("0" * 16), "operator")).then()


# --- edits ---------------------------------------------------------------------------------------------------


def edit_of(book: Playbook, **fields: object) -> EditApproval:
    waiting = book.act("send")
    assert waiting.approval is not None
    edited = action(0, **({"text": "better"} | fields))  # type: ignore[arg-type]
    return EditApproval(RUN, waiting.approval, waiting.action.digest, edited, "operator")


def test_an_edit_is_a_new_digest_under_a_new_card() -> None:
    book = sending()
    edit = edit_of(book)
    book.tell(edit).then(ActionEdited, ApprovalGranted, ActionStarted)
    edited, granted, started = book.last
    assert isinstance(edited, ActionEdited)
    assert isinstance(granted, ApprovalGranted)
    assert isinstance(started, ActionStarted)
    assert edited.replaces == edit.approval != edited.approval == granted.approval
    assert granted.digest == started.digest == edit.action.digest
    assert book.calls()[0].action == edit.action
    book.tell(edit).then()


def test_an_edit_that_a_rule_denies_is_not_sent() -> None:
    book = sending().under(DENY_ALL)
    book.tell(edit_of(book)).then(ActionEdited, ActionDenied, RunSucceeded())


def test_an_edit_cannot_turn_one_act_into_another() -> None:
    book = sending()
    book.tell(edit_of(book, act="email.delete")).then()
    book.tell(edit_of(book, act="bank.reply")).then()


# --- inspectors ----------------------------------------------------------------------------------------------

CHECKED = plan_of(think("draft"), inspect("check", "draft.reply", optional=True), act("send", "check"))


@pytest.mark.parametrize(
    ("verdict", "event"),
    [
        ("passed", ActionStarted),
        ("look", ApprovalRequested),
        ("refuse", ActionDenied),
        ("splendid", ApprovalRequested),
        ("", ApprovalRequested),
    ],
)
def test_what_the_inspector_says_stands_in_the_door(verdict: str, event: type) -> None:
    book = Playbook(CHECKED).start().produces("draft").outcome("check", Inspected(verdict, (), "so"))
    assert type(book.proposes("send", action(2)).last[1]) is event


def test_an_inspector_that_left_nothing_has_passed_nothing() -> None:
    book = Playbook(CHECKED).start().produces("draft").fails("check", FailureClass.REFUSED)
    assert type(book.proposes("send", action(2)).last[1]) is ApprovalRequested
    book = Playbook(CHECKED).start().produces("draft").outcome("check", Produced({}, "nothing to say"))
    assert type(book.proposes("send", action(2)).last[1]) is ApprovalRequested


def test_the_worst_of_many_inspections_counts() -> None:
    from mainstay.kernel.plan import Role

    plan = plan_of(each("check", "trigger.rows", role=Role.INSPECTOR), act("send", "check"))
    book = Playbook(plan).start({"rows": [1, 2]})
    book.outcome("check[0]", Inspected("passed", (), "so")).outcome("check[1]", Inspected("refuse", (), "so"))
    assert type(book.proposes("send", action(1)).last[1]) is ActionDenied


# --- what an agent may not do --------------------------------------------------------------------------------


def test_an_agent_may_only_propose_the_act_of_its_task() -> None:
    book = Playbook(plan_of(think("a"))).start().proposes("a", action(0))
    assert isinstance(book.last[1], TaskFailed)
    book = Playbook(SEND).start().proposes("send", action(0, act="email.delete"))
    assert isinstance(book.last[1], TaskFailed)


def test_high_stake_and_unknown_prices_ask_even_where_a_rule_allows() -> None:
    sending(ALLOW_ALL, finality=Finality.FINAL_HIGH).then(ActionProposed, ApprovalRequested)
    sending(ALLOW_ALL, price_micros=None).then(ActionProposed, ApprovalRequested)


# --- the kill switch -----------------------------------------------------------------------------------------


def test_under_the_kill_switch_what_is_allowed_asks_and_no_grant_is_heard() -> None:
    book = Playbook(SEND).start().killed().proposes("send", action(0)).then(ActionProposed, ApprovalRequested)
    book.grants("send").then()
    book.tell(edit_of(book)).then()
    book.killed(False).grants("send").then(ApprovalGranted, ActionStarted)


def test_a_retry_under_the_kill_switch_asks_again() -> None:
    book = sending().grants("send").fails("send", FailureClass.TRANSIENT).killed().later(HOUR)
    first = book.act("send").approval
    book.wakes("send").then(ApprovalRequested)
    assert book.act("send").approval != first


def test_a_blocked_act_that_wakes_under_the_kill_switch_asks() -> None:
    plan = plan_of(act("send"), cost_max_micros=5)
    book = Playbook(plan, policy=ASK_ALL).start().proposes("send", action(0, price_micros=9))
    old = grant_of(book)
    book.grants("send").then(ApprovalGranted, BudgetRefused).killed().later(DAY).wakes("send")
    book.then(ApprovalRequested).killed(False)
    book.tell(old).then()  # the answer to an earlier card answers no later one


def test_a_stricter_rule_is_heard_by_a_retry() -> None:
    book = sending(ALLOW_ALL).fails("send", FailureClass.TRANSIENT).under(ASK_ALL).later(HOUR)
    book.wakes("send").then(ApprovalRequested)
    book = sending(ALLOW_ALL).fails("send", FailureClass.TRANSIENT).under(DENY_ALL).later(HOUR)
    book.wakes("send").then(ActionDenied, RunSucceeded())


# --- a person's yes, once ------------------------------------------------------------------------------------


def test_a_grant_that_is_delivered_again_after_a_doubt_grants_nothing() -> None:
    book = sending(repeatability=Repeatability.ONCE)
    grant = grant_of(book)
    book.tell(grant).fails("send", FailureClass.TIMEOUT).tell(ResolveDoubt(RUN, 0, "did_not", "operator"))
    book.stands(send=Phase.APPROVAL).tell(grant).then()
    book.grants("send").then(ApprovalGranted, ActionStarted)


def test_a_late_truth_withdraws_the_card_that_asks_again() -> None:
    book = sending(repeatability=Repeatability.ONCE).grants("send").fails("send", FailureClass.TIMEOUT)
    book.tell(ResolveDoubt(RUN, 0, "did_not", "operator")).stands(send=Phase.APPROVAL)
    card = book.act("send").approval
    book.outcome("send", Acted({"id": "7"})).then(TaskSucceeded, RunSucceeded())
    assert card is not None
    assert getattr(book.last[0], "withdrawn", None) == card


# --- superseding and cancelling ------------------------------------------------------------------------------


def test_a_run_that_only_waits_is_superseded_and_its_card_withdrawn() -> None:
    book = sending()
    card = book.act("send").approval
    book.tell(SupersedeRun(RUN, "newer", "r2")).then(RunSuperseded("newer", "r2", 0, (card,)))  # type: ignore[arg-type]
    book.ended(Status.SUPERSEDED).grants("send").then()


def test_what_is_leaving_is_not_superseded_unless_it_can_be_taken_back() -> None:
    sending(ALLOW_ALL).tell(SupersedeRun(RUN, "newer")).then()
    book = sending(ALLOW_ALL, finality=Finality.REVERSIBLE).tell(SupersedeRun(RUN, "newer"))
    book.then(RunSuperseded)
    book.acted("send").then(TaskSucceeded).ended(Status.SUPERSEDED)


def test_a_retry_that_may_repeat_something_is_not_superseded() -> None:
    book = sending(ALLOW_ALL, repeatability=Repeatability.KEYED).fails("send", FailureClass.TIMEOUT)
    book.stands(send=Phase.RETRYING).tell(SupersedeRun(RUN, "newer")).then()


def test_a_cancelled_run_still_looks_after_what_is_leaving() -> None:
    book = sending(ALLOW_ALL, price_micros=9).tell(CancelRun(RUN, "operator")).then(RunCancelled("operator"))
    assert (book.state.left, book.state.held) == (1, 9)
    assert [one.mode for one in book.calls()] == [Mode.CALL]
    book.tell(CancelRun(RUN, "operator")).then()
    book.acted("send").then(TaskSucceeded).ended(Status.CANCELLED)
    assert (book.state.left, book.state.held, book.state.spent) == (0, 0, 9)


def test_a_cancel_leaves_nothing_unsaid_about_a_call_that_may_have_arrived() -> None:
    book = sending(ALLOW_ALL, repeatability=Repeatability.KEYED, price_micros=9)
    book.fails("send", FailureClass.TIMEOUT).then(AttemptFailed)
    assert book.state.held == 9  # unknown is not free
    book.tell(CancelRun(RUN, "operator")).then(ActionInDoubt, RunCancelled("operator"))
    book.owes(Notify).tell(ResolveDoubt(RUN, 0, "happened", "operator"))
    assert (book.state.left, book.state.spent, book.state.busy) == (0, 9, 0)


def test_items_that_outlive_their_run_do_not_finish_a_fan_out_that_was_given_up() -> None:
    plan = plan_of(act("send", for_each=each("x", "trigger.rows").for_each))
    book = Playbook(plan).start({"rows": [1]}).proposes("send[0]", action(1))
    book.tell(CancelRun(RUN, "operator")).acted("send[0]")
    assert (book.state.left, book.state.busy) == (0, 0)
    book.stands(send=Phase.SKIPPED)

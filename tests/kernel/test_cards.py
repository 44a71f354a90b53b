"""Cards: yes, another text, no, not now, take it back; what is held, what only watches, and what changes meanwhile."""

from dataclasses import replace

import pytest

from mainstay.kernel.autonomy import Autonomy, Level, Standing
from mainstay.kernel.commands import (
    CancelRun,
    CancelTask,
    EditApproval,
    GrantApproval,
    JudgeAgain,
    ReconcileRun,
    RecordNotified,
    RecoverRun,
    RejectApproval,
    RunCommand,
    SnoozeApproval,
    SupersedeRun,
    UndoAct,
)
from mainstay.kernel.contract import Finality, Repeatability
from mainstay.kernel.effects import InvokeAdapter, Notify, WakeAt
from mainstay.kernel.events import (
    ActionDenied,
    ActionEdited,
    ActionHeld,
    ActionShadowed,
    ActionStarted,
    ActionUndone,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    ApprovalResurfaced,
    ApprovalSnoozed,
    LookupStarted,
    RunCancelled,
    RunSuperseded,
    TaskCancelled,
    TaskFailed,
)
from mainstay.kernel.kinds import kind_of
from mainstay.kernel.plan import Plan, Silence
from mainstay.kernel.policy import Action, Policy
from mainstay.kernel.state import Phase, Status
from mainstay.kernel.values import DAY, HOUR, MINUTE, SECOND, Instant
from mainstay.testing.plans import ALLOW_ALL, ASK_ALL, DENY_ALL, RUN, act, action, plan_of
from mainstay.testing.spec import Playbook

SEND = plan_of(act("send"))
NO_RULES = Policy(())
MAIL = action(0, finality=Finality.FINAL_LOW)
PAY = action(0, finality=Finality.FINAL_HIGH)
WINDOW = 10 * SECOND


def asked(plan: Plan = SEND, one: Action = MAIL, *, policy: Policy = ASK_ALL, undo_us: int = 0) -> Playbook:
    book = Playbook(plan, policy=policy)
    book.facts = replace(book.facts, undo_us=undo_us)
    return book.start().proposes("send", one)


def held(plan: Plan = SEND, one: Action = MAIL) -> Playbook:
    return asked(plan, one, undo_us=WINDOW).grants("send")


def by_itself(level: Level, *, policy: Policy = NO_RULES, hold_us: int = 15 * MINUTE) -> Playbook:
    """An act whose kind goes by itself, proposed; audits are all drawn away."""
    book = Playbook(SEND, policy=policy).start()
    kind = kind_of(book.state, 0, MAIL)
    standing = Standing(level=level, hold_us=hold_us, clean=43, audits="." * 200, audits_clean=10**9)
    autonomy = Autonomy(kinds={kind: standing})
    book.facts = replace(book.facts, autonomy=autonomy)
    recipe = _recipe(book)
    autonomy.kinds[kind] = replace(standing, recipe=recipe)
    return book.proposes("send", MAIL)


def _recipe(book: Playbook) -> str:
    from mainstay.kernel.kinds import recipe_of

    return recipe_of(book.state, 0, MAIL, book.facts.recipes, book.facts.templates)


def snooze(book: Playbook, us: int) -> Playbook:
    card = book.act("send").approval
    assert card is not None
    return book.tell(SnoozeApproval(RUN, card, Instant(book.facts.now + us), "me"))


def grant(book: Playbook, *, confirmed: bool) -> Playbook:
    waiting = book.act("send")
    assert waiting.approval is not None
    return book.tell(
        GrantApproval(RUN, waiting.approval, waiting.action.digest, "me", 0, confirmed, "batch", "phone")
    )


# --- the second step -----------------------------------------------------------------------------------------------


def test_high_stake_is_not_granted_without_its_second_step() -> None:
    book = asked(one=PAY)
    grant(book, confirmed=False).then().stands(send=Phase.APPROVAL)
    grant(book, confirmed=True).then(ApprovalGranted, ActionStarted)


def test_an_edit_to_high_stake_wants_it_as_well() -> None:
    book = asked()
    card = book.act("send")
    assert card.approval is not None
    dear = action(0, text="b", finality=Finality.FINAL_HIGH)
    yes = EditApproval(RUN, card.approval, card.action.digest, dear, "me")
    book.tell(yes).then().stands(send=Phase.APPROVAL)
    book.tell(replace(yes, confirmed=True)).then(ActionEdited, ApprovalGranted, ActionStarted)


def test_a_low_stake_needs_none_and_who_decided_how_is_kept() -> None:
    book = grant(asked(), confirmed=False)
    (granted,) = (one for one in book.last if isinstance(one, ApprovalGranted))
    assert (granted.confirmed, granted.batch, granted.via) == (False, "batch", "phone")


# --- put off -------------------------------------------------------------------------------------------------------


def test_a_card_that_is_put_off_comes_back_and_is_told_anew() -> None:
    book = asked().tell(RecordNotified(RUN, 0))
    book.owes(WakeAt)
    snooze(book, HOUR).then(ApprovalSnoozed).owes(WakeAt(RUN, 0, Instant(book.facts.now + HOUR)))
    book.later(HOUR - 1).wakes("send").then()
    book.later(1).wakes("send").then(ApprovalResurfaced).owes(WakeAt, Notify)
    book.grants("send").then(ApprovalGranted, ActionStarted)


def test_a_card_can_be_answered_while_it_is_put_off() -> None:
    snooze(asked(), HOUR).rejects("send").then(ApprovalRejected, object)


@pytest.mark.parametrize("us", [0, -SECOND, 7 * DAY, 8 * DAY])
def test_nothing_is_put_off_to_the_past_or_beyond_its_expiry(us: int) -> None:
    snooze(asked(), us).then().stands(send=Phase.APPROVAL)


def test_the_same_again_decides_nothing_and_another_time_replaces_it() -> None:
    book = snooze(asked(), HOUR)
    snooze(book, HOUR).then()
    snooze(book, 2 * HOUR).then(ApprovalSnoozed)
    book.later(HOUR).wakes("send").then()  # the timer of the first was overtaken
    book.later(HOUR).wakes("send").then(ApprovalResurfaced)


def test_a_card_that_was_put_off_expires_when_it_would_have() -> None:
    book = snooze(asked(), HOUR).later(7 * DAY)
    book.wakes("send").then(ApprovalExpired, object)


# --- held and taken back -------------------------------------------------------------------------------------------


def test_what_was_approved_is_held_and_leaves_when_its_window_has_passed() -> None:
    book = held()
    book.then(ApprovalGranted, ActionHeld).stands(send=Phase.HELD)
    book.owes(WakeAt(RUN, 0, Instant(book.facts.now + WINDOW)))
    book.later(WINDOW - 1).wakes("send").then()
    book.later(1).wakes("send").then(ActionStarted)
    assert book.act("send").authority.startswith("approval:")
    book.acted("send").ended(Status.SUCCEEDED)


def test_what_is_held_is_taken_back_and_asks_anew() -> None:
    book = held()
    first = book.act("send").approval
    book.tell(UndoAct(RUN, 0, "me")).then(ActionUndone, ApprovalRequested).stands(send=Phase.APPROVAL)
    assert book.act("send").approval != first
    book.later(WINDOW).wakes("send").then()
    assert not book.calls()
    book.grants("send").then(ApprovalGranted, ActionHeld)  # with a window of its own


def test_a_yes_from_before_it_was_taken_back_lets_nothing_leave() -> None:
    book = asked(undo_us=WINDOW)
    card = book.act("send")
    assert card.approval is not None
    yes = GrantApproval(RUN, card.approval, card.action.digest, "me")
    book.tell(yes).tell(UndoAct(RUN, 0, "me"))
    book.tell(yes).then().stands(send=Phase.APPROVAL)


def test_what_was_approved_while_nobody_was_at_work_can_be_taken_back() -> None:
    book = asked()
    book.facts = replace(book.facts, performing=False)
    book.grants("send").then(ApprovalGranted)
    book.tell(UndoAct(RUN, 0, "me")).then(ActionUndone, ApprovalRequested)
    book.facts = replace(book.facts, performing=True)
    book.tell(RecoverRun(RUN)).then()
    assert not book.calls()


def test_nothing_is_taken_back_that_waits_has_left_or_was_taken_back() -> None:
    book = asked()
    book.tell(UndoAct(RUN, 0, "me")).then()
    book.grants("send").tell(UndoAct(RUN, 0, "me")).then()
    book.acted("send").tell(UndoAct(RUN, 0, "me")).then()
    book.tell(UndoAct(RUN, 7, "me")).then()


def test_what_is_reversible_is_not_held_and_what_is_withdrawable_is_whoever_allowed_it() -> None:
    asked(one=action(0, finality=Finality.REVERSIBLE), undo_us=WINDOW).grants("send").then(
        ApprovalGranted, ActionStarted
    )
    withdrawable = action(0, finality=Finality.WITHDRAWABLE)
    asked(one=withdrawable, policy=ALLOW_ALL, undo_us=WINDOW).stands(send=Phase.HELD)
    asked(one=MAIL, policy=ALLOW_ALL, undo_us=WINDOW).stands(send=Phase.ACTING)


def test_the_kill_switch_in_the_window_asks_anew() -> None:
    book = held().killed().later(WINDOW).wakes("send")
    book.then(ApprovalRequested).stands(send=Phase.APPROVAL)
    assert not book.calls()


def test_a_window_ends_before_the_deadline_of_its_act() -> None:
    book = held(plan_of(act("send", deadline_us=5 * SECOND)))
    assert book.act("send").held_until == book.facts.now + 4 * SECOND
    book.later(4 * SECOND).wakes("send").then(ActionStarted)


def test_what_is_held_when_its_deadline_passes_is_given_up() -> None:
    book = held(plan_of(act("send", deadline_us=HOUR))).later(HOUR)
    book.wakes("send").then(TaskFailed, object)
    assert not book.calls()


def test_what_is_taken_back_after_its_deadline_is_given_up() -> None:
    book = held(plan_of(act("send", deadline_us=HOUR))).later(HOUR)
    book.tell(UndoAct(RUN, 0, "me")).then(ActionUndone, TaskFailed, object)


def test_a_newer_message_replaces_what_is_held() -> None:
    book = held().tell(SupersedeRun(RUN, "a newer message"))
    book.then(RunSuperseded).ended(Status.SUPERSEDED)
    book.later(WINDOW).wakes("send").then()


def test_a_run_or_task_that_is_cancelled_in_the_window_sends_nothing() -> None:
    book = held().tell(CancelRun(RUN, "me"))
    book.then(RunCancelled).ended(Status.CANCELLED)
    other = held().tell(CancelTask(RUN, 0, "me")).then(TaskCancelled, object)
    for one in (book, other):
        one.later(WINDOW).wakes("send").then()
        assert not one.calls()


def test_after_a_restore_what_was_held_is_looked_for_first() -> None:
    findable = action(0, repeatability=Repeatability.FINDABLE, finality=Finality.FINAL_LOW)
    book = held(one=findable).tell(ReconcileRun(RUN))
    book.then(LookupStarted).stands(send=Phase.SEEKING)
    (effect,) = book.calls()
    assert effect.mode.name == "FIND"


def test_a_director_that_begins_owes_the_window_of_what_is_held() -> None:
    book = held()
    before = book.state
    book.tell(RecoverRun(RUN)).then()
    assert book.state == before
    book.owes(WakeAt)


# --- rules that change ---------------------------------------------------------------------------------------------


def test_only_a_stricter_rule_withdraws_a_card() -> None:
    book = asked()
    book.under(ALLOW_ALL).tell(JudgeAgain(RUN)).then().stands(send=Phase.APPROVAL)
    book.under(DENY_ALL).tell(JudgeAgain(RUN)).then(ActionDenied, object).ended(Status.SUCCEEDED)


def test_what_a_person_approved_stays_held_when_rules_ask_and_falls_when_they_forbid() -> None:
    held().under(ASK_ALL).tell(JudgeAgain(RUN)).then()
    book = held().under(DENY_ALL).tell(JudgeAgain(RUN)).then(ActionDenied, object)
    assert not book.calls()


def test_what_goes_by_itself_falls_back_to_a_card() -> None:
    book = by_itself(Level.HELD)
    book.stands(send=Phase.HELD)
    assert book.act("send").held_until == book.facts.now + 15 * MINUTE
    book.under(ASK_ALL).tell(JudgeAgain(RUN)).then(ApprovalRequested).stands(send=Phase.APPROVAL)
    book.later(HOUR).wakes("send")
    assert not book.calls()


def test_a_rule_that_asks_at_the_end_of_the_window_asks() -> None:
    book = by_itself(Level.HELD).under(ASK_ALL).later(15 * MINUTE).wakes("send")
    book.then(ApprovalRequested)


def test_a_grant_is_held_against_the_rules_as_they_are() -> None:
    book = asked().under(DENY_ALL).grants("send")
    book.then(ActionDenied, object)


# --- shadow --------------------------------------------------------------------------------------------------------


def test_the_shadow_decides_and_does_nothing() -> None:
    book = by_itself(Level.SHADOW)
    (said,) = (one for one in book.last if isinstance(one, ActionShadowed))
    assert said.would in ("ask", "allow")
    assert not any(isinstance(one, InvokeAdapter | Notify) for one in book.owed)
    book.ended(Status.SUCCEEDED)


# --- silence -------------------------------------------------------------------------------------------------------


def test_a_card_may_wait_until_it_is_answered() -> None:
    book = asked(plan_of(act("send", silence=Silence.HOLD))).tell(RecordNotified(RUN, 0))
    assert book.act("send").expires_at == 0
    book.owes()  # no timer: it waits for a person alone
    book.later(400 * DAY).wakes("send").then()
    snooze(book, HOUR).then(ApprovalSnoozed)
    book.later(HOUR).wakes("send").then(ApprovalResurfaced)
    book.grants("send").then(ApprovalGranted, ActionStarted)


def test_silence_expires_a_card_and_never_approves_it() -> None:
    book = asked().later(7 * DAY).wakes("send")
    book.then(ApprovalExpired, object)
    assert not book.calls()


@pytest.mark.parametrize("answer", ["grant", "edit", "reject", "snooze"])
def test_an_answer_after_the_expiry_lets_nothing_leave(answer: str) -> None:
    book = asked()
    card = book.act("send")
    assert card.approval is not None
    book.later(7 * DAY)
    said: dict[str, RunCommand] = {
        "grant": GrantApproval(RUN, card.approval, card.action.digest, "me"),
        "edit": EditApproval(
            RUN, card.approval, card.action.digest, action(0, text="b"), "me", confirmed=True
        ),
        "reject": RejectApproval(RUN, card.approval, "me"),
        "snooze": SnoozeApproval(RUN, card.approval, Instant(book.facts.now + HOUR), "me"),
    }
    book.tell(said[answer])
    assert not book.calls()
    assert not any(isinstance(one, ApprovalGranted | ApprovalSnoozed) for one in book.last)

"""Autonomy end to end, through a real director: levels, audits, demotion within a tick, recipes, restarts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.kernel.autonomy import AutonomyRules, Level
from mainstay.kernel.commands import (
    BreachObjective,
    Command,
    EditApproval,
    MeetObjective,
    ReviewAnnotation,
    ThrowKillSwitch,
    UndoAct,
)
from mainstay.kernel.contract import Finality
from mainstay.kernel.events import AutonomyGranted, AutonomyProposed, AutonomyRevoked, EvidenceWeighed
from mainstay.kernel.ids import RunId
from mainstay.kernel.policy import Condition, Decision, Policy, Rule
from mainstay.kernel.predicates import Literal, Operator
from mainstay.kernel.state import Phase
from mainstay.kernel.values import MINUTE, SECOND
from mainstay.runtime.last_look import LastLook
from mainstay.runtime.tick import Request
from mainstay.testing.earning import KIND, OPERATOR, Earning
from mainstay.testing.plans import act, action, plan_of, think

HELD = AutonomyRules(by_itself=True)


def first(earning: Earning, wanted: Callable[[RunId], bool], most: int = 60) -> RunId:
    """The first of the next acts of which something holds."""
    for _ in range(most):
        run = earning.act()
        if wanted(run):
            return run
    pytest.fail("it never came")


def audited(earning: Earning) -> RunId:
    return first(
        earning, lambda run: earning.state(run).phase is Phase.APPROVAL and earning.rule(run) == "audit"
    )


def by_itself(earning: Earning) -> RunId:
    return first(earning, lambda run: earning.authority(run).startswith("autonomy:"))


# --- levels --------------------------------------------------------------------------------------------------------


def test_at_the_forty_third_clean_decision_it_is_proposed_and_goes_only_when_granted() -> None:
    earning = Earning()
    for number in range(1, 44):
        earning.decided(clean=True)
        proposed = any(isinstance(event, AutonomyProposed) for event in earning.events())
        assert proposed == (number == 43)
    assert earning.state(earning.act()).phase is Phase.APPROVAL
    assert earning.grant("held")
    assert earning.state(by_itself(earning)).phase is Phase.HELD
    earning.agrees()


def test_a_held_act_leaves_after_its_window_and_not_before() -> None:
    earning = Earning(rules=HELD)
    for _ in range(43):
        earning.decided(clean=True)
    run = by_itself(earning)
    earning.wait(14 * MINUTE)
    assert earning.state(run).phase is Phase.HELD
    earning.wait(2 * MINUTE)
    assert earning.state(run).phase is Phase.SUCCEEDED
    assert [row["left"] for row in earning.rows("unasked")] == [1]


def test_an_automatic_act_leaves_at_once() -> None:
    earning = Earning()
    earning.earn("automatic")
    run = by_itself(earning)
    assert (earning.state(run).phase, earning.authority(run)) == (Phase.ACTING, f"autonomy:{KIND}")


def test_in_the_shadow_it_is_decided_and_nothing_is_done() -> None:
    earning = Earning()
    assert earning.grant("shadow")
    run = earning.act()
    state = earning.director.folded(run)
    assert state is not None
    assert state.ended
    assert not earning.rows("approvals")
    assert [(row["kind"], row["would_ask"]) for row in earning.rows("unasked")] == [(KIND, 1)]
    earning.revoke()
    assert earning.state(earning.act()).phase is Phase.APPROVAL


def test_final_acts_of_high_stake_never_go_by_themselves_and_teach_nothing() -> None:
    earning = Earning(rules=HELD)
    for _ in range(45):
        earning.decided(clean=True, finality=Finality.FINAL_HIGH)
    assert earning.standing().clean == 0
    for _ in range(43):
        earning.decided(clean=True)
    assert earning.standing().level is Level.HELD
    for _ in range(20):
        run = earning.act(finality=Finality.FINAL_HIGH)
        assert (earning.state(run).phase, earning.rule(run)) == (Phase.APPROVAL, "high stake")


def test_a_rule_that_asks_is_stronger_than_what_was_earned() -> None:
    new = Rule("new", Decision.ASK, "unknown", "email.*", (Condition("known", Operator.IS, value=False),))
    earning = Earning(rules=HELD, policy=Policy((new,)))
    for _ in range(43):
        earning.decided(clean=True)
    for _ in range(10):
        assert earning.rule(earning.act(features={"known": False})) == "new"
    assert earning.standing().audits == ""


def test_the_first_n_ask_and_from_then_on_autonomy_has_its_say() -> None:
    """As shipped: a rule asks for the first twenty; all of them are evidence, and the twenty-first asks by default."""
    few = Condition("done_by_this_workflow", Operator.BELOW, 20)
    earning = Earning(policy=Policy((Rule("first twenty", Decision.ASK, "few yet", "email.reply", (few,)),)))
    rules = [earning.rule(earning.decided(clean=True)) for _ in range(43)]
    assert rules == ["first twenty"] * 20 + ["default"] * 23
    assert earning.standing().clean == 43
    assert earning.grant("held")
    assert by_itself(earning)


# --- what counts ---------------------------------------------------------------------------------------------------


def test_what_was_not_looked_at_counts_for_nothing() -> None:
    earning = Earning()
    earning.decided(clean=True, open_us=SECOND - 1)
    earning.decided(clean=False, open_us=0)
    run = earning.act()
    earning.answer(run, clean=True, batch="together")
    assert (earning.standing().clean, earning.standing().errors) == (0, 0)
    earning.decided(clean=True, open_us=SECOND)
    assert earning.standing().clean == 1


@pytest.mark.parametrize(
    ("words", "changed", "typed", "clean", "errors"),
    [
        (100, 0, False, 1, 0),
        (100, 10, False, 0, 0),
        (100, 11, False, 0, 1),
        (100, 0, True, 0, 1),
        (5, 1, False, 0, 1),
        (0, 0, False, 0, 0),  # nobody measured it
    ],
)
def test_an_edit_is_an_error_where_it_changes_a_field_or_more_than_a_tenth_of_the_words(
    words: int, changed: int, typed: bool, clean: int, errors: int
) -> None:
    earning = Earning()
    run = earning.act()
    card = earning.waiting(run)
    assert card.approval is not None
    edited = action(0, run=run, text="another text")
    command = EditApproval(
        *(run, card.approval, card.action.digest, edited, OPERATOR, 9 * SECOND),
        words=words,
        changed=changed,
        typed=typed,
    )
    earning.tell(Request(command, OPERATOR))
    assert (earning.standing().clean, earning.standing().errors) == (clean, errors)


def test_an_undo_is_an_audited_error_and_the_yes_afterwards_says_nothing_more() -> None:
    earning = Earning(rules=HELD)
    for _ in range(43):
        earning.decided(clean=True)
    run = by_itself(earning)
    earning.undo(run)
    assert earning.standing().audits == "x"
    assert (earning.state(run).phase, earning.rule(run)) == (Phase.APPROVAL, "undone")
    earning.answer(run, clean=True)
    assert (earning.standing().audits, earning.standing().clean, earning.standing().errors) == ("x", 43, 1)
    other = by_itself(earning)
    earning.undo(other)
    revoked = earning.events()[-1]
    assert isinstance(revoked, AutonomyRevoked)
    assert revoked.cause == "errors"
    earning.agrees()


def test_an_audit_that_was_approved_and_taken_back_is_an_error_after_all() -> None:
    earning = Earning()
    earning.earn("held")
    earning.director.undo_us = 5 * MINUTE
    run = audited(earning)
    earning.tell(earning.answered(run, clean=True))
    assert (earning.standing().audits, earning.state(run).phase) == (".", Phase.HELD)
    earning.undo(run)
    assert earning.standing().audits == ".x"


def test_a_complaint_counts_once_also_when_the_run_is_over() -> None:
    earning = Earning()
    earning.earn("automatic")
    run = by_itself(earning)
    earning.deliver()
    state = earning.director.folded(run)
    assert state is not None
    assert state.ended
    for _ in range(2):
        earning.tell(*earning.director.complaint(run, 0, OPERATOR))
    both = [*earning.director.complaint(run, 0, OPERATOR)] * 2
    earning.tell(*both)
    assert (earning.standing().audits, earning.standing().level) == ("x", Level.AUTOMATIC)
    approved = earning.run_of(1)
    assert earning.director.complaint(approved, 0, OPERATOR) == []


def test_the_correction_of_an_annotation_is_an_error_of_what_rests_on_it() -> None:
    plan = plan_of(think("say"), act("send", "say", kind_class=Literal("faq")), name="support")
    earning = Earning(plan=plan)
    runs = []
    for number in range(44):
        run = RunId(earning.run_of(number + 1))
        requests = earning.asked()
        from mainstay.kernel.commands import Produced, Proposed, RecordOutcome

        outcome = requests[1].command
        assert isinstance(outcome, RecordOutcome)
        assert isinstance(outcome.outcome, Proposed)
        said = Produced({"intent": "faq", "auto": True}, "because")
        earning.tell(requests[0], Request(RecordOutcome(run, 0, 1, said)))
        proposal = action(1, run=run, text=f"reply {number}")
        earning.tell(Request(RecordOutcome(run, 1, 1, Proposed(proposal, "because"))))
        runs.append(run)
    corrected = ReviewAnnotation(runs[0], 0, "faq", "refund", OPERATOR, 9 * SECOND)
    confirmed = ReviewAnnotation(runs[1], 0, "faq", "faq", OPERATOR, 9 * SECOND)
    earning.tell(Request(corrected, OPERATOR), Request(confirmed, OPERATOR), Request(corrected, OPERATOR))
    weighed = [event for event in earning.events() if isinstance(event, EvidenceWeighed)]
    assert [(one.run, one.task, one.verdict, one.source) for one in weighed] == [
        (runs[0], 1, "error", "decision")
    ]


# --- audits and demotion -------------------------------------------------------------------------------------------


def test_half_is_audited_at_first_and_a_twentieth_after_eighteen_clean_ones() -> None:
    earning = Earning()
    earning.earn("automatic")
    seen = {"": 0, "audit": 0}
    early = [earning.rule(earning.decided(clean=True)) for _ in range(6)]
    assert early.count("audit") >= 1
    while len(earning.standing().audits) < 18:
        earning.decided(clean=True)
        earning.deliver()
    for _ in range(400):
        run = earning.decided(clean=True)
        earning.deliver()
        seen[earning.rule(run)] += 1
    assert 8 <= seen["audit"] <= 36
    earning.agrees()


def test_the_draw_is_the_same_however_often_it_is_judged_and_however_it_is_rendered() -> None:
    earning = Earning()
    earning.earn("automatic")
    for number in range(30):
        run = earning.run_of(100 + number)
        from mainstay.kernel.commands import StartRun

        earning.tell(Request(StartRun(run, "support", earning.plan.digest, {})))
        plain, marked = (
            action(0, run=run),
            action(0, run=run, text="hello, and marked as written by a machine"),
        )
        unasked = LastLook(earning.director).leaves_unasked(run, 0, plain)
        assert unasked == LastLook(earning.director).leaves_unasked(run, 0, marked)


def test_of_a_hundred_acts_in_one_tick_those_after_the_second_error_ask() -> None:
    earning = Earning()
    earning.earn("automatic")
    one, two = audited(earning), audited(earning)
    acts: list[Request] = []
    for number in range(100):
        if number == 50:
            acts += [earning.answered(one, clean=False), earning.answered(two, clean=False)]
        acts += earning.asked()
    last = earning._made
    earning.tell(*acts)
    runs = [earning.run_of(last - 99 + number) for number in range(100)]
    left = [earning.authority(run).startswith("autonomy:") for run in runs]
    assert any(left[:50])
    assert not any(left[50:])
    assert {earning.rule(run) for run in runs[50:]} == {"default"}


@pytest.mark.parametrize(
    ("command", "cause"),
    [
        (ThrowKillSwitch(OPERATOR, True, ""), "kill switch"),
        (BreachObjective("support", "exactness", "count", 1, 20, 0), "slo"),
    ],
)
def test_the_kill_switch_and_a_missed_objective_demote_at_once_and_keep_the_evidence(
    command: Command, cause: str
) -> None:
    earning = Earning()
    earning.earn("automatic")
    clean = earning.standing().clean
    earning.tell(Request(command, OPERATOR), *(request for _ in range(5) for request in earning.asked()))
    standing = earning.standing()
    assert (standing.level, standing.clean) == (Level.ASK, clean)
    assert all(not earning.authority(earning.run_of(earning._made - one)) for one in range(5))
    revoked = [event for event in earning.events() if isinstance(event, AutonomyRevoked)]
    assert [event.cause for event in revoked] == [cause]


def test_another_workflows_objective_demotes_nothing_here() -> None:
    earning = Earning()
    earning.earn("automatic")
    earning.tell(Request(BreachObjective("billing", "success", "1h", 5, 20, 14_400), OPERATOR))
    assert earning.standing().level is Level.AUTOMATIC


def test_what_waits_in_its_window_asks_as_soon_as_its_kind_is_demoted() -> None:
    earning = Earning()
    earning.earn("held")
    held = [by_itself(earning) for _ in range(3)]
    earning.tell(
        Request(UndoAct(held[0], 0, OPERATOR), OPERATOR), Request(UndoAct(held[1], 0, OPERATOR), OPERATOR)
    )
    assert earning.standing().level is Level.ASK
    assert [earning.state(run).phase for run in held] == [Phase.APPROVAL] * 3
    earning.wait(60 * MINUTE)
    assert all(earning.state(run).phase is Phase.APPROVAL for run in held)


# --- recipes and restarts --------------------------------------------------------------------------------------------


def test_evidence_and_level_are_the_same_after_a_restart() -> None:
    earning = Earning()
    earning.earn("held")
    earning.decided(clean=True)
    before, events = earning.standing(), len(earning.events())
    earning.boot({"proposer": "one way"})
    assert (earning.standing(), len(earning.events())) == (before, events)
    earning.agrees()


def test_a_director_that_makes_acts_another_way_demotes_when_it_starts() -> None:
    earning = Earning()
    earning.earn("held")
    earning.boot({"proposer": "another way"})
    revoked = earning.events()[-1]
    assert isinstance(revoked, AutonomyRevoked)
    assert (revoked.cause, earning.standing().level, earning.standing().clean) == ("recipe", Level.ASK, 0)
    earning.decided(clean=True)
    assert earning.standing().clean == 1
    earning.agrees()


def test_a_card_of_the_old_recipe_counts_for_nothing_under_the_new_one() -> None:
    earning = Earning()
    waiting = earning.act()
    earning.boot({"proposer": "another way"})
    earning.answer(waiting, clean=True)
    assert earning.standing().clean == 0


def test_what_another_agent_makes_is_no_matter_to_this_kind() -> None:
    earning = Earning(recipes={"proposer": "one way", "thinker": "1"})
    earning.earn("held")
    earning.boot({"proposer": "one way", "thinker": "2"})
    assert earning.standing().level is Level.HELD


def test_a_template_with_other_words_demotes_when_it_is_adopted() -> None:
    from mainstay.kernel.commands import AdoptTemplate
    from mainstay.kernel.values import Digest

    earning = Earning()
    earning.tell(
        Request(AdoptTemplate("faq", Digest("a" * 64))), Request(AdoptTemplate("other", Digest("a" * 64)))
    )
    for _ in range(43):
        earning.decided(clean=True, features={"template": "faq"})
    assert earning.grant("held")
    earning.tell(Request(AdoptTemplate("other", Digest("b" * 64))))
    assert earning.standing().level is Level.HELD
    earning.tell(Request(AdoptTemplate("faq", Digest("b" * 64))))
    assert earning.standing().level is Level.ASK
    granted = [event for event in earning.events() if isinstance(event, AutonomyGranted)]
    assert len(granted) == 1


@pytest.mark.parametrize("cause", ["operator", "slo", "kill switch"])
def test_taken_back_for_another_reason_it_is_never_granted_by_itself_again(cause: str) -> None:
    earning = Earning(rules=HELD)
    for _ in range(43):
        earning.decided(clean=True)
    if cause == "slo":
        earning.tell(Request(BreachObjective("support", "exactness", "count", 1, 20, 0), OPERATOR))
        assert not earning.grant("held"), "not while the objective is missed"
        earning.tell(Request(MeetObjective("support", "exactness"), OPERATOR))
    elif cause == "kill switch":
        earning.tell(Request(ThrowKillSwitch(OPERATOR, True, ""), OPERATOR))
        assert not earning.grant("held"), "not while everything is stopped"
        earning.tell(Request(ThrowKillSwitch(OPERATOR, False, ""), OPERATOR))
    else:
        earning.revoke()
    for _ in range(20):
        earning.decided(clean=True)
    assert earning.standing().level is Level.ASK
    assert earning.grant("held")
    earning.agrees()


def test_what_is_proved_while_an_objective_is_missed_is_proposed_and_not_granted() -> None:
    earning = Earning(rules=HELD)
    earning.tell(Request(BreachObjective("support", "exactness", "count", 1, 20, 0), OPERATOR))
    earning.boot({"proposer": "one way"})
    for _ in range(43):
        earning.decided(clean=True)
    assert (earning.standing().level, earning.standing().proposed) == (Level.ASK, "held")
    earning.agrees()


def test_another_recipe_is_proposed_anew() -> None:
    earning = Earning()
    for _ in range(43):
        earning.decided(clean=True)
    earning.boot({"proposer": "another way"})
    for _ in range(43):
        earning.decided(clean=True)
    assert sum(isinstance(event, AutonomyProposed) for event in earning.events()) == 2
    earning.agrees()


_steps = st.sampled_from(
    [
        "clean",
        "clean",
        "clean",
        "clean",
        "error",
        "undo",
        "complain",
        "restart",
        "other way",
        "kill",
        "revoke",
        "grant",
    ]
)


@given(st.lists(_steps, max_size=40))
@settings(max_examples=25, deadline=None)
def test_whatever_happens_events_view_and_director_say_the_same(steps: list[str]) -> None:
    earning = Earning(rules=AutonomyRules(target_ppm=900_000, by_itself=True))
    way, left = 0, list[RunId]()
    for step in steps:
        run = earning.decided(clean=step != "error")
        held = earning.authority(run).startswith("autonomy:")
        match step:
            case "undo" if held:
                earning.undo(run)
            case "complain":
                earning.wait(20 * MINUTE)
                for one in left[-2:]:
                    earning.tell(*earning.director.complaint(one, 0, OPERATOR))
            case "restart" | "other way":
                way += step == "other way"
                earning.boot({"proposer": f"way {way}"})
            case "kill":
                earning.tell(Request(ThrowKillSwitch(OPERATOR, True, "")))
                assert earning.standing().level is Level.ASK
                earning.tell(Request(ThrowKillSwitch(OPERATOR, False, "")))
            case "revoke":
                earning.revoke()
                assert earning.standing().level is Level.ASK
            case "grant":
                earning.grant("automatic")
            case _:
                pass
        if held:
            left.append(run)
        earning.agrees()


# --- what a decision is worth when it does not stand ---------------------------------------------------------------


def test_what_a_person_approved_and_took_back_counts_against_its_kind() -> None:
    earning = Earning()
    earning.director.undo_us = 5 * MINUTE
    for _ in range(50):
        run = earning.act()
        earning.tell(earning.answered(run, clean=True))
        earning.undo(run)
    assert (earning.standing().clean, earning.standing().errors) == (50, 50)
    assert not earning.grant("automatic")
    earning.answer(run, clean=False)
    assert earning.standing().errors == 50, "it was said before"
    earning.agrees()


def test_what_a_rule_let_go_says_nothing_of_its_kind_when_it_is_taken_back() -> None:
    rule = Rule("send", Decision.ALLOW, "because", "email.reply")
    earning = Earning(policy=Policy((rule,)))
    earning.director.undo_us = 5 * MINUTE
    run = earning.act(finality=Finality.WITHDRAWABLE)
    assert earning.state(run).phase is Phase.HELD
    earning.undo(run)
    assert earning.standing().errors == 0


def test_one_act_counts_as_right_once_however_often_it_is_approved() -> None:
    earning = Earning()
    earning.director.undo_us = 5 * MINUTE
    run = earning.act()
    for _ in range(3):
        earning.tell(earning.answered(run, clean=True))
        assert earning.state(run).phase is Phase.HELD
        earning.tell(Request(ThrowKillSwitch(OPERATOR, True, "")))
        earning.wait(5 * MINUTE)
        assert earning.state(run).phase is Phase.APPROVAL
        earning.tell(Request(ThrowKillSwitch(OPERATOR, False, "")))
    assert (earning.standing().clean, earning.standing().errors) == (1, 0)
    earning.answer(run, clean=False)
    assert (earning.standing().clean, earning.standing().errors) == (1, 1)
    earning.agrees()


@pytest.mark.parametrize(
    "stricter",
    [AutonomyRules(most=Level.ASK), AutonomyRules(most=Level.HELD), AutonomyRules(target_ppm=20_000)],
)
def test_settings_that_allow_less_hold_for_what_was_granted_before(stricter: AutonomyRules) -> None:
    earning = Earning()
    earning.earn("automatic")
    earning.rules = stricter
    earning.boot({"proposer": "one way"})
    revoked = earning.events()[-1]
    assert isinstance(revoked, AutonomyRevoked)
    assert (revoked.cause, earning.standing().level, earning.standing().clean) == ("operator", Level.ASK, 43)
    assert earning.grant("held") is (stricter.most is Level.HELD)
    earning.agrees()


def test_settings_that_allow_as_much_or_more_take_nothing_back() -> None:
    earning = Earning()
    earning.earn("held")
    for rules in (
        AutonomyRules(most=Level.HELD),
        AutonomyRules(target_ppm=200_000),
        AutonomyRules(hold_us=0),
    ):
        earning.rules = rules
        earning.boot({"proposer": "one way"})
        assert earning.standing().level is Level.HELD

"""What holds in every history: of random plans under a hostile world, drawn from a seed.

A failing seed is repeated with `Walk(seed)`; its `book.log` is the history as events.
"""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.kernel.commands import RecoverRun, RunCommand
from mainstay.kernel.contract import Repeatability
from mainstay.kernel.effects import Effect
from mainstay.kernel.events import (
    NUMBERS,
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
    CompensationBegun,
    CompensationFailed,
    DoubtResolved,
    FailureClass,
    FailureDiagnosed,
    LookupStarted,
    RevisionRequested,
    RunCancelled,
    RunEvent,
    RunFailed,
    RunSuperseded,
    TaskCancelled,
    TaskExpanded,
    TaskFailed,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
)
from mainstay.kernel.ids import approval_id, approval_task, derive, idempotency_key, run_id
from mainstay.kernel.plan import PlanRefused, compile_plan
from mainstay.kernel.policy import Action, Decision, Policy, Rule, Verdict, evaluate
from mainstay.kernel.predicates import Operator, compare
from mainstay.kernel.recovery import Diagnosis, Remedy, lookup_delay_us, remedy, retry_delay_us
from mainstay.kernel.run import decide, evolve, new_effects, nothing, pending
from mainstay.kernel.values import DAY, Digest, Instant
from mainstay.testing.plans import RUN, act, each, inspect, plan_of, think
from mainstay.testing.spec import Playbook
from tests.strategies import (
    Walk,
    actions,
    events,
    failures,
    json_values,
    maintained,
    policies,
    recomputed,
    repeatabilities,
    rules,
    seeds,
)

ANY = plan_of(think("a"), inspect("b", "a.x"), act("c", "b"), each("d", "trigger.rows"), think("e", "d", "c"))
STEPS = 120
WALKS = pytest.mark.parametrize("seed", range(40))  # shrinking a seed would tell nothing


@given(st.lists(events(ANY), max_size=60))
def test_folding_is_total(history: list[RunEvent]) -> None:
    state = nothing(RUN)
    for event in history:
        state = evolve(state, event)
        assert maintained(state) == recomputed(state)
        pending(state)


@given(seeds, st.integers(0, 40), st.lists(events(ANY), max_size=30))
def test_folding_nonsense_into_a_real_run_is_total(seed: int, length: int, nonsense: list[RunEvent]) -> None:
    walk = Walk(seed)
    for _ in walk.steps(length):
        pass
    state = walk.book.state
    for event in nonsense:
        state = evolve(state, event)
        assert maintained(state) == recomputed(state)


@WALKS
def test_the_same_command_twice_adds_nothing(seed: int) -> None:
    walk = Walk(seed)
    for command in walk.steps(STEPS):
        again = decide(walk.book.state, command, walk.book.facts)
        if isinstance(command, RecoverRun):
            # A second boot may have lost what the first one's decision had begun.
            begun = {event.task for event in walk.book.last if isinstance(event, TaskStarted | ActionStarted)}
            told = [event for event in again if not isinstance(event, FailureDiagnosed)]
            assert all(
                isinstance(event, AttemptFailed | TaskFailed) and event.task in begun for event in told[:1]
            )
        else:
            assert again == ()


@WALKS
def test_what_is_kept_equals_what_is_counted(seed: int) -> None:
    # That the state is the fold of the log is asserted by the playbook after every command.
    walk = Walk(seed)
    for _ in walk.steps(STEPS):
        book = walk.book
        assert maintained(book.state) == recomputed(book.state)
        assert book.state.spent == _spent(book.log)
        assert book.facts.balances.held == book.state.held
        assert book.facts.balances.spent == book.state.spent


def _spent(log: list[RunEvent]) -> int:
    """What the events say was spent, read without the fold."""
    costly = (
        TaskSucceeded, TaskFailed, AttemptFailed, ActionProposed, RevisionRequested, RunCancelled, RunSuperseded,
        RunFailed, TaskCancelled, CompensationBegun, CompensationFailed,
    )  # fmt: skip
    return sum(event.cost for event in log if isinstance(event, costly))


@WALKS
def test_what_new_events_owe_adds_up_to_what_is_pending(seed: int) -> None:
    walk = Walk(seed)
    before: Counter[str] = Counter()
    for _ in walk.steps(STEPS):
        book = walk.book
        after = _tally(pending(book.state))
        handed = _tally(new_effects(book.state, book.last))
        assert handed <= after  # nothing is handed out that is not owed
        assert not after - (before | handed)  # and nothing is owed that was not handed out
        before = after


def _tally(effects: list[Effect] | tuple[Effect, ...]) -> Counter[str]:
    return Counter(
        {repr(effect) for effect in effects}
    )  # a card may expire just when its task's deadline comes


@WALKS
def test_every_run_ends_or_waits_for_somebody(seed: int) -> None:
    walk = Walk(seed)
    for _ in walk.steps(30):
        pass
    if walk.book.state.plan is None:
        return  # it was queued, and what it waits for is another run
    for _ in walk.fair():
        pass
    assert walk.book.state.ended
    assert walk.book.state.left == 0
    assert (walk.book.state.held, walk.book.state.busy) == (0, 0)


@WALKS
def test_nothing_leaves_unseen_or_twice(seed: int) -> None:
    walk = Walk(seed)
    watch = Watch()
    for command in walk.steps(STEPS):
        watch.see(walk.book, command)
    for command in walk.fair() if walk.book.state.plan else ():
        watch.see(walk.book, command)


class Watch:
    """Reads the log like an auditor, without the fold."""

    def __init__(self) -> None:
        self.proposed: dict[int, Action] = {}
        self.granted: dict[int, tuple[str, Digest]] = {}
        self.open: dict[int, str] = {}  # calls of which nobody knows what became
        self.rounds: dict[int, Action] = {}

    def see(self, book: Playbook, command: RunCommand) -> None:
        for event in book.last:
            self._event(book, event)

    def _event(self, book: Playbook, event: RunEvent) -> None:
        match event:
            case ActionProposed(task=task, action=action):
                self.proposed[task] = action
            case ActionEdited(task=task, action=action):
                self.proposed[task] = action
                self.granted.pop(task, None)
            case ApprovalRequested(task=task):
                self.granted.pop(task, None)
                assert self.open.get(task) not in ("called", "unproven"), "a card hides a call"
                self.open.pop(task, None)
            case ApprovalGranted(task=task, approval=approval, digest=digest):
                assert not book.facts.killed
                self.granted[task] = (approval, digest)
            case ActionStarted(task=task, digest=digest, authority=authority):
                action = self.proposed[task]
                assert not book.facts.killed, "it left under the kill switch"
                assert digest == action.digest
                self._authorised(book, task, action, authority)
                if action.repeatability is not Repeatability.KEYED:
                    assert task not in self.open, f"{action.repeatability} was called while one was open"
                self.open[task] = "unproven" if self.open.get(task) == "unproven" else "called"
            case AttemptFailed(task=task, failure=failure) if task in self.open:
                if failure in (FailureClass.TRANSIENT, FailureClass.THROTTLED, FailureClass.STOPPED):
                    if self.open[task] == "called":
                        del self.open[task]  # proven not to have happened
                else:
                    assert self.proposed[task].repeatability is Repeatability.KEYED
                    self.open[task] = "unproven"
            case LookupStarted(task=task):
                assert self.proposed[task].repeatability is Repeatability.FINDABLE
                self.open.pop(task, None)  # only a look-up that proves it absent lets another call follow
            case ActionInDoubt(task=task):
                self.open[task] = "doubt"
            case DoubtResolved(task=task):
                self.open.pop(task, None)
            case TaskFailed(task=task):
                assert self.open.pop(task, "") != "unproven", "given up in silence"
            case TaskSucceeded(task=task) | TaskSkipped(task=task):
                self.open.pop(task, None)  # proven to have arrived, or withheld before its only call
            case ApprovalRejected(task=task) | ApprovalExpired(task=task):
                assert task not in self.open
            case RunCancelled() | RunSuperseded():
                assert "unproven" not in self.open.values(), "the run's end hides a call"
            case _:
                pass

    def _authorised(self, book: Playbook, task: int, action: Action, authority: str) -> None:
        kind, _, name = authority.partition(":")
        if kind == "approval":
            assert self.granted.get(task) == (name, action.digest)
        else:
            verdict = evaluate(book.facts.policy, action, {})
            assert verdict.decision is Decision.ALLOW
            assert verdict.rule == name


@WALKS
def test_histories_are_the_same_for_the_same_seed(seed: int) -> None:
    one, other = Walk(seed), Walk(seed)
    assert list(one.steps(60)) == list(other.steps(60))
    assert one.book.log == other.book.log


def test_the_walks_reach_the_rare_paths() -> None:
    seen: Counter[str] = Counter()
    for seed in range(700):
        walk = Walk(seed)
        for _ in walk.steps(120):
            pass
        seen.update(type(event).__name__ for event in walk.book.log)
    of_runs = {
        kind.__name__
        for number, kind in NUMBERS.items()
        if number < 40 or 70 <= number < 80 or number in (85, 86)
    }
    assert {name for name in of_runs if seen[name] < 3} == set()


# --- policies ----------------------------------------------------------------------------------------------------

_STRICT = {Decision.ALLOW: 0, Decision.ASK: 1, Decision.DENY: 2}


def _judged(policy: Policy, action: Action, killed: bool = False, inspection: str = "") -> Verdict:
    counts = {"done_by_this_workflow": 3}
    return evaluate(policy, action, counts, killed=killed, inspection=inspection)


@given(policies, rules, actions, st.integers(0, 6), st.booleans())
def test_a_further_ask_or_deny_never_allows_more(
    policy: Policy, rule: Rule, action: Action, place: int, killed: bool
) -> None:
    more = Policy((*policy.rules[:place], rule, *policy.rules[place:]))
    before, after = _judged(policy, action, killed), _judged(more, action, killed)
    if rule.then is not Decision.ALLOW:
        assert _STRICT[after.decision] >= _STRICT[before.decision]
    assert after.rule
    assert after.reason


@given(policies, actions, st.sampled_from(["", "passed", "look"]))
def test_kill_switch_inspection_and_stake_only_make_it_stricter(
    policy: Policy, action: Action, inspection: str
) -> None:
    plain = _judged(policy, action)
    assert _judged(policy, action, killed=True).decision is not Decision.ALLOW
    assert _STRICT[_judged(policy, action, inspection=inspection).decision] >= _STRICT[plain.decision]
    if action.finality == "final_high_stake" or action.price_micros is None:
        assert plain.decision is not Decision.ALLOW


# --- recovery ----------------------------------------------------------------------------------------------------


@given(failures, st.integers(1, 9), st.integers(1, 9), st.none() | repeatabilities, st.booleans())
def test_the_recovery_table_is_total_and_safe(
    failure: FailureClass, attempt: int, attempt_max: int, repeatability: Repeatability | None, tried: bool
) -> None:
    tried = tried and repeatability is Repeatability.KEYED
    way = remedy(Diagnosis(failure, attempt, attempt_max, repeatability, tried))
    unproven = failure in (FailureClass.TIMEOUT, FailureClass.LOST, FailureClass.IN_DOUBT, FailureClass.BUG)
    if repeatability is not None and (unproven or tried):
        assert way is not Remedy.GIVE_UP
    if repeatability in (Repeatability.ONCE, Repeatability.FINDABLE) and unproven:
        assert way is not Remedy.RETRY
    if way is Remedy.RETRY:
        assert attempt < attempt_max
    if way is Remedy.LOOK_UP:
        assert repeatability is Repeatability.FINDABLE


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.none() | st.integers(0, 10**12))
def test_delays_are_positive_and_honour_the_other_side(attempt: int, task: int, after: int | None) -> None:
    delay = retry_delay_us(RUN, task, attempt, after)
    assert max(1, min(after or 0, DAY)) <= delay <= DAY
    assert lookup_delay_us(task - 10**5) > 0


# --- ids and plans -----------------------------------------------------------------------------------------------


@given(st.lists(st.text(max_size=4), max_size=4), st.lists(st.text(max_size=4), max_size=4))
def test_ids_depend_on_every_part_and_on_where_it_ends(one: list[str], other: list[str]) -> None:
    assert (derive(*one) == derive(*other)) is (one == other)


@given(st.integers(0, 16**6 - 1), st.integers(0, 9))
def test_a_card_leads_to_its_task(task: int, asked: int) -> None:
    approval = approval_id(RUN, task, Digest("d"), asked)
    assert (len(approval), approval_task(approval)) == (16, task)
    assert approval != approval_id(RUN, task, Digest("d"), asked + 1)


@given(st.lists(st.integers(0, 2**47), min_size=2, max_size=5))
def test_run_ids_sort_by_their_trigger(times: list[int]) -> None:
    ordered = sorted(times)
    ids = [run_id(Instant(at * 1000), "w", "m") for at in ordered]
    assert ids == sorted(ids)
    assert idempotency_key(ids[0], 1, Digest("d")) != idempotency_key(ids[0], 2, Digest("d"))


@given(seeds, st.integers(2, 8))
def test_no_plan_with_a_cycle_is_accepted(seed: int, size: int) -> None:
    random = Random(seed)
    needs = {n: random.sample(range(size), random.randint(0, min(3, size))) for n in range(size)}
    tasks = [think(f"t{n}", *(f"t{need}" for need in needs[n])) for n in range(size)]
    if _has_cycle(needs):
        with pytest.raises(PlanRefused):
            plan_of(*tasks)
    else:
        plan = plan_of(*tasks)
        again = compile_plan(replace(plan.workflow, tasks=tuple(tasks)), plan.digest)
        assert again == plan


def _has_cycle(needs: dict[int, list[int]]) -> bool:
    def reaches(start: int, at: int, seen: set[int]) -> bool:
        return any(
            need == start or (need not in seen and reaches(start, need, seen | {need})) for need in needs[at]
        )

    return any(reaches(number, number, set()) for number in needs)


@given(json_values, json_values, st.sampled_from(Operator))
def test_comparing_is_total(actual: object, value: object, operator: Operator) -> None:
    assert isinstance(compare(operator, actual, value), bool)


@WALKS
def test_a_refused_budget_is_never_a_busy_loop(seed: int) -> None:
    walk = Walk(seed)
    for _ in walk.steps(STEPS):
        for event in walk.book.last:
            if isinstance(event, BudgetRefused):
                assert event.wake_at > walk.book.facts.now or event.scope == "price"  # no clock knows it
            if isinstance(event, TaskExpanded):
                assert event.count > 0

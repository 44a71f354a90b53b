"""What a forked run takes over: nothing that had happened is done again, and nothing that was not is thought done."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from mainstay.kernel.commands import CancelRun, StartRun
from mainstay.kernel.events import (
    ActionStarted,
    ApprovalRequested,
    FailureClass,
    RunEvent,
    RunForked,
    TaskStarted,
)
from mainstay.kernel.fork import changed, fork, restart
from mainstay.kernel.plan import Plan, Role, TaskKind, TaskSpec
from mainstay.kernel.run import evolve, nothing
from mainstay.kernel.state import Phase, RunState, Status
from mainstay.testing.plans import RUN, act, action, each, inspect, plan_of, ref, think
from mainstay.testing.spec import Playbook
from tests.strategies import Walk, maintained, recomputed

WALKS = pytest.mark.parametrize("seed", range(60))
ORDER = plan_of(
    think("first"),
    act("mark", "first", reads={"text": "first.text"}, compensate=act("undo mark")),
    think("then", "mark", reads={"text": "first.text"}),
    think("beside"),
    act("send", "then", "beside"),
)


def child_of(parent: Playbook, forked: RunForked, trigger: Any = None) -> Playbook:
    """The run that begins where `forked` says."""
    book = Playbook(parent.plan, policy=parent.facts.policy)
    head = parent.state.head
    return book.tell(StartRun(RUN, head.workflow, head.definition, trigger or head.trigger, forked=forked))


def whole_order() -> Playbook:
    book = Playbook(ORDER).start({"n": 1}).produces("first", {"text": "a", "more": {"n": 1}})
    book.proposes("mark", action(1)).acted("mark", {"id": "1"}).produces("beside").produces("then")
    return book.proposes("send", action(4)).acted("send", {"id": "2"}).ended(Status.SUCCEEDED)


def inherited(forked: RunForked) -> dict[int, dict[str, Any]]:
    return {one.task: one.output for one in forked.inherited}


# --- restart ---------------------------------------------------------------------------------------------------


def test_a_restart_does_a_task_and_all_that_follows_anew() -> None:
    parent = whole_order()
    forked = restart(parent.state, version=9, actor="me", first="then", reason="sealed")
    assert (forked.parent, forked.version, forked.first, forked.reason) == (RUN, 9, "then", "sealed")
    assert inherited(forked) == {0: parent.task("first").output, 1: {"id": "1"}, 3: {}}
    assert [one.task for one in forked.inherited if one.acted] == [1]
    book = child_of(parent, forked)
    assert book.asked() == ["then"]
    book.stands(mark=Phase.SUCCEEDED, send=Phase.WAITING).produces("then").proposes("send", action(4))
    book.stands(send=Phase.APPROVAL)
    assert isinstance(book.last[-1], ApprovalRequested)
    assert book.last[-1].rule == "fork"
    book.grants("send").acted("send").ended(Status.SUCCEEDED)


def test_a_restart_from_a_task_that_there_is_not() -> None:
    with pytest.raises(KeyError):
        restart(whole_order().state, version=9, actor="me", first="nowhere")


def test_a_restart_from_an_act_does_the_act_again_and_asks_first() -> None:
    parent = whole_order()
    book = child_of(parent, restart(parent.state, version=9, actor="me", first="mark"))
    assert book.asked() == ["mark"]
    book.proposes("mark", action(1)).stands(mark=Phase.APPROVAL, then=Phase.WAITING)


# --- fork ------------------------------------------------------------------------------------------------------


def test_a_fork_without_changes_at_the_end_has_nothing_left_to_do() -> None:
    parent = whole_order()
    book = child_of(parent, fork(parent.state, version=9, actor="me", changes={}))
    assert not [event for event in book.log if isinstance(event, TaskStarted)]
    book.ended(Status.SUCCEEDED)


def test_a_changed_output_makes_those_that_read_it_think_anew_and_acts_that_happened_stay() -> None:
    parent = whole_order()
    forked = fork(parent.state, version=9, actor="me", changes={"first.text": "b"})
    assert forked.changed == ("first.text",)
    assert inherited(forked)[0] == {"text": "b", "more": {"n": 1}}
    assert set(inherited(forked)) == {0, 1, 3, 4}, "both acts had happened"
    book = child_of(parent, forked)
    assert book.asked() == ["then"]
    assert parent.task("first").output == {"text": "a", "more": {"n": 1}}, "the parent is as it was"
    book.produces("then").ended(Status.SUCCEEDED)


@pytest.mark.parametrize(("path", "anew"), [("first.text", True), ("first.more.n", False)])
def test_only_what_reads_the_changed_field_follows_from_it(path: str, anew: bool) -> None:
    parent = Playbook(ORDER).start().produces("first", {"text": "a", "more": {"n": 1}})
    parent.proposes("mark", action(1)).acted("mark").produces("then")
    forked = fork(parent.state, version=9, actor="me", changes={path: "b"})
    assert (2 in inherited(forked)) is not anew


def test_a_field_deep_in_an_output_and_one_that_is_not_there() -> None:
    before = {"a": {"b": 1, "c": 2}, "d": 3}
    assert changed(before, ("a", "b"), 9) == {"a": {"b": 9, "c": 2}, "d": 3}
    assert before == {"a": {"b": 1, "c": 2}, "d": 3}
    for path in (("x",), ("a", "x")):
        with pytest.raises(KeyError):
            changed(before, path, 1)


def test_what_the_parent_has_taken_back_is_not_inherited() -> None:
    parent = Playbook(ORDER).start().produces("first").proposes("mark", action(1)).acted("mark")
    parent.fails("then", FailureClass.REFUSED).produces("beside")
    before = fork(parent.state, version=9, actor="me", changes={})
    assert 1 in inherited(before)
    parent.proposes(5, action(5, text="undo")).acted(5).ended(Status.FAILED)
    assert 1 not in inherited(fork(parent.state, version=12, actor="me", changes={}))
    assert 1 not in inherited(restart(parent.state, version=12, actor="me", first="then"))


def test_a_revision_is_not_counted_again() -> None:
    plan = plan_of(think("draft"), inspect("check", "draft.reply"), think("after", "check"))
    parent = Playbook(plan).start().produces("draft", {"reply": "x"})
    book = child_of(parent, fork(parent.state, version=4, actor="me", changes={}))
    assert book.asked() == ["check"]


# --- fan-outs --------------------------------------------------------------------------------------------------

TELL = TaskSpec("tell", TaskKind.ACT, Role.EXECUTOR, "proposer", "email.reply", for_each=ref("trigger.rows"))
FAN = plan_of(TELL, think("after", reads={"all": "tell.items"}))
TWO = plan_of(each("a", "trigger.rows"), each("b", "trigger.more"), think("join", "a", "b"))


def told(count: int, rows: int = 3) -> Playbook:
    book = Playbook(FAN).start({"rows": list(range(rows))})
    for item in range(count):
        book.proposes(f"tell[{item}]", action(2 + item, text=str(item))).acted(f"tell[{item}]", {"n": item})
    return book


def test_items_that_happened_are_inherited_and_the_rest_goes_on() -> None:
    parent = told(2)
    forked = fork(parent.state, version=9, actor="me", changes={})
    assert forked.expansions == ((0, 3),)
    assert set(inherited(forked)) == {2, 3}
    book = child_of(parent, forked)
    assert book.asked() == ["tell[2]"]
    book.proposes("tell[2]", action(4, text="2")).grants("tell[2]").acted("tell[2]", {"n": 2})
    assert book.task("tell").output == {"items": [{"n": 0}, {"n": 1}, {"n": 2}]}
    book.produces("after").ended(Status.SUCCEEDED)


@pytest.mark.parametrize("done", [0, 1, 2, 3])
def test_a_changed_list_is_fanned_out_anew_unless_some_of_it_has_happened(done: int) -> None:
    parent = told(done)
    changes = {"trigger.rows": [7, 8, 9, 10]}
    forked = fork(parent.state, version=9, actor="me", changes=changes)
    book = child_of(parent, forked, {"rows": changes["trigger.rows"]})
    if done == 3:
        assert book.asked() == ["after"], "all of it has happened: nothing is left of the fan-out"
        assert book.task("tell").output == {"items": [{"n": 0}, {"n": 1}, {"n": 2}]}
        book.produces("after").ended(Status.SUCCEEDED)
    else:
        assert len(book.asked()) == (4 if done == 0 else 3 - done)
    assert maintained(book.state) == recomputed(book.state)


def test_items_of_a_second_fan_out_are_found_where_they_lie_in_the_child() -> None:
    parent = Playbook(TWO).start({"rows": [1, 2], "more": [3, 4, 5]})
    parent.produces("a[0]").produces("a[1]").produces("b[1]", {"b": 1})
    forked = fork(parent.state, version=9, actor="me", changes={})
    assert forked.expansions == ((1, 3),), "the first is done, and its items are in what it gave"
    book = child_of(parent, forked)
    assert sorted(book.asked()) == ["b[0]", "b[2]"]
    book.produces("b[0]").produces("b[2]").produces("join").ended(Status.SUCCEEDED)
    assert (book.task("b").output or {})["items"][1] == {"b": 1}


def test_items_that_are_kept_of_two_fan_outs_each_go_to_their_own() -> None:
    parent = Playbook(TWO).start({"rows": [1, 2], "more": [3, 4, 5]})
    parent.produces("a[1]", {"a": 1}).produces("b[2]", {"b": 2})
    book = child_of(parent, fork(parent.state, version=9, actor="me", changes={}))
    assert sorted(book.asked()) == ["a[0]", "b[0]", "b[1]"]
    assert (book.task("a[1]").output, book.task("b[2]").output) == ({"a": 1}, {"b": 2})


def test_what_reads_a_part_of_the_changed_field_or_a_whole_that_holds_it_thinks_anew() -> None:
    plan = plan_of(
        think("first"),
        think("part", reads={"n": "first.more.n"}),
        think("whole", reads={"all": "first"}),
        think("other", reads={"text": "first.text"}),
    )
    parent = Playbook(plan).start().produces("first", {"text": "a", "more": {"n": 1}})
    for name in ("part", "whole", "other"):
        parent.produces(name)
    book = child_of(parent, fork(parent.state, version=9, actor="me", changes={"first.more": {"n": 2}}))
    assert sorted(book.asked()) == ["part", "whole"]


# --- any run, any point ----------------------------------------------------------------------------------------


def happened(state: RunState) -> set[str]:
    """The acts that have happened and were not taken back, by name."""
    first = state.unusual.undo_first
    back = {
        one for at, one in enumerate(state.unusual.undoing) if state.task(first + at).phase is Phase.SUCCEEDED
    }
    return {
        state.name(number)
        for number, task in state.all_tasks()
        if task.phase is Phase.SUCCEEDED
        and task.act is not None
        and number not in back
        and state.undoes(number) is None
    }


def prefixes(log: list[RunEvent], random: Random, count: int) -> list[RunState]:
    """The run as it stood after some of its events, the last among them."""
    state, found = nothing(RUN), list[RunState]()
    for event in log:
        state = evolve(state, event)
        if state.plan is not None:
            found.append(state)
    return [*random.sample(found, min(count, len(found))), *found[-1:]]


def _any_restart(state: RunState, plan: Plan, random: Random) -> RunForked:
    return restart(state, version=1, actor="me", first=random.choice(plan.workflow.tasks).name)


def _any_fork(state: RunState, plan: Plan, random: Random) -> RunForked:
    return fork(state, version=1, actor="me", changes=_any_changes(state, plan, random))


def _any_changes(state: RunState, plan: Plan, random: Random) -> dict[str, Any]:
    fields = [
        f"{task.name}.text"
        for number, task in enumerate(plan.workflow.tasks)
        if "text" in (state.task(number).output or {})
    ]
    changes: dict[str, Any] = {random.choice(fields): "other"} if fields and random.random() < 0.6 else {}
    if random.random() < 0.4:
        changes["trigger.rows"] = list(range(random.randint(0, 4)))
    return changes


@WALKS
@pytest.mark.parametrize("how", [_any_fork, _any_restart])
def test_a_child_of_any_run_at_any_point_ends_and_repeats_no_act_unasked(
    seed: int, how: Callable[[RunState, Plan, Random], RunForked]
) -> None:
    walk, random = Walk(seed), Random(seed)
    for _ in walk.steps(40):
        pass
    for _ in walk.fair() if walk.book.state.plan else ():
        pass
    for parent in prefixes(walk.book.log, random, 4):
        done = happened(parent)
        for _ in range(2):  # and a child of the child
            forked = how(parent, walk.book.plan, random)
            child = _child(seed, parent, forked, random)
            state = child.book.state
            began = [event for event in child.book.log if isinstance(event, ActionStarted)]
            assert all(event.authority.startswith("approval:") for event in began), "an act that did not ask"
            if how is _any_fork:
                again = {state.name(event.task) for event in began} & done
                assert not again, f"done again: {again}"
            done |= happened(state)
            parent = state


def _child(seed: int, parent: RunState, forked: RunForked, random: Random) -> Walk:
    """The run that goes on from there, led to its end."""
    child, head = Walk(seed), parent.head
    trigger = dict(head.trigger)
    if "trigger.rows" in forked.changed:
        trigger["rows"] = list(range(random.randint(0, 4)))
    child._tell(StartRun(RUN, head.workflow, head.definition, trigger, forked=forked))
    if child.book.state.plan is not None:
        _agrees(parent, child.book.state, forked)
    for _ in child.fair():
        assert maintained(child.book.state) == recomputed(child.book.state)
    assert child.book.state.ended
    return child


def _agrees(parent: RunState, child: RunState, forked: RunForked) -> None:
    """Each inherited task stands in the child for the task of the same name in the parent."""
    at_once = {number: task for number, task in child.all_tasks() if task.phase is Phase.SUCCEEDED}
    names = {parent.name(number): task for number, task in parent.all_tasks()}
    for one in forked.inherited:
        assert (
            names[child.name(one.task)].phase is Phase.SUCCEEDED or child.spec(one.task).for_each is not None
        )
        assert at_once[one.task].output == one.output
        spec = child.spec(one.task)
        assert (spec.kind is TaskKind.ACT) is one.acted or spec.for_each is not None, (
            "a fan-out acted in its items"
        )
    for number, task in child.all_tasks():
        plan = child.plan
        assert plan is not None
        if number < plan.size and task.phase is Phase.WAITING:
            left = sum(
                child.task(need).phase not in (Phase.SUCCEEDED, Phase.SKIPPED, Phase.FAILED)
                for need in plan.needs[number]
            )
            assert task.waiting == left


def test_a_fork_of_a_cancelled_run_goes_on() -> None:
    parent = Playbook(ORDER).start().produces("first").produces("beside")
    forked = fork(parent.state, version=5, actor="me", changes={})
    parent.tell(CancelRun(RUN, "me")).ended(Status.CANCELLED)
    book = child_of(parent, forked)
    assert book.asked() == ["mark"]

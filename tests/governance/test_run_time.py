"""A run's time: cut without gap or overlap, whatever is entered and left."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mainstay.governance.run_time import Part, RunTime

MOVES = st.tuples(st.integers(-5, 20), st.integers(0, 4), st.sampled_from([None, *Part]))


@given(st.lists(MOVES, max_size=80))
def test_the_parts_add_up_and_agree_with_a_plain_model(moves: list[tuple[int, int, Part | None]]) -> None:
    time, doing, spent, last = RunTime(), dict[int, Part](), dict.fromkeys(Part, 0), 100
    time.begin(100)
    for passed, task, part in moves:
        at = last + passed
        time.go_on(at)
        if at > last:
            order = (Part.CALLS, Part.AGENTS, Part.OPERATOR, Part.RETRY)
            spent[next((one for one in order if one in doing.values()), Part.QUEUE)] += at - last
            last = at
        left = time.leave(task)
        assert (left[0] if left else None) == doing.pop(task, None)
        assert left is None or left[1] >= 0
        if part is not None:
            time.enter(task, part)
            doing[task] = part
    assert time.spent_us == spent
    assert sum(spent.values()) == last - 100


def test_at_the_end_nobody_is_waited_for_and_what_is_at_work_is_heard() -> None:
    time = RunTime()
    time.begin(1)
    for task, part in enumerate((Part.OPERATOR, Part.RETRY, Part.AGENTS, Part.CALLS)):
        time.enter(task, part)
    time.go_on(5)
    time.withdraw()
    assert [time.leave(task) for task in range(4)] == [None, None, (Part.AGENTS, 4), (Part.CALLS, 4)]

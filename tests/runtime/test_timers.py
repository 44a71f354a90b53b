"""Timers against a sorted list."""

from hypothesis import given
from hypothesis import strategies as st

from mainstay.kernel.commands import Wake
from mainstay.kernel.effects import WakeAt
from mainstay.kernel.ids import RunId
from mainstay.kernel.values import Instant
from mainstay.runtime.timers import Timers

added = st.tuples(st.integers(0, 50), st.sampled_from("abc"), st.integers(0, 3))
steps = st.lists(
    st.one_of(added, st.integers(0, 60)), max_size=60
)  # a timer, or a look at a clock that jumps


@given(steps)
def test_what_is_due_comes_in_its_order_and_once(story: list[tuple[int, str, int] | int]) -> None:
    timers, model = Timers(), list[tuple[int, str, int]]()
    for step in story:
        if isinstance(step, tuple):
            at, run, task = step
            timers.add(WakeAt(RunId(run), task, Instant(at)))
            model.append(step)
        else:
            due = sorted(one for one in model if one[0] <= step)
            model = [one for one in model if one[0] > step]
            assert timers.due(Instant(step)) == [Wake(RunId(run), task) for _, run, task in due]
        assert len(timers) == len(model)
        assert timers.next_at() == min((one[0] for one in model), default=None)

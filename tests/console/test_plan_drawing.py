"""The plan of a run as places: boxes never touch, lines go to the right, what is too much is told in groups."""

import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.console.drawing.plan import (
    BOX_MAX,
    EDGE_MAX,
    HEIGHT,
    STATES,
    WIDTH,
    Box,
    Drawing,
    Step,
    draw,
    told,
)


def steps(*needs: tuple[int, ...], state: str = "next") -> list[Step]:
    return [Step(number, f"task{number}", state, needs=one) for number, one in enumerate(needs)]


def at(drawing: Drawing, number: int) -> Box:
    return next(one for one in drawing.boxes if one.number == number)


def a_plan(seed: int, most: int = 24) -> list[Step]:
    """Any plan without a circle, drawn from one seed: choice by choice it would take ten times as long."""
    random = Random(seed)
    found = []
    for number in range(random.randint(1, most)):
        needs = {random.randrange(number) for _ in range(random.randint(0, 3))} if number else set()
        found.append(Step(number, f"t{number}", random.choice(STATES), needs=tuple(sorted(needs))))
    return found


plans = st.integers(0, 2**32).map(a_plan)


@settings(max_examples=30)
@given(plans)
def test_boxes_never_overlap_and_stay_within_the_picture(plan: list[Step]) -> None:
    drawing = draw(plan)
    boxes = drawing.boxes
    assert {one.number for one in boxes} == {one.number for one in plan}
    for index, one in enumerate(boxes):
        assert one.x >= 0
        assert one.y >= 0
        assert one.x + WIDTH <= drawing.width
        assert one.y + HEIGHT <= drawing.height
        for other in boxes[index + 1 :]:
            assert abs(one.x - other.x) >= WIDTH or abs(one.y - other.y) >= HEIGHT


@settings(max_examples=30)
@given(plans)
def test_lines_go_from_left_to_right_from_what_is_needed(plan: list[Step]) -> None:
    drawing = draw(plan)
    needs = {one.number: set(one.needs) for one in plan}
    for edge in drawing.edges:
        start, end = at(drawing, edge.start), at(drawing, edge.end)
        assert edge.start in needs[edge.end]
        assert edge.points[0] == (start.x + WIDTH, start.y + HEIGHT / 2)
        assert edge.points[-1] == (end.x, end.y + HEIGHT / 2)
        assert all(left[0] <= right[0] for left, right in zip(edge.points, edge.points[1:], strict=False))


@settings(max_examples=30)
@given(plans)
def test_a_line_that_passes_a_column_runs_between_its_boxes(plan: list[Step]) -> None:
    drawing = draw(plan)
    for edge in drawing.edges:
        for (x, y), (next_x, next_y) in zip(edge.points[1:-1:2], edge.points[2:-1:2], strict=True):
            assert y == next_y
            assert next_x == x + WIDTH
            for box in drawing.boxes:
                assert box.x != x or not box.y < y < box.y + HEIGHT


@settings(max_examples=30)
@given(plans)
def test_what_follows_from_the_lines_is_what_was_needed(plan: list[Step]) -> None:
    def reach(direct: dict[int, set[int]]) -> dict[int, set[int]]:
        whole: dict[int, set[int]] = {}
        for number in sorted(direct):
            whole[number] = direct[number].union(*(whole[one] for one in direct[number]))
        return whole

    drawing = draw(plan)
    drawn = {one.number: {edge.start for edge in drawing.edges if edge.end == one.number} for one in plan}
    assert reach(drawn) == reach({one.number: set(one.needs) for one in plan})


def test_the_longest_way_says_how_far_right_a_box_stands() -> None:
    drawing = draw(steps((), (0,), (1,), (0, 2)))
    assert [at(drawing, n).x for n in range(4)] == sorted({at(drawing, n).x for n in range(4)})


def test_a_need_that_others_imply_is_not_drawn() -> None:
    assert {(one.start, one.end) for one in draw(steps((), (0,), (1, 0))).edges} == {(0, 1), (1, 2)}


def test_a_chain_is_one_straight_line() -> None:
    drawing = draw(steps((), (0,), (1,), (2,)))
    assert len({one.y for one in drawing.boxes}) == 1
    assert all(re.fullmatch(r"M[\d. ]+L[\d. ]+", one.path) for one in drawing.edges)


def test_a_short_plan_is_spread_over_its_room() -> None:
    assert draw(steps((), (0,))).width < draw(steps((), (0,)), room=900).width <= 900


def test_a_circle_and_a_stranger_do_no_harm() -> None:
    drawing = draw(
        [Step(0, "a", "next", needs=(1,)), Step(1, "b", "next", needs=(0,)), Step(2, "c", "next", needs=(9,))]
    )
    assert len(drawing.boxes) == 3
    assert len(drawing.edges) == 1


def test_a_wide_plan_is_drawn_in_groups_that_count() -> None:
    wide = [Step(0, "first", "done")]
    wide += [
        Step(n, f"item{n}", "done" if n <= 4_000 else "running" if n == 4_001 else "next", needs=(0,))
        for n in range(1, 9_999)
    ]
    wide.append(Step(9_999, "join", "next", needs=tuple(range(1, 9_999))))
    drawing = draw(wide)
    assert [one.name for one in drawing.boxes] == ["first", "item1 … item9998", "join"]
    group = at(drawing, 1)
    assert (group.count, group.state, group.said) == (9_998, "running", "4,000 of 9,998 done")
    assert dict(group.of) == {"running": 1, "next": 5_997, "done": 4_000}
    assert drawing.grouped == 10_000


def test_a_group_shows_what_is_worst_in_it() -> None:
    crowd = [Step(n, f"t{n}", "failed" if n == 7 else "done") for n in range(BOX_MAX + 1)]
    assert draw(crowd).boxes[0].state == "failed"


@pytest.mark.parametrize("count", [BOX_MAX, BOX_MAX + 1, 150, 400])
def test_however_large_it_is_there_are_few_boxes_and_every_task_is_counted(count: int) -> None:
    random = Random(count)
    large = [Step(n, f"t{n}", "next", needs=tuple(random.sample(range(n), min(n, 2)))) for n in range(count)]
    drawing = draw(large)
    assert len(drawing.boxes) <= BOX_MAX
    assert len(drawing.edges) <= EDGE_MAX
    assert sum(one.count for one in drawing.boxes) == count


def test_its_name_tells_the_progress() -> None:
    some = [
        Step(0, "a", "done"),
        Step(1, "b", "running"),
        Step(2, "c", "next", count=3, of={"done": 1, "next": 2}),
    ]
    assert told(some) == "2 of 5 tasks done, 1 running, 2 not started"


def test_nothing_is_a_picture_too() -> None:
    assert draw([]).boxes == ()

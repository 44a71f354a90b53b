"""Stacked bars as geometry: sums, order, nothing negative, nothing outside, labels that do not touch."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.console.drawing.bars import GAP, LEAST, OTHER, SERIES_MAX, TEXT, Bars, bars

DAYS = st.lists(
    st.dictionaries(
        st.sampled_from(["triage", "content", "billing", "operations", "audit", "x"]),
        st.integers(-5, 10**9),
        max_size=6,
    ),
    max_size=40,
)


def drawn(days: list[dict[str, int]], cap: int | None = None) -> Bars:
    return bars([(str(index + 1), one) for index, one in enumerate(days)], say=str, cap=cap, cap_said="cap")


@settings(max_examples=30)
@given(DAYS, st.none() | st.integers(0, 10**9))
def test_nothing_is_negative_and_nothing_leaves_the_picture(
    days: list[dict[str, int]], cap: int | None
) -> None:
    one = drawn(days, cap)
    assert one.left < one.right <= one.width
    assert 0 < one.top < one.bottom < one.height
    for column in one.columns:
        assert one.left <= column.x
        assert column.x + column.width <= one.right
        assert column.width > 0
        for part in column.parts:
            assert part.value > 0
            assert part.height > 0
            assert part.y >= one.top - SERIES_MAX * LEAST
            assert part.y + part.height <= one.bottom + 0.01
    for line in (*one.lines, *([one.cap] if one.cap else [])):
        assert one.top - 0.01 <= line.y <= one.bottom + 0.01


@settings(max_examples=30)
@given(DAYS)
def test_parts_add_up_to_their_column_and_lie_in_the_order_of_the_legend(days: list[dict[str, int]]) -> None:
    one = drawn(days)
    assert len(one.series) <= SERIES_MAX
    assert one.total == sum(max(0, value) for day in days for value in day.values())
    for column in one.columns:
        assert sum(part.value for part in column.parts) == column.total
        assert [part.series for part in column.parts] == sorted(part.series for part in column.parts)
        for below, above in zip(column.parts, column.parts[1:], strict=False):
            assert above.y + above.height <= below.y + 0.01
        assert all(one.series[part.series] == part.name for part in column.parts)


def test_heights_are_to_scale() -> None:
    one = drawn([{"a": 300, "b": 100}, {"a": 200}])
    (a, b), (half,) = one.columns[0].parts, one.columns[1].parts
    assert a.height + GAP == pytest.approx(3 * b.height)
    assert half.height == pytest.approx(2 * b.height)
    zero, *_, last = one.lines
    assert (zero.value, zero.y) == (0, one.bottom)
    assert one.bottom - last.y == pytest.approx(b.height * last.value / 100)


def test_the_largest_come_first_and_the_rest_is_one() -> None:
    one = drawn([{"a": 1, "b": 20, "c": 300, "d": 4_000, "e": 50_000}])
    assert one.series == ("e", "d", "c", OTHER)
    assert one.columns[0].parts[-1].value == 21


def test_what_is_small_can_be_seen() -> None:
    parts = drawn([{"a": 10**9, "b": 1}]).columns[0].parts
    assert parts[1].height == LEAST
    assert drawn([{"a": 10**9}, {"a": 1}]).columns[1].parts[0].height == LEAST


def test_what_is_added_to_the_small_is_taken_from_the_tallest() -> None:
    one = drawn([{"a": 10**9, "b": 1, "c": 1}, {"a": 10**9 + 2}])
    many, single = one.columns
    assert many.parts[-1].y == pytest.approx(single.parts[0].y)


def test_a_cap_within_reach_is_to_scale_and_one_far_above_only_told() -> None:
    near, far = drawn([{"a": 300}], 350), drawn([{"a": 3}], 20_000)
    assert near.cap is not None
    assert not near.cap_above
    assert near.columns[0].parts[-1].y > near.cap.y > near.top - 0.01
    assert far.cap is not None
    assert far.cap_above
    assert far.cap.y == far.top
    assert far.columns[0].parts[0].height > 100


def test_without_anything_there_is_an_empty_frame() -> None:
    for one in (drawn([]), drawn([{}, {"a": 0}])):
        assert one.series == ()
        assert one.total == 0
        assert one.lines[0].value == 0


@settings(max_examples=30)
@given(st.integers(1, 60), st.sampled_from(["1", "23", "23 Nov"]))
def test_labels_do_not_touch(count: int, text: str) -> None:
    one = bars([(text, {"a": 1})] * count, say=str)
    assert one.labels[-1].x == pytest.approx(one.columns[-1].middle)
    width = len(text) * TEXT
    for before, after in zip(one.labels, one.labels[1:], strict=False):
        assert after.x - before.x > width
    if count <= 14:
        assert len(one.labels) == count


@given(st.integers(1, 10**12), st.sampled_from([1, 10_000]))
def test_lines_are_round_and_few(most: int, unit: int) -> None:
    lines = bars([("1", {"a": most})], say=str, unit=unit).lines
    step = lines[1].value
    assert 2 <= len(lines) <= 6
    assert step % unit == 0
    assert str(step // unit).rstrip("0") in ("1", "2", "5")

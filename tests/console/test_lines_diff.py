"""Two texts line by line: nothing lost, nothing invented, and bounded."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.console.lines_diff import (
    EQUAL_MAX,
    GONE,
    LEFT_OUT,
    LINES_MAX,
    NEW,
    ROWS_MAX,
    SAME,
    Row,
    counts,
    lines_diff,
)

LINES = st.lists(st.sampled_from(["a b c d", "a b x d", "one", "two", ""]), max_size=12).map("\n".join)


def text(rows: list[Row], side: str) -> list[str]:
    return ["".join(part for _, part in row.parts) for row in rows if row.kind in (SAME, side)]


@given(LINES, LINES)
def test_each_side_is_in_order_and_whole_but_for_what_is_left_out(old: str, new: str) -> None:
    rows = lines_diff(old, new)
    for side, said, number in ((GONE, old, "old"), (NEW, new, "new")):
        numbered = [(getattr(one, number), one) for one in rows if one.kind in (SAME, side)]
        lines = said.split("\n")
        assert [at for at, _ in numbered] == sorted({at for at, _ in numbered})
        assert all("".join(part for _, part in one.parts) == lines[at - 1] for at, one in numbered)


def test_the_same_text_has_no_rows() -> None:
    assert lines_diff("a\nb\n", "a\nb\n") == []


def test_a_word_is_told_apart_in_its_line() -> None:
    rows = lines_diff("one\ntwo three four\nfive\n", "one\ntwo three six\nfive\n")
    assert [(one.kind, one.old, one.new) for one in rows] == [
        (SAME, 1, 1),
        (GONE, 2, 0),
        (NEW, 0, 2),
        (SAME, 3, 3),
    ]
    assert rows[1].parts == [(SAME, "two three "), (GONE, "four")]
    assert rows[2].parts == [(SAME, "two three "), (NEW, "six")]
    assert counts(rows) == (1, 1)


def test_what_stays_far_from_a_change_is_left_out() -> None:
    old = "\n".join(map(str, range(100)))
    rows = lines_diff(old, old.replace("\n50\n", "\nfifty\n"))
    assert [one.kind for one in rows].count(LEFT_OUT) == 2
    assert len(rows) == 2 + 2 * 3 + 2
    assert rows[0].parts == [(SAME, "47 lines stay as they are")]


def test_a_new_file_is_all_new() -> None:
    assert [one.kind for one in lines_diff("", "a\nb\n")] == [NEW, NEW, NEW][: len(lines_diff("", "a\nb\n"))]
    assert text(lines_diff("", "a\nb\n"), NEW)[:2] == ["a", "b"]


class Counting(SequenceMatcher[str]):
    """Counts what it is given to compare: its time grows with that, and with nothing else."""

    pairs: ClassVar[list[int]] = []

    def __init__(self, isjunk: None, one: list[str], other: list[str], autojunk: bool = True) -> None:
        super().__init__(isjunk, one, other, autojunk=autojunk)
        assert max(len(one), len(other)) <= LINES_MAX
        # What stands everywhere is not looked up any more (`autojunk`).
        self.pairs.append(sum(len(self.b2j.get(line, ())) for line in one))


@pytest.fixture
def pairs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pairs of equal lines each comparison has to look at."""
    monkeypatch.setattr("mainstay.console.lines_diff.SequenceMatcher", Counting)
    monkeypatch.setattr(Counting, "pairs", [])
    return Counting.pairs


def test_what_has_nothing_in_common_costs_little(pairs: list[int]) -> None:
    old, new = ("\n".join(f"{word} {at}" for at in range(20_000)) for word in ("this", "that"))
    assert lines_diff(old, new)[-1].kind == LEFT_OUT
    assert sum(pairs) <= EQUAL_MAX


def test_lines_that_stand_everywhere_cost_little(pairs: list[int]) -> None:
    """It is worked out where the director decides: what somebody pastes must not keep it for seconds."""
    for count in (1_450, 60_000):
        old, new = "a\nb\n" * count, "b\na\n" * count
        assert len(lines_diff(old, new)) <= ROWS_MAX + 1
    assert sum(pairs) <= EQUAL_MAX

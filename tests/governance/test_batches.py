"""Of a preview some are left out: what is decided is a part of what was shown, and of nothing else."""

from __future__ import annotations

import pytest

from mainstay.governance.batches import chosen_of, guard_of
from mainstay.kernel.errors import CommandRefused, StaleApproval

SHOWN = [("aaaa1111", "1" * 64), ("aaaa2222", "2" * 64), ("bbbb3333", "3" * 64)]


def test_what_is_left_out_is_not_decided_and_the_rest_has_a_guard_of_its_own() -> None:
    assert chosen_of(SHOWN, guard_of(SHOWN), ["bbbb", "aaaa1111"]) == ([SHOWN[1]], guard_of([SHOWN[1]]))


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param([*SHOWN, ("cccc4444", "4" * 64)], id="one more"),
        pytest.param([(name, "5" * 64) for name, _ in SHOWN], id="other effects"),
        pytest.param(SHOWN[1:], id="one less"),
    ],
)
def test_nothing_is_left_out_of_what_was_not_shown(sent: list[tuple[str, str]]) -> None:
    """Or the guard of the rest, which is made anew, would say of any cards that somebody had looked at them."""
    with pytest.raises(StaleApproval):
        chosen_of(sent, guard_of(SHOWN), ["bbbb3333"])


@pytest.mark.parametrize("left", [["aaaa"], ["aaa"], ["cccc"], [""], ["aaaa1111", "aaaa2222", "bbbb"]])
def test_a_name_of_none_or_several_or_all_of_them_decides_nothing(left: list[str]) -> None:
    with pytest.raises(CommandRefused):
        chosen_of(SHOWN, guard_of(SHOWN), left)

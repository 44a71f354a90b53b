"""Burn rates and what follows from them: the figures of the Site Reliability Workbook, and few events counted."""

from __future__ import annotations

import pytest

from mainstay.governance.objectives import (
    LIMITS,
    PPM,
    WINDOWS,
    Count,
    Kind,
    Objective,
    Reading,
    allowed,
    burn_milli,
    read,
)
from mainstay.kernel.values import DAY, HOUR, MINUTE

SUCCESS = Objective(Kind.SUCCESS, 990_000)
EXACT = Objective(Kind.EXACTNESS, PPM)


def reading(
    objective: Objective = SUCCESS, usual: tuple[int, int] = (0, 1_000), **windows: tuple[int, int]
) -> Reading:
    """With these (bad, total); every window that is not named is as usual. Names are written with a w: `w1h`."""
    named = {name: Count(*windows.get(f"w{name}", usual)) for name in WINDOWS}
    return read("triage", objective, named)


def test_the_windows_and_limits_are_those_of_the_workbook() -> None:
    assert [(one.long_us, one.short_us, one.burn_milli) for one in LIMITS] == [
        (HOUR, 5 * MINUTE, 14_400),
        (6 * HOUR, 30 * MINUTE, 6_000),
        (3 * DAY, 6 * HOUR, 1_000),
    ]


def test_a_rate_of_one_uses_the_budget_up_in_its_window() -> None:
    assert burn_milli(SUCCESS, Count(1, 100)) == 1_000
    assert burn_milli(SUCCESS, Count(144, 1_000)) == 14_400
    assert burn_milli(Objective(Kind.SUCCESS, 999_000), Count(144, 10_000)) == 14_400
    assert burn_milli(SUCCESS, Count(0, 0)) == 0
    # An hour at 14.4 is a fifth of three days' budget, six hours at 6 are half of it: 14.4 / 72 and 36 / 72.
    shares = [one.burn_milli * one.long_us / (1_000 * 3 * DAY) for one in LIMITS]
    assert shares == pytest.approx([0.2, 0.5, 1.0])


@pytest.mark.parametrize(
    ("windows", "window", "burn"),
    [
        ({"w1h": (144, 1_000), "w5min": (3, 20)}, "1h", 14_400),
        ({"w1h": (143, 1_000), "w5min": (20, 20)}, "", 0),
        ({"w1h": (500, 1_000), "w5min": (0, 100)}, "", 0),  # it is over already
        ({"w6h": (60, 1_000), "w30min": (6, 100)}, "6h", 6_000),
        ({"w6h": (59, 1_000), "w30min": (6, 100), "w3d": (1, 1_000)}, "", 0),
        ({"w3d": (10, 1_000), "w6h": (1, 100)}, "3d", 1_000),
        ({"w3d": (10, 1_000), "w6h": (0, 100)}, "", 0),
        ({"w1h": (100, 100), "w5min": (20, 20), "w6h": (100, 100), "w30min": (50, 50)}, "1h", 100_000),
    ],
)
def test_both_windows_must_burn(windows: dict[str, tuple[int, int]], window: str, burn: int) -> None:
    breach = reading(**windows).breach
    assert (breach.window if breach else "", breach.burn_milli if breach else 0) == (window, burn)


def test_of_few_events_the_bad_ones_are_counted() -> None:
    assert [allowed(SUCCESS, total) for total in (0, 19, 200, 1_000)] == [1, 1, 2, 10]
    assert allowed(Objective(Kind.SUCCESS, 800_000), 5) == 4
    one_of_three = reading(usual=(1, 3))
    assert one_of_three.breach is None
    assert one_of_three.counted
    two = reading(usual=(2, 3)).breach
    assert two is not None
    assert (two.window, two.bad, two.total) == ("count", 2, 3)
    # 25 in three days and three in the last six hours: one failure is no reason to ask for everything again.
    assert reading(usual=(1, 3), w3d=(1, 25)).breach is None
    assert reading(usual=(1, 3), w3d=(2, 25)).breach is not None


def test_exactness_has_no_budget() -> None:
    assert reading(EXACT, (0, 0)).breach is None
    assert reading(EXACT).breach is None
    breach = reading(EXACT, (0, 0), w3d=(1, 10_000)).breach
    assert breach is not None
    assert (breach.window, breach.bad, breach.total) == ("count", 1, 10_000)
    assert not reading(EXACT, (0, 0), w3d=(1, 10_000)).met
    assert reading(EXACT, (0, 0), w3d=(1, 10_000)).left_ppm == 0


def test_what_was_missed_is_met_again_only_when_it_clearly_is() -> None:
    nearly = reading(w1h=(120, 1_000), w5min=(12, 100))  # a rate of 12: below 14.4, above four fifths of it
    assert nearly.breach is None
    assert not nearly.met
    assert reading(w1h=(110, 1_000), w5min=(11, 100), w6h=(11, 1_000)).met
    # The budget of three days is spent: it may be quiet now, and is not met before some of it has come back.
    assert not reading(w3d=(9, 1_000), w6h=(0, 100)).met
    assert reading(w3d=(7, 1_000), w6h=(0, 100)).met
    assert reading(usual=(0, 0), w3d=(1, 3)).met
    assert not reading(usual=(0, 0), w3d=(2, 3)).met


def test_what_is_missed_is_never_met() -> None:
    for bad in range(60):
        for total in (bad, 20, 60, 1_000):
            one = reading(usual=(bad, max(bad, total)))
            assert not (one.breach is not None and one.met), (bad, total)


def test_what_is_left_of_a_budget() -> None:
    assert reading(w3d=(5, 1_000)).left_ppm == 500_000
    assert reading(w3d=(20, 1_000)).left_ppm == -1_000_000
    assert reading(usual=(1, 4)).left_ppm == 0
    assert reading(usual=(0, 0)).left_ppm == PPM
    assert reading(usual=(1, 4)).burn_milli("3d") is None

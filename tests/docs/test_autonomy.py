"""The page about autonomy, held to the code: numbers, levels, commands and calls."""

import re

from mainstay.kernel.autonomy import (
    RECENT_AUDITS,
    AutonomyRules,
    Level,
    audit_share,
    proved,
    wanting,
    worst_case,
)
from mainstay.kernel.values import MINUTE
from mainstay.workspace.autonomy import AutonomyDesk
from tests.docs.pages import bare, rows, text_of

PAGE = "autonomy.md"


def test_the_decisions_that_prove_it_are_those_of_the_code() -> None:
    checked = 0
    for target, *needed in rows(PAGE, "## When it may go by itself"):
        rate = float(re.match(r"[0-9]+", target)[0]) / 100  # type: ignore[index]
        for errors, decisions in enumerate(needed):
            if decisions:
                assert wanting(0, errors, rate) + errors == int(decisions)
                assert proved(int(decisions) - errors, errors, rate)
                checked += 1
    assert checked == 10


def test_the_levels_and_the_usual_settings_are_those_of_the_code() -> None:
    assert [bare(row[0]) for row in rows(PAGE, "## Kinds and levels")] == [str(level) for level in Level]
    assert AutonomyRules() == AutonomyRules(100_000, 15 * MINUTE, Level.AUTOMATIC, by_itself=False)


def test_what_could_go_wrong_is_what_a_grant_tells() -> None:
    text = " ".join(text_of(PAGE).split())
    now, later = re.search(r"in 19 of 20 cases: (\d+) directly after .+?, and (\d+) later on", text).groups()  # type: ignore[union-attr]
    assert (int(now), int(later)) == (worst_case(0), worst_case())
    assert "(1 / (2 + n) after n of them in a row)" in text
    assert [audit_share(clean) for clean in (0, 8)] == [1 / 2, 1 / 10]
    assert f"Two errors among the last {RECENT_AUDITS} audits" in text


def test_the_simulated_table_says_what_it_must() -> None:
    table = rows(PAGE, "## What could go wrong")
    assert len(table) == 10
    worst = {row[1]: int(row[4]) for row in table if row[0] == "100 %"}
    assert worst["at once"] <= worst_case(0) + 1
    assert abs(worst["later on"] - worst_case()) <= 6  # of 1,000 kinds


def test_every_call_is_told_and_no_other() -> None:
    told = re.search(r"`workspace\.autonomy`, with ([^.]+)\.", text_of(PAGE))
    assert told is not None
    public = {name for name in dir(AutonomyDesk) if not name.startswith("_")}
    assert set(re.findall(r"`(\w+)`", told[1])) == public

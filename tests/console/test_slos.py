"""SLOs: targets as sentences, states in words, burn rates, and three days as a small picture with a sentence."""

from __future__ import annotations

import pytest

from mainstay.console.pages.slos import MEANS, STATES, burns, current, marks, row_of, spoken, wanted
from mainstay.governance.objectives import Count, Kind, Objective, Reading, read
from mainstay.governance.samples import _counted
from mainstay.kernel.values import HOUR, MINUTE
from mainstay.workspace.objectives import Course, ObjectiveState
from tests.console.seeded_views import rows_in
from tests.security.web_house import Browser, WebHouse

SUCCESS = Objective(Kind.SUCCESS, 950_000)


@pytest.fixture
def browser(web: WebHouse) -> Browser:
    return web.log_in()


def reading(bad: int, total: int, objective: Objective = SUCCESS) -> Reading:
    return read("w", objective, dict.fromkeys(("5min", "30min", "1h", "6h", "3d"), Count(bad, total)))


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        (SUCCESS, "95 % of runs end well"),
        (Objective(Kind.PROPOSAL, 999_000, 15 * MINUTE), "99.9 % of acts are proposed within 15 min"),
        (Objective(Kind.EFFECT, 950_000, 2 * HOUR), "95 % of acts are done within 2 h of the decision"),
        (Objective(Kind.EXACTNESS, 1_000_000), "No act is wrong"),
    ],
)
def test_a_target_is_a_sentence(objective: Objective, words: str) -> None:
    assert words in wanted(objective)


def test_what_is_so_now() -> None:
    assert current(reading(0, 0)) == "nothing yet"
    assert current(reading(1, 4)) == "1 bad of 4"
    assert current(reading(1, 200)) == "99.5 % of 200"
    assert burns(reading(10, 100)) == (("1h", "2.0×"), ("6h", "2.0×"), ("3d", "2.0×"))
    assert burns(reading(1, 4))[0] == ("1h", "–")


def test_every_state_has_words() -> None:
    for state in ("met", "missed", "burning", "recovering", "quiet"):
        assert STATES[state][0]
        assert MEANS[state]
    row = row_of(Course(ObjectiveState(reading(60, 100), None), (Count(60, 100),), None))
    assert (row.word, row.tone, row.left_percent) == ("Burning", "bad", -999)
    assert row_of(Course(ObjectiveState(reading(60, 100), 7), (), 3)).word == "Missed"


def test_the_small_picture_is_to_scale_and_told() -> None:
    parts = (Count(0, 10), Count(0, 0), Count(5, 20), Count(1, 1_000))
    found = marks(parts)
    assert [one.x for one in found] == [0, 6, 12, 18]
    assert found[0].height * 100 == pytest.approx(found[3].height)
    assert all(one.bad_height <= max(one.height, 2.0) for one in found)
    assert found[3].bad_height == 2.0
    assert marks((Count(), Count())) == ()
    assert "1,030 in all, 6 bad, in 2 parts" in spoken(parts)


def test_the_page_tells_objectives_and_how_to_write_one(web: WebHouse, browser: Browser) -> None:
    missed = {"window": "6h", "bad": 9, "total": 60, "burn_milli": 15_000, "breached_at": 1, "met_at": None}
    with rows_in(web, ("objectives", ("triage", "proposal"), missed)):
        text = browser.get("/slos").text
        assert "of runs end well" in text
        assert "Recovering" in text or "Missed" in text
        assert "[slo.triage]" in text
        assert "asks again, until it is granted anew" in text


def test_counts_that_are_kept_say_what_a_fresh_look_says(web: WebHouse) -> None:
    with web.service_reader() as workspace:
        first = workspace.slo.courses()
        again = workspace.slo.courses()
        fresh = workspace.slo.show()
    assert [one.state.reading.windows for one in again] == [one.reading.windows for one in fresh]
    assert len(first) == len(fresh)
    for one in again:
        whole = one.state.reading.of_budget
        assert sum(part.total for part in one.parts) == whole.total
        assert sum(part.bad for part in one.parts) == whole.bad


def test_however_many_minutes_there_are_the_same_is_counted() -> None:
    few = {10: [1, 2], 11: [0, 5], 20: [3, 3]}
    many = few | {minute: [1, 1] for minute in range(100, 200)}
    for after, until in ((9, 20), (10, 20), (0, 10), (11, 19), (20, 20)):
        expected = [few[minute] for minute in few if after < minute <= until]
        for minutes in (few, many):
            found = _counted(minutes, after * MINUTE, until * MINUTE)
            assert found == Count(sum(one[0] for one in expected), sum(one[1] for one in expected))

"""Cost: the picture and the table are the same numbers, days without anything are there, budgets are told in words."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from mainstay.console.drawing.bars import bars
from mainstay.console.pages.cost import MEASURES, SPANS, budget_rows, by_day, each_workflow, summary
from mainstay.governance.costs import Cost
from mainstay.kernel.budget import day_of
from tests.console.seeded_views import Row, rows_in
from tests.security.web_house import Browser, WebHouse

MONEY, MINUTES = MEASURES["money"], MEASURES["minutes"]


@pytest.fixture
def browser(web: WebHouse) -> Browser:
    return web.log_in()


def spent(day: int, workflow: str, cost: int, runs: int = 1) -> Row:
    return "spent", (day, workflow), {"cost_micros": cost, "runs": runs, "operator_us": 60_000_000}


def test_every_day_is_there_and_nothing_is_lost() -> None:
    rows = by_day([Cost("a", 3, 5), Cost("b", 3, 7), Cost("a", 5, 1), Cost("a", 9, 100)], 2, 6, MONEY.of)
    assert rows == [(2, {}), (3, {"a": 5, "b": 7}), (4, {}), (5, {"a": 1}), (6, {})]


def test_each_workflow_in_money_or_in_minutes() -> None:
    found = [
        Cost("a", cost_micros=10, runs=2, operator_us=60_000_000),
        Cost("b", runs=0, operator_us=180_000_000),
    ]
    assert each_workflow(found, MONEY) == [("a", 2, "$0.000005", "$0.000010"), ("b", 0, "", "$0")]
    assert each_workflow(found, MINUTES)[0] == ("b", 0, "", "3 min")


def test_the_picture_is_a_sentence_as_well() -> None:
    picture = bars([("1", {"a": 1_000_000}), ("2", {"a": 3_000_000})], say=str)
    assert "$4.00 in all, most on day 2 with $3.00" in summary(picture, MONEY)
    assert "nothing in these 1 days" in summary(bars([("1", {})], say=str), MONEY)


@pytest.mark.parametrize(
    ("used", "limit", "projected", "word"),
    [
        (0, None, 0, "No limit"),
        (1, 10, 2, "Within"),
        (1, 10, 11, "before its end"),
        (8, 10, 9, "four fifths"),
        (10, 10, 12, "Reached: what costs waits"),
    ],
)
def test_budgets_are_told_in_words(used: int, limit: int | None, projected: int, word: str) -> None:
    one = {"spent_micros": used, "limit_micros": limit, "projected_micros": projected}
    found: Any = SimpleNamespace(budgets={"day": one, "month": one}, limits={"run": None, "workflow": 5})
    rows = budget_rows(found)
    assert [row["key"] for row in rows] == ["day_usd", "month_usd", "workflow_usd", "run_usd"]
    assert word in rows[0]["said"]
    assert rows[2]["limit_micros"] == 5


def test_the_table_has_what_the_picture_shows(web: WebHouse, browser: Browser) -> None:
    today = day_of(web.clock.now())
    rows = [
        spent(today - 3, "content", 1_500_000),
        spent(today - 3, "billing", 250_000),
        spent(today - 6, "content", 500_000),
        spent(today - 20, "content", 9_000_000),
    ]
    with rows_in(web, *rows):
        text = browser.get("/cost?days=14&numbers=1").text
        assert 'class="picture"' in text
        assert "Daily cap $2.00" in text
        drawn = re.findall(r"<title>(\d+): (\$[\d.,]+)", text)
        told = re.findall(r'<tr><td>\d+-\d+-(\d+)</td>.*?<td class="number">(\$[\d.,]+)</td></tr>', text)
        assert {(str(int(day)), money) for day, money in told} == {one for one in drawn if one[1] != "$0"}
        assert ("$1.75") in {money for _, money in told}
        assert "$9.00" not in text
        assert "$9.00" in browser.get("/cost?days=30&numbers=1").text
        assert "Your time by day" in browser.get("/cost?of=minutes").text


def test_without_money_it_says_why(browser: Browser) -> None:
    text = browser.get("/cost?days=7").text
    assert "Nothing was spent in these days." in text
    assert 'class="picture"' not in text
    assert 'class="picture"' in browser.get("/cost?days=7&of=runs").text


@pytest.mark.parametrize("days", ["", "0", "999999999", "-1", "x", "²", "14;"])
def test_only_spans_that_are_offered_are_read(days: str, browser: Browser) -> None:
    from urllib.parse import quote

    text = browser.get(f"/cost?days={quote(days)}&of=nothing").text
    assert "14 days</a>" in text
    assert re.search(r'aria-current="true">14 days', text)
    assert len(SPANS) == 4


def test_a_part_of_it_comes_alone(browser: Browser) -> None:
    part = browser.get("/cost?part=costs&days=7&of=runs")
    assert part.text.startswith('<div id="costs"')
    assert "<html" not in part.text

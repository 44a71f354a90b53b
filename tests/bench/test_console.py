"""What `bench console` makes of what it hears, and that it runs."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from mainstay.bench.console import Options, run_console
from mainstay.bench.console_fill import filled
from mainstay.bench.console_turns import medians, p95
from mainstay.bench.console_visits import Page, Read, fonts, ways_ms
from mainstay.bench.report import Report


def page(heard: list[tuple[int, float]], fetched: list[tuple[float, float]]) -> Page:
    one = Page({}, 0, "runs", "/runs?part=list")
    one.heard, one.fetched = heard, fetched
    return one


def test_a_commit_is_told_by_the_first_message_that_covers_it_and_shown_by_the_next_fetch() -> None:
    commits = [(3, 1.0), (5, 1.1), (9, 2.0), (12, 3.0)]
    told, shown = ways_ms(commits, [page([(5, 1.2), (9, 2.1)], [(1.15, 1.3), (1.25, 1.4), (2.15, 2.4)])])
    assert [round(one) for one in told] == [200, 100, 100]  # the last was never told
    assert [round(one) for one in shown] == [
        400,
        300,
        400,
    ]  # what began before the message shows nothing of it


def test_a_page_that_only_listens_shows_nothing() -> None:
    told, shown = ways_ms([(1, 1.0)], [page([(1, 1.5)], []), page([(1, 1.25)], [])])
    assert ([round(one) for one in told], shown) == ([500, 250], [])


def test_what_a_page_loads_and_which_part_moves_with_a_topic() -> None:
    text = (
        '<link href="/static/a.css"><script src="/static/b.js"></script><a href="/runs/1">'
        '<section hx-get="/runs?a=1&amp;part=list" hx-trigger="approvals from:body, runs from:body">'
        '<li class="group-0"><a href="/runs">'
    )
    read = Read(200, 0.0, len(text), text)
    assert read.assets == ["/static/a.css", "/static/b.js"]
    assert read.part_of("runs") == "/runs?a=1&part=list"
    assert read.part_of("memory") == ""
    assert read.places == ["/runs"]
    assert fonts("src: url(/static/i.woff2)") == ["/static/i.woff2"]


def test_a_figure_is_the_median_of_its_turns_and_says_between_what_they_lay() -> None:
    figures, spread = medians([{"first_byte_p95_ms": one, "pages": 13} for one in (31.0, 24.0, 80.0)])
    assert figures == {"first_byte_p95_ms": 31.0, "pages": 13}
    assert spread["first_byte_p95_ms"] == [24.0, 80.0]
    assert p95([7.0]) == 7.0
    report = Report({**figures, "spread": spread}, {}, {})
    assert report.missed == ()
    told = Console(record=True, width=200, file=StringIO())
    report.render(told)
    assert "31.00 (24.00 to 80.00)" in told.export_text()
    assert report.as_dict()["spread"]["first_byte_p95_ms"] == [24.0, 80.0]


@pytest.mark.long
def test_it_measures(tmp_path: Path) -> None:
    options = Options(100, 20, 2, 3, 200, 0.5, 50, 1, str(tmp_path))
    figures = run_console(options).figures
    assert figures["runs"] == 120
    assert figures["to_message_p95_ms"] > 0
    assert figures["pages"] >= 5
    assert figures["page_kb"] > figures["script_kb"] > 10
    # A folder that was filled so is taken as it is, and one that holds something else is left alone.
    assert filled(tmp_path, runs=100, cards=20, told=lambda *_: pytest.fail("it was filled anew")).is_dir()
    with pytest.raises(FileExistsError):
        filled(tmp_path, runs=101, cards=20, told=lambda *_: None)

"""What the API shows: every GET answers, pages follow each other, and the description says so."""

from __future__ import annotations

import pytest

from mainstay.ledger.sqlite_reader import SqliteReader
from tests.console.api.conftest import Program
from tests.security.web_house import WebHouse

PLAIN = (
    *(
        "status",
        "health",
        "approvals",
        "approvals/leaving",
        "approvals?show=decided",
        "runs",
        "proposals/acts",
    ),
    *("doubts", "dead-letters", "incidents", "memory/search?query=order", "lessons", "lessons/report"),
    *("triage/waiting", "triage/latest", "triage/windows", "workflows", "schedules", "pauses", "policies"),
    *("policies/check", "autonomy", "costs?since=20000&until=20010", "budgets", "budgets/stopped", "slo"),
    *("slo/minutes", "audit", "audit/events", "audit/stats", "adapters", "token", "tokens", "devices"),
    *("workflows/triage/report", "runs/search?text=order"),
    *("approvals/preview?act=email.reply", "workflows/triage/history", "policies/difference"),
    *("autonomy/proposals", "memory/stats", "inbox", "inbox?needs_you=true"),
    *(
        "files",
        "files/workflow/triage",
        "files/workflow/triage/history",
        "models",
        "models?reach=true",
        "agents",
    ),
    *("logs", "logs?level=warning", "audit/key"),
)


@pytest.mark.parametrize("path", PLAIN)
def test_it_is_shown(program: Program, path: str) -> None:
    heard = program.get(path)
    assert heard.status == 200, heard.text
    assert heard.headers["content-type"] == "application/json"


def test_a_page_of_a_runs_events_reads_no_more_than_it_shows(
    web: WebHouse, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of ten thousand tasks has forty thousand events: each page must not cost all of them."""
    run, seen = web.rows("approvals", status="waiting")[0]["run"], []  # of many events
    read = SqliteReader.read
    monkeypatch.setattr(
        SqliteReader, "read", lambda *given, **how: (seen.append(one) or one for one in read(*given, **how))
    )
    first = program.get(f"runs/{run}/events?limit=2").json
    assert [one["version"] for one in first["items"]] == [1, 2]
    second = program.get(f"runs/{run}/events?limit=2&cursor={first['next']}").json
    assert [one["version"] for one in second["items"]] == [3, 4]
    assert len(seen) <= 6


def test_what_a_task_recalled_is_told_with_what_was_dropped(web: WebHouse, program: Program) -> None:
    run = web.rows("approvals", status="waiting")[0]["run"]
    (log,) = program.get(f"runs/{run}/recalled?task=draft").json
    assert (log["run"], log["task"]) == (run, "draft")
    assert {one["policy"] for one in log["recalls"]} == {"approved-replies", "lessons"}
    assert program.get(f"runs/{run}/recalled?task=nothing").status == 404


def test_what_waits_for_you_says_so_whatever_the_filter(program: Program) -> None:
    waiting = program.get("runs?status=waiting&limit=5").json["items"]
    assert waiting
    assert all(one["waits_for_you"] and one["card"] for one in waiting)
    every = program.get("runs?limit=200").json["items"]
    assert {one["run"] for one in waiting} <= {one["run"] for one in every if one["waits_for_you"]}
    assert any(not one["waits_for_you"] for one in every)


def test_the_inbox_tells_what_became_of_each_message_and_where_its_card_is(
    web: WebHouse, program: Program
) -> None:
    waiting = program.get("inbox?needs_you=true&limit=200").json["items"]
    runs = {one["run"] for one in waiting if one["outcome"] == "waits for you"}
    assert runs <= {str(row["run"]) for row in web.rows("approvals", status="waiting")}
    assert runs
    one = next(one for one in waiting if one["run"] in runs)
    assert "@" in one["sender"]
    assert one["subject"]
    assert one["why"]
    first = program.get("inbox?limit=3").json
    second = program.get(f"inbox?limit=3&cursor={first['next']}").json
    assert first["items"][-1]["position"] > second["items"][0]["position"]

"""What the API shows: every GET answers, pages follow each other, and the description says so."""

from __future__ import annotations

import pytest

from tests.console.api.conftest import Program

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
    *("approvals/preview?act=email.reply",),
)


@pytest.mark.parametrize("path", PLAIN)
def test_it_is_shown(program: Program, path: str) -> None:
    heard = program.get(path)
    assert heard.status == 200, heard.text
    assert heard.headers["content-type"] == "application/json"

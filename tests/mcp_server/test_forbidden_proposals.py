"""What a program proposes and the checks forbid is told to the operator: its run succeeds, and no card asks."""

from __future__ import annotations

from typing import Any

from tests.mcp_server.talking import Desk, a_client

REPLY = "Thank you for your message. I will look at it and answer you."
FORBIDDEN = f"{REPLY}\nYour password is hunter2, log in at https://somewhere.example.org/login."


def proposed(desk: Desk, text: str) -> str:
    arguments = {"message": desk.answered()["run"], "reply": {"text": text}}
    said: dict[str, Any] = {"act": "email.reply", "arguments": arguments, "why": "x", "request": "one"}
    run = str(desk.found("propose", said, a_client())["run"])
    desk.web.head  # noqa: B018  waits until nothing is under way
    return run


def test_it_is_left_to_the_operator_and_its_run_says_so(desk: Desk) -> None:
    asked, forbidden = proposed(desk, REPLY), proposed(desk, FORBIDDEN)
    left = desk.read(lambda workspace: [one["run"] for one in workspace.left.rows()])
    assert forbidden in left
    assert asked not in left
    page = desk.web.log_in().get(f"/runs/{forbidden}").text
    assert "What a program proposed about it was forbidden" in page
    assert "starts no more runs" not in page

"""What a program reaches beyond its word: what is sealed, what costs money, what drafts take for a person's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mainstay.kernel.errors import CommandRefused
from tests.console.api.conftest import OF_AGENTS, Issue, Program, agent, issue, program
from tests.security.attacks import attack
from tests.security.web_house import WebHouse

__all__ = ["agent", "issue", "program"]

ROBOT = "agent:token:a robot"


def always(value: object) -> Any:
    return lambda *_, **__: value


@attack(("mainstay.workspace.starting", "require_startable", always(None)))
@pytest.mark.parametrize("scopes", [OF_AGENTS, ("start",)], ids=["an agent", "a program"])
def test_what_starts_a_run_refers_to_nothing_that_is_sealed(
    web: WebHouse, issue: Issue, scopes: tuple[str, ...]
) -> None:
    content = next(one["content"] for one in web.rows("messages") if one["content"])
    asking = issue(scopes, holder="agent" if scopes == OF_AGENTS else "operator")
    before = web.head
    for trigger in (
        {"message": {"content": content, "key": "x", "mailbox": "support"}},
        {"cases": [{"message": {"artifact": content, "kind": "reply"}}]},
        {"anything": "sealed:AAAA"},
    ):
        heard = asking.post("runs", {"workflow": "triage", "trigger": trigger})
        assert (heard.status, heard.kind) == (409, "refused"), heard.text
    assert web.head == before


@attack(("mainstay.runtime.tokens", "Token.may", always(True)))
def test_money_is_not_allowed_by_who_only_steers(issue: Issue) -> None:
    heard = issue(["read", "steer"]).post("runs/abcd/allow", {"amount_micros": 1})
    assert (heard.status, heard.kind) == (403, "scope-missing"), heard.text


@attack(("mainstay.workspace.memory_desk", "_require_own_place", always(None)))
@pytest.mark.parametrize("space", ["replies", "lessons", "mail", "examples", "documents"])
def test_no_agent_writes_what_drafts_take_for_a_persons_word(agent: Program, space: str) -> None:
    said = {"text": f"Refunds go to another account ({space}).", "space": space, "kind": "reply"}
    heard = agent.post("memory/records", said)
    assert (heard.status, heard.kind) == (409, "refused"), heard.text


@attack(("mainstay.workspace.memory_desk", "_require_own_place", always(None)))
@pytest.mark.parametrize("more", [{"memory": "note-1"}, {"actor": "operator"}])
def test_nor_under_another_name_or_in_place_of_another_memory(web: WebHouse, more: dict[str, str]) -> None:
    with pytest.raises(CommandRefused):
        web.ask(
            web.service._operate(
                "remember", {"notes": [{"text": f"Not mine: {more}."} | more], "actor": ROBOT}
            )
        )


def test_what_it_found_out_an_agent_may_note(web: WebHouse, agent: Program) -> None:
    heard = agent.post("memory/records", {"text": "The printer is out of paper."})
    assert heard.status == 201, heard.text
    row = web.rows("memories", memory=heard.json["memory"])[0]
    assert row["space"] == "notes"


@attack(("mainstay.runtime.tokens", "Tokens.revoke_over", lambda self: asyncio.sleep(0, 0)))
def test_a_clock_that_is_set_back_makes_no_token_good_again(web: WebHouse, issue: Issue) -> None:
    one = issue(["read"], days=1)
    web.clock.pass_s(25 * 3600)
    try:
        web.ask(web.front.tokens.revoke_over())
    finally:
        web.clock.pass_s(-25 * 3600)
    assert one.get("status").status == 401

"""What a client finds, and that what it is told is what its schema says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mcp import Client as Mcp
from mcp.shared.exceptions import MCPError

from mainstay.mcp_server.offered import OFFER
from mainstay.mcp_server.schema import mistakes
from mainstay.mcp_server.server import Turns
from mainstay.workspace import Workspace
from tests.mcp_server.talking import OPERATORS_OWN, Desk, a_client, text_of

READING = ("status", "list_workflows", "list_runs", "list_approvals")


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_a_client_is_offered_what_it_was_granted(desk: Desk, mode: str) -> None:
    async def look(opened: Mcp) -> list[str]:
        tools = (await opened.list_tools()).tools
        reads = any(one.name == "status" for one in tools)
        assert bool((await opened.list_prompts()).prompts) is reads
        assert bool((await opened.list_resource_templates()).resource_templates) is reads
        return [one.name for one in tools]

    assert "approve" not in desk.talk(look, mode=mode)
    assert "propose" in desk.talk(look, mode=mode)
    assert {"approve", "reject"} <= set(desk.talk(look, OPERATORS_OWN, mode=mode))
    assert desk.talk(look, a_client("start"), mode=mode) == ["start_run"]


def test_what_tools_say_of_themselves_is_true() -> None:
    said = {one.name: (one.reads_only, one.same_twice, one.destroys) for one in OFFER.tools}
    changing = {name for name, (reads_only, _, _) in said.items() if not reads_only}

    assert changing == {"start_run", "propose", "approve", "reject"}
    assert all(same_twice for _, same_twice, _ in said.values()), "each takes a request or a digest"
    assert {name for name, (_, _, destroys) in said.items() if destroys} == {"approve", "reject"}


def test_every_object_that_is_taken_or_given_is_closed() -> None:
    def free(schema: Any, place: str) -> list[str]:
        if not isinstance(schema, dict):
            return []
        named = schema.get("properties")
        here = [place] if named is not None and schema.get("additionalProperties") is not False else []
        inner = [*(named or {}).items(), ("items", schema.get("items"))]
        return [*here, *(one for name, part in inner for one in free(part, f"{place}.{name}"))]

    schemas = [(one.name, part) for one in OFFER.tools for part in (one.takes, one.gives)]
    assert [found for name, part in schemas for found in free(part, name)] == []
    assert all(one.gives is not None for one in OFFER.tools)


@pytest.mark.parametrize("name", READING)
def test_data_fit_the_schema_that_was_promised(desk: Desk, name: str) -> None:
    tool = OFFER.tool(name)
    assert tool is not None
    assert tool.gives is not None

    assert mistakes(tool.gives, desk.found(name)) == ()


def test_a_run_is_told_with_the_message_that_began_it(desk: Desk) -> None:
    # One that began with its message: others of this house go on from the middle of one.
    whole = {row["run"] for row in desk.web.rows("runs", workflow="triage") if not row["parent"]}
    waiting = desk.found("list_runs", {"limit": 40, "status": "waiting"})["runs"]
    run = next(one["run"] for one in waiting if one["run"] in whole)
    told = desk.found("show_run", {"run": run})
    tool = OFFER.tool("show_run")
    assert tool is not None
    assert tool.gives is not None

    assert mistakes(tool.gives, told) == ()
    assert told["message"]["text"]["outside"]
    assert [one["task"] for one in told["tasks"]][:1] == ["annotate"]
    assert told["cards"]


def test_a_card_is_shown_with_its_digest_and_where_its_values_came_from(desk: Desk) -> None:
    card = desk.found("list_approvals", {"limit": 1})["approvals"][0]["approval"]
    told = desk.found("show_approval", {"approval": card})
    tool = OFFER.tool("show_approval")
    assert tool is not None
    assert tool.gives is not None

    assert mistakes(tool.gives, told) == ()
    assert len(told["digest"]) == 64
    assert told["risky"][0]["name"] == "recipient"
    assert told["risky"][0]["came_from"]["outside"]


def test_lists_go_on_where_they_ended(desk: Desk) -> None:
    for name, what, key in (("list_runs", "runs", "run"), ("list_approvals", "approvals", "approval")):
        whole = [one[key] for one in desk.found(name, {"limit": 6})[what]]
        first = desk.found(name, {"limit": 3})
        second = desk.found(name, {"limit": 3, "cursor": first["next"]})
        assert [one[key] for one in (*first[what], *second[what])] == whole


def test_memory_is_searched_and_the_client_told_how_far_it_is(desk: Desk) -> None:
    heard: list[float] = []

    async def progress(done: float, of: float | None, said: str | None) -> None:
        heard.append(done)

    answer = desk.talk(
        lambda opened: opened.call_tool(
            "search_memory", {"query": "invoice", "limit": 3}, progress_callback=progress
        ),
        mode="legacy",
    )
    assert not answer.is_error
    assert 0 < len(answer.structured_content["found"]) <= 3
    assert heard == [0.0, 1.0]


def test_what_needs_somebody_today_is_a_prompt_and_a_resource(desk: Desk) -> None:
    async def look(opened: Mcp) -> tuple[str, str]:
        prompt = await opened.get_prompt("today")
        (content,) = (await opened.read_resource("mainstay://today")).contents
        return prompt.messages[0].content.text, content.text  # type: ignore[union-attr]

    prompt, resource = desk.talk(look)
    assert prompt.startswith("What needs me today?")
    assert '"waiting"' in resource


def test_runs_cards_and_memories_are_read_by_their_address(desk: Desk) -> None:
    run = desk.answered()["run"]
    card = desk.found("list_approvals", {"limit": 1})["approvals"][0]["approval"]
    kept = desk.act(
        lambda workspace: workspace.memory.add("The press kit lies in the shared folder.", tag="public")
    )

    async def look(opened: Mcp) -> list[str]:
        addresses = (f"run/{run}", f"approval/{card}", f"memory/{kept.memory}")
        found = [await opened.read_resource(f"mainstay://{one}") for one in addresses]
        return [one.contents[0].text for one in found]  # type: ignore[union-attr]

    told, shown, remembered = desk.talk(look)
    assert run in told
    assert card in shown
    assert "press kit" in remembered


def test_what_a_search_finds_can_be_read(desk: Desk) -> None:
    found = desk.found("search_memory", {"query": "invoice delivery password", "limit": 20})["found"]

    async def read(opened: Mcp) -> list[str]:
        names = [one["memory"] for one in found if "@" in one["memory"]]  # the others stand in your own files
        answers = [await opened.read_resource(f"mainstay://memory/{one}") for one in names]
        return [one.contents[0].text for one in answers]  # type: ignore[union-attr]

    told = desk.talk(read)
    assert len(told) > 3
    assert all('"outside"' in one for one in told)


def test_only_what_is_begun_by_hand_is_started(desk: Desk) -> None:
    said = desk.refused("start_run", {"workflow": "triage", "request": "a"})
    assert "begun by messages" in said
    assert "There is no workflow" in desk.refused("start_run", {"workflow": "nothing", "request": "a"})


def test_what_is_unknown_is_told_by_its_name(desk: Desk) -> None:
    with pytest.raises(MCPError, match="There is no tool"):
        desk.call("list_everything")
    assert "x is not taken here" in desk.refused("list_runs", {"x": 1})
    assert "run is missing" in desk.refused("show_run")
    assert "There is no run" in desk.refused("show_run", {"run": "0" * 32})


def test_more_calls_than_can_wait_are_refused_and_the_others_answered(desk: Desk) -> None:
    async def many(opened: Mcp) -> list[Any]:
        calls = [opened.call_tool("status", {}) for _ in range(12)]
        return await asyncio.gather(*calls, return_exceptions=True)

    found = desk.talk(many, turns=Turns(at_once=1, in_line=4), mode="legacy")
    refused = [one for one in found if isinstance(one, MCPError)]
    assert refused
    assert "Too many calls at once" in str(refused[0])
    assert sum(not isinstance(one, MCPError) for one in found) >= 4


def test_a_fault_of_ours_tells_nothing_of_itself(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Workspace) -> Any:
        raise ZeroDivisionError("a secret of the house")

    monkeypatch.setattr(Workspace, "status", broken)
    answer = desk.call("status")
    assert answer.is_error
    assert "secret" not in text_of(answer)
    assert "our side" in text_of(answer)

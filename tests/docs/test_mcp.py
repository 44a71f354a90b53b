"""The page on MCP says what the server offers."""

from __future__ import annotations

import json

from mainstay.kernel.values import DAY
from mainstay.mcp_server.offered import OFFER
from mainstay.mcp_server.resources import TODAY
from mainstay.runtime import proposing
from tests.docs.pages import all_snippets, prose_of, rows, text_of

PAGE = "mcp.md"


def test_every_tool_is_told_with_its_scope_and_no_other() -> None:
    told = {row[0].strip("`"): row[1].strip("`") for row in rows(PAGE, "## What it can do")}

    assert told == {one.name: one.scope for one in OFFER.tools}


def test_resources_and_prompts_are_those_of_the_server() -> None:
    said = " ".join(prose_of(PAGE).split())

    assert all(f"`{one.pattern.replace('{id}', 'ID')}`" in said for one in OFFER.templates)
    assert f"`{TODAY}`" in said
    assert all(f"`{one.name}`" in said for one in OFFER.prompts)


def test_numbers_are_those_of_the_code() -> None:
    said = " ".join(prose_of(PAGE).split())

    assert f"one proposal for {proposing.KNOWN_US // DAY} days" in said
    assert f"whose {proposing.WAITING_MAX} proposals wait" in said
    assert f"once {proposing.WAITING_ALL_MAX} wait" in said


def test_what_clients_are_given_can_be_read() -> None:
    found = [json.loads(one.text) for one in all_snippets("json") if "mcpServers" in one.text]

    assert [[*one["mcpServers"]["mainstay"]] for one in found] == [["command", "args"], ["url", "headers"]]
    assert "mst_" in text_of(PAGE)

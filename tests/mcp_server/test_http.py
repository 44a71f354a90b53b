"""The protocol over HTTP, as a program meets it: at the console's address, by a token, one request at a time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mainstay.console import mcp as door
from tests.security.web_house import Answer, WebHouse

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
}


@pytest.fixture(scope="module")
def token(_web_house: WebHouse) -> str:
    made = _web_house.ask(
        _web_house.front.act(
            lambda workspace: workspace.tokens.issue("reader", ["read", "propose"], holder="agent")
        )
    )
    return str(made["secret"])


def ask(
    web: WebHouse,
    token: str,
    method: str,
    params: dict[str, Any] | None = None,
    *,
    revision: str = "2026-07-28",
    **headers: str,
) -> Answer:
    """One request at this revision."""
    given = params or {}
    meta = {**META, "io.modelcontextprotocol/protocolVersion": revision}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**given, "_meta": meta}}
    named = {"Mcp_Name": str(given["name"])} if "name" in given else {}
    usual = {"MCP_Protocol_Version": revision, "Mcp_Method": method, **named}
    return post(web, token, body, **{**usual, **headers})


def post(web: WebHouse, token: str, body: object, **headers: str) -> Answer:
    """What is answered to this body."""
    usual = {
        "Authorization": f"Bearer {token}",
        "Content_Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }
    return web.stranger().ask("POST", "/mcp", json.dumps(body).encode(), **{**usual, **headers})


def test_a_tool_is_called_without_a_session(web: WebHouse, token: str) -> None:
    answer = ask(web, token, "tools/call", {"name": "status", "arguments": {}})

    assert answer.status == 200
    assert json.loads(answer.text)["result"]["structuredContent"]["director"] == "at work"
    assert "mcp-session-id" not in answer.headers


def test_the_earlier_revision_is_answered_too(web: WebHouse, token: str) -> None:
    body = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "status", "arguments": {}}}
    answer = post(web, token, body, MCP_Protocol_Version="2025-11-25")

    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    (data,) = [one.removeprefix("data: ") for one in answer.text.splitlines() if one.startswith("data: ")]
    assert json.loads(data)["result"]["structuredContent"]["director"] == "at work"


def test_a_revision_that_is_not_spoken_is_refused_with_those_that_are(web: WebHouse, token: str) -> None:
    answer = ask(web, token, "tools/list", revision="2199-01-01")

    assert answer.status == 400
    assert json.loads(answer.text)["error"]["data"]["supported"] == ["2026-07-28"]


def test_what_a_header_says_and_the_body_does_not_is_refused(web: WebHouse, token: str) -> None:
    assert ask(web, token, "tools/list", Mcp_Method="tools/call").status == 400
    assert ask(web, token, "tools/list", MCP_Protocol_Version="2025-11-26").status == 400


@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
def test_a_batch_is_no_request(web: WebHouse, token: str, revision: str) -> None:
    one = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "status", "arguments": {}}}
    answer = post(web, token, [one] * 500, MCP_Protocol_Version=revision)

    assert answer.status == 400
    assert "structuredContent" not in answer.text


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_there_is_no_stream_and_no_session(web: WebHouse, token: str, method: str) -> None:
    answer = web.stranger().ask(method, "/mcp", Authorization=f"Bearer {token}", Accept="text/event-stream")

    assert answer.status == 405
    assert answer.headers["allow"] == "POST"


def test_a_token_reaches_what_it_is_good_for(web: WebHouse, token: str) -> None:
    names = [one["name"] for one in json.loads(ask(web, token, "tools/list").text)["result"]["tools"]]

    assert "propose" in names
    assert "start_run" not in names
    assert "approve" not in names


def test_where_it_is_not_installed_that_is_said(
    web: WebHouse, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "NEEDED", "no_such_package")
    answer = ask(web, token, "tools/list")

    assert answer.status == 404
    assert 'pip install \\"mainstay[mcp]\\"' in answer.text

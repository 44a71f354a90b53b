"""docs/api.md: every call of it is made, and every scope, refusal and operation that it names is the code's."""

from __future__ import annotations

import re
import shlex
from types import SimpleNamespace
from typing import Any

import pytest

from mainstay.console.api.app import PREFIX, build, operations
from mainstay.console.api.problems import ALWAYS
from mainstay.console.errors import KINDS
from mainstay.kernel.scopes import OF_AGENTS, SCOPES
from mainstay.runtime.clock import ManualClock
from mainstay.runtime.tokens import USUAL_DAYS
from tests.console.api.conftest import ALL, Issue, Program, issue
from tests.docs.pages import text_of
from tests.security.web_house import WebHouse

__all__ = ["issue"]

TEXT = text_of("api.md")
OWN_KINDS = {
    *("scope-missing", "agents-only-add", "refused", "decided-already", "answer-lost", "stale", "invalid"),
    *("bad-cursor", "key-reused"),
}


def calls() -> list[str]:
    shell = "\n".join(re.findall(r"(?s)```text\n(.*?)```", TEXT)).replace("\\\n", " ")
    return [line for line in shell.splitlines() if line.startswith("curl")]


def test_every_call_is_answered(web: WebHouse, issue: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    async def tried(*asked: Any) -> dict[str, Any]:
        return {"figures": len(asked)}  # each is a process that computes for a while

    monkeypatch.setattr("mainstay.console.api.trials._told", tried)
    program, card = issue(ALL), web.card()
    proposed = {str(one["run"]) for one in web.rows("runs", workflow="proposed")}
    known = {"$DESK": "", "$TOKEN": program.secret, "$CARD": card.approval, "$DIGEST": card.digest}
    known["$RUN"] = str(web.rows("approvals", approval=card.approval)[0]["run"])
    made = calls()
    assert len(made) > 6
    for line in made:
        said = line
        for name, value in known.items():
            said = said.replace(name, value)
        method, path, headers, body = _read(shlex.split(said)[1:])
        heard = Program(web.port).ask(method, path, body, **headers)
        assert heard.status in (200, 201, 202), (line, heard.text)
    assert web.status(card) == "granted"
    (made,) = {str(one["run"]) for one in web.rows("runs", workflow="proposed")} - proposed
    web.ask(web.front.act(lambda workspace: workspace.cancel(made)))  # the house is everybody's


def _read(words: list[str]) -> tuple[str, str, dict[str, str], bytes | None]:
    """A call as curl reads it."""
    path, headers, method, body = "", {}, "", None
    rest = iter(words)
    for word in rest:
        match word:
            case "-s" | "-i":
                pass
            case "-X":
                method = next(rest)
            case "-H":
                name, _, value = next(rest).partition(": ")
                headers[name.replace("-", "_")] = value
            case "-d":
                body = next(rest).encode()
            case _:
                path = word
    return method or ("POST" if body is not None else "GET"), path, headers, body


def test_every_scope_is_told_and_whose_it_can_be() -> None:
    for scope in SCOPES:
        row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{scope}` |"))
        assert row.endswith("| yes |" if scope in OF_AGENTS else "| no |"), row
    assert f"good for {USUAL_DAYS} days" in TEXT


def test_every_refusal_is_told() -> None:
    told = set(re.findall(r"(?m)^\| `([a-z-]+)` \| 4|^\| `([a-z-]+)` \| 5", TEXT))
    kinds = {one or other for one, other in told}
    assert kinds >= OWN_KINDS | {KINDS[status] for status in (*ALWAYS, 405)} - {KINDS[409]}
    assert kinds <= OWN_KINDS | set(KINDS.values())


def test_every_operation_is_named_and_no_other() -> None:
    nobodys: Any = SimpleNamespace(clock=ManualClock(), long=None)
    known = {
        f"{one['method']} {one['path'].removeprefix(PREFIX)}" for one in operations(build(nobodys).openapi())
    }
    part = TEXT[TEXT.index("## Every operation") :]
    assert set(re.findall(r"`((?:GET|POST|PUT|DELETE) /[^`]*)`", part)) == known


def test_the_lists_that_come_whole_are_those_that_are_named() -> None:
    described = build(SimpleNamespace(long=None, clock=ManualClock())).openapi()  # type: ignore[arg-type]
    whole = {
        path
        for path, methods in described["paths"].items()
        for one in methods.values()
        if one["responses"]
        .get("200", {})
        .get("content", {})
        .get("application/json", {})
        .get("schema", {})
        .get("type")
        == "array"
    }
    told = TEXT.partition("as a bare array:")[2].partition("are objects")[0].rpartition("`GET /workflows`")[0]
    assert set(re.findall(r"`(?:GET |POST )?(/[^`]*)`", told)) == whole

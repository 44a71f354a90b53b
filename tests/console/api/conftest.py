"""A program that comes with a token to the running server."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.security.web_house import Browser, WebHouse

ALL = ("read", "memory", "start", "propose", "steer", "decide", "admin")
OF_AGENTS = ("read", "memory", "start", "propose")
_count = itertools.count(1)


@dataclass(frozen=True)
class Heard:
    """What the API answered."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def kind(self) -> str:
        """The type of the problem, without what all have."""
        told = self.json
        return (
            str(told.get("type", "")).removeprefix("urn:mainstay:problem:") if isinstance(told, dict) else ""
        )


@dataclass
class Program:
    """A program and its token."""

    port: int
    secret: str = ""
    token: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Heard:
        """Headers by name with underscores; an empty one is not sent."""
        sent = {"Authorization": f"Bearer {self.secret}" if self.secret else ""} | self.headers
        raw: bytes | None = None
        if body is not None:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent["Content_Type"] = "application/json"
        answer = Browser(self.port).ask(
            method, path if path.startswith("/") else f"/api/v1/{path}", raw, **{**sent, **headers}
        )
        return Heard(answer.status, dict(answer.headers), answer.text)

    def get(self, path: str, **headers: str) -> Heard:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> Heard:
        """With a new key, unless one is given; `key=""`: without any."""
        named = f"test-key-{next(_count):08d}" if key is None else key
        return self.ask("POST", path, {} if body is None else body, **{"Idempotency_Key": named, **headers})

    def decide(self, card: str, answer: str, body: Any = None, *, digest: str = "", **more: Any) -> Heard:
        """An answer to a card that was looked at."""
        named = f'"{digest}"' if digest else self.get(f"approvals/{card}").headers["etag"]
        return self.post(f"approvals/{card}/{answer}", body, If_Match=named, **more)


Issue = Callable[..., Program]


@pytest.fixture
def issue(web: WebHouse) -> Issue:
    """Programs with tokens of their own."""

    def issued(
        scopes: Sequence[str] = ALL, *, holder: str = "operator", name: str = "", days: int = 1
    ) -> Program:
        called = name or f"program {next(_count)}"
        secret, token = web.ask(
            web.front.tokens.issue(name=called, holder=holder, scopes=list(scopes), days=days)
        )
        return Program(web.port, secret, token.token)

    return issued


@pytest.fixture
def program(issue: Issue) -> Program:
    """One of the operator's that may do everything."""
    return issue()


@pytest.fixture
def agent(issue: Issue) -> Program:
    """An agent with all that an agent can have."""
    return issue(OF_AGENTS, holder="agent")

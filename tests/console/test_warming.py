"""What is made ready before the first visit: every template and the parts of the API, each by itself."""

from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mainstay.console.rendering import environment
from mainstay.console.warming import look, look_slowly, pieces
from mainstay.workspace import web_server
from mainstay.workspace.web_server import Web
from tests.security.web_house import WebHouse


def test_each_template_and_each_part_of_the_api_is_a_piece(web: WebHouse) -> None:
    for piece in pieces():
        piece()
    cache = environment().cache
    assert cache is not None
    kept = {name for _, name in cache.keys()}  # noqa: SIM118  a cache of jinja is no mapping
    assert kept >= set(environment().list_templates(extensions=["html"]))
    assert {"fastapi", "mainstay.console.api.runs"} <= set(sys.modules)
    with web.service_reader() as opened:
        look(opened)
        look_slowly(opened)


def test_what_cannot_be_made_ready_is_told_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An extra that is missing, or a template that is broken, is met at the visit and not before it."""
    told: list[tuple[str, Exception]] = []

    def missing() -> None:
        raise ImportError("no such part")

    monkeypatch.setattr(web_server, "WARM_AFTER_S", 0.0)
    monkeypatch.setattr(web_server, "WARM_REST_S", 0.0)
    monkeypatch.setattr(
        web_server, "import_module", lambda name: SimpleNamespace(pieces=lambda: iter([missing]))
    )
    asyncio.run(Web(cast(Any, None), lambda what, error: told.append((what, error)))._warm())
    assert [type(error) for _, error in told] == [ImportError]

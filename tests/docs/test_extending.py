"""docs/extending.md: its adapter passes the suite, its agent answers, its view fills, its workflow is accepted."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from mainstay.adapters.base import Adapter, Done, Rendered
from mainstay.agents.base import Agent, Brief, MessageView, Produced, schema_of
from mainstay.agents.tools import NoTools
from mainstay.kernel.events import MessageReceived
from mainstay.kernel.ids import IdempotencyKey, RunId, StreamId, SubjectId
from mainstay.kernel.plan import Role
from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.projection import Projector
from mainstay.testing.conformance.adapter import run
from mainstay.workflows.catalog import MESSAGE_RECEIVED, AgentSignature, Catalog
from mainstay.workflows.loader import read_workflow
from mainstay.workflows.typing import check
from tests.docs.pages import snippets, text_of

PAGE = "extending.md"


@pytest.fixture(scope="module")
def written() -> Iterator[ModuleType]:
    """All of the page's Python, run as one module."""
    module = ModuleType("written_in_the_docs")
    sys.modules[module.__name__] = module
    for one in snippets(PAGE, "python"):
        source = "\n" * one.line + one.text  # so that an error names the line of the page
        exec(compile(source, f"docs/{one.page}", "exec", dont_inherit=True), vars(module))
    yield module
    del sys.modules[module.__name__]


def test_the_adapter_keeps_every_promise(written: ModuleType) -> None:
    results = run(written.TestNotes())
    assert {promise: reason for promise, reason in results.items() if reason is not None} == {}
    assert len(results) > 10


def test_an_adapter_that_breaks_a_promise_is_caught(
    written: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = written.Notes.render
    seen: list[int] = []

    def changing(self: Adapter, operation: str, request: dict[str, str], **other: object) -> Rendered:
        seen.append(1)
        rendered: Rendered = whole(self, operation, request, **other)
        return replace(rendered, payload=rendered.payload + str(len(seen)).encode())

    monkeypatch.setattr(written.Notes, "render", changing)
    assert run(written.TestNotes())["rendering is deterministic and whole"]


def test_a_note_is_whole_and_there_once(written: ModuleType, tmp_path: Path) -> None:
    adapter, key = written.Notes(tmp_path), IdempotencyKey("0" * 32)
    for _ in range(2):
        assert asyncio.run(adapter.call("add", b"Call Ada", key=key)) == Done({"file": key})
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"Call Ada"]


def test_the_agent_answers(written: ModuleType) -> None:
    agent: Agent = written.Counter()
    message = MessageView(
        message_id="1@example.com",
        thread="t",
        mailbox="support",
        from_address="ada@example.com",
        new_text="three words here",
    )
    brief = Brief(RunId("0" * 32), "count", 1, Role.SPECIALIST, {"message": message}, Instant(0))
    answer = asyncio.run(agent.work(brief, NoTools()))
    assert isinstance(answer, Produced)
    assert (answer.output.model_dump(), answer.rationale) == ({"words": 3}, "It has 3 words.")


def test_the_workflow_is_accepted(written: ModuleType) -> None:
    agent: Agent = written.Counter()
    assert agent.output is not None
    signature = AgentSignature(agent.role, schema_of(agent.input), schema_of(agent.output))
    catalog = Catalog(
        agents={agent.name: signature},
        acts={"notes.add": written.ADD},
        events={"message.received/1": MESSAGE_RECEIVED},
    )
    (snippet,) = snippets(PAGE, "yaml")
    one = read_workflow(snippet.text.encode(), snippet.file)
    check(one.workflow, catalog, one.document)


def test_the_view_fills(written: ModuleType) -> None:
    projector = Projector([written.Received()])
    store = InMemoryStore(tables=projector.tables)
    epoch = store.acquire()
    for position, size in enumerate((100, 250), 1):
        event = MessageReceived("support", "m", "t", SubjectId("0" * 32), Digest("0" * 64), size)
        changes = projector.project(position, Instant(0), StreamId("inbox:support"), event, None)
        store.append((), epoch=epoch, at=Instant(0), changes=changes)
    assert store.select("received") == [{"mailbox": "support", "messages": 2, "bytes": 350}]


def test_every_suite_that_ships_is_told() -> None:
    suites = {
        path.stem
        for path in Path(sys.modules["mainstay.testing.conformance.adapter"].__file__ or "").parent.glob(
            "[a-z]*.py"
        )
    }
    assert {name for name in suites if f"testing.conformance.{name}:" in text_of(PAGE)} == suites

"""Traces: silent without a provider, and with one the names of the conventions and no words of anybody."""

from __future__ import annotations

import asyncio
import sys
import timeit
from collections.abc import Iterator
from contextlib import contextmanager
from time import thread_time
from types import ModuleType
from typing import Any

import pytest
from opentelemetry import metrics, trace

from mainstay.models import traces
from mainstay.models.base import Message, Prompt
from mainstay.models.client import EndpointModel
from mainstay.models.settings import ModelSettings
from mainstay.testing.model_server import ModelServer, completion, refusal, tokens

PROMPT = Prompt("Be brief.", (Message("user", "Where is my parcel, asks Ada?"),), 50)


class Span(trace.NonRecordingSpan):
    """A span that remembers."""

    def __init__(self, name: str, attributes: dict[str, Any], kind: trace.SpanKind) -> None:
        super().__init__(trace.INVALID_SPAN_CONTEXT)
        self.name, self.attributes, self.kind = name, dict(attributes), kind
        self.context: Any = None
        self.times: tuple[int, int | None] = (0, None)

    def set_attribute(self, key: str, value: Any) -> None:
        self.attributes[key] = value

    def end(self, end_time: int | None = None) -> None:
        self.times = (self.times[0], end_time)


class Tracer(trace.NoOpTracer):
    """A tracer that keeps its spans."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    @contextmanager
    def start_as_current_span(self, name: str, **more: Any) -> Iterator[Span]:  # type: ignore[override]
        assert not more["record_exception"]
        assert not more["set_status_on_exception"]
        span = Span(name, more["attributes"], more["kind"])
        span.context = more["context"]
        self.spans.append(span)
        yield span

    def start_span(self, name: str, **more: Any) -> Span:  # type: ignore[override]
        span = Span(name, more["attributes"], trace.SpanKind.INTERNAL)
        span.context, span.times = more["context"], (more["start_time"], None)
        self.spans.append(span)
        return span


class Traces(trace.TracerProvider):
    """A provider of that tracer."""

    def __init__(self) -> None:
        self.tracer = Tracer()

    def get_tracer(self, *args: Any, **more: Any) -> Tracer:
        return self.tracer


class Records:
    """A meter that remembers."""

    def __init__(self) -> None:
        self.recorded: list[tuple[str, float, dict[str, Any]]] = []

    def create_histogram(self, name: str, unit: str) -> Any:
        owner = self

        class Histogram:
            def record(self, value: float, attributes: dict[str, Any]) -> None:
                owner.recorded.append((name, value, dict(attributes)))

        return Histogram()


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> tuple[list[Span], Records]:
    provider, records = Traces(), Records()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    monkeypatch.setattr(trace, "get_tracer", lambda *args, **more: provider.tracer)
    monkeypatch.setattr(metrics, "get_meter", lambda *args, **more: records)
    return provider.tracer.spans, records


def ask(script: Any) -> None:
    with ModelServer(script) as server:
        asyncio.run(EndpointModel(ModelSettings("t", "scripted:small", url=server.url)).complete(PROMPT))


def test_nobody_listens_by_default_and_that_costs_next_to_nothing() -> None:
    assert not traces.listening()
    with traces.chat("p", "m", PROMPT) as span:
        assert span is traces.SILENT
    # Two looks at a table; a generous bound, since the machine is shared.
    assert min(timeit.repeat(traces.listening, number=1_000, repeat=5, timer=thread_time)) / 1_000 < 20e-6


def test_a_provider_is_found_also_where_the_library_calls_its_own_place_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(trace, "_TRACER_PROVIDER")
    monkeypatch.setattr(trace, "get_tracer_provider", Traces)
    assert traces.listening()


def test_a_library_that_is_just_being_imported_listens_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", ModuleType("opentelemetry.trace"))
    assert not traces.listening()
    monkeypatch.delitem(sys.modules, "opentelemetry.trace")
    assert not traces.listening()


def test_a_call_has_a_span_and_its_metrics(heard: tuple[list[Span], Records]) -> None:
    ask(completion("On its way.", usage=tokens(20, 4)))
    (span,), records = heard
    assert (span.name, span.kind) == ("chat small", trace.SpanKind.CLIENT)
    assert span.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "scripted",
        "gen_ai.request.model": "small",
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.temperature": 0.0,
        "gen_ai.response.model": "small-1",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 20,
        "gen_ai.usage.output_tokens": 4,
    }
    named = [(name, value) for name, value, _ in records.recorded]
    assert named[:2] == [("gen_ai.client.token.usage", 20), ("gen_ai.client.token.usage", 4)]
    assert [one["gen_ai.token.type"] for _, _, one in records.recorded[:2]] == ["input", "output"]
    assert named[2][0] == "gen_ai.client.operation.duration"


def test_a_fault_is_told_by_its_kind(heard: tuple[list[Span], Records]) -> None:
    ask(refusal(429))
    (span,), records = heard
    assert span.attributes["error.type"] == "limited"
    assert records.recorded[-1][2]["error.type"] == "limited"


def test_words_are_in_it_only_where_somebody_asked_for_that(
    heard: tuple[list[Span], Records], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(completion("On its way, Ada."))
    assert "Ada" not in str(heard[0][0].attributes)
    monkeypatch.setenv(traces.CAPTURE, "true")
    ask(completion("On its way, Ada."))
    assert heard[0][1].attributes["gen_ai.output.messages"] == ["On its way, Ada."]


def test_an_agent_s_span_tells_run_task_and_how_it_ended(heard: tuple[list[Span], Records]) -> None:
    with traces.agent("reply-writer", run="r", task="draft", attempt=2, role="specialist") as span:
        span.ended("transient")
    with (
        pytest.raises(ValueError, match="Ada"),
        traces.agent("reply-writer", run="r", task="draft", attempt=3, role="specialist"),
    ):
        raise ValueError("Ada")
    first, second = heard[0]
    assert first.name == "invoke_agent reply-writer"
    assert first.attributes["gen_ai.conversation.id"] == "r"
    assert (first.attributes["mainstay.attempt"], first.attributes["error.type"]) == (2, "transient")
    assert second.attributes["error.type"] == "ValueError"
    assert "Ada" not in str(second.attributes)

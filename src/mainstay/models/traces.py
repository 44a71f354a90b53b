"""The one module of semantic conventions: names of spans, attributes and metrics, and the spans themselves.

The names are those of OpenTelemetry for generative AI. Only its API is used, and only if the program that embeds
Mainstay has set a provider, or `runtime.telemetry` did: without one, asking for a span costs a look into a dictionary.
Prompts and answers, which are personal, are never written into a span unless
`OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` is `true`.

A run is one trace, and its trace id is the run's id, although a run may take days and several processes: whatever
belongs to it names the same parent, a span whose id follows from the run's. That span is written when the run ends.

    run triage
    └── invoke_agent reply-writer       an attempt of a task
        └── chat qwen3                  a call of a model
    └── execute_tool email.reply        a call of an adapter
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import Any, Final

from mainstay.kernel.ids import derive
from mainstay.models.base import Completion, Prompt, Unanswered

SCOPE: Final = "mainstay"

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_TOKENS_MAX: Final = "gen_ai.request.max_tokens"
REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
RESPONSE_MODEL: Final = "gen_ai.response.model"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
TOKEN_TYPE: Final = "gen_ai.token.type"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
AGENT_NAME: Final = "gen_ai.agent.name"
CONVERSATION: Final = "gen_ai.conversation.id"  # the run
ERROR_TYPE: Final = "error.type"
TASK: Final = "mainstay.task"
ATTEMPT: Final = "mainstay.attempt"
ROLE: Final = "mainstay.role"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
WORKFLOW: Final = "mainstay.workflow"
OUTCOME: Final = "mainstay.outcome"
ADAPTER: Final = "mainstay.adapter"
COST: Final = "mainstay.cost_usd"
TASKS: Final = "mainstay.tasks"

TOKEN_USAGE: Final = "gen_ai.client.token.usage"  # histogram, tokens
DURATION: Final = "gen_ai.client.operation.duration"  # histogram, seconds
RUN_DURATION: Final = "mainstay.run.duration"  # histogram, seconds
RUNS: Final = "mainstay.runs"  # counter, by workflow and outcome

# The ids that the next span is to have: heard by the generator of `runtime.telemetry`, and by nobody else.
OWN_IDS: Final[ContextVar[tuple[int, int] | None]] = ContextVar("own_ids", default=None)

# A provider that the environment names is made when the API is asked for one, and not before.
_NAMED: Final = "OTEL_PYTHON_TRACER_PROVIDER" in os.environ

CHAT, EMBEDDINGS, INVOKE_AGENT, EXECUTE_TOOL = "chat", "embeddings", "invoke_agent", "execute_tool"
CAPTURE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


class Silent:
    """A span of nobody who listens."""

    def answered(self, answer: Completion | Unanswered) -> None:
        """Nothing."""

    def ended(self, error: str) -> None:
        """Nothing."""


class Traced(Silent):
    """A span that somebody listens to, and the metrics beside it."""

    def __init__(self, span: Any, common: dict[str, Any], prompt: Prompt | None = None) -> None:
        self._span = span
        self._common = common
        self._prompt = prompt

    def answered(self, answer: Completion | Unanswered) -> None:
        """What came of a call."""
        usage = answer.usage
        if usage is not None:
            self._span.set_attribute(INPUT_TOKENS, usage.input_tokens)
            self._span.set_attribute(OUTPUT_TOKENS, usage.output_tokens)
            tokens = _histogram(TOKEN_USAGE, "{token}")
            tokens.record(usage.input_tokens, {**self._common, TOKEN_TYPE: "input"})
            tokens.record(usage.output_tokens, {**self._common, TOKEN_TYPE: "output"})
        if isinstance(answer, Unanswered):
            self.ended(answer.cause)
            return
        self._span.set_attribute(RESPONSE_MODEL, answer.model_id.partition(":")[2])
        self._span.set_attribute(FINISH_REASONS, ["length" if answer.cut else "stop"])
        if self._prompt is not None and os.environ.get(CAPTURE, "").lower() == "true":
            self._span.set_attribute(INPUT_MESSAGES, [one.text for one in self._prompt.messages])
            self._span.set_attribute(OUTPUT_MESSAGES, [answer.text])

    def ended(self, error: str) -> None:
        """How it ended, if not well; never with the words of a person."""
        if error:
            self._common[ERROR_TYPE] = error
            self._span.set_attribute(ERROR_TYPE, error)


SILENT: Final = Silent()


@contextmanager
def chat(provider: str, model: str, prompt: Prompt) -> Iterator[Silent]:
    """The span of one call of a language model."""
    with _span(CHAT, model, {PROVIDER: provider, REQUEST_MODEL: model}, prompt, client=True) as span:
        yield span


@contextmanager
def embeddings(provider: str, model: str) -> Iterator[Silent]:
    """The span of one call of an embedding model."""
    with _span(EMBEDDINGS, model, {PROVIDER: provider, REQUEST_MODEL: model}, client=True) as span:
        yield span


@contextmanager
def agent(name: str, *, run: str, task: str, attempt: int, role: str) -> Iterator[Silent]:
    """The span of one attempt of an agent. Ask `listening()` first where each microsecond counts."""
    known = {AGENT_NAME: name, CONVERSATION: run, TASK: task, ATTEMPT: attempt, ROLE: role}
    with _span(INVOKE_AGENT, name, known, run=run) as span:
        yield span


@contextmanager
def act(name: str, *, adapter: str, run: str, task: int, attempt: int) -> Iterator[Silent]:
    """The span of one call of an adapter. Ask `listening()` first."""
    known: dict[str, Any] = {TOOL_NAME: name, TOOL_TYPE: "extension", CONVERSATION: run, ADAPTER: adapter}
    with _span(EXECUTE_TOOL, name, {**known, TASK: task, ATTEMPT: attempt}, client=True, run=run) as span:
        yield span


def run_ended(
    run: str, *, workflow: str, outcome: str, began_us: int, ended_us: int, cost_micros: int, tasks: int
) -> None:
    """The span of a whole run, now that it is over, and its metrics. Ask `listening()` first."""
    from opentelemetry import metrics, trace
    from opentelemetry.context import Context

    attributes: dict[str, Any] = {CONVERSATION: run, WORKFLOW: workflow, OUTCOME: outcome}
    ids = ids_of(run)
    heard = getattr(getattr(trace.get_tracer_provider(), "id_generator", None), "of_runs", False)
    token = OWN_IDS.set(ids if heard else None)
    try:
        span = trace.get_tracer(SCOPE).start_span(
            f"run {workflow}",
            context=Context() if heard else _in_run(run),
            attributes={**attributes, COST: cost_micros / 1e6, TASKS: tasks},
            start_time=began_us * 1_000,
        )
    finally:
        OWN_IDS.reset(token)
    span.end(ended_us * 1_000)
    meter = metrics.get_meter(SCOPE)
    labels = {WORKFLOW: workflow, OUTCOME: outcome}
    meter.create_counter(RUNS, "{run}").add(1, labels)
    _histogram(RUN_DURATION, "s").record((ended_us - began_us) / 1e6, labels)


def ids_of(run: str) -> tuple[int, int]:
    """Trace and span id of a run: its own id, and one that follows from it. Neither may be 0."""
    try:
        trace_id = int(run, 16) if len(run) == 32 else 0
    except ValueError:
        trace_id = 0
    trace_id = trace_id or int.from_bytes(derive("trace", run), "big") or 1
    return trace_id, int.from_bytes(derive("span", run, size=8), "big") or 1


def _in_run(run: str) -> Any:
    """The context of whatever belongs to a run."""
    from opentelemetry import trace

    trace_id, span_id = ids_of(run)
    sampled = trace.TraceFlags(trace.TraceFlags.SAMPLED)
    parent = trace.SpanContext(trace_id, span_id, is_remote=True, trace_flags=sampled)
    return trace.set_span_in_context(trace.NonRecordingSpan(parent))


def listening() -> bool:
    """Whether somebody set a provider of traces or metrics. Cheap: nothing is imported to find out."""
    api = sys.modules.get("opentelemetry.trace")
    if api is None:
        return False
    try:
        # Asking the API itself takes 3 µs, at every step of every run. Where this name of its own is gone, it is asked.
        if getattr(api, "_TRACER_PROVIDER", api) is None and not _NAMED:
            return False
        return not isinstance(api.get_tracer_provider(), api.ProxyTracerProvider | api.NoOpTracerProvider)
    except AttributeError:
        return False  # another thread is about to import it


@contextmanager
def _span(
    operation: str,
    name: str,
    known: dict[str, Any],
    prompt: Prompt | None = None,
    *,
    client: bool = False,
    run: str = "",
) -> Iterator[Silent]:
    if not listening():
        yield SILENT
        return
    from opentelemetry import trace

    attributes: dict[str, Any] = {OPERATION: operation, **known}
    if prompt is not None:
        attributes |= {REQUEST_TOKENS_MAX: prompt.output_token_max, REQUEST_TEMPERATURE: prompt.temperature}
    common: dict[str, Any] = {
        key: attributes[key] for key in (OPERATION, PROVIDER, REQUEST_MODEL) if key in attributes
    }
    kind = trace.SpanKind.CLIENT if client else trace.SpanKind.INTERNAL
    began = perf_counter()
    # What is raised may quote a person, so that is not recorded; its kind is.
    with trace.get_tracer(SCOPE).start_as_current_span(
        f"{operation} {name}",
        context=_in_run(run) if run else None,
        kind=kind,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        traced = Traced(span, common, prompt)
        try:
            yield traced
        except BaseException as error:
            traced.ended(type(error).__name__)
            raise
        finally:
            if client:
                _histogram(DURATION, "s").record(perf_counter() - began, common)


def _histogram(name: str, unit: str) -> Any:
    from opentelemetry import metrics

    return metrics.get_meter(SCOPE).create_histogram(name, unit)

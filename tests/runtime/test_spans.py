"""Attempts of agents have spans where somebody listens, and go their usual way where nobody does."""

import asyncio
import sys

import pytest
from opentelemetry import trace

from mainstay.agents import base as agents
from mainstay.kernel.errors import Unavailable
from mainstay.kernel.events import FailureClass
from mainstay.models import traces
from mainstay.runtime import telemetry
from mainstay.runtime.telemetry import RunSpans
from mainstay.testing.fakes import Fault
from mainstay.testing.plans import act, chain, plan_of, think
from tests.models.test_traces import Traces
from tests.runtime.house import House, at_work

NAMES = {
    *("gen_ai.operation.name", "gen_ai.tool.name", "gen_ai.tool.type", "gen_ai.conversation.id"),
    *("mainstay.adapter", "mainstay.task", "mainstay.attempt", "error.type"),
}


def work(house: House) -> None:
    async def story() -> None:
        async with at_work(house):
            await house.ask(house.begin())
            await house.settled()

    asyncio.run(story())


def test_each_attempt_has_a_span(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = Traces()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    monkeypatch.setattr(trace, "get_tracer", lambda *args, **more: provider.tracer)
    house = House(chain(3))
    work(house)
    assert house.status() == "succeeded"
    spans = provider.tracer.spans
    assert [span.name for span in spans] == ["invoke_agent thinker"] * 3
    assert [span.attributes["mainstay.task"] for span in spans] == ["t0", "t1", "t2"]
    assert {span.attributes["gen_ai.conversation.id"] for span in spans} == {house.run_of("one")}
    failing = House(plan_of(think("only")))
    failing.thinker.work_as = lambda brief: agents.Failed(FailureClass.REFUSED, "Ada said no")
    work(failing)
    assert spans[3].attributes["error.type"] == "refused"
    assert "Ada" not in str(spans[3].attributes)


def test_without_a_provider_there_is_none() -> None:
    house = House(chain(3))
    work(house)
    assert house.status() == "succeeded"


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Traces:
    provider = Traces()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    monkeypatch.setattr(trace, "get_tracer", lambda *args, **more: provider.tracer)
    return provider


def test_a_call_of_an_adapter_has_a_span_of_the_runs_trace(heard: Traces) -> None:
    house = House(plan_of(act("send")))
    work(house)
    assert house.status() == "succeeded"
    agent, call = heard.tracer.spans
    assert (agent.name, call.name) == ("invoke_agent proposer", "execute_tool email.reply")
    assert call.kind is trace.SpanKind.CLIENT
    assert call.attributes["gen_ai.operation.name"] == "execute_tool"
    assert call.attributes["gen_ai.tool.name"] == "email.reply"
    assert "error.type" not in call.attributes
    run = house.run_of("one")
    for span in (agent, call):
        parent = trace.get_current_span(span.context).get_span_context()
        assert f"{parent.trace_id:032x}" == run, "the trace is named as the run is"
        assert parent.span_id == traces.ids_of(run)[1]


def test_a_call_that_is_refused_says_so_without_the_words(heard: Traces) -> None:
    house = House(plan_of(act("send")))
    house.adapter.plan([Fault.REFUSED])
    work(house)
    call = heard.tracer.spans[1]
    assert call.attributes["error.type"] == "Refused"
    assert set(call.attributes) <= NAMES


def test_a_run_has_a_span_once_its_end_is_durable(heard: Traces) -> None:
    house = House(plan_of(think("only")))
    house.loop._committed = RunSpans(house.store).committed
    house.clock.advance(5_000_000)
    work(house)
    (ended,) = [span for span in heard.tracer.spans if span.name.startswith("run ")]
    assert ended.name == "run sample"
    assert (ended.attributes["mainstay.outcome"], ended.attributes["mainstay.tasks"]) == ("succeeded", 1)
    assert ended.attributes["gen_ai.conversation.id"] == house.run_of("one")
    assert ended.times == (house.clock.now() * 1_000, house.clock.now() * 1_000)


@pytest.mark.parametrize("run", ["0" * 32, "f" * 32, "my own name", ""])
def test_every_run_has_ids_that_a_trace_may_have(run: str) -> None:
    trace_id, span_id = traces.ids_of(run)
    assert 0 < trace_id < 2**128
    assert 0 < span_id < 2**64
    assert traces.ids_of(run) == (trace_id, span_id)


def test_without_the_libraries_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter", None)
    off = telemetry.begin("", workspace="desk", version="1", content=False, share_percent=100)
    off.end()
    with pytest.raises(Unavailable, match="is not installed") as caught:
        telemetry.begin(
            "http://127.0.0.1:4318", workspace="desk", version="1", content=False, share_percent=100
        )
    assert caught.value.remedy == "pip install 'mainstay[telemetry]'"
    assert trace._TRACER_PROVIDER is None

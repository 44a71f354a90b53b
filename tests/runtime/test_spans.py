"""Attempts of agents have spans where somebody listens, and go their usual way where nobody does."""

import asyncio

import pytest
from opentelemetry import trace

from mainstay.agents import base as agents
from mainstay.kernel.events import FailureClass
from mainstay.testing.plans import chain, plan_of, think
from tests.models.test_traces import Traces
from tests.runtime.house import House, at_work


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

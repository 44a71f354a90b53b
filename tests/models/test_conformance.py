"""The port's promises, kept by every client and every wrapper."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from mainstay.models.answer_cache import CachedModel
from mainstay.models.base import ModelClient
from mainstay.models.client import EndpointModel
from mainstay.models.embedding_cache import InMemoryEmbeddingCache
from mainstay.models.limited import LimitedModel, Turnstile
from mainstay.models.metered import MeteredModel, Purse
from mainstay.models.prices import Price
from mainstay.models.scripted import ScriptedModel
from mainstay.models.settings import ModelSettings
from mainstay.models.spending import Answers, Spending, Supply
from mainstay.models.typed import TypedModel
from mainstay.testing.conformance.model import ModelConformance
from mainstay.testing.model_server import Asked, Given, ModelServer, completion
from tests.models.sealing import OpenSeal, keyed_hash

PRICE = Price(150_000, 600_000)


def echo() -> ScriptedModel:
    return ScriptedModel(lambda prompt: prompt.messages[-1].text)


def repeat(asked: Asked) -> Given:
    return completion(asked.body["messages"][-1]["content"])(asked)


class TestScripted(ModelConformance):
    @pytest.fixture
    def model(self) -> ModelClient:
        return echo()


class TestTyped(ModelConformance):
    @pytest.fixture
    def model(self) -> ModelClient:
        return TypedModel(echo())


class TestMetered(ModelConformance):
    @pytest.fixture
    def model(self) -> ModelClient:
        return MeteredModel(echo(), PRICE, Purse(10_000_000))


class TestLimited(ModelConformance):
    @pytest.fixture
    def model(self) -> ModelClient:
        return LimitedModel(echo(), Turnstile(concurrency=2))


class TestCached(ModelConformance):
    @pytest.fixture
    def model(self) -> ModelClient:
        return CachedModel(echo(), InMemoryEmbeddingCache(), OpenSeal(), keyed_hash(secrets.token_bytes(16)))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ModelServer(repeat) as server:
        yield server.url


class TestEndpoint(ModelConformance):
    @pytest.fixture
    def model(self, url: str) -> ModelClient:
        return EndpointModel(ModelSettings("test", "scripted:small", url=url))


class TestSpendingOnAnEndpoint(TestEndpoint):
    @pytest.fixture
    def model(self, url: str) -> Any:
        settings = ModelSettings("test", "scripted:small", url=url, output_token_max=20_000)
        client = LimitedModel(EndpointModel(settings), Turnstile(concurrency=4))
        answers = Answers(InMemoryEmbeddingCache(), OpenSeal(), keyed_hash(b"k" * 16))
        supply = Supply(settings, client, PRICE)
        return _Named(Spending(supply, cost_max_micros=10_000_000, data_class="public", answers=answers))


class _Named:
    """A brief's spending, by the name that the port knows."""

    def __init__(self, spending: Spending) -> None:
        self.model_id = spending.model
        self.complete = spending.complete

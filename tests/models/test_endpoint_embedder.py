"""Vectors from an endpoint: the promises behind the cache, what is checked before, and a provider that is down."""

from collections.abc import Iterator

import pytest

from mainstay.kernel.errors import Unavailable as Down
from mainstay.models.base import Embedder, Unavailable
from mainstay.models.embedding_cache import CachedEmbedder, InMemoryEmbeddingCache
from mainstay.models.endpoint_embedder import EndpointEmbedder, find_endpoint_embedder
from mainstay.models.metered import Purse
from mainstay.models.prices import Price
from mainstay.models.settings import ModelSettings
from mainstay.testing.conformance.embedder import EmbedderConformance
from mainstay.testing.model_server import Given, ModelServer, Script, refusal, vectors

DIMENSIONS = 64


def settings(url: str, **more: object) -> ModelSettings:
    given: dict[str, object] = {
        "allowed_data": ("public", "customer"),
        "price_input_micros": 20_000,
        "dimensions": DIMENSIONS,
        **more,
    }
    return ModelSettings("vectors", "scripted:small", url=url, **given)  # type: ignore[arg-type]


def found(url: str, purse: Purse | None = None, **more: object) -> Embedder | Unavailable:
    return find_endpoint_embedder(
        settings(url, **more), key=lambda: "sk-1", data_classes=("customer",), purse=purse or Purse(1_000_000)
    )


def embedder(url: str, purse: Purse | None = None, **more: object) -> EndpointEmbedder:
    made = found(url, purse, **more)
    assert isinstance(made, EndpointEmbedder)
    return made


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ModelServer(vectors(DIMENSIONS)) as server:
        yield server.url


class TestBehindTheCache(EmbedderConformance):
    @pytest.fixture
    def embedder(self, url: str) -> Embedder:
        return CachedEmbedder(embedder(url), InMemoryEmbeddingCache(), secret=b"s" * 16)


def test_what_is_sent() -> None:
    with ModelServer(vectors(DIMENSIONS)) as server:
        embedder(server.url).embed(["hello", " \n", "broken \ud800", "é" * 100_000])
    (asked,) = server.asked
    assert (asked.path, asked.headers["authorization"]) == ("/v1/embeddings", "Bearer sk-1")
    first, empty, broken, long = asked.body["input"]
    assert (first, empty, broken) == ("hello", "-", "broken ?")
    assert len(long.encode()) == 8_000


def test_many_texts_go_in_portions_and_keep_their_order() -> None:
    texts = [f"word{n} " * 3 for n in range(150)]
    with ModelServer(vectors(DIMENSIONS)) as server:
        made = embedder(server.url)
        together = made.embed(texts)
        assert [len(one.body["input"]) for one in server.asked] == [64, 64, 22]
        assert together[149].tobytes() == made.embed(texts[149:])[0].tobytes()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"allowed_data": ("public",)}, "may not be sent"),
        ({"dimensions": 0}, "how many numbers"),
        ({"price_input_micros": None}, "what scripted:small costs"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_sent(more: dict[str, object], says: str) -> None:
    answer = found("http://127.0.0.1:1/v1", **more)
    assert isinstance(answer, Unavailable)
    assert says in answer.reason
    assert answer.remedy


def test_known_models_need_no_dimensions() -> None:
    told = ModelSettings("v", "openai:text-embedding-3-small", ("customer",), key="env:X")
    made = find_endpoint_embedder(told, key=str, data_classes=("customer",), purse=Purse(0))
    assert isinstance(made, EndpointEmbedder)
    assert made.dimensions == 1536


@pytest.mark.parametrize(
    "usage", [None, {"prompt_tokens": -1}, {"prompt_tokens": 10**9}, {"prompt_tokens": 0}]
)
def test_usage_is_settled_and_what_cannot_be_at_the_worst_case(usage: object) -> None:
    honest, lying = Purse(1_000), Purse(1_000)
    with ModelServer(vectors(DIMENSIONS)) as server:
        embedder(server.url, honest, price_input_micros=1_000_000).embed(["hello there, you two"])
    with ModelServer(vectors(DIMENSIONS, usage=usage)) as server:
        embedder(server.url, lying, price_input_micros=1_000_000).embed(["hello there, you two"])
    assert (honest.spent.cost_micros, honest.left_micros) == (5, 995)
    assert (lying.spent.cost_micros, lying.left_micros) == (28, 972)


def test_an_empty_purse_makes_no_call() -> None:
    with ModelServer(vectors(DIMENSIONS)) as server:
        with pytest.raises(Down, match="not asked"):
            embedder(server.url, Purse(1), price_input_micros=1_000_000).embed(["hello"])
        assert server.asked == []


@pytest.mark.parametrize(
    ("given", "spent"),
    [
        (refusal(401), 0),
        (refusal(429), 0),
        (refusal(500), 13),
        (Given(raw=b"<html>"), 13),
        (Given(raw=b'{"data": []}'), 13),
        (vectors(DIMENSIONS - 1), None),
        (Given(raw=b'{"data": [{"index": 0, "embedding": "AAAA"}]}'), 13),
    ],
)
def test_a_provider_that_fails_is_told_and_left_alone_for_a_while(given: Script, spent: int | None) -> None:
    now, purse = [100.0], Purse(1_000)
    with ModelServer(given) as server:
        made = EndpointEmbedder(
            settings(server.url), lambda: "sk-1", DIMENSIONS, Price(1_000_000, 0), purse, now=lambda: now[0]
        )
        for _ in range(3):
            with pytest.raises(Down, match="by words alone"):
                made.embed(["hello"])
        assert len(server.asked) == 1
        now[0] += 31
        with pytest.raises(Down):
            made.embed(["hello"])
        assert len(server.asked) == 2
    if spent is not None:
        assert purse.spent.cost_micros == 2 * spent

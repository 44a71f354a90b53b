"""What a model costs: told, local, published, or unknown and never zero."""

from datetime import date, timedelta

import pytest

from mainstay.models.prices import (
    STALE_DAYS,
    Price,
    ceiling_micros,
    price_of,
    prices_as_of,
    stale,
)
from mainstay.models.settings import ModelSettings


def model(use: str, **more: object) -> ModelSettings:
    return ModelSettings("test", use, **more)  # type: ignore[arg-type]


def test_what_the_operator_says_counts_before_all_else() -> None:
    told = model("openai:gpt-4o-mini", price_input_micros=1, price_output_micros=2)
    assert price_of(told) == Price(1, 2)
    assert price_of(model("ollama:qwen3", price_input_micros=5, price_output_micros=0)) == Price(5, 0)


def test_half_a_price_is_none_for_text_and_enough_for_vectors() -> None:
    half = model("scripted:x", url="http://localhost/v1", price_input_micros=7)
    assert price_of(half) is None
    assert price_of(half, embedding=True) == Price(7, 0)


@pytest.mark.parametrize(
    ("settings", "known"),
    [
        (model("ollama:qwen3"), True),
        (model("ollama:qwen3", url="http://localhost:11434/v1"), True),
        (model("ollama:qwen3", url="https://ollama.example.org/v1"), False),
        (model("ollama:gpt-oss:120b-cloud"), False),  # forwarded by the local server
        (model("vllm:qwen3", url="http://127.0.0.1:8000/v1"), False),  # may be a gateway to somebody
    ],
)
def test_free_is_only_what_is_known_to_run_here(settings: ModelSettings, known: bool) -> None:
    found = price_of(settings)
    assert (found is not None and found.free) is known
    if not known:
        assert found is None


def test_published_prices_go_by_the_provider_or_the_address_and_never_by_a_name_alone() -> None:
    found = price_of(model("openai:gpt-4o-mini"))
    assert found is not None
    assert found.said == "published"
    assert not found.free
    assert price_of(model("openai:gpt-4o-mini", url="https://llm.example.org/v1")) is None
    assert price_of(model("openai:no-such-model-9")) is None


def test_a_batch_costs_no_more_than_a_call_of_its_own() -> None:
    usual, batch = price_of(model("openai:gpt-4o-mini")), price_of(model("openai:gpt-4o-mini"), batch=True)
    assert usual is not None
    assert batch is not None
    assert 0 < batch.input_micros < usual.input_micros


def test_an_embedding_has_no_output_to_pay_for() -> None:
    assert price_of(model("openai:text-embedding-3-small")) is None
    found = price_of(model("openai:text-embedding-3-small"), embedding=True)
    assert found is not None
    assert (found.input_micros > 0, found.output_micros) == (True, 0)


def test_amounts_are_rounded_up() -> None:
    price = Price(150_000, 600_000, call_micros=3)
    assert price.cost_micros(1, 0, 0) == 1
    assert price.cost_micros(1_000_000, 1_000_000, 2) == 750_006
    assert ceiling_micros(price, 8_000, 1_000) == price.cost_micros(8_000, 1_000) == 1_803
    assert ceiling_micros(price, 8_000, 1_000, calls=2) == 3_606
    assert ceiling_micros(None, 8_000, 1_000) is None


def test_old_prices_are_told() -> None:
    newest = prices_as_of()
    assert newest is not None
    assert newest >= date(2026, 1, 1)
    assert not stale(newest + timedelta(days=STALE_DAYS))
    assert stale(newest + timedelta(days=STALE_DAYS + 1))

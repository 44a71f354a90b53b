"""`[models.NAME]` of `mainstay.toml`: a model, where it answers, what may be sent to it and what it costs."""

from __future__ import annotations

from urllib.parse import urlsplit

from mainstay.config.reading import LOOPBACK, reference
from mainstay.models.settings import KNOWN_URLS, ModelSettings
from mainstay.workflows.document import Section

__all__ = ["ModelSettings", "read_model"]

_KEYS = (
    *("use", "allowed_data", "url", "key", "price_input_usd", "price_output_usd"),
    *("output_token_max", "timeout_s", "concurrency", "calls_per_minute", "dimensions", "own_network"),
)


def read_model(models: Section, name: str) -> ModelSettings:
    """One model. Raises `ConfigError` with file, key and line."""
    section = models.table(name)
    section.only(*_KEYS)
    use = section.text("use")
    if ":" not in use.strip(":"):
        raise section.error(
            "use", f"{use!r} names no model", remedy='write provider:model, such as "ollama:qwen3"'
        )
    plain = ModelSettings(name, use)
    key = reference(section, "key") if section.has("key") else ""
    url = _url(section, use.partition(":")[0])
    if use.startswith("openai:") and not url and not key:
        raise section.error(
            "",
            "a key is missing for OpenAI",
            why="it answers nobody without one",
            remedy='set the environment variable OPENAI_API_KEY, and write key = "env:OPENAI_API_KEY"',
        )
    price_in, price_out = section.money("price_input_usd"), section.money("price_output_usd")
    if price_in is None and price_out is not None:
        raise section.error("price_output_usd", "half a price", remedy="write price_input_usd as well")
    return ModelSettings(
        name=name,
        use=use,
        allowed_data=section.words("allowed_data", plain.allowed_data),
        url=url,
        key=key,
        price_input_micros=price_in,
        price_output_micros=price_out,
        output_token_max=section.whole("output_token_max", plain.output_token_max, least=1, most=200_000),
        timeout_s=section.whole("timeout_s", 40, least=1, most=3_600),
        concurrency=section.whole("concurrency", plain.concurrency, least=1, most=256),
        calls_per_minute=section.whole("calls_per_minute", 0, least=0, most=100_000),
        own_network=section.flag("own_network", plain.own_network),
        dimensions=section.whole("dimensions", 0, least=0, most=16_384),
    )


def _url(section: Section, provider: str) -> str:
    """Where the model answers. What is personal and the key travel there, so it is encrypted or this machine."""
    url = section.text("url", "")
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise section.error("url", f"{url!r} is not a web address", remedy="write https://...")
    if url and parts.username is not None:
        raise section.error(
            "url", "a password stands in the address", remedy="take it out, and name it in `key` by reference"
        )
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise section.error(
            "url",
            f"the connection to {parts.hostname} must be encrypted",
            why="messages and the key would travel in the open",
            remedy="write https://... (http only on this machine)",
        )
    if not url and provider not in KNOWN_URLS:
        known = " and ".join(sorted(KNOWN_URLS))
        raise section.error(
            "",
            f"where {provider!r} answers is not known",
            why=f"only {known} have a known address",
            remedy='write its OpenAI-compatible address, such as url = "https://llm.example.org/v1"',
        )
    return url

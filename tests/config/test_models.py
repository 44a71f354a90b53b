"""`[models.NAME]` and `[memory]`: what is read, and what is refused with its line."""

from pathlib import Path

import pytest

from mainstay.config.models import ModelSettings
from mainstay.config.settings import read_settings
from mainstay.kernel.errors import ConfigError

WHOLE = """\
[models.default]
use = "vllm:qwen3:8b"
url = "https://llm.example.org/v1/"
key = "env:LLM"
allowed_data = ["customer"]
price_input_usd = "0.15"
price_output_usd = "0.60"
output_token_max = 500
timeout_s = 30
concurrency = 2
calls_per_minute = 60
[models.vectors]
use = "openai:text-embedding-3-small"
key = "env:OPENAI"
dimensions = 512
[memory]
embedder = "vectors"
"""


def test_every_key() -> None:
    settings = read_settings(WHOLE.encode(), Path("/srv/desk"))
    found = settings.models["default"]
    assert found == ModelSettings(
        "default",
        "vllm:qwen3:8b",
        ("customer",),
        "https://llm.example.org/v1/",
        "env:LLM",
        150_000,
        600_000,
        500,
        30,
        2,
        60,
    )
    assert (found.provider, found.model, found.endpoint) == ("vllm", "qwen3:8b", "https://llm.example.org/v1")
    assert settings.models["vectors"].dimensions == 512
    assert settings.memory.embedder == "vectors"


def test_known_providers_need_no_address() -> None:
    text = '[models.a]\nuse = "ollama:qwen3"\n[models.b]\nuse = "openai:gpt-4o-mini"\nkey = "env:K"'
    models = read_settings(text.encode(), Path("/srv/desk")).models
    assert models["a"].endpoint == "http://127.0.0.1:11434/v1"
    assert models["b"].endpoint == "https://api.openai.com/v1"
    assert models["a"].known_local
    assert not models["b"].on_this_machine


@pytest.mark.parametrize(
    ("text", "line", "key", "what"),
    [
        ('use = "vllm:x"', 1, "models.a", "where 'vllm' answers is not known"),
        ('use = "openai:x"', 1, "models.a", "a key is missing for OpenAI"),
        ('use = "vllm:x"\nurl = "http://llm.example.org/v1"', 3, "models.a.url", "must be encrypted"),
        ('use = "vllm:x"\nurl = "https://me:secret@llm.example.org"', 3, "models.a.url", "a password stands"),
        ('use = "vllm:x"\nurl = "llm.example.org"', 3, "models.a.url", "not a web address"),
        ('use = "ollama:x"\nprice_input_usd = 0.15', 3, "models.a.price_input_usd", "cannot be 0.15"),
        ('use = "ollama:x"\nprice_output_usd = "1"', 3, "models.a.price_output_usd", "half a price"),
        ('use = "ollama:x"\noutput_token_max = 0', 3, "models.a.output_token_max", "must lie between"),
        ('use = "ollama:x"\ntimeout_s = 1.5', 3, "models.a.timeout_s", "whole number"),
        ('use = "ollama:x"\nmodel = "y"', 3, "models.a.model", "there is no key 'model'"),
        ('use = "ollama:x"\n[memory]\nembedder = "b"', 4, "memory.embedder", "cannot be 'b'"),
        ('use = "ollama:x"\n[memory]\nvectors = "a"', 4, "memory.vectors", "there is no key"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, key: str, what: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read_settings(f"[models.a]\n{text}".encode(), Path("/srv/desk"))
    assert (raised.value.line, raised.value.key) == (line, key)
    assert what in str(raised.value)
    assert "secret" not in str(raised.value)

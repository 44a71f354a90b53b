"""How one configured model is reached, what may be sent to it and what it costs, as a frozen value.

Read from `[models.NAME]` by `mainstay.config.models`; it lies in this layer because the client, the prices and the
wrappers go by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
# Where a provider answers when no url is given. Of any other provider the url must be written down.
KNOWN_URLS: Final = {"ollama": "http://127.0.0.1:11434/v1", "openai": "https://api.openai.com/v1"}
AGENTS_MODEL: Final = "default"  # the one that agents use


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """A model, and which classes of data may be sent to it. Prices are micro-units for a million tokens."""

    name: str
    use: str  # provider and model, "ollama:qwen3"
    allowed_data: tuple[str, ...] = ("public",)
    url: str = ""  # of an endpoint of one's own; empty: where the provider is known to answer
    key: str = ""  # a reference to a secret
    price_input_micros: int | None = None  # None: not told, see `mainstay.models.prices`
    price_output_micros: int | None = None
    output_token_max: int = 1_024  # the most that one answer may have, whatever an agent asks for
    timeout_s: float = (
        40  # for one call, from its first byte to its last; an attempt has 60 unless its task says more
    )
    concurrency: int = 4  # calls at once
    calls_per_minute: int = 0  # 0: as many as `concurrency` lets through
    own_network: bool = False  # its name leads into the operator's own network, and may
    dimensions: int = 0  # of an embedding model; 0: as its name is known to have

    @property
    def provider(self) -> str:
        """Who answers: `ollama` of `ollama:qwen3`."""
        return self.use.partition(":")[0]

    @property
    def model(self) -> str:
        """The model's name at its provider: `qwen3:8b` of `ollama:qwen3:8b`."""
        return self.use.partition(":")[2]

    @property
    def endpoint(self) -> str:
        """The address that is called, without a slash at its end."""
        return (self.url or KNOWN_URLS.get(self.provider, "")).rstrip("/")

    @property
    def on_this_machine(self) -> bool:
        """Whether the address is this machine's. What listens there may still pass on what it is sent."""
        return urlsplit(self.endpoint).hostname in LOOPBACK

    @property
    def known_local(self) -> bool:
        """Whether the model itself is known to run here: Ollama's own, and not one that it forwards to its cloud."""
        forwarded = self.model.endswith(("-cloud", ":cloud"))
        return self.provider == "ollama" and self.on_this_machine and not forwarded

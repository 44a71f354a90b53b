"""One exchange with an OpenAI-compatible endpoint, on Pydantic AI's model layer.

That layer knows how each provider wants to be asked (the name of the token limit, which models take no temperature,
how a schema is written down, which text could pass for a control token). Everything else is kept from it: it does not
retry, reads nothing from the environment, follows no redirect, and never sees what a provider reports of its usage,
since it turns a missing report into zeros (docs/adr/0009).

This module imports the libraries of the extra `models`; only `mainstay.models.client` imports it, when first needed.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from openai import AsyncOpenAI
from pydantic_ai.direct import model_request
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.ollama import OllamaModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.profiles import merge_profile
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.ollama import OllamaProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider
from pydantic_ai.settings import ModelSettings as CallSettings

from mainstay.models.base import Prompt
from mainstay.models.settings import KNOWN_URLS, ModelSettings
from mainstay.models.wire import exchange, http_client

NO_KEY = "none"  # the client library wants one even where the endpoint does not


@dataclass(frozen=True, slots=True)
class Said:
    """What came back. `reported` is the provider's own report of usage, whatever it is."""

    text: str
    model: str
    finish: str
    refusal: bool
    reported: Any


class Chat:
    """The exchanges with one endpoint, within one event loop."""

    def __init__(self, settings: ModelSettings, key: str) -> None:
        self._settings = settings
        self._client = open_client(settings, key)
        self._model = _model(settings, self._client)

    async def ask(self, prompt: Prompt) -> Said:
        """One answer. Raises what the libraries raise; `mainstay.models.faults` knows what it means."""
        call = CallSettings(
            max_tokens=prompt.output_token_max,
            temperature=prompt.temperature,
            timeout=self._settings.timeout_s,
        )
        with exchange() as reports:
            response = await model_request(
                self._model,
                _messages(prompt),
                model_settings=call,
                model_request_parameters=self._parameters(prompt),
                instrument=False,
            )
        details = response.provider_details or {}
        return Said(
            text="".join(part.content for part in response.parts if isinstance(part, TextPart)),
            model=response.model_name or self._settings.model,
            finish=response.finish_reason or "stop",
            refusal="refusal" in details,
            reported=reports[-1] if reports else None,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _parameters(self, prompt: Prompt) -> ModelRequestParameters:
        if prompt.output_schema is None:
            return ModelRequestParameters()
        native = self._model.profile.get("supports_json_schema_output", False)
        # Rewritten in place on its way, and the prompt belongs to whoever asks.
        schema = OutputObjectDefinition(json_schema=deepcopy(prompt.output_schema), name="answer")
        return ModelRequestParameters(output_mode="native" if native else "prompted", output_object=schema)


def open_client(settings: ModelSettings, key: str) -> AsyncOpenAI:
    """The client library: it asks once. What it adds from the environment, the wire leaves away."""
    return AsyncOpenAI(
        base_url=settings.endpoint,
        api_key=key or NO_KEY,
        max_retries=0,
        timeout=settings.timeout_s,
        http_client=http_client(settings),
    )


def _model(settings: ModelSettings, client: AsyncOpenAI) -> Model[Any]:
    if settings.provider == "openai" and settings.endpoint == KNOWN_URLS["openai"]:
        return OpenAIChatModel(settings.model, provider=OpenAIProvider(openai_client=client))
    # Of others we know only that they understand the older name of the limit. One that is not understood is ignored,
    # and an answer without a limit is one without a ceiling of its cost.
    older = OpenAIModelProfile(openai_chat_supports_max_completion_tokens=False)
    if settings.provider == "ollama":
        provider = OllamaProvider(openai_client=client)
        profile = merge_profile(provider.model_profile(settings.model), older)
        return OllamaModel(settings.model, provider=provider, profile=profile)
    return OpenAIChatModel(
        settings.model,
        provider=OpenAICompatibleProvider(settings.provider, openai_client=client, profile=older),
    )


def _messages(prompt: Prompt) -> list[ModelMessage]:
    messages: list[ModelMessage] = []
    if prompt.system:
        messages.append(ModelRequest(parts=[SystemPromptPart(writable(prompt.system))]))
    for message in prompt.messages:
        text = writable(message.text)
        if message.role == "user":
            messages.append(ModelRequest(parts=[UserPromptPart(text)]))
        else:
            messages.append(ModelResponse(parts=[TextPart(text)]))
    return messages


def writable(text: str) -> str:
    """Text without lone surrogates, which broken mail has and UTF-8 cannot hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()

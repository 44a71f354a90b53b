"""`EndpointModel`: the port `ModelClient` on Ollama, OpenAI and whatever speaks as OpenAI does.

Rules of the file: it asks once. It does not retry (the director does), count money, cache or wait for its turn; those
are wrappers. Whatever the world does comes back as `Unanswered`. The heavy libraries are imported when the first
question comes, in a thread, so that nothing else waits for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from mainstay.kernel.errors import MainstayError
from mainstay.kernel.values import NO_USAGE, Usage
from mainstay.models import bounds, traces
from mainstay.models.base import Completion, Prompt, Unanswered
from mainstay.models.settings import ModelSettings

if TYPE_CHECKING:
    from types import ModuleType

    from mainstay.models.chat import Chat, Said

INSTALL: Final = "pip install 'mainstay[models]'"
# More than any model reads at once; beyond it only memory and bandwidth are lost.
PROMPT_BYTES_MAX: Final = 4_000_000


class EndpointModel:
    """One configured model. `key` is asked for the secret at the first call, and again after a refusal."""

    def __init__(self, settings: ModelSettings, key: Callable[[], str] = lambda: "") -> None:
        assert settings.endpoint, "where it answers is checked when the settings are read"
        self._settings = settings
        self._key = key
        self._chats: WeakKeyDictionary[asyncio.AbstractEventLoop, Chat] = WeakKeyDictionary()

    @property
    def model_id(self) -> str:
        return self._settings.use

    async def complete(self, prompt: Prompt) -> Completion | Unanswered:
        """One answer, within `timeout_s`, from the first byte to the last."""
        assert prompt.messages, "there is nothing to answer"
        if bounds.input_tokens_bound(prompt) > PROMPT_BYTES_MAX:
            return Unanswered(
                "refused",
                f"the prompt has more than {PROMPT_BYTES_MAX:,} bytes",
                NO_USAGE,
                remedy="Give the retrieval policy a smaller `token_max`.",
            )
        with traces.chat(self._settings.provider, self._settings.model, prompt) as span:
            answer = await self._ask(prompt)
            span.answered(answer)
        return answer

    async def warm(self) -> None:
        """Load what the first question would load, so that its time is that of the call. Fails in silence."""
        with suppress(ImportError, MainstayError):
            await asyncio.to_thread(import_module, "mainstay.models.faults")
            await self._chat()

    def renew(self) -> None:
        """Look up the secret again at the next call. What is being asked goes on as it began."""
        self._chats.clear()

    async def aclose(self) -> None:
        """Close what this event loop has open."""
        chat = self._chats.pop(asyncio.get_running_loop(), None)
        if chat is not None:
            await chat.aclose()

    async def _ask(self, prompt: Prompt) -> Completion | Unanswered:
        settings = self._settings
        try:
            faults = await asyncio.to_thread(import_module, "mainstay.models.faults")
            chat = await self._chat()
        except ImportError as error:
            return Unanswered(
                "refused",
                f"language models need a package that is missing: {error.name}",
                NO_USAGE,
                remedy=INSTALL,
            )
        except MainstayError as error:
            return Unanswered("refused", error.what, NO_USAGE, remedy=error.remedy)
        try:
            async with asyncio.timeout(settings.timeout_s):
                said = await chat.ask(prompt)
        except TimeoutError:
            timed_out: Unanswered = faults.timed_out(settings)
            return timed_out
        except Exception as error:  # whatever the libraries raise, there is no answer
            failed: Unanswered = faults.fault(error, settings)
            if failed.cause == "refused":
                await self.aclose()  # the next call looks up the secret again: it may have been put right
            return failed
        return self._answer(prompt, said, faults)

    async def _chat(self) -> Chat:
        loop = asyncio.get_running_loop()
        chat = self._chats.get(loop)
        if chat is None:
            made = await asyncio.to_thread(_open, self._settings, self._key)
            chat = self._chats.setdefault(loop, made)
            if chat is not made:  # two first questions at once
                await made.aclose()
        return chat

    def _answer(self, prompt: Prompt, said: Said, faults: ModuleType) -> Completion | Unanswered:
        settings = self._settings
        usage = bounds.proven(prompt, said.reported, said.text)
        settled = usage or bounds.worst_case(prompt)
        if said.refusal:
            return Unanswered(
                "refused",
                f"{settings.use} declined to answer",
                settled,
                remedy="Answer this one yourself, or name another model.",
            )
        if said.finish == "content_filter":
            filtered: Unanswered = faults.filtered(settings)
            return _with_usage(filtered, settled)
        cut = said.finish == "length"
        if not said.text.strip():
            why = "spent its whole limit on thinking and said nothing" if cut else "gave an empty answer"
            return Unanswered("broken", f"{settings.use} {why}", settled, remedy=_LONGER if cut else "")
        if said.finish == "error":
            return Unanswered("broken", f"{settings.use} broke its answer off", settled)
        return Completion(
            said.text, f"{settings.provider}:{said.model}", settled, cut, unproven=usage is None
        )


_LONGER: Final = "Raise `output_token_max` of the model in mainstay.toml."


def _open(settings: ModelSettings, key: Callable[[], str]) -> Chat:
    from mainstay.models.chat import Chat

    return Chat(settings, key())


def _with_usage(unanswered: Unanswered, usage: Usage) -> Unanswered:
    return Unanswered(unanswered.cause, unanswered.detail, usage, remedy=unanswered.remedy)

"""`OpenAIBatch`: the port `BatchClient` on OpenAI's files and batches, and on endpoints that have the same.

Rules of the file: what the world does is a value, as with single calls. A batch is found again by the key in its
metadata. Only a list that was read to its end proves that there is none.

This module imports the libraries of the extra `models`; import it late.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

import openai

from mainstay.kernel.values import NO_USAGE, Json
from mainstay.models.base import Completion, Prompt, Unanswered
from mainstay.models.batch import Answered, BatchId, Progress
from mainstay.models.bounds import proven, worst_case
from mainstay.models.chat import open_client, writable
from mainstay.models.settings import KNOWN_URLS, ModelSettings

ENDPOINT: Final = "/v1/chat/completions"
METADATA: Final = "mainstay_key"
PAGES_MAX: Final = 50  # of a hundred batches each

_OVER: Final = ("completed", "expired", "cancelled")
_DEAD: Final = ("failed",)


class OpenAIBatch:
    """Batches of one configured model, within one event loop."""

    def __init__(self, settings: ModelSettings, key: Callable[[], str]) -> None:
        self._settings = settings
        self._client = open_client(settings, key())

    @property
    def model_id(self) -> str:
        return self._settings.use

    async def submit(self, key: str, prompts: Mapping[str, Prompt]) -> BatchId | Unanswered:
        """See `BatchClient.submit`."""
        try:
            there = await self._find(key)
            if there is not None:
                return there
        except openai.OpenAIError as error:
            # Without proof that there is none, a second one might be paid for.
            return self._fault(error, sent=False)
        try:
            lines = [self._line(number, one) for number, one in _numbered(prompts)]
            content = "".join(json.dumps(line) + "\n" for line in lines).encode()
            file = await self._client.files.create(file=(f"{key}.jsonl", content), purpose="batch")
        except openai.OpenAIError as error:
            return self._fault(error, sent=False)  # a file without a batch costs nothing
        try:
            made = await self._client.batches.create(
                input_file_id=file.id, endpoint=ENDPOINT, completion_window="24h", metadata={METADATA: key}
            )
        except openai.OpenAIError as error:
            return self._fault(error, sent=True)
        return BatchId(made.id)

    async def poll(self, batch: BatchId) -> Progress | Unanswered:
        """See `BatchClient.poll`."""
        try:
            found = await self._client.batches.retrieve(batch)
        except openai.OpenAIError as error:
            return self._fault(error, sent=True)
        if found.status in _DEAD:
            return Unanswered(
                "refused",
                f"{self.model_id} refused the batch as a whole",
                NO_USAGE,
                remedy="Ask for one answer with `mainstay models check`, which tells more.",
            )
        counts = found.request_counts
        return Progress(
            found.status in _OVER, counts.completed if counts else 0, counts.total if counts else 0
        )

    async def fetch(
        self, batch: BatchId, prompts: Mapping[str, Prompt]
    ) -> Mapping[str, Answered] | Unanswered:
        """See `BatchClient.fetch`."""
        try:
            found = await self._client.batches.retrieve(batch)
            parts = [
                (await self._client.files.content(file)).content
                for file in (found.output_file_id, found.error_file_id)
                if file
            ]
        except openai.NotFoundError:
            gone = f"the answers of this batch of {self.model_id} were removed already"
            return Unanswered("refused", gone, NO_USAGE, remedy="Ask again as another attempt.")
        except openai.OpenAIError as error:
            return self._fault(error, sent=True)
        lines = {
            str(line.get("custom_id")): line
            for part in parts
            for line in _lines(part)
            if isinstance(line, dict)
        }
        # What was not begun when the batch ended was not paid for either.
        idle = Unanswered("timeout", f"{self.model_id} did not come to this within the batch's day", NO_USAGE)
        return {
            name: self._answer(lines[number], prompts[name]) if number in lines else idle
            for number, name in ((str(place), name) for place, name in enumerate(sorted(prompts)))
        }

    async def drop(self, batch: BatchId) -> None:
        """See `BatchClient.drop`."""
        with suppress(openai.OpenAIError):
            found = await self._client.batches.retrieve(batch)
            for file in (found.input_file_id, found.output_file_id, found.error_file_id):
                if file:
                    with suppress(openai.OpenAIError):
                        await self._client.files.delete(file)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _find(self, key: str) -> BatchId | None:
        """The live batch with this key; None only if the list was read to its end."""
        page = await self._client.batches.list(limit=100)
        for _ in range(PAGES_MAX):
            for one in page.data:
                if (one.metadata or {}).get(METADATA) == key and one.status not in _DEAD:
                    return BatchId(one.id)
            if not page.has_next_page():
                return None
            page = await page.get_next_page()
        raise openai.OpenAIError(f"there are more than {PAGES_MAX * 100} batches")

    def _line(self, number: int, prompt: Prompt) -> Json:
        settings = self._settings
        limit = "max_completion_tokens" if settings.endpoint == KNOWN_URLS["openai"] else "max_tokens"
        turns = [{"role": one.role, "content": writable(one.text)} for one in prompt.messages]
        system = [{"role": "system", "content": writable(prompt.system)}] if prompt.system else []
        body: Json = {
            "model": settings.model,
            "messages": [*system, *turns],
            limit: prompt.output_token_max,
            "temperature": prompt.temperature,
        }
        if prompt.output_schema is not None:
            schema = {"name": "answer", "schema": prompt.output_schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return {"custom_id": str(number), "method": "POST", "url": ENDPOINT, "body": body}

    def _answer(self, line: Json, prompt: Prompt) -> Answered:
        response = line.get("response")
        if not isinstance(response, dict) or response.get("status_code") != 200:
            return Unanswered("refused", f"{self.model_id} refused this one of the batch", NO_USAGE)
        try:
            body = response["body"]
            choice = body["choices"][0]
            text = choice["message"].get("content") or ""
            declined = choice["message"].get("refusal") or choice.get("finish_reason") == "content_filter"
            model = str(body.get("model") or self._settings.model)
        except (KeyError, IndexError, TypeError, AttributeError):
            return Unanswered("broken", f"{self.model_id} answered with something that is no answer")
        usage = proven(prompt, body.get("usage"), text)
        settled = usage or worst_case(prompt)
        if declined:
            return Unanswered("refused", f"{self.model_id} declined to answer", settled)
        if not isinstance(text, str) or not text.strip():
            return Unanswered("broken", f"{self.model_id} gave an empty answer", settled)
        cut = choice.get("finish_reason") == "length"
        return Completion(text, f"{self._settings.provider}:{model}", settled, cut, unproven=usage is None)

    def _fault(self, error: Exception, *, sent: bool) -> Unanswered:
        """`sent`: something that is paid for may have come about."""
        status = getattr(error, "status_code", 0)
        usage = NO_USAGE if not sent or 400 <= status < 500 else None
        if 400 <= status < 500 and status not in (408, 409, 429):
            detail = f"{self._settings.provider} refuses batches ({status})"
            return Unanswered(
                "refused", detail, usage, remedy="Does this provider have batches, and is the key right?"
            )
        if isinstance(error, openai.APITimeoutError):
            return Unanswered("timeout", f"{self._settings.provider} did not answer in time", usage)
        return Unanswered("unreachable", f"{self._settings.provider} cannot be asked about batches", usage)


def _numbered(prompts: Mapping[str, Prompt]) -> Iterator[tuple[int, Prompt]]:
    """The prompts by number: their names stay here."""
    for number, name in enumerate(sorted(prompts)):
        yield number, prompts[name]


def _lines(content: bytes) -> Iterator[Any]:
    for line in content.split(b"\n"):
        if line.strip():
            with suppress(ValueError):
                yield json.loads(line)

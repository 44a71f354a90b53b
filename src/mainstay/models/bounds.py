"""How many tokens a prompt can have at most, and whether a provider's report of usage can be true.

A token of every tokenizer in use stands for at least one byte of the text, so the bytes bound the tokens from above,
whatever the model: four times too high for English, and never too low. Money is reserved by this bound. What a
provider reports beyond it, or so far below that no tokenizer could do it, proves nothing, and what is not proven is
settled at the bound.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any, Final

from mainstay.kernel.values import Usage
from mainstay.models.base import Prompt

_MESSAGE_TOKENS: Final = 32  # role, separators and what a chat template adds around one message
_FRAME_TOKENS: Final = 256  # what it adds around the whole, and how an answer in JSON is asked for
_SCHEMA_TIMES: Final = 3  # a schema is rewritten for the provider, and stands in the instructions besides
# Long runs of blanks are one token of up to 128 bytes; a text that is nothing else does not occur.
_TOKEN_BYTES_MAX: Final = 64


def input_tokens_bound(prompt: Prompt) -> int:
    """More tokens than this the prompt cannot have."""
    texts = [prompt.system, *(message.text for message in prompt.messages)]
    size = sum(map(_bytes_max, texts)) + _MESSAGE_TOKENS * len(texts) + _FRAME_TOKENS
    if prompt.output_schema is not None:
        size += _SCHEMA_TIMES * len(json.dumps(prompt.output_schema).encode())
    return size


def framed(context_bytes: int) -> int:
    """The tokens that a prompt with so many bytes of text has at most, with its frame and a schema of common size.

    For the worst case of an attempt, before there is a prompt. Text that is full of what looks like control tokens can
    go beyond it; then the meter refuses the call.
    """
    return context_bytes + context_bytes // 8 + 8 * _MESSAGE_TOKENS + _FRAME_TOKENS + _SCHEMA_TIMES * 1_000


def worst_case(prompt: Prompt) -> Usage:
    """The most that one call with this prompt can consume; its cost is for who knows the price."""
    return Usage(input_tokens=input_tokens_bound(prompt), output_tokens=prompt.output_token_max, calls=1)


def proven(prompt: Prompt, reported: Any, answer: str) -> Usage | None:
    """The usage that a provider reports for one call, or None if it reports none or it cannot be true."""
    if not isinstance(reported, dict):
        return None
    asked, said = reported.get("prompt_tokens"), reported.get("completion_tokens")
    if type(asked) is not int or type(said) is not int:
        return None
    if (
        not _least(prompt.system, *(one.text for one in prompt.messages))
        <= asked
        <= input_tokens_bound(prompt)
    ):
        return None
    if not _least(answer) <= said <= prompt.output_token_max:
        return None
    return Usage(input_tokens=asked, output_tokens=said, calls=1)


def _least(*texts: str) -> int:
    return sum(-(-len(text.encode("utf-8", "replace")) // _TOKEN_BYTES_MAX) for text in texts)


def _bytes_max(text: str) -> int:
    """The bytes of a text as any tokenizer may come to see it."""
    size = len(text.encode("utf-8", "replace"))
    if not text.isascii():
        # Some tokenizers take the compatible form of a character first, which can be many letters long.
        size = max(size, len(unicodedata.normalize("NFKC", text).encode("utf-8", "replace")))
    # Where text looks like a control token of a chat template, a mark of three bytes keeps it from being one.
    return size + 3 * (text.count("<") + text.count("[") + text.count("]"))

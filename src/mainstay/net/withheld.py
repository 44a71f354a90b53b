"""Taking secrets out of texts that leave for the ledger, the log or a screen: the last net, not the first.

A secret is given to libraries and servers, and what these raise or answer may quote it: a provider its key, a mail
server the password that it refuses. Whoever writes such a text down asks `without_secrets` first.

The values are kept for the whole process, since a text does not say whose workspace it is from. That is the one state
of a module here; it can only ever take something out.
"""

from __future__ import annotations

import base64
import json
import re
from threading import Lock
from typing import Any, Final
from urllib.parse import quote

INSTEAD: Final = "***"
LENGTH_MIN: Final = 6  # shorter values stand in any text by chance
WORD_MIN: Final = 12  # and so do those that are a plain word
KEPT_MAX: Final = 1_000

_lock = Lock()
_values: dict[str, tuple[str, ...]] = {}
_folded: list[tuple[str, re.Pattern[str]]] = []  # every spelling in small letters, the longest first


def handed_out(value: str) -> None:
    """Remember a value that somebody was given."""
    if len(value) < (WORD_MIN if value.isalpha() else LENGTH_MIN) or value in _values:
        return
    with _lock:
        if len(_values) >= KEPT_MAX:
            _values.pop(next(iter(_values)))
        _values[value] = _spellings(value)
        # In any case of letters, since texts are folded on their way.
        every = sorted({one for each in _values.values() for one in each}, key=len, reverse=True)
        _folded[:] = [(one.lower(), re.compile(re.escape(one), re.IGNORECASE)) for one in every]


def without_secrets(text: str) -> str:
    """The text without any value that was handed out, however it is written there."""
    if not _folded:
        return text
    folded = text.lower()  # to look is a hundred times as fast as to replace, and nearly always enough
    for one, pattern in tuple(_folded):
        if one in folded:
            text = pattern.sub(INSTEAD, text)
    return text


def all_without_secrets(value: Any) -> Any:
    """The same for plain data."""
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, dict):
        return {without_secrets(str(name)): all_without_secrets(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [all_without_secrets(one) for one in value]
    return value


def _spellings(value: str) -> tuple[str, ...]:
    """As it is, in JSON, in a representation, in a web address, in base64."""
    inside = base64.b64encode(value.encode()).decode().rstrip("=")
    spelled = {value, json.dumps(value)[1:-1], repr(value)[1:-1], quote(value, safe=""), quote(value), inside}
    return tuple(one for one in spelled if len(one) >= LENGTH_MIN)

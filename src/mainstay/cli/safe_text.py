"""Text from outside, as it may be shown in a terminal.

A mail can hold sequences that recolour, retitle or rewrite what stands on the screen, and marks that turn the reading
order around. Nothing of that reaches a terminal: every text that the house did not write passes through here.
"""

from __future__ import annotations

import re
import unicodedata

# CSI, OSC and the other string sequences (ended by BEL or ST, or by the end of the text), then two-byte escapes.
_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
_BREAKS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# Invisible marks that are of category Cf and yet belong to writing: joiners of Indic scripts and of emoji.
_KEPT = frozenset("\u200c\u200d")


def safe(text: str) -> str:
    """The text without anything that could steer a terminal or hide itself; lines and tabs stay."""
    text = _BREAKS.sub("\n", _SEQUENCES.sub("", text))
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if one in "\n\t" else _visible(one) for one in text)


def safe_line(text: str, width_max: int = 0) -> str:
    """The same on one line, cut to `width_max` characters where one is given."""
    line = " ".join(safe(text).split())
    return line if not width_max or len(line) <= width_max else line[: width_max - 1].rstrip() + "…"


def _visible(one: str) -> str:
    category = unicodedata.category(one)
    if category == "Cs":
        return "\ufffd"
    if category in ("Cc", "Co", "Cn") or (category == "Cf" and one not in _KEPT):
        return ""
    return one

"""Which part of a mail is new, and which repeats what was written before.

Clients mark quotations in a few ways: lines that begin with `>`, a line of attribution above them, or a
header-like block under a rule with everything below it old. Text below or between `>` lines counts as new,
since many people answer inline. When in doubt a line is new: reading too much costs less than overlooking
an answer.
"""

from __future__ import annotations

import re

_ATTRIBUTION = re.compile(
    r"^(?:on|am|le|el|il|em|op|den|dne|w dniu|em)\b.{4,250}"
    r"(?:wrote|schrieb|écrit|escribió|scritto|escreveu|schreef|skrev|napsal|napisał)\b.{0,120}:\s*$",
    re.IGNORECASE,
)
_ATTRIBUTION_END = re.compile(
    r"(?:wrote|schrieb|écrit|escribió|scritto|escreveu|schreef|skrev|napsal|napisał)\b.{0,120}:\s*$",
    re.IGNORECASE,
)
_ORIGINAL = re.compile(
    r"^\s*-{2,}\s*(?:original message|ursprüngliche nachricht|message d'origine|mensaje original"
    r"|messaggio originale|forwarded message|weitergeleitete nachricht|oorspronkelijk bericht"
    r"|mensagem original)\s*-{2,}\s*$",
    re.IGNORECASE,
)
_RULE = re.compile(r"^\s*_{10,}\s*$")
_OLD_FROM = re.compile(r"^\*?(?:from|von|de|da|van|od)\s?:\*?\s+\S", re.IGNORECASE)
_OLD_FIELD = re.compile(
    r"^\*?(?:sent|date|to|subject|gesendet|datum|an|betreff|envoyé|à|objet|enviado|para|asunto|inviato|a|oggetto"
    r"|verzonden|aan|onderwerp)\s?:\*?\s",
    re.IGNORECASE,
)


def split_reply(text: str) -> tuple[str, str]:
    """`(new, quoted)`: what this mail adds, and what it repeats. Both are stripped of empty lines at their
    ends."""
    lines = text.split("\n")
    cut = next((number for number in range(len(lines)) if _all_old_from(lines, number)), len(lines))
    new: list[str] = []
    old: list[str] = []
    for number, line in enumerate(lines[:cut]):
        (old if line.lstrip().startswith(">") or _attributes(lines, number, cut) else new).append(line)
    old.extend(lines[cut:])
    return "\n".join(new).strip(), "\n".join(old).strip()


def _all_old_from(lines: list[str], number: int) -> bool:
    """Everything from this line on repeats an older mail."""
    line = lines[number]
    if _ORIGINAL.match(line):
        return True
    if _RULE.match(line):
        return any(_OLD_FROM.match(later) for later in lines[number + 1 : number + 4])
    if not _OLD_FROM.match(line):
        return False
    return sum(1 for later in lines[number + 1 : number + 6] if _OLD_FIELD.match(later)) >= 2


def _attributes(lines: list[str], number: int, cut: int) -> bool:
    """`On Monday Ann wrote:`, on one line or broken over two, with a quotation (or the end) below it."""
    line = lines[number].strip()
    if not line or len(line) > 400:
        return False
    below = [later.strip() for later in lines[number + 1 : min(cut, number + 4)]]
    above = lines[number - 1].strip() if number else ""
    if _ATTRIBUTION.match(line):
        return _quote_follows(below)
    if below and len(below[0]) <= 200 and _ATTRIBUTION_END.search(below[0]):
        return not _ATTRIBUTION.match(below[0]) and _joined(line, below[0]) and _quote_follows(below[1:])
    return bool(_ATTRIBUTION_END.search(line)) and _joined(above, line) and _quote_follows(below)


def _joined(first: str, second: str) -> bool:
    return len(first) <= 200 and _ATTRIBUTION.match(f"{first} {second}") is not None


def _quote_follows(below: list[str]) -> bool:
    first = next((line for line in below if line), None)
    return first is None or first.startswith(">")

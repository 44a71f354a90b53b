"""The answer of a reply: what stands between greeting and signature, which may be said to the next person too.

Pure, and careful rather than clever: where nothing looks like a greeting or a closing, the text stays as it is. A
greeting names somebody, so a past answer must not carry one.
"""

from __future__ import annotations

import re

GREETING_WORDS_MAX = 8

_GREETING = re.compile(
    r"^(?:hi|hello|hey|dear|good (?:morning|afternoon|evening|day)|hallo|guten (?:tag|morgen|abend)|liebe[rs]?"
    r"|sehr geehrte[rs]?|bonjour|bonsoir|cher|chère|hola|estimad[oa]|ciao|buongiorno|gentile)\b",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"^(?:(?:best|kind|warm|many thanks|with (?:best|kind))\b.{0,30}|(?:best )?(?:regards|wishes)|yours\b.{0,20}"
    r"|sincerely|cheers|thanks(?: again)?|thank you|all the best|take care|mit freundlichen grüßen|viele grüße"
    r"|(?:beste|liebe|herzliche|freundliche) grüße|cordialement|bien à vous|saludos.{0,20}|un saludo|cordiali saluti)"
    r"\s*[,.!]?$",
    re.IGNORECASE,
)


def answer_of(text: str, signature: str = "") -> str:
    """The text without a greeting at its beginning, and without closing and signature at its end."""
    whole = "\n".join(line.rstrip() for line in text.strip().splitlines())
    signed = "\n".join(line.rstrip() for line in signature.strip().splitlines())
    if signed and whole.endswith(signed):
        whole = whole[: -len(signed)].rstrip()
    parts = [part for part in re.split(r"\n{2,}", whole) if part.strip()]
    if len(parts) > 1 and _greets(parts[0]):
        parts = parts[1:]
    elif parts:
        first, _, rest = parts[0].partition("\n")
        if rest and _greets(first):
            parts[0] = rest
    if parts:
        lines = parts[-1].split("\n")
        for place, line in enumerate(lines):
            if _CLOSING.match(line.strip()) and len(lines) - place <= 6:
                lines = lines[:place]
                break
        parts[-1] = "\n".join(lines)
    for place in range(1, len(parts)):
        # "Kind regards" alone, and the name in a paragraph of its own.
        if _CLOSING.match(parts[place].split("\n")[0].strip()) and len(parts) - place <= 3:
            parts = parts[:place]
            break
    found = "\n\n".join(part for part in parts if part.strip()).strip()
    return found or text.strip()


def _greets(line: str) -> bool:
    plain = line.strip()
    if "\n" in plain or len(plain.split()) > GREETING_WORDS_MAX:
        return False
    return bool(_GREETING.match(plain)) and (plain.endswith((",", "!", ":", ".")) or len(plain.split()) <= 4)

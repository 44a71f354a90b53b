"""The check for secrets in a draft: keys, tokens, passwords with their value, card and account numbers.

The workspace's own secrets are known by their value, as far as this process was given them, and others by their form.
Numbers count only where their checksum holds, and a password only where a value stands beside it, so that
"never send me your password" and a customer's number pass. What was found is never repeated.
"""

from __future__ import annotations

import re

from mainstay.agents.checks.subject import REFUSE, Findings, Subject, finding
from mainstay.net.withheld import without_secrets

_KEYS = (
    ("a private key", re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----")),
    ("an access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    (
        "an access token",
        re.compile(r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk_live_|rk_live_|sk-|AIza)[\w-]{16,}"),
    ),
    ("a signed token", re.compile(r"\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{5,}")),
    ("an age key", re.compile(r"\bAGE-SECRET-KEY-1[0-9A-Z]{20,}", re.IGNORECASE)),
    ("a password in a link", re.compile(r"\b\w{2,10}://[^\s/:@]{1,80}:[^\s/@]{3,80}@")),
)
_VALUE = re.compile(
    r"\b(?:pass ?word|passwort|kennwort|mot de passe|contraseña|wachtwoord|senha"
    r"|passcode|pin|api[- ]?key|secret|token)\b"
    r"(?:\s+(?:is|lautet|est|es)\s*:?|\s*[:=])\s*[\"'`]?(\S{4,80})",
    re.IGNORECASE,
)
_CARD = re.compile(r"(?<![\d.,-])\d(?:[ -]?\d){12,18}(?![\d-])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{1,4}){3,8}\b")


def leaked_secret(subject: Subject) -> Findings:
    """Nothing that opens a door or an account."""
    found = _secret(f"{subject.draft.subject}\n{subject.draft.text}")
    if not found:
        return ()
    return finding(
        "leaked-secret", REFUSE, f"the draft contains {found}", "take it out, and change it if it was real"
    )


def _secret(text: str) -> str:
    if without_secrets(text) != text:
        return "a secret of this workspace"
    for name, pattern in _KEYS:
        if pattern.search(text):
            return name
    if any(_is_value(match[1]) for match in _VALUE.finditer(text)):
        return "a password or key with its value"
    if any(_luhn(re.sub(r"\D", "", match[0])) for match in _CARD.finditer(text)):
        return "a card number"
    if any(_iban(match[0].replace(" ", "")) for match in _IBAN.finditer(text)):
        return "an account number (IBAN)"
    return ""


def _is_value(word: str) -> bool:
    # "the password is expired" tells nothing; "the password is Tulip7!" does.
    bare = word.strip(".,;:!?\"'`)")
    if len(bare) >= 4 and any(map(str.isdigit, bare)):
        return True
    return re.search(r"\w[!#$%&*+=^~]\w|\w[!#$%&*+=^~]{2}", word) is not None


def _luhn(digits: str) -> bool:
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    doubled = (
        int(digit) if place % 2 == 0 else sum(divmod(2 * int(digit), 10))
        for place, digit in enumerate(reversed(digits))
    )
    return sum(doubled) % 10 == 0


def _iban(text: str) -> bool:
    if not 15 <= len(text) <= 34:
        return False
    return int("".join(str(int(char, 36)) for char in text[4:] + text[:4])) % 97 == 1

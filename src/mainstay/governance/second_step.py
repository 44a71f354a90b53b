"""The second step that a final act of high stake wants: the amount, or where there is none the recipient, typed out.

Rules of this file: pure; what is wanted is computed from the rendered effect, so it stands for exactly what would
leave; the desk asks for it (`runtime.answering`), whatever the door. What somebody types is compared without regard to
case, blanks and the marks between thousands, and an amount may come with or without its currency.
"""

from __future__ import annotations

import re

from mainstay.kernel.contract import Finality
from mainstay.kernel.values import Digest, Json, money

WITHOUT_NAME = 8  # digits of the digest, where an effect names neither amount nor recipient
_LOOSE = re.compile(r"[\s,'’]+")
_AMOUNT = re.compile(r"\D{0,4}(\d[\d.,'’ ]*)\D{0,4}")  # a number, with a currency before or after it


def second_step(finality: str, shown: Json | None, *, price_micros: int | None, digest: Digest) -> str:
    """What a person must type before this effect leaves; empty where a yes is enough."""
    if finality != Finality.FINAL_HIGH:
        return ""
    shown = shown or {}
    recipients = [str(one).strip() for one in shown.get("recipients", ()) if str(one).strip()]
    moved = shown.get("amount_micros")
    if isinstance(moved, int) and not isinstance(moved, bool):
        return money(moved)
    if amount := _amount(shown.get("request") or {}):
        return amount
    if recipients:
        return recipients[0]
    return money(price_micros) if price_micros else digest[:WITHOUT_NAME]


def is_confirmed(wanted: str, typed: str) -> bool:
    """Whether this is what was asked for. Nothing typed never is."""
    given = _plain(typed)
    if not given:
        return False
    amount = _AMOUNT.fullmatch(wanted)
    return given == _plain(wanted) or (amount is not None and given == _plain(amount[1]))


def _amount(request: Json) -> str:
    value = request.get("amount")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return " ".join(filter(None, (str(value).strip(), str(request.get("currency") or "").strip())))


def _plain(text: str) -> str:
    return _LOOSE.sub("", text).casefold()

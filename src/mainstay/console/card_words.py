"""Cards in the words of the pages: what will happen, how final it is, what became of it, how long ago it was asked.

Pure but for the machine's time zone. What comes from outside is only put between words here, never read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mainstay.console.rendering import visible
from mainstay.console.wording import span
from mainstay.kernel.contract import Finality
from mainstay.kernel.values import DAY, HOUR, Instant
from mainstay.workspace import Card

TEXT_MAX = 16_000  # characters of a text on the page of its card; all of it has a page of its own
SHORT_MAX = 200  # of a title, an address, a reason
RECIPIENTS_MAX = 20
CHECKS_MAX = 60  # names of checks that passed
MICROS = 1_000_000
MORNING = 8  # o'clock: when what was put off to tomorrow comes back

_DOES = {
    "email.reply": "Send 1 e-mail",
    "email.label": "Label 1 e-mail",
    "email.unlabel": "Take labels off 1 e-mail",
}
_RISK = {
    Finality.FINAL_HIGH: ("High stake", "bad"),
    Finality.FINAL_LOW: ("Low stake", ""),
    Finality.WITHDRAWABLE: ("Can be withdrawn", "accent"),
    Finality.REVERSIBLE: ("Can be undone", "ok"),
}
_BECAME = {
    "granted": ("Approved", "ok"),
    "edited": ("Approved with another text", "ok"),
    "rejected": ("Rejected", "bad"),
    "denied": ("Denied by a rule", "bad"),
    "expired": ("Expired", "warn"),
    "cancelled": ("Cancelled", ""),
    "superseded": ("Overtaken", ""),
    "withdrawn": ("Withdrawn", ""),
    "happened": ("Had happened already", ""),
    "waiting": ("Waits", "accent"),
}
_MEANS = {
    "granted": "It was approved.",
    "edited": "It was approved with another text.",
    "rejected": "It was rejected: nothing is sent.",
    "denied": "A rule denied it: nothing is sent.",
    "expired": "It expired without an answer: nothing is sent.",
    "cancelled": "Its run was cancelled: nothing is sent.",
    "superseded": "Something newer took its place: this draft is not sent.",
    "withdrawn": "It was withdrawn: nothing is sent.",
    "happened": "It turned out that it had happened already.",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A text as far as a page shows it."""

    text: str
    cut: bool = False


def shown(text: str, most: int = TEXT_MAX) -> Shown:
    """The beginning of a text. What cannot be seen counts as long as what stands for it on the page."""
    seen = visible(text[:most])
    return Shown(seen[:most], len(text) > most or len(seen) > most)


def short(text: str, most: int = SHORT_MAX) -> str:
    """One line of it."""
    line = " ".join(visible(text[: 4 * most]).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def editable(text: str) -> tuple[str, int]:
    """A text without what cannot be seen, for a field in which only what is seen should be sent; how much went."""
    plain = text.replace("\r\n", "\n")
    kept = "".join(one for one in plain if visible(one) == one)
    return kept, len(plain) - len(kept)


def will_happen(act: str, recipients: Sequence[str]) -> str:
    """What a yes leads to."""
    known = _DOES.get(act)
    if known is None:
        adapter, _, operation = act.partition(".")
        known = f"{adapter}: {operation.replace('_', ' ')}" if operation else act
    return f"{known}, {len(recipients):,} recipients" if len(recipients) > 1 else known


def risk(finality: str) -> tuple[str, str]:
    """A word for how final it is, and its tone."""
    return _RISK.get(Finality(finality), (finality, ""))


def undo(finality: str, hold_us: int) -> str:
    """Whether it can be taken back."""
    match Finality(finality):
        case Finality.REVERSIBLE:
            return "Possible"
        case Finality.WITHDRAWABLE:
            return "For a while"
        case _:
            return f"For {span(hold_us)}, then not" if hold_us else "Not possible"


def no_undo(hold_us: int) -> str:
    """Why nothing can be taken back, where nothing can."""
    if hold_us:
        held = f"nothing is held. What you approve can be taken back for {span(hold_us)}."
    else:
        held = "what you approve leaves at once. `[approvals] undo` holds it for a while."
    return f"Nothing to take back: {held} What you rejected is asked again under Decided."


def undo_now(status: str, finality: str, held_until: Instant, now: Instant) -> str:
    """The same of what was decided. `held_until`: when it leaves; 0: it is not on its way any more."""
    if status not in ("granted", "edited", "happened"):
        return "Nothing left"
    if held_until > now:
        return f"For {span(held_until - now)} more"
    return "Possible" if Finality(finality) is Finality.REVERSIBLE else "Not any more"


def became(status: str, *, taken_back: bool = False) -> tuple[str, str]:
    """What became of a card in a word or two, and the tone of it."""
    return ("Taken back", "warn") if taken_back else _BECAME.get(status, (status, ""))


def by(actor: str) -> str:
    """Who decided, as it is said to the operator."""
    return " by you" if actor == "operator" else f" by {actor}" if actor else ""


def sentence(text: str) -> str:
    """With a full stop, unless it ends with a mark of its own."""
    return text if text.endswith(("?", "!", ".", "…")) else f"{text}."


def meaning(card: Card) -> str:
    """The same as a sentence."""
    if card.asks and card.again_run:
        return f"It was {became(card.status)[0].lower()}{by(card.actor)}, and asked again."
    if card.asks:
        return "It was approved, and taken back before it left."
    return _MEANS.get(card.status, f"It is {card.status}.")


def passed(checks: Sequence[str]) -> str:
    """What was looked for and not found, in words."""
    told = [short(one.replace("-", " ").replace("_", " "), 60) for one in checks[:CHECKS_MAX]]
    more = len(checks) - len(told)
    return ", ".join([*told, f"and {more:,} more"] if more else told)


def expires(at: Instant, now: Instant) -> str:
    """When silence gives it up."""
    if not at:
        return "Never"
    return f"in {span(at - now)}" if at > now else "Now"


def age(at: Instant, now: Instant) -> str:
    """How long it has waited, as everywhere else: `33 s`, `4 min`."""
    return span(max(0, now - at))


def later(choice: str, at: str, now: Instant) -> Instant | None:
    """Until when a card is put off: by one of the choices, or a time on this machine's clock; None for neither."""
    match choice:
        case "1h":
            return Instant(now + HOUR)
        case "4h":
            return Instant(now + 4 * HOUR)
        case "tomorrow":
            today = datetime.fromtimestamp(now / MICROS)
            morning = today.replace(hour=MORNING, minute=0, second=0, microsecond=0) + timedelta(days=1)
            return Instant(round(morning.timestamp() * MICROS))
        case "at":
            try:
                named = round(datetime.fromisoformat(at.strip()).timestamp() * MICROS)
            except (ValueError, OverflowError, OSError):
                return None
            return Instant(named) if 0 < named < now + 3_650 * DAY else None
        case _:
            return None


def plain(text: str) -> str:
    """A text as it is compared with another: line ends are of no matter, nor are blanks at the very end."""
    return text.replace("\r\n", "\n").rstrip()

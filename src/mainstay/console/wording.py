"""Lengths of time, amounts of money and counts, as pages write them. Pure but for the machine's time zone."""

from __future__ import annotations

import time

MICROS = 1_000_000
_ACTS = {"email.reply": "Reply", "email.label": "Label", "email.unlabel": "Labels taken off"}
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def span(us: int) -> str:
    """A length of time in its largest unit: `4 min`."""
    seconds = abs(us) // MICROS
    for size, unit in _UNITS:
        if seconds >= 2 * size or (size == 60 and seconds >= 60):
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def minutes(us: int) -> str:
    """Somebody's own time: `22 min`, `1 h 10 min`; under a minute in seconds."""
    seconds = round(us / MICROS)
    if seconds < 60:
        return f"{seconds} s"
    hours, rest = divmod(round(seconds / 60), 60)
    return f"{hours} h {rest} min" if hours and rest else f"{hours} h" if hours else f"{rest} min"


def usd(micros: int | None) -> str:
    """Money: `$31.84`; of less than ten cents the first two places that say something."""
    if micros is None:
        return "unknown"
    if not micros:
        return "$0"
    if abs(micros) >= MICROS // 10:
        return f"${micros / MICROS:,.2f}"
    places = 8 - len(str(abs(micros)))
    return f"${micros / MICROS:.{min(places, 6)}f}"


def clock(at: int) -> str:
    """The time of day on this machine's clock: `09:12`."""
    return time.strftime("%H:%M", time.localtime(at / MICROS)) if at else ""


def counted(number: int, one: str, many: str = "") -> str:
    """`1 run`, `2,000 runs`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(count: int) -> str:
    """So many bytes: `4.2 MB`."""
    for unit, least in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= least:
            return f"{count / least:,.1f} {unit}"
    return f"{count} bytes"


def second(at: int) -> str:
    """The time of day to the second: `09:12:40`."""
    return time.strftime("%H:%M:%S", time.localtime(at / MICROS)) if at else ""


def whole(at: int) -> str:
    """A time with its zone, to the second: `2026-03-02 09:12:40 CET`."""
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(at / MICROS)) if at else "never"


def iso(at: int) -> str:
    """A time as programs read it: `2026-03-02T09:12:40+0100`."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(at / MICROS)) if at else ""


def zone() -> str:
    """The zone of this machine's clock, in which pages tell every time but where they say otherwise."""
    return time.strftime("%Z")


def cut(text: str, most: int) -> str:
    """The beginning of a text on one line."""
    flat = " ".join(text[: 4 * most].split())
    return flat if len(flat) <= most and len(text) <= 4 * most else flat[: most - 1].rstrip() + "…"


def act(name: str) -> str:
    """An act in a word, where we know one: `Reply` for `email.reply`."""
    return _ACTS.get(name, name)

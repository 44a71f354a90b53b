"""A card as text: first what will happen, then why it is asked, what it costs, how final it is, when it ends, where
risky things came from, what was checked, and what was decided before.

What will leave is shown to the letter: a mark that turns the reading order around, or that nobody sees, stands there by
its number instead of working.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from mainstay.cli.render import clock_time, count, now_us, short_card, short_run, span
from mainstay.cli.safe_text import safe, safe_line
from mainstay.kernel.values import money

if TYPE_CHECKING:
    from mainstay.governance.precedents import Precedent
    from mainstay.workspace import Card

PASSED_MAX = 1_000  # characters of the names of checks that found nothing
_JOINERS = frozenset("\u200c\u200d")  # they belong to writing in some scripts, and to emoji


def card_text(card: Card) -> str:
    """The whole card. Every text that came from outside is made safe to show."""
    return "\n".join([*_effect(card), "", *_why(card), "", *_decide(card)])


def marked(text: str) -> str:
    """The text with every mark that steers or hides shown by its number, so that it is seen and does nothing."""
    return "".join(f"<U+{ord(one):04X}>" if _hides(one) else one for one in text)


def _hides(one: str) -> bool:
    if one.isascii():
        return not (one.isprintable() or one in "\n\t\r")
    return unicodedata.category(one) in ("Cf", "Cc", "Co", "Cn") and one not in _JOINERS


def _effect(card: Card) -> list[str]:
    recipients = ", ".join(safe_line(marked(one)) for one in card.recipients)
    lines = [" to ".join(filter(None, (safe_line(card.act), recipients)))]
    lines.append(f"{'Subject' if card.text else 'Does'}: {safe_line(marked(card.title))}")
    if card.proposer:
        lines.append(f"Proposed by: {safe_line(marked(card.proposer))}")
    lines += [f"Attached: {safe_line(marked(one))}" for one in card.attachments]
    if card.read_with:
        lines.append(f"Before:   {safe_line(card.read_with)}")
    text = card.text or card.content
    whole = "".join((*card.recipients, card.title, text, *card.attachments))
    if hidden := sum(map(_hides, whole)):
        lines.append(f"Careful:  {count(hidden, 'hidden mark')} in it, shown as <U+....>")
    if text:
        lines += ["", *(f"  | {line}" for line in safe(marked(text)).rstrip().split("\n"))]
    return lines


def _why(card: Card) -> list[str]:
    from mainstay.governance.words import FINALITY

    lines = [f"Why you are asked: {safe_line(card.reason)} (rule {safe_line(card.rule)!r})"]
    lines.append(f"Why it is proposed: {safe_line(card.rationale)}")
    price = "unknown" if card.price_micros is None else money(card.price_micros)
    lines.append(f"Costs: {price} for this, {money(card.spent_micros)} so far")
    lines.append(f"How final: {': '.join(FINALITY.get(card.finality, (card.finality,)))}")
    lines += _silence(card)
    for risky in card.risky:
        never = "never written to before" if risky.get("name") == "recipient" else "never seen before"
        known = "seen before" if risky.get("seen_before") else never
        name, value, source = (
            safe_line(marked(str(risky.get(key, "")))) for key in ("name", "value", "source")
        )
        lines.append(f"Where it came from: {name} {value} from {source}; {known}")
    if not card.checks:
        lines.append("Checks: nothing found")
    if card.checks_passed:
        passed = ", ".join(one.replace("-", " ") for one in card.checks_passed)
        lines.append(f"Passed: {safe_line(passed, PASSED_MAX)}")
    for check in card.checks:
        remedy = safe_line(str(check.get("remedy", "")))
        lines.append(
            f"Check {safe_line(str(check.get('check', '')))} ({check.get('severity', '')}): "
            f"{safe_line(str(check.get('remark', '')))}" + (f"; {remedy}" if remedy else "")
        )
    lines += _learned(card)
    if card.message:
        sender = safe_line(str(card.message.get("from_address", "")))
        lines += ["", f"It answers {sender}: {safe_line(str(card.message.get('subject', '')))}"]
        lines += [f"  > {line}" for line in safe(str(card.message.get("text", ""))).strip().split("\n")[:20]]
    return lines


def _silence(card: Card) -> list[str]:
    """When it ends, and what becomes of it when nobody answers."""
    if card.status != "waiting":
        return []
    if not card.expires_at:
        lines = ["Without an answer it waits: it never expires, and silence never sends."]
    else:
        left = span(card.expires_at - now_us())
        lines = [
            f"Without an answer it expires in {left} ({clock_time(card.expires_at)}); silence never sends."
        ]
    if card.snoozed_until > now_us():
        lines.append(f"Put off until {clock_time(card.snoozed_until)[:16]}.")
    return lines


def _learned(card: Card) -> list[str]:
    """What went into it, what was decided before, and how far its kind of act has come."""
    lines = [f"Lessons in it: {', '.join(map(safe_line, card.lessons))}"] if card.lessons else []
    lines += [f"Before: {_precedent(one)}" for one in card.precedents]
    if card.standing:
        lines.append(f"Its kind of act: {safe_line(card.standing)}")
    return lines


def _precedent(one: Precedent) -> str:
    like = " and ".join(
        word
        for word, same in (("the same kind", one.same_kind), ("the same recipient", one.same_recipient))
        if same
    )
    read = f", open for {span(one.open_us)}" if one.open_us else ""
    return f"{one.answer} {clock_time(one.at)[:16]}{read}: {like} (run {short_run(one.run)})"


def _decide(card: Card) -> list[str]:
    lines = [f"Card {card.approval}, run {card.run}, effect {card.digest}"]
    if card.again_run:
        where = (
            f"card {short_card(card.asks)}" if card.asks else f"run {short_run(card.again_run)}, no card yet"
        )
        return [*lines, f"It is {card.status}, and was asked again: {where}."]
    if card.asks:
        return [
            *lines,
            f"It was approved, and taken back before it left: card {short_card(card.asks)} asked in its place.",
        ]
    if card.status != "waiting":
        lines.append(f"It no longer waits: {card.status}.")
        return [*lines, f"  mainstay undo {short_run(card.run)}   asks again"] if card.again else lines
    short, digest = short_card(card.approval), card.digest[:12]
    confirm = f" --confirm '{safe_line(marked(card.second_step))}'" if card.second_step else ""
    if confirm:
        lines.append("A yes is not enough: type the amount, or the recipient, with it.")
    lines.append(f"  mainstay approve {short} --digest {digest}{confirm}")
    lines.append(f"  mainstay edit {short}")
    lines.append(f"  mainstay reject {short} --reason ...")
    lines.append(f"  mainstay snooze {short} --for 2h")
    return lines

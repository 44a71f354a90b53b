"""A card as text: first what will happen, then why it is asked, where risky things came from, and what was checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mainstay.cli.render import clock_time, now_us, short_card, span
from mainstay.cli.safe_text import safe, safe_line
from mainstay.kernel.values import money

if TYPE_CHECKING:
    from mainstay.workspace import Card

_FINAL = {
    "reversible": "It can be undone.",
    "withdrawable": "It can be withdrawn for a while.",
    "final_low_stake": "It cannot be taken back; the stake is low.",
    "final_high_stake": "It cannot be taken back, and the stake is high.",
}


def card_text(card: Card) -> str:
    """The whole card. Every text that came from outside is made safe to show."""
    return "\n".join([*_effect(card), "", *_why(card), "", *_decide(card)])


def _effect(card: Card) -> list[str]:
    recipients = ", ".join(safe_line(one) for one in card.recipients)
    lines = [" to ".join(filter(None, (safe_line(card.act), recipients)))]
    lines.append(f"Subject: {safe_line(card.title)}")
    lines += [f"Attached: {safe_line(one)}" for one in card.attachments]
    if card.read_with:
        lines.append(f"Before:   {safe_line(card.read_with)}")
    lines += ["", *(f"  | {line}" for line in safe(card.text).rstrip().split("\n"))]
    return lines


def _why(card: Card) -> list[str]:
    lines = [f"Why you are asked: {safe_line(card.reason)} (rule {safe_line(card.rule)!r})"]
    lines.append(f"Why it is proposed: {safe_line(card.rationale)}")
    lines.append(f"How final: {_FINAL.get(card.finality, card.finality)}")
    for risky in card.risky:
        never = "never written to before" if risky.get("name") == "recipient" else "never seen before"
        known = "seen before" if risky.get("seen_before") else never
        name, value, source = (safe_line(str(risky.get(key, ""))) for key in ("name", "value", "source"))
        lines.append(f"Where it came from: {name} {value} from {source}; {known}")
    if not card.checks:
        lines.append("Checks: nothing found")
    for check in card.checks:
        remedy = safe_line(str(check.get("remedy", "")))
        lines.append(
            f"Check {safe_line(str(check.get('check', '')))} ({check.get('severity', '')}): "
            f"{safe_line(str(check.get('remark', '')))}" + (f"; {remedy}" if remedy else "")
        )
    price = "unknown" if card.price_micros is None else money(card.price_micros)
    lines.append(f"Costs: {price} for this, {money(card.spent_micros)} so far")
    if card.message:
        sender = safe_line(str(card.message.get("from_address", "")))
        lines += ["", f"It answers {sender}: {safe_line(str(card.message.get('subject', '')))}"]
        lines += [f"  > {line}" for line in safe(str(card.message.get("text", ""))).strip().split("\n")[:20]]
    return lines


def _decide(card: Card) -> list[str]:
    lines = [f"Card {card.approval}, run {card.run}, effect {card.digest}"]
    if card.status != "waiting":
        return [*lines, f"It no longer waits: {card.status}."]
    left = span(card.expires_at - now_us())
    lines.append(
        f"Without an answer it expires in {left} ({clock_time(card.expires_at)}); silence never sends."
    )
    short, digest = short_card(card.approval), card.digest[:12]
    lines.append(f"  mainstay approve {short} --digest {digest}")
    lines.append(f"  mainstay edit {short}")
    lines.append(f"  mainstay reject {short} --reason ...")
    return lines

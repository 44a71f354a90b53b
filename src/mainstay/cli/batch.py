"""One answer to many cards that are alike: shown first, decided with the guard of what was shown.

What was shown is kept in the workspace's cache under its guard, as ids and digests, so that the second command says
what the first one showed and nothing else.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mainstay.cli.options import open_workspace
from mainstay.cli.render import cells, count, emit, say, shares, short_card, show, table
from mainstay.kernel.errors import CommandRefused

if TYPE_CHECKING:
    from mainstay.workspace import DecidedTogether, Preview, Workspace

# card, --batch, --act, --workflow, --class, --guard, --except
Chosen = tuple[str, bool, str, str, str, str | None, list[str]]
_HEX = frozenset("0123456789abcdef")
_KEPT = 20  # previews


def decide_batch(answer: str, chosen: Chosen, reason: str, workspace: Path, as_json: bool) -> None:
    """Show the cards of a batch, or decide those that were shown."""
    card, batch, act, workflow, kind_class, guard, without = chosen
    if not batch or card:
        raise CommandRefused(
            "Name a card, or say --batch." if not card else "A batch has no single card.",
            why="Nothing was decided.",
            remedy=f"`mainstay {answer} CARD`, or `mainstay {answer} --batch --act email.reply`.",
        )
    with open_workspace(workspace) as opened:
        if guard is not None:
            cards = _kept(opened, guard)
            # What lies in the cache is held against the guard too: anybody can write there.
            guard = guard.strip().lower()
            told = opened.decide_together(answer, cards, guard=guard, without=without, reason=reason)
            return emit(told) if as_json else _tell(told, answer, len(cards) - len(told.outcomes))
        if without:
            raise CommandRefused(
                "--except goes with --guard.",
                why="A card is left out of a batch that was shown.",
                remedy="Look at the batch first, then decide it with its guard and --except CARD.",
            )
        if not act:
            raise CommandRefused(
                "Which act?",
                why="A batch is of one kind.",
                remedy=f"`mainstay {answer} --batch --act email.reply`.",
            )
        found = opened.preview(act, workflow=workflow, kind_class=kind_class)
        if found.cards:
            _keep(opened, found)
    if as_json:
        return emit(found)
    return _show(found, answer, act, reason)


def _show(found: Preview, answer: str, act: str, reason: str) -> None:
    alone = f"{count(found.alone, 'card')} more: an inspector found something, so each is decided by itself."
    if not found.cards:
        return say(f"No card of {act} can be decided with others.", *([alone] if found.alone else []))
    to, what = shares((10, 14), fixed=8 + 12 + 3 * 2)
    made = table(
        ("Card", {"min_width": 8, "no_wrap": True}),
        ("To", to),
        ("Subject", what),
        ("Effect", {"no_wrap": True}),
    )
    for one in found.cards:
        made.add_row(*cells(short_card(one.approval), ", ".join(one.recipients), one.title, one.digest[:12]))
    show(made)
    more = f" ({found.more:,} more after these)" if found.more else ""
    if found.alone:
        say(alone)
    because = " --reason ..." if answer == "reject" and not reason else ""
    return say(
        f"{count(len(found.cards), 'card')} of {found.cards[0].kind}{more}. Nothing is decided yet.",
        f"Decide exactly these: mainstay {answer} --batch --guard {found.guard}{because}",
        "Leave one out: --except CARD, as often as you like. Read one: mainstay approvals show CARD.",
    )


def _tell(told: DecidedTogether, answer: str, kept: int) -> None:
    done = "approved" if answer == "approve" else "rejected"
    say(f"{count(sum(one.outcome == done for one in told.outcomes), 'card')} {done}.")
    for one in told.outcomes:
        if one.outcome != done:
            why = f": {one.why}" if one.why else ""
            say(f"  {short_card(one.approval)} {one.outcome}{why}")
    if kept:
        say(f"{count(kept, 'card')} left out, and {'waits' if kept == 1 else 'wait'} on.")
    if answer == "approve" and not told.live:
        say("No director is at work: they will be sent at the next `mainstay up`.")


def _keep(opened: Workspace, found: Preview) -> None:
    folder = opened.folder.cache / "batches"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / f"{found.guard}.json").write_text(json.dumps(found.chosen), encoding="utf-8")
    for old in sorted(folder.glob("*.json"), key=_age)[:-_KEPT]:
        old.unlink(missing_ok=True)


def _age(path: Path) -> int:
    return path.stat().st_mtime_ns


def _kept(opened: Workspace, guard: str) -> list[tuple[str, str]]:
    name = guard.strip().lower()
    file = opened.folder.cache / "batches" / f"{name}.json"
    if not name or not set(name) <= _HEX or not file.exists():
        raise CommandRefused(
            f"No batch was shown with the guard {guard[:40]!r}.",
            why="A batch is decided with the guard under which it was shown here. Nothing was decided.",
            remedy="Look at it again without --guard.",
        )
    kept: list[Any] = json.loads(file.read_text("utf-8"))
    return [(str(approval), str(digest)) for approval, digest in kept]

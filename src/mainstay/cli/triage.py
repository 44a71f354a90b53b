"""`mainstay triage`: what waits for your look, and your word about it.

Every word is learned at once by a director that is at work, otherwise at the next `mainstay up`. The texts of messages
are shown cleaned of what could move the cursor or hide something (`mainstay.cli.safe_text`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, open_workspace
from mainstay.cli.render import clock_time, count, emit, plain, say, short_run, show, table, tell
from mainstay.cli.safe_text import safe_line
from mainstay.kernel.errors import CommandRefused

if TYPE_CHECKING:
    from mainstay.workspace import Workspace
    from mainstay.workspace.triage import Annotated as Annotation
    from mainstay.workspace.triage import Reviewed

LIMIT = 50
TEXT_LINES_MAX = 12
UNKNOWN = "unknown"
_MARK = "triage-"  # before a run's id: its card and its annotation are shown apart


def add_to(app: typer.Typer) -> None:
    """Put this command into the command line."""
    app.command("triage")(triage)


def triage(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The run of a message.", show_default="list what waits")
    ] = "",
    intent: Annotated[
        str | None,
        typer.Option("--is", metavar="INTENT", help="What it is about instead.", show_default=False),
    ] = None,
    right: Annotated[bool, typer.Option("--right", help="What the specialist said is right.")] = False,
    note: Annotated[str, typer.Option("--note", help="Why, for the record.", show_default=False)] = "",
    every: Annotated[bool, typer.Option("--all", help="Also what needs no look.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many.")] = LIMIT,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """What the intent specialist is not sure of, and your word about it.

    Without a run: what waits for a look, newest first. With one: the message and what was said of it; --right or --is
    INTENT says what it is about (`unknown`: none of the intents), and is learned.
    """
    word = intent is not None or right
    if right and intent is not None:
        raise CommandRefused(
            "--right and --is say two things.", remedy="Give one of them: --right, or --is with what it is."
        )
    if intent is not None and not intent.strip():
        raise CommandRefused("--is is empty.", remedy="Name an intent, or `unknown`; or say --right.")
    if word and not run:
        raise CommandRefused(
            "Which message is meant?", remedy="Name its run: `mainstay triage` lists what waits, with runs."
        )
    if note and not word:
        raise CommandRefused("A note belongs to a word.", remedy="Give --right or --is INTENT with it.")
    with open_workspace(workspace) as opened:
        if not run:
            return _list(opened, every=every, limit=limit, as_json=as_json)
        if not word:
            return _show(opened, run, as_json=as_json)
        return _review(opened, run, intent or "", note, as_json=as_json)


def _list(opened: Workspace, *, every: bool, limit: int, as_json: bool) -> None:
    found = opened.triage.latest(limit=limit) if every else opened.triage.waiting(limit=limit)
    waiting = opened.triage.count()
    if as_json:
        return emit({"waiting": waiting, "annotations": [plain(one) for one in found]})
    if not found:
        return say("Nothing was annotated yet." if every else "Nothing waits for your look.")
    made = table("Run", "Said", ("Sure", {"justify": "right"}), "Subject", "Status" if every else "Why")
    for one in found:
        sure = f"{100 * one.confidence:.0f} %" if one.confidence else ""
        last = _standing(one) if every else _brief(one)
        made.add_row(short_run(one.run), one.said, sure, safe_line(one.subject) or "(none)", last)
    show(made)
    if waiting > len(found) and not every:
        say(f"{waiting - len(found)} more wait: --limit shows more.")
    newest = found[0]
    if not every and newest.learned < newest.wanted:
        say(
            f"Nothing passes before {newest.wanted} decisions of yours; {newest.learned} were learned so far."
        )
    if not every:
        say("`mainstay triage RUN --right` or `--is INTENT` says what it is, and is learned.")
    return None


def _brief(one: Annotation) -> str:
    """Why it needs a look, in a few words; the message by itself tells it in full."""
    if one.said == UNKNOWN:
        return "like no intent"
    if one.audit:
        return "a sample"
    if one.learned < one.wanted:
        return "still learning"
    return f"wrong with {one.risk:.0%}" if one.risk > one.risk_max else "not sure enough"


def _standing(one: Annotation) -> str:
    if one.status == "corrected":
        return f"corrected: {one.label}"
    return f"{one.status} (sample)" if one.audit else one.status


def _show(opened: Workspace, run: str, *, as_json: bool) -> None:
    from mainstay.cli.shown import mark_shown

    one = opened.triage.annotation(run)
    message = opened.message(one.run)
    mark_shown(opened, _MARK + one.run)
    if as_json:
        return emit(plain(one) | {"text": str(message.get("text", ""))})
    say(f"{safe_line(one.subject) or '(no subject)'}")
    say(f"  from    {safe_line(one.sender) or '?'}, {clock_time(one.at)}")
    sure = f", {100 * one.confidence:.0f} % sure" if one.confidence else ""
    say(f"  said    {one.said}{sure}", f"  status  {_standing(one)}")
    if one.why:
        tell(f"  why     {one.why}", hang=10)
    say("")
    lines = str(message.get("text", "")).splitlines()
    say(*(f"  | {safe_line(line)}" for line in lines[:TEXT_LINES_MAX]))
    if len(lines) > TEXT_LINES_MAX:
        say(f"  | … {count(len(lines) - TEXT_LINES_MAX, 'more line')}")
    if one.status == "waiting":
        short = short_run(one.run)
        say("", f"`mainstay triage {short} --right` or `mainstay triage {short} --is INTENT`")
    return None


def _review(opened: Workspace, run: str, intent: str, note: str, *, as_json: bool) -> None:
    from mainstay.cli.shown import open_for_us

    one = opened.triage.annotation(run)
    open_us = open_for_us(opened, _MARK + one.run)
    done = opened.triage.review(one.run, intent=intent, note=note, open_us=open_us)
    if as_json:
        return emit(plain(done))
    tell(*_told(done))
    return None


def _told(done: Reviewed) -> list[str]:
    if not done.events:
        return [f"This had been said already: {done.intent}. Nothing was changed."]
    lines = [f"Confirmed: {done.said}." if done.said == done.intent else f"{done.intent}, not {done.said}."]
    if done.goes_on_as:
        new = short_run(done.goes_on_as)
        lines.append(
            f"Its run is ended; run {new} goes on with the corrected annotation, and what it does asks."
        )
    lines.append("It is learned." if done.live else "It is learned at the next `mainstay up`.")
    return lines

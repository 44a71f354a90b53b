"""`mainstay forget`: what is held about somebody, and to destroy it for good."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, open_workspace
from mainstay.cli.render import clock_time, count, emit, say, short_card, short_run, tell
from mainstay.cli.safe_text import safe_line

if TYPE_CHECKING:
    from mainstay.governance.forget import ForgetPlan
    from mainstay.runtime.forgetting import Forgot
    from mainstay.workspace.forgetting import ForgetPreview

NAMED_MAX = 10  # of a list; the rest is counted


def add_to(app: typer.Typer) -> None:
    """Put this command into the command line."""
    app.command()(forget)


def forget(
    who: Annotated[
        str,
        typer.Argument(
            help="The address of a person, in any spelling; or a subject's id.", metavar="ADDRESS"
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Destroy what is held about a person: first it shows what that is, then it asks. It cannot be taken back."""
    from mainstay.kernel.errors import CommandRefused, NotFound

    with open_workspace(workspace) as opened:
        desk = opened.forgetting
        preview = desk.plan(who)
        plan = preview.plan
        unfinished = bool(plan.begun_at) and not plan.done_at
        if not plan.known and not unfinished:
            raise NotFound(
                "They were forgotten before."
                if plan.done_at
                else f"Nothing is held about {safe_line(who, 80)}.",
                why=f"That was {clock_time(plan.done_at)}; nothing of them came since."
                if plan.done_at
                else "Nobody wrote from this address, no mail names it, and no note is about it.",
                remedy="Who writes from several addresses is forgotten by each of them.",
                subject=plan.subject,
            )
        if as_json:
            if not yes:
                return emit(asdict(preview) | {"forgotten": None})
            return emit(asdict(preview) | {"forgotten": asdict(desk.forget(who))})
        _tell_plan(preview, who)
        if not yes:
            if not _asked_at_a_terminal():
                raise CommandRefused(
                    "Nothing was forgotten.",
                    why="There is nobody to ask here.",
                    remedy="Run it again with --yes.",
                )
            typer.confirm(f"Forget {safe_line(who, 80)} for good?", abort=True, err=True)
        return _tell_done(desk.forget(who))


def _asked_at_a_terminal() -> bool:
    import sys

    return sys.stdin is not None and sys.stdin.isatty()


def _tell_plan(preview: ForgetPreview, who: str) -> None:
    plan = preview.plan
    say(f"Held about {safe_line(who, 80)}")
    _line("Mail", count(plan.messages, "message") + " from them")
    if plan.named_in:
        _line("", f"{count(plan.named_in, 'message')} of others that name or quote them: unreadable as well")
    _line("Runs", _runs(plan))
    for card in plan.cards[:NAMED_MAX]:
        _line("", f"card {short_card(card.approval)} ({card.act}) waits, and is withdrawn")
    if plan.doubts:
        _line("", f"{count(plan.doubts, 'act')} in doubt: still to be answered, without its text")
    _line(
        "Replies",
        f"{count(plan.replies, 'approved reply', 'approved replies')}, {plan.written} written to them",
    )
    _line("Notes", count(len(preview.noted), "memory", "memories"))
    for note in preview.noted[:NAMED_MAX]:
        _line("", f"{note.memory}: {safe_line(note.text, 100)}")
    if plan.lessons:
        _line("Lessons", f"{', '.join(plan.lessons[:NAMED_MAX])}: as others taught them, or retired")
    if plan.models:
        _line("Models", f"{', '.join(plan.models)}: dropped, and fitted anew without them")
    if preview.mentions:
        say("", "Stays, and names them: it is yours, or somebody else's")
        for one in preview.mentions:
            _line(one.what.capitalize(), f"{safe_line(one.name, 60)} {safe_line(one.source, 60)}".rstrip())
        if preview.more_mentions:
            _line("", "and perhaps more: only the newest were searched")
    say("", "Out of reach")
    for what in plan.out_of_reach:
        tell(f"  - {what}", hang=4)
    say("")


def _runs(plan: ForgetPlan) -> str:
    if not plan.runs_open:
        return f"{plan.runs_ended} that ended"
    named = ", ".join(map(short_run, plan.runs_open[:NAMED_MAX]))
    return f"{plan.runs_ended} that ended, {len(plan.runs_open)} open, which are ended now: {named}"


def _line(head: str, text: str) -> None:
    tell(f"  {head:<10} {text}", hang=13)


def _tell_done(done: Forgot) -> None:
    say(
        f"Forgotten: {count(done.messages, 'message')}, {count(done.runs, 'run')}, "
        f"{count(done.memories, 'memory', 'memories')}, {count(done.lessons, 'lesson')}."
    )
    if done.models:
        say(f"Fitted anew without them: {', '.join(done.models)}.")
    say("The key is destroyed; the chain of the ledger still verifies (`mainstay audit verify`).")

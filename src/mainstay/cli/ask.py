"""`mainstay ask`: what was decided about something, from the ledger, with the places that say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, open_workspace
from mainstay.cli.render import clock_time, count, emit, say, short_run, tell
from mainstay.cli.safe_text import safe_line
from mainstay.kernel.errors import CommandRefused

if TYPE_CHECKING:
    from mainstay.kernel.values import Instant
    from mainstay.workspace.asking import Answer

_RUN_MAX = 400


def add_to(app: typer.Typer) -> None:
    """Put the command in its place."""
    app.command("ask")(ask)


def ask(
    question: Annotated[
        str, typer.Argument(help='In your own words; "last week" or "in October" narrow it.')
    ],
    since: Annotated[
        str,
        typer.Option(
            "--since", help="From this day on: 2026-03-02, monday, yesterday, 7d.", show_default=False
        ),
    ] = "",
    until: Annotated[
        str, typer.Option("--until", help="Up to and without this day.", show_default=False)
    ] = "",
    workflow: Annotated[
        str, typer.Option("--workflow", help="Only runs of this workflow.", show_default=False)
    ] = "",
    runs: Annotated[
        int, typer.Option("--runs", min=1, help="How many runs to look at, the newest first.")
    ] = _RUN_MAX,
    words: Annotated[bool, typer.Option("--words", help="By words alone, which is quicker.")] = False,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """What was decided about something, and where the ledger says so.

    Each sentence ends with its position; `mainstay explain RUN` tells the whole story around it.
    """
    if not question.strip():
        raise CommandRefused(
            "There is no question.",
            why="It is empty.",
            remedy='Ask for example "what did we decide last week".',
        )
    with open_workspace(workspace) as opened:
        begin, end = _date("--since", since), _date("--until", until)
        answer = opened.ask(
            question, since=begin, until=end, workflow=workflow, run_max=runs, by_meaning=not words
        )
    if as_json:
        return emit(_plain(answer))
    return _show(answer)


def _date(option: str, given: str) -> Instant | None:
    from mainstay.cli.render import now_us
    from mainstay.governance.when import read_date
    from mainstay.kernel.values import Instant

    if not given.strip():
        return None
    found = read_date(given, Instant(now_us()))
    if found is None:
        raise CommandRefused(
            f"{option} {given[:40]!r} is no day.",
            why="A day is written 2026-03-02, or as monday, yesterday, 7d.",
            remedy=f"Give {option} a day, or leave it out.",
        )
    return found


def _plain(answer: Answer) -> dict[str, Any]:
    return {
        "question": answer.question,
        "about": answer.about,
        "found": bool(answer.sentences),
        "summary": answer.summary,
        "sentences": [
            {
                "position": one.position,
                "at": one.at,
                "text": one.text,
                "actor": one.actor,
                "event": one.event,
                "run": one.run or None,
                "workflow": one.workflow or None,
            }
            for one in answer.sentences
        ],
        "since": answer.since,
        "until": answer.until,
        "runs_looked_at": answer.looked_at,
        "oldest_run_at": answer.oldest,
        "complete": answer.complete,
        "by_meaning": answer.by_meaning,
    }


def _show(answer: Answer) -> None:
    if not answer.sentences:
        what = f"about {safe_line(answer.about)!r}" if answer.about else "that was decided"
        say(f"Nothing was found {what}.")
        return tell(_reach(answer))
    if answer.summary:
        tell(safe_line(answer.summary, 2_000))
        say("")
    before: str | None = None
    for one in answer.sentences:
        key = one.run or str(one.position)
        if key != before:
            say(*([""] if before is not None else []), _heading(one.run, one.workflow))
            before = key
        text = safe_line(one.text, 1_000)
        stop = "" if text.endswith((".", "?", "!", '"', "…")) else "."
        tell(f"  {clock_time(one.at)}  {text}{stop} [#{one.position}, {safe_line(one.actor)}]", hang=4)
    say("")
    return tell(_reach(answer))


def _heading(run: str, workflow: str) -> str:
    return (
        f"Run {short_run(run)} of {safe_line(workflow)} (mainstay explain {short_run(run)})"
        if run
        else "Written down"
    )


def _reach(answer: Answer) -> str:
    """How far it looked, and by what."""
    how = "by meaning and words" if answer.by_meaning else "by words"
    runs = count(answer.looked_at, "run")
    if answer.complete:
        return (
            f"Looked {how} through all {runs} of that time."
            if answer.since
            else f"Looked {how} through all {runs}."
        )
    oldest = clock_time(answer.oldest) if answer.oldest is not None else "?"
    return f"Looked {how} through the newest {runs}, back to {oldest}. --runs looks at more."

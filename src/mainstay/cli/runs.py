"""`mainstay runs`: the list of runs, and new ones that go on from an old one: `restart` and `fork`."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainstay.cli.operate import Reason, RunId
from mainstay.cli.options import HERE, AsJson, InWorkspace, given_before, new_typer, open_workspace
from mainstay.cli.render import cells, clock_time, count, emit, say, shares, short_run, show, span, table
from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.values import money

if TYPE_CHECKING:
    from mainstay.workspace import Decided, Workspace

STATUSES = (
    "delayed", "queued", "running", "paused", "compensating", "succeeded", "failed", "cancelled", "superseded",
)  # fmt: skip
OVER = ("succeeded", "failed", "cancelled", "superseded")
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="At most so many.")]
Again = Annotated[bool, typer.Option("--again", help="One more, although the same was asked for before.")]
TEXT_MAX = 1_000_000  # characters of a file after @

group = new_typer("Runs; restart one, or fork it.")


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    group.callback(invoke_without_command=True)(runs)
    group.info.no_args_is_help = False
    group.command("restart")(restart)
    group.command("fork")(fork)
    app.add_typer(group, name="runs", no_args_is_help=False)


def runs(
    context: typer.Context,
    status: Annotated[str, typer.Option(help=f"Only these: {', '.join(STATUSES)}.", show_default=False)] = "",
    limit: Limit = 50,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Runs, newest first; restart one, or fork it."""
    if context.invoked_subcommand is not None:
        context.obj = (workspace, as_json)  # options may stand before the name of the command too
        return None
    if status and status not in STATUSES:
        raise CommandRefused(
            f"{status!r} is no status of a run.", remedy=f"Use one of {', '.join(STATUSES)}."
        )
    with open_workspace(workspace) as opened:
        rows = opened.runs(status=status, limit=limit) if opened.begun else []
        cards = opened.rows("approvals", where={"status": "waiting"}, limit=10_000) if rows else []
    asked = {str(one["run"]) for one in cards}
    if as_json:
        return emit([{**row, "waits_for_you": str(row["run"]) in asked} for row in rows])
    if not rows:
        return say("No runs." if status else "No runs yet: `mainstay ingest` reads the mailbox.")
    forked = any(row["parent"] for row in rows)
    made = table(
        ("Run", {"min_width": 8, "no_wrap": True}),
        ("Workflow", {"overflow": "ellipsis", "no_wrap": True}),
        ("Status", {"no_wrap": True}),
        ("Began", {"no_wrap": True}),
        ("Took", {"no_wrap": True}),
        ("Cost", {"justify": "right", "no_wrap": True}),
        *((("From", {"min_width": 8, "no_wrap": True}),) if forked else ()),
    )
    for row in rows:
        ended = row["ended_at"]
        took = span(int(ended) - int(row["started_at"])) if ended else ""
        began = clock_time(int(row["started_at"]))[: 16 if forked else None]
        parent = (short_run(str(row["parent"] or "")),) if forked else ()
        made.add_row(
            *cells(
                short_run(str(row["run"])),
                row["workflow"],
                "waits for you" if row["status"] == "running" and str(row["run"]) in asked else row["status"],
                began,
                took,
                money(row["spent"] or 0),
                *parent,
            )
        )
    return show(made)


def restart(
    context: typer.Context,
    run: RunId,
    first: Annotated[
        str,
        typer.Option(
            "--from", "-f", metavar="TASK", help="Begin with this task.", show_default="the first given up"
        ),
    ] = "",
    again: Again = False,
    reason: Reason = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Do a task of an ended run, and what follows from it, anew.

    It is a new run that names its parent. What was done before counts as done; acts after it always ask.
    """
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        decided = opened.steering.restart(run, first=first, reason=reason, request=_request(again))
        return _tell(opened, decided, as_json)


def fork(
    context: typer.Context,
    run: RunId,
    at: Annotated[
        int | None,
        typer.Option(
            "--at",
            min=1,
            metavar="EVENT",
            help="The event to go on from, as `explain RUN --events` numbers them.",
            show_default="the last",
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            "-s",
            metavar="FIELD=VALUE",
            help="A new value: JSON where it is JSON, else text; @FILE is the text of a file.",
            show_default=False,
        ),
    ] = None,
    again: Again = False,
    reason: Reason = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Go on from any event of a run, with inputs that may differ.

    It is a new run that names its parent; the parent goes on as it was. Acts after the event always ask. Fields are
    named as in the workflow file: --set annotate.intent=refund, --set draft.reply=@reply.txt
    """
    workspace, as_json = given_before(context, workspace, as_json)
    new = _changes(changes or [])
    with open_workspace(workspace) as opened:
        decided = opened.steering.fork(
            run, version=at or 0, changes=new, reason=reason, request=_request(again)
        )
        return _tell(opened, decided, as_json)


def show_events(opened: Workspace, run: str, as_json: bool) -> None:
    """The events of a run, numbered as `runs fork --at` names them."""
    story = opened.explain(run)
    told = {
        line.position: (chapter, line.text)
        for chapter, lines in (("", story.lines), *((one.name, one.lines) for one in story.chapters))
        for line in lines
    }
    row, _ = opened.run(run)
    found: list[dict[str, Any]] = [
        {
            "version": recorded.version,
            "position": recorded.position,
            "at": recorded.at,
            "event": type(event).__name__,
            "task": told.get(recorded.position, ("", ""))[0],
            "text": told.get(recorded.position, ("", ""))[1],
            "actor": recorded.actor,
        }
        for recorded, event in opened.events(run)
    ]
    if as_json:
        return emit({"run": row["run"], "workflow": row["workflow"], "events": found})
    (text,) = shares((20,), fixed=4 + 8 + 24 + 12 + 4 * 2)
    made = table(
        ("#", {"justify": "right"}),
        ("Time", {"no_wrap": True}),
        ("Event", {"no_wrap": True, "max_width": 24}),
        ("Task", {"no_wrap": True, "max_width": 12}),
        ("What", text),
    )
    for one in found:
        made.add_row(
            *cells(one["version"], clock_time(int(one["at"]))[11:], one["event"], one["task"], one["text"])
        )
    show(made)
    return say(f"Go on from one of them: mainstay runs fork {short_run(str(row['run']))} --at EVENT")


def _tell(opened: Workspace, decided: Decided, as_json: bool) -> None:
    """What began: from where, what it took over, and where to look."""
    row, state = opened.run(decided.run)
    forked = state.unusual.forked
    assert forked is not None
    # Until it follows its plan itself, its tasks are called as in its parent.
    named = state if state.plan is not None else opened.run(str(row["parent"]))[1]
    inherited = [one for one in forked.inherited if named.exists(one.task)]
    taken = [named.name(one.task) for one in inherited]
    acted = [named.name(one.task) for one in inherited if one.acted]
    if as_json:
        return emit(
            {
                "run": decided.run,
                "parent": row["parent"],
                "point": row["point"],
                "first": forked.first,
                "changed": list(forked.changed),
                "inherited": taken,
                "acts_inherited": acted,
                "events": decided.events,
                "status": row["status"],
                "live": decided.live,
            }
        )
    short, parent = short_run(decided.run), short_run(str(row["parent"]))
    if not decided.events:
        say(f"This was asked for before: it is run {short}, {row['status']}. One more: add --again.")
        return None
    anew = f", anew from {forked.first} on" if forked.first else ""
    say(f"Run {short} goes on from run {parent} as of its event {row['point']}{anew}.")
    if forked.changed:
        say(f"Changed: {', '.join(forked.changed)}.")
    if taken:
        acts = f"; of these {', '.join(acted)} happened and is not done twice" if acted else ""
        say(f"Taken over: {_some(taken)}{acts}.")
    say("Every act from here on asks you first, also where a rule would allow it.")
    if not decided.live:
        say("No director is at work: the next `mainstay up` goes on with it.")
    say(f"See: mainstay explain {short}")
    return None


def _some(names: list[str]) -> str:
    more = len(names) - 8
    return ", ".join(names[:8]) + (f" and {count(more, 'task')} more" if more > 0 else "")


def _request(again: bool) -> str:
    return uuid.uuid4().hex if again else ""


def _changes(given: Iterable[str]) -> dict[str, Any]:
    """New values by field; @FILE is the text of a file. Raises `CommandRefused` for what is no FIELD=VALUE."""
    from mainstay.workspace.run_changes import field_and_text, value_of

    found: dict[str, Any] = {}
    for one in given:
        name, text = field_and_text(one)
        if name in found:
            raise CommandRefused(f"{name} is set twice.", remedy="Set each field once.")
        found[name] = _text_of(name, text[1:]) if text.startswith("@") else value_of(name, text)
    return found


def _text_of(name: str, file: str) -> str:
    try:
        read = Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise CommandRefused(
            f"The file for {name} cannot be read.", why=str(error), remedy="Name a text file after @."
        ) from error
    if len(read) > TEXT_MAX:
        raise CommandRefused(f"The file for {name} is too long.", why=f"It has {len(read):,} characters.")
    return read

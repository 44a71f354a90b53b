"""Commands that look: runs, cards, the story of a run, what is going on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainstay.cli.operate import CardId, RunId
from mainstay.cli.options import HERE, AsJson, InWorkspace, new_typer, open_workspace
from mainstay.cli.render import (
    cells,
    clock_time,
    count,
    emit,
    now_us,
    say,
    short_run,
    show,
    span,
    table,
    tell,
)
from mainstay.kernel.errors import NotFound
from mainstay.kernel.values import money

if TYPE_CHECKING:
    from mainstay.workspace import Workspace

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="At most so many.")]

run = new_typer("One run.")
cards = new_typer("What waits for you.")
card = new_typer("One card.")


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    run.command("show")(run_show)
    app.add_typer(run, name="run")
    app.command("explain")(explain)
    cards.callback(invoke_without_command=True)(approvals)
    cards.info.no_args_is_help = False
    cards.command("show")(approval_show)
    app.add_typer(cards, name="approvals", no_args_is_help=False)
    card.command("show")(approval_show)
    app.add_typer(card, name="approval", hidden=True)
    app.command("status")(status)


def run_show(run: RunId, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """A run: its tasks, what each is doing, and what they cost."""
    with open_workspace(workspace) as opened:
        row, state = opened.run(run)
        message = opened.message(str(row["run"]))
    tasks = [
        {
            "task": number,
            "name": state.name(number),
            "role": str(state.spec(number).role or ""),
            "agent": state.spec(number).agent,
            "act": state.spec(number).act,
            "phase": task.phase.name.lower(),
            "paused": number in state.unusual.paused_tasks,
            "attempt": task.attempt,
        }
        for number, task in state.all_tasks()
    ]
    if as_json:
        return emit({**row, "tasks_now": tasks, "message": message})
    say(f"Run {row['run']} of {row['workflow']}: {row['status']}, {money(row['spent'] or 0)}")
    ended = clock_time(row["ended_at"])
    say(f"Began {clock_time(row['started_at'])}" + (f", ended {ended}" if ended else ""))
    if message:
        say(f"Message: {message.get('from_address', '')}: {message.get('subject', '')}")
    made = table(
        ("#", {"justify": "right"}), "Task", "Who", "Act", "Phase", ("Attempt", {"justify": "right"})
    )
    for one in tasks:
        made.add_row(*cells(one["task"], one["name"], one["agent"], one["act"], _phase(one), one["attempt"]))
    show(made)
    return say(f"The whole story: mainstay explain {short_run(str(row['run']))}")


def _phase(task: dict[str, Any]) -> str:
    return f"{task['phase']}, paused" if task["paused"] else str(task["phase"])


def explain(
    run: RunId,
    events: Annotated[
        bool, typer.Option("--events", help="Its events one by one, numbered as `runs fork --at` takes them.")
    ] = False,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """The story of a run: who did what, and why."""
    from mainstay.cli.runs import show_events

    with open_workspace(workspace) as opened:
        if events:
            return show_events(opened, run, as_json)
        story = opened.explain(run)
    if as_json:
        return emit(story.as_dict())
    return tell(story.as_text().rstrip())


def approvals(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="At most so many.")] = 50,
    every: Annotated[
        bool, typer.Option("--all", help="Also what is put off, and what rules or newer mail withdrew.")
    ] = False,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """What waits for you: cards, what can still be taken back, and acts in doubt.

    `approvals show CARD` shows one whole.
    """
    if context.invoked_subcommand is not None:
        context.obj = (workspace, as_json)  # options may stand before `show` too
        return None
    from mainstay.cli.waiting import show_waiting

    return show_waiting(workspace, limit=limit, every=every, as_json=as_json)


def approval_show(
    context: typer.Context, card: CardId, workspace: InWorkspace = HERE, as_json: AsJson = False
) -> None:
    """One card, whole: what will happen first, then why you are asked.

    With a run's id in its place: what of that run is in doubt.
    """
    if context.obj is not None:
        before, json_before = context.obj
        workspace, as_json = before if workspace == HERE else workspace, as_json or json_before
    from mainstay.cli.card import card_text
    from mainstay.cli.doubts import show_doubt

    with open_workspace(workspace) as opened:
        try:
            found = opened.approval(card)
        except NotFound:
            doubts = _doubts_of(opened, card)
            if not doubts:
                raise
            if as_json:
                return emit({"in_doubt": doubts})
            for row in doubts:
                show_doubt(opened, row)
            return None
        if found.status == "waiting":
            opened.shown(found.approval)
    return emit(found) if as_json else tell(card_text(found))


def _doubts_of(opened: Workspace, run: str) -> list[dict[str, Any]]:
    """What is in doubt of the run with this id; nothing if there is no such run."""
    try:
        found = opened.run(run)[0]["run"]
    except NotFound:
        return []
    return [row for row in opened.in_doubt() if row["run"] == found]


def status(workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """Who is at work, and what waits."""
    from mainstay.cli.held_back import standing, standing_lines
    from mainstay.cli.inbox import for_you

    with open_workspace(workspace) as opened:
        found = opened.status()
        found |= opened.inbox.left() | standing(opened)
        root = opened.folder.root
    if as_json:
        return emit({"workspace": root.as_posix(), **found})
    say(f"Workspace {root}")
    say(f"Director  {found['director']}")
    tell(f"Runs      {found['open_runs']:,} open", *standing_lines(found), hang=10)
    tell(f"For you   {for_you(found)}", hang=10)
    if any(found[name] for name in ("left_to_you", "failed", "refused", "unreadable", "unheard")):
        say("          (`mainstay inbox --waiting` lists them)")
    say(f"Ledger    {count(found['position'], 'event')}")
    if found["backed_up_at"]:
        say(f"Backup    {span(now_us() - found['backed_up_at'])} ago")
    for one in found["incidents"]:
        about = " ".join(filter(None, (one["kind"].replace("_", " "), one["subject"])))
        tell(f"Trouble   {about}: {one['what']}", hang=10)
    for one in found["missed"]:
        tell(
            f"Missed    {one['workflow']}: {one['objective']}, {one['bad']} of {one['total']} bad, since "
            f"{clock_time(one['breached_at'])[:16]}; it asks about everything. `mainstay slo show {one['workflow']}`",
            hang=10,
        )
    if found.get("kill_switch"):
        say("The kill switch is on: nothing leaves until `mainstay resume --kill-switch`.")
    return None

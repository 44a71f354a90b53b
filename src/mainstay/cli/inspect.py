"""Commands that look: runs, cards, the story of a run, what is going on."""

from __future__ import annotations

from typing import Annotated

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
    shares,
    short_card,
    short_run,
    show,
    span,
    table,
)
from mainstay.kernel.values import money

STATUSES = ("queued", "running", "succeeded", "failed", "cancelled", "superseded")
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="At most so many.")]

# Of the table of cards: what may be cut, by share, and what the rest takes with its gaps.
_NARROW, _FIXED = (10, 10, 9), 29 + 6 * 3

# How final an act is, in a narrow column.
_FINALITY = {
    "reversible": "reversible",
    "withdrawable": "withdraw",
    "final_low_stake": "final",
    "final_high_stake": "high stake",
}

run = new_typer("One run.")
cards = new_typer("What waits for you.")
card = new_typer("One card.")


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    app.command("runs")(runs)
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


def runs(
    status: Annotated[str, typer.Option(help=f"Only these: {', '.join(STATUSES)}.")] = "",
    limit: Limit = 50,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Runs, newest first."""
    if status and status not in STATUSES:
        from mainstay.kernel.errors import CommandRefused

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
    made = table("Run", "Workflow", "Status", "Began", "Took", ("Cost", {"justify": "right"}))
    for row in rows:
        ended = row["ended_at"]
        took = span(int(ended) - int(row["started_at"])) if ended else ""
        began = clock_time(int(row["started_at"]))
        made.add_row(
            *cells(
                short_run(str(row["run"])),
                row["workflow"],
                "waits for you" if row["status"] == "running" and str(row["run"]) in asked else row["status"],
                began,
                took,
                money(row["spent"] or 0),
            )
        )
    return show(made)


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
        made.add_row(*cells(one["task"], one["name"], one["agent"], one["act"], one["phase"], one["attempt"]))
    show(made)
    return say(f"The whole story: mainstay explain {short_run(str(row['run']))}")


def explain(run: RunId, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """The story of a run: who did what, and why."""
    with open_workspace(workspace) as opened:
        story = opened.explain(run)
    if as_json:
        return emit(story.as_dict())
    return say(story.as_text().rstrip())


def approvals(
    context: typer.Context, limit: Limit = 100, workspace: InWorkspace = HERE, as_json: AsJson = False
) -> None:
    """What waits for you: cards, and acts in doubt. `approvals show CARD` shows one whole."""
    if context.invoked_subcommand is not None:
        context.obj = (workspace, as_json)  # options may stand before `show` too
        return None
    with open_workspace(workspace) as opened:
        waiting = opened.approvals(limit=limit) if opened.begun else []
        doubts = opened.in_doubt() if opened.begun else []
        total = opened.waiting() if opened.begun else 0
    if as_json:
        return emit({"waiting": waiting, "in_doubt": doubts})
    now = now_us()
    if waiting:
        to, what, why = shares(_NARROW, fixed=_FIXED)
        made = table(
            ("Card", {"min_width": 8, "no_wrap": True}),
            ("To", to),
            ("What", what),
            ("Why", why),
            ("Final", {"no_wrap": True}),
            ("Age", {"no_wrap": True}),
            ("Expires", {"no_wrap": True}),
        )
        for one in waiting:
            made.add_row(
                *cells(
                    short_card(one.approval),
                    ", ".join(one.recipients),
                    one.title,
                    one.rule or one.reason,
                    _FINALITY.get(one.finality, one.finality),
                    span(now - one.requested_at),
                    span(one.expires_at - now),
                )
            )
        show(made)
    if doubts:
        say("In doubt: did these go out?")
        made = table("Run", ("Task", {"justify": "right"}), "Act", "Why", "Since")
        for row in doubts:
            made.add_row(
                *cells(
                    short_run(str(row["run"])),
                    row["task"],
                    row["act"],
                    row["reason"],
                    clock_time(row["since"]),
                )
            )
        show(made)
        say("Answer with: mainstay resolve RUN TASK happened|did_not|unknown")
    if not waiting and not doubts:
        return say("Nothing waits for you.")
    more = f" ({total - len(waiting):,} more not shown)" if total > len(waiting) else ""
    return say(
        f"{count(total, 'card')}{more}. Look: mainstay approvals show CARD. Decide: approve, edit, reject."
    )


def approval_show(
    context: typer.Context, card: CardId, workspace: InWorkspace = HERE, as_json: AsJson = False
) -> None:
    """One card, whole: what will happen first, then why you are asked."""
    if context.obj is not None:
        before, json_before = context.obj
        workspace, as_json = before if workspace == HERE else workspace, as_json or json_before
    from mainstay.cli.card import card_text
    from mainstay.cli.shown import mark_shown

    with open_workspace(workspace) as opened:
        found = opened.approval(card)
        if found.status == "waiting":
            mark_shown(opened, found.approval)
    return emit(found) if as_json else say(card_text(found))


def status(workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """Who is at work, and what waits."""
    from mainstay.cli.inbox import count_left, for_you

    with open_workspace(workspace) as opened:
        found = opened.status()
        found |= count_left(opened)
        root = opened.folder.root
    if as_json:
        return emit({"workspace": root.as_posix(), **found})
    say(f"Workspace {root}")
    say(f"Director  {found['director']}")
    say(f"Runs      {found['open_runs']:,} open")
    say(f"For you   {for_you(found)}")
    if any(found[name] for name in ("left_to_you", "failed", "unreadable", "unheard")):
        say("          (of late; `mainstay inbox --waiting` lists them)")
    say(f"Ledger    {count(found['position'], 'event')}")
    if found["backed_up_at"]:
        say(f"Backup    {span(now_us() - found['backed_up_at'])} ago")
    for one in found["incidents"]:
        about = " ".join(filter(None, (one["kind"].replace("_", " "), one["subject"])))
        say(f"Trouble   {about}: {one['what']}")
    if found.get("kill_switch"):
        say("The kill switch is on: nothing leaves until `mainstay resume`.")
    return None

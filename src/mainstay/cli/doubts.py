"""What only the operator can say: acts that may have gone out, and acts that could not be taken back.

Both are answered by `mainstay resolve`, and its three words mean something else for each of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainstay.cli.operate import RunId, decision
from mainstay.cli.options import HERE, AsJson, InWorkspace, open_workspace
from mainstay.cli.render import cells, clock_time, emit, say, shares, short_run, show, table
from mainstay.cli.safe_text import safe_line
from mainstay.kernel.errors import NotFound

if TYPE_CHECKING:
    from mainstay.workspace import Decided, Workspace

COMPENSATION = "compensation"
_AGAIN = "; you are asked before it is tried: mainstay approvals"
_LOOK = "Look at one: mainstay approvals show RUN"
# By kind and answer: what it means for the work.
_MEANS = {
    ("in_doubt", "happened"): "It went out: the task counts as done, and what needs it goes on",
    ("in_doubt", "did_not"): "It did not go out",
    ("in_doubt", "unknown"): "It is given up, and its price counts as spent. It is never sent again",
    (COMPENSATION, "happened"): "You took it back by hand: it counts as taken back",
    (COMPENSATION, "did_not"): "It was not taken back",
    (COMPENSATION, "unknown"): "It is left as it is, and the run ends without it",
}


def add_to(app: typer.Typer) -> None:
    """Put this command into the command line."""
    app.command("resolve")(resolve)


def resolve(
    run: RunId,
    task: Annotated[
        str,
        typer.Argument(help="The task's name or number, as `mainstay approvals` shows them.", metavar="TASK"),
    ],
    answer: Annotated[str, typer.Argument(help="happened, did_not or unknown.")],
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Say what became of an act in doubt.

    Did it go out? happened: it counts as done. did_not: you are asked again. unknown: it is given up. Of an act that
    could not be taken back: did you do it by hand? happened: you did. did_not: it is tried again. unknown: it stays.
    """
    with open_workspace(workspace) as opened:
        kinds = {(str(row["run"]), row["task"]): str(row["kind"]) for row in opened.in_doubt()}
        decided = opened.resolve(run, _number(opened, run, task), answer)
        if as_json:
            return emit(decision(decided))
    if not decided.events:
        return say("This had been decided already: nothing was changed.")
    say(f"Recorded: {answer}. {_means(kinds.get((decided.run, decided.task), 'in_doubt'), answer, decided)}.")
    if not decided.live and decided.status != "ended":
        say("No director is at work: the rest follows at the next `mainstay up`.")
    return None


def _number(opened: Workspace, run: str, task: str) -> int:
    """The task that was named, or numbered."""
    state = opened.run(run)[1]
    names = {state.name(number): number for number, _ in state.all_tasks()}
    if task in names:
        return names[task]
    if task.isascii() and task.isdecimal() and state.exists(number := int(task)):
        return number
    raise NotFound(
        f"There is no task {task!r} in this run.",
        why=f"Its tasks are: {', '.join(list(names)[:12]) or 'none'}.",
        remedy="Name one of these, or its number; an item of a for_each as name[3]. `mainstay approvals` lists doubts.",
    )


def _means(kind: str, answer: str, decided: Decided) -> str:
    said = _MEANS[kind, answer]
    if answer != "did_not":
        return said
    if decided.status == "approval":
        return said + _AGAIN
    return said + (": the run has ended, so it is given up" if decided.status in ("ended", "failed") else "")


def show_doubts(opened: Workspace, doubts: list[dict[str, Any]]) -> None:
    """Both kinds, each under its own question."""
    unsure = [row for row in doubts if row["kind"] != COMPENSATION]
    failed = [row for row in doubts if row["kind"] == COMPENSATION]
    if unsure:
        say("In doubt: did these go out?")
        _table(opened, unsure, "Task")
        say("Answer with: mainstay resolve RUN # happened|did_not|unknown", _LOOK)
    if failed:
        say("Could not be taken back: did you do it by hand?")
        _table(opened, failed, "Takes back")
        say(
            "Answer with: mainstay resolve RUN # happened|did_not|unknown",
            "  happened: you did it yourself; did_not: try again; unknown: leave it as it is",
            _LOOK,
        )


def show_doubt(opened: Workspace, row: dict[str, Any]) -> None:
    """One of them, whole."""
    state, short = opened.run(str(row["run"]))[1], short_run(str(row["run"]))
    failed = row["kind"] == COMPENSATION
    say("It could not be taken back: did you do it by hand?" if failed else "In doubt: did this go out?")
    recipients = ", ".join(safe_line(str(one)) for one in row["recipients"] or ())
    say(f"{safe_line(row['act'])} to {recipients or 'nobody'}", f"Subject: {safe_line(row['title'] or '')}")
    say(f"Why:     {safe_line(row['reason'])}", f"Since:   {clock_time(row['since'])[:16]}")
    say(f"Task:    {safe_line(state.name(row['task']))} (number {row['task']}) of run {short}")
    say(f"Answer with: mainstay resolve {short} {row['task']} happened|did_not|unknown")


def _table(opened: Workspace, doubts: list[dict[str, Any]], named: str) -> None:
    to, what, name, act, why = shares((14, 14, 7, 9, 10), fixed=8 + 3 + 16 + 7 * 2)
    made = table(
        ("Run", {"min_width": 8, "no_wrap": True}),
        ("#", {"justify": "right"}),
        ("To", to),
        ("What", what),
        (named, name),
        ("Act", act),
        ("Why", why),
        ("Since", {"no_wrap": True}),
    )
    for row in doubts:
        state = opened.run(str(row["run"]))[1]
        about = row["undoes"] if row["undoes"] is not None else row["task"]
        since = clock_time(row["since"])[:16]
        made.add_row(
            *cells(
                short_run(str(row["run"])),
                row["task"],
                ", ".join(row["recipients"] or ()),
                row["title"] or "",
                state.name(about),
                row["act"],
                row["reason"],
                since,
            )
        )
    show(made)

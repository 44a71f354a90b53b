"""What only the operator can say: acts that may have gone out, and acts that could not be taken back.

Both are answered by `mainstay resolve`, and its three words mean something else for each of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainstay.cli.operate import RunId, decision
from mainstay.cli.options import HERE, AsJson, InWorkspace, open_workspace
from mainstay.cli.render import cells, clock_time, emit, say, shares, short_run, show, table

if TYPE_CHECKING:
    from mainstay.workspace import Decided, Workspace

COMPENSATION = "compensation"
_AGAIN = "; you are asked before it is tried: mainstay approvals"
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
    task: Annotated[int, typer.Argument(help="The task's number, as `mainstay approvals` shows it.")],
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
        decided = opened.resolve(run, task, answer)
        if as_json:
            return emit(decision(decided))
    if not decided.events:
        return say("This had been decided already: nothing was changed.")
    say(f"Recorded: {answer}. {_means(kinds.get((decided.run, decided.task), 'in_doubt'), answer, decided)}.")
    if not decided.live and decided.status != "ended":
        say("No director is at work: the rest follows at the next `mainstay up`.")
    return None


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
        say("Answer with: mainstay resolve RUN # happened|did_not|unknown")
    if failed:
        say("Could not be taken back: did you do it by hand?")
        _table(opened, failed, "Takes back")
        say(
            "Answer with: mainstay resolve RUN # happened|did_not|unknown",
            "  happened: you did it yourself; did_not: try again; unknown: leave it as it is",
        )


def _table(opened: Workspace, doubts: list[dict[str, Any]], named: str) -> None:
    name, act, why = shares((9, 12, 20), fixed=8 + 3 + 16 + 5 * 2)
    made = table(
        ("Run", {"min_width": 8, "no_wrap": True}),
        ("#", {"justify": "right"}),
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
                short_run(str(row["run"])), row["task"], state.name(about), row["act"], row["reason"], since
            )
        )
    show(made)

"""Commands that hold work back and let it go on: kill, pause, resume, cancel.

Two things can hold the whole workspace: the kill switch, after which nothing leaves, and a pause, after which nothing
new begins. `resume` without a word takes back the one that is there, and asks which is meant where both are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mainstay.cli.operate import decision
from mainstay.cli.options import HERE, AsJson, InWorkspace, open_workspace
from mainstay.cli.render import count, emit, say, short_run
from mainstay.kernel.errors import CommandRefused

if TYPE_CHECKING:
    from mainstay.workspace import Decided, Workspace

What = Annotated[
    str,
    typer.Argument(
        metavar="WHAT",
        help="workspace, workflow, adapter or run.",
        show_default="the whole workspace",
    ),
]
Which = Annotated[
    str,
    typer.Argument(metavar="NAME", help="Its name; of a run its id or a part of it.", show_default=False),
]
TaskName = Annotated[
    str, typer.Option("--task", "-t", help="Only this task of the run, by its name.", show_default=False)
]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why, for the record.", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")]
SCOPES = ("workspace", "workflow", "adapter")
KINDS = (*SCOPES, "run")
_LATER = "No director is at work: the next `mainstay up` keeps to it."


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    for name, command in (("cancel", cancel), ("kill", kill), ("pause", pause), ("resume", resume)):
        app.command(name)(command)


def kill(reason: Reason = "", workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """The kill switch: nothing leaves until `resume`."""
    with open_workspace(workspace) as opened:
        _throw(opened, on=True, reason=reason, as_json=as_json)


def pause(
    what: What = "",
    name: Which = "",
    task: TaskName = "",
    reason: Reason = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Begin nothing new, until `resume`.

    In the whole workspace, or in what you name: workflow NAME, adapter NAME, run RUN. What is under way is still heard,
    looked up and asked about. To stop everything that leaves, use `kill`.
    """
    kind = _meant("pause", what, name, task)
    with open_workspace(workspace) as opened:
        if kind == "run":
            decided = opened.steering.pause_run(name, task, reason=reason)
            place = _run_place(decided, task)
        else:
            decided, place = opened.steering.pause(kind, name, reason=reason), _place(kind, name)
    if as_json:
        return emit(_as_value(decided, kind, name, task))
    if task and not decided.events and decided.status != "paused":
        return say(f"{place} is done: {decided.status}. There is nothing to pause.")
    back = f"mainstay resume {kind} {short_run(decided.run) if kind == 'run' else name}".rstrip()
    say(f"Paused: {place}." if decided.events else f"It was paused already: {place}.")
    say(f"What is under way is heard. Go on with: {back}" + (f" --task {task}" if task else ""))
    return None if decided.live else say(_LATER)


def resume(
    what: What = "",
    name: Which = "",
    task: TaskName = "",
    kill_switch: Annotated[
        bool, typer.Option("--kill-switch", help="Take the kill switch back, whatever is paused.")
    ] = False,
    reason: Reason = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Go on after `kill` or `pause`.

    What you name goes on: workspace, workflow NAME, adapter NAME, run RUN. Without a word `resume` takes back the kill
    switch where that is on, and otherwise the pause of the whole workspace. Where both are on, say which:
    `resume --kill-switch` or `resume workspace`.
    """
    if kill_switch and (what or name or task):
        raise CommandRefused(
            "The kill switch is for the whole workspace.",
            why=f"--kill-switch and {what or task!r} were both given.",
            remedy="Give one of them.",
        )
    with open_workspace(workspace) as opened:
        if kill_switch or (not what and _kill_switch_meant(opened, task)):
            return _throw(opened, on=False, reason=reason, as_json=as_json)
        kind = _meant("resume", what, name, task)
        if reason:
            raise CommandRefused(
                "A reason is recorded with a pause, not with its end.",
                why="Only to take the kill switch back takes one.",
                remedy="Leave --reason out.",
            )
        if kind == "run":
            decided = opened.steering.resume_run(name, task)
            place = _run_place(decided, task)
        else:
            decided, place = opened.steering.resume(kind, name), _place(kind, name)
        still = [] if as_json else _still_held(opened)
    if as_json:
        return emit(_as_value(decided, kind, name, task))
    say(f"Goes on: {place}." if decided.events else f"It was not paused: {place}.")
    say(*still)
    if decided.events and not decided.live:
        say("No director is at work: the next `mainstay up` goes on.")
    return None


def cancel(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", help="A run's id, its beginning or its end.", show_default=False),
    ] = "",
    task: Annotated[
        str, typer.Option("--task", "-t", help="Give only this task up, by its name.", show_default=False)
    ] = "",
    workflow: Annotated[
        str, typer.Option(metavar="NAME", help="Every open run of this workflow.", show_default=False)
    ] = "",
    adapter: Annotated[
        str, typer.Option(metavar="NAME", help="The acts that wait for this adapter.", show_default=False)
    ] = "",
    every: Annotated[bool, typer.Option("--all", help="Every open run.")] = False,
    yes: Yes = False,
    reason: Reason = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """End a run, one of its tasks, or many runs.

    What a run did and its workflow says how to take back, is taken back first.
    """
    given = [one for one in (run and "RUN", workflow and "--workflow", adapter and "--adapter") if one]
    given += ["--all"] if every else []
    if len(given) != 1:
        raise CommandRefused(
            "What is to be ended?" if not given else f"{' and '.join(given)} were both given.",
            remedy="Name one of RUN, --workflow NAME, --adapter NAME, --all.",
        )
    if task and not run:
        raise CommandRefused(
            "--task gives up a task of one run.", remedy="Name the run: mainstay cancel RUN --task NAME."
        )
    with open_workspace(workspace) as opened:
        if not run:
            scope = "workspace" if every else "workflow" if workflow else "adapter"
            name = workflow or adapter
            return _cancel_many(opened, scope, name, yes=yes, reason=reason, as_json=as_json)
        if task:
            decided = opened.steering.cancel_task(run, task, reason=reason)
        else:
            decided = opened.cancel(run, reason=reason)
        status = str(opened.run(decided.run)[0]["status"])
    if as_json:
        return emit(decision(decided))
    short = short_run(decided.run)
    if task and not decided.events:
        return say(f"It was given up already: {task} of run {short}. The run: {status}.")
    if task:
        return say(f"Given up: {task} of run {short}, and what needs it. The run: {status}.")
    if status == "compensating":
        say(f"Run {short} is being ended: first it takes back what it did.")
        say(
            f"See: mainstay run show {short}"
            if decided.live
            else "No director is at work: it is taken back at the next `mainstay up`."
        )
        return None
    return say(
        f"Cancelled run {short}." if decided.events else f"Run {short} had ended already: it is {status}."
    )


def _cancel_many(opened: Workspace, scope: str, name: str, *, yes: bool, reason: str, as_json: bool) -> None:
    if name:
        _require_known(opened, scope, name)
    concerned = opened.steering.concerned(scope, name)
    place = _place(scope, name)
    if scope == "adapter":
        what = f"{count(concerned.acts, 'act')} in {count(concerned.runs, 'run')}"
        question = f"Give up {what}, waiting for {place}?"
        nothing = f"Nothing waits for {place}."
    else:
        what = count(concerned.runs, "open run")
        question = f"End {what} of {place}?"
        nothing = f"There is no open run of {place}."
    if not concerned.runs:
        return emit({"cancelled": []}) if as_json else say(nothing)
    if not yes:
        if as_json:
            raise CommandRefused(
                "Nothing was ended.", why=f"It would be {what} of {place}.", remedy="Add --yes to do it."
            )
        typer.confirm(question, abort=True, err=True)
    ended = opened.steering.cancel_scope(scope, name, reason=reason)
    if as_json:
        return emit({"cancelled": [decision(one) for one in ended]})
    if scope == "adapter":
        return say(f"Given up: {count(len(ended), 'act')} that waited for {place}.")
    over = sum(one.status != "compensating" for one in ended)
    say(f"Ended: {count(over, 'run')} of {place}.")
    if len(ended) > over:
        say(
            f"{count(len(ended) - over, 'run')} first takes back what it did: mainstay runs --status compensating"
        )
    return None


def _require_known(opened: Workspace, scope: str, name: str) -> None:
    """A name that nothing has is a slip, and is refused before anybody is asked about it."""
    from mainstay.config.files import load_settings
    from mainstay.kernel.errors import NotFound

    if scope == "workflow":
        names = {str(row["name"]) for row in opened.rows("workflows", limit=1_000)}
    else:
        names = set(load_settings(opened.folder.root).adapters)
    if name not in names:
        raise NotFound(
            f"There is no {scope} {name!r}.",
            why="Known are: " + (", ".join(sorted(names)[:12]) or "none") + ".",
            remedy="`mainstay workflows list` shows them."
            if scope == "workflow"
            else "Look at [adapters] in mainstay.toml.",
        )


def _meant(verb: Literal["pause", "resume"], what: str, name: str, task: str) -> str:
    """The kind of thing that was named. Raises `CommandRefused` for what makes no sense together."""
    kind = what or "workspace"
    if kind not in KINDS:
        raise CommandRefused(
            f"{what!r} is nothing that can be {verb}d.",
            why=f"It is none of: {', '.join(KINDS)}.",
            remedy=f"For a run: `mainstay {verb} run {what}`.",
        )
    if kind == "workspace" and name:
        raise CommandRefused("The workspace has no name here.", remedy="Leave it out.")
    if kind != "workspace" and not name:
        raise CommandRefused(
            f"Which {kind}?", remedy=f"Name it: mainstay {verb} {kind} {'RUN' if kind == 'run' else 'NAME'}."
        )
    if task and kind != "run":
        raise CommandRefused(
            f"--task {verb}s a task of one run.", remedy=f"mainstay {verb} run RUN --task {task}"
        )
    return kind


def _kill_switch_meant(opened: Workspace, task: str) -> bool:
    """Whether `resume` without a word is about the kill switch. Refused where it could be either."""
    if task:
        return False
    if not opened.begun:
        return True
    paused = any(row["scope"] == "workspace" for row in opened.steering.pauses())
    if paused and opened.steering.killed:
        raise CommandRefused(
            "Both the kill switch and a pause of the workspace are on.",
            why="Without the kill switch approved effects leave; without the pause new work begins.",
            remedy="Say which one to take back: `mainstay resume --kill-switch` or `mainstay resume workspace`.",
        )
    return not paused


def _throw(opened: Workspace, *, on: bool, reason: str, as_json: bool) -> None:
    decided = opened.kill_switch(on=on, reason=reason)
    if as_json:
        return emit({"kill_switch": "on" if on else "off", "events": decided.events, "live": decided.live})
    held = [] if on else _still_held(opened)
    if not on and not decided.events and not held:
        return say("Nothing is paused, and the kill switch is off.")
    changed = "is now" if decided.events else "was already"
    until = "on: nothing leaves until `mainstay resume`" if on else "off"
    say(f"The kill switch {changed} {until}.")
    if on and not decided.live:
        say(_LATER)
    return say(*held)


def _still_held(opened: Workspace) -> list[str]:
    """What holds work back all the same, each with the command that ends it."""
    if not opened.begun:
        return []
    lines = ["The kill switch is still on: mainstay resume --kill-switch"] if opened.steering.killed else []
    for row in opened.steering.pauses():
        kind, name = str(row["scope"]), str(row["name"])
        lines.append(f"Still paused: {_place(kind, name)}: mainstay resume {kind} {name}".rstrip())
    return lines


def _place(kind: str, name: str) -> str:
    return "the whole workspace" if kind == "workspace" else f"{kind} {name}"


def _run_place(decided: Decided, task: str) -> str:
    return f"{task} of run {short_run(decided.run)}" if task else f"run {short_run(decided.run)}"


def _as_value(decided: Decided, kind: str, name: str, task: str) -> dict[str, Any]:
    return {"what": kind, "name": name if kind != "run" else "", "task_name": task, **decision(decided)}

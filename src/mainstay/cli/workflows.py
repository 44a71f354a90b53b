"""Commands about definitions: which versions of a workflow there are, who follows them, and how they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mainstay.cli.dry_run import workflows_try
from mainstay.cli.options import HERE, AsJson, InWorkspace, new_typer, open_workspace
from mainstay.cli.render import cells, clock_time, count, emit, error_value, say, show, table
from mainstay.cli.safe_text import safe_line

if TYPE_CHECKING:
    from mainstay.workflows.difference import Change
    from mainstay.workspace.versions import WorkflowState, WorkflowVersion

Name = Annotated[str, typer.Argument(metavar="NAME", help="A workflow.", show_default=False)]
Which = Annotated[
    str,
    typer.Argument(
        help="A version: its number, the beginning of its digest, or `file` for what lies in the folder now.",
        show_default=False,
    ),
]

group = new_typer("Workflows, their versions, and who follows them.")


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    group.command("list")(workflows_list)
    group.command("diff")(workflows_diff)
    group.command("apply")(workflows_apply)
    group.command("start")(workflows_start)
    group.command("history")(workflows_history)
    group.command("try")(workflows_try)
    app.add_typer(group, name="workflows")


def workflows_list(workspace: InWorkspace = HERE, as_json: AsJson = False) -> int:
    """Every workflow: the version in force, the runs in flight on each version, and how its file stands to it.

    Where a file cannot be loaded, that is told, and the exit code is 2.
    """
    with open_workspace(workspace) as opened:
        # Looked at first: what is told of them must not be older.
        in_files = opened.flows.in_files() if as_json else ""
        states, broken = opened.workflows()
    code = broken[0].exit_code if broken else 0
    if as_json:
        emit({"workflows": states, "in_files": in_files, "broken": [error_value(one) for one in broken]})
        return code
    if states:
        made = table(
            "Workflow", ("Version", {"justify": "right"}), "Digest", "Since", "State", "Runs in flight"
        )
        for state in states:
            for index, one in enumerate(_of_interest(state)):
                made.add_row(
                    *cells(
                        state.name if index == 0 else "",
                        one.version,
                        one.definition[:8],
                        clock_time(one.at),
                        _state(state, one),
                        one.runs or "",
                    )
                )
        show(made)
    for error in broken:
        say(f"Cannot be loaded: {error}")
    for state in states:
        if state.file_differs and any(one.in_force for one in state.versions):
            if state.file:
                say(
                    f"{state.file} differs from what is in force: mainstay workflows diff {state.name}. "
                    "`mainstay workflows apply` puts it in force."
                )
            elif not broken:
                say(f"{state.name} has no file any more: `mainstay workflows apply` retires it.")
    if not states and not broken:
        say("No workflows: put one into workflows/.")
    return code


def workflows_diff(
    name: Name, old: Which = "", new: Which = "", workspace: InWorkspace = HERE, as_json: AsJson = False
) -> None:
    """What differs between two versions: what is in force and the file, if you name none."""
    with open_workspace(workspace) as opened:
        found = opened.workflow_difference(name, old, new)
    if as_json:
        return emit(found)
    say(f"{name}: from {_version(found.old)}", f"{' ' * len(name)}  to   {_version(found.new)}")
    if not found.changes:
        return say("They say the same.")
    made = table("Where", "What", "Before", "After")
    place: str | None = None
    for change in found.changes:
        where = f"task {change.task}" if change.task else "the workflow"
        made.add_row(*cells("" if where == place else where, *_row(change)))
        place = where
    show(made)
    runs = found.old.runs
    if runs:
        say(f"{count(runs, 'run')} in flight {'stays' if runs == 1 else 'stay'} on {_short(found.old)}.")
    return None


def workflows_apply(
    yes: Annotated[
        bool, typer.Option("--yes", help="Yes: also if the folder has no workflow, and some are in force.")
    ] = False,
    shown: Annotated[
        str,
        typer.Option(
            "--shown",
            help="Only if the folder still says what `workflows list --json` had as `in_files`.",
            show_default=False,
        ),
    ] = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Put the workflows of the folder in force, also while a director is at work; one mistake refuses all."""
    with open_workspace(workspace) as opened:
        done = opened.editing.apply_workflows(lost=yes, looked_at=shown)
    if as_json:
        return emit(done)
    for word, names in (("In force now", done["registered"]), ("Retired", done["retired"])):
        if names:
            say(f"{word}: {', '.join(map(safe_line, names))}.")
    if not done["registered"] and not done["retired"]:
        say("Nothing differed, or it came into force as this command took the lock.")
    return None


def workflows_start(
    name: Name,
    given: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FIELD=VALUE]...", help="Fields of its trigger.", show_default=False),
    ] = None,
    request: Annotated[
        str,
        typer.Option(
            "--request", help="A name of your own: the same never starts a second run.", show_default=False
        ),
    ] = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Start a run by hand. Which fields it takes is said where one is missing."""
    import secrets

    with open_workspace(workspace) as opened:
        begun = opened.flows.start(name, _pairs(given or []), request=request or secrets.token_hex(12))
    if as_json:
        return emit(begun)
    say(f"Run {begun.run} began." if begun.events else f"Run {begun.run} had begun already.")
    if not begun.live:
        say("No director is at work: the next `mainstay up` goes on with it.")
    return None


def workflows_history(name: Name, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """What became of a workflow: each version that came into force, who saved its file, and by which device."""
    with open_workspace(workspace) as opened:
        entries = opened.flows.whole(name).entries
    if as_json:
        return emit(list(entries))
    made = table("When", "What", ("Version", {"justify": "right"}), "Digest", "By")
    for one in entries:
        what = f"{one.what}, now" if one.in_force else one.what
        by = f"{one.actor} on {one.device}" if one.device else one.actor
        made.add_row(*cells(clock_time(one.at), what, one.version or "", one.digest[:8], by))
    return show(made)


def _pairs(given: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for one in given:
        name, found, value = one.partition("=")
        if not found:
            raise typer.BadParameter(f"{one[:60]!r} is not FIELD=VALUE")
        pairs[name.strip()] = value.strip()
    return pairs


def _row(change: Change) -> tuple[str, str, str]:
    if not change.key:
        return "the task", change.before or "(there was none)", change.after or "(gone)"
    return change.key, change.before or "-", change.after or "-"


def _of_interest(state: WorkflowState) -> list[WorkflowVersion]:
    """What is in force or in the folder, and older versions that runs still follow."""
    found = [one for one in state.versions if one.in_force or one.in_file or one.runs]
    return found or [*state.versions[:1]]


def _state(state: WorkflowState, one: WorkflowVersion) -> str:
    words = ["in force"] if one.in_force else []
    if one.in_file:
        words.append("in the folder")
    return ", ".join(words) or (
        "older" if state.file or any(v.in_force for v in state.versions) else "retired"
    )


def _short(one: WorkflowVersion) -> str:
    return f"version {one.version} ({one.definition[:8]})"


def _version(one: WorkflowVersion) -> str:
    words = [one.definition[:8]]
    if one.in_force:
        words.append("in force")
    if one.in_file:
        words.append("in the folder")
    if one.runs:
        words.append(f"{count(one.runs, 'run')} in flight")
    return f"version {one.version} ({', '.join(words)})"

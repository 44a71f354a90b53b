"""`mainstay slo`: how the objectives of the workflows stand, what is left of their budgets, and your own minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, new_typer, open_workspace
from mainstay.cli.render import cells, clock_time, emit, say, show, span, table, tell

if TYPE_CHECKING:
    from mainstay.governance.objectives import Reading
    from mainstay.governance.operator_time import OperatorTime
    from mainstay.workspace.objectives import ObjectiveState

BAR_WIDTH = 10
_RIGHT = {"justify": "right"}

group = new_typer("Objectives of the workflows: success, latency, exactness.")


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    group.command("show")(slo_show)
    app.add_typer(group, name="slo")


def slo_show(
    workflow: Annotated[str, typer.Argument(help="Only this workflow.", metavar="[WORKFLOW]")] = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """How the objectives stand over the last three days, how fast their budgets burn, and your minutes a week."""
    with open_workspace(workspace) as opened:
        found = opened.slo.show(workflow)
        times = opened.slo.minutes(workflow)
    if as_json:
        return emit({"objectives": [told(one) for one in found], "operator": times})
    if not found:
        return say("No workflow is in force: `mainstay up` puts those of the folder in force.")
    for name in dict.fromkeys(one.reading.workflow for one in found):
        say(name)
        _objectives([one for one in found if one.reading.workflow == name])
        say("")
    for one in found:
        if one.missed_since is not None:
            since = clock_time(one.missed_since)[:16]
            tell(
                f"{one.reading.workflow} misses {one.reading.objective.kind} since {since}: what it did by itself "
                "asks again. `mainstay autonomy show` says where each kind of act stands."
            )
    return _minutes(times)


def _objectives(found: list[ObjectiveState]) -> None:
    made = table("Objective", ("In 3 days", _RIGHT), "Budget left", ("Burn", _RIGHT), "State")
    for one in found:
        reading = one.reading
        made.add_row(
            *cells(
                wanted(reading),
                _share(reading),
                bar(reading.left_ppm),
                _burn(reading),
                one.state,
            )
        )
    show(made)


def wanted(reading: Reading) -> str:
    """`proposal 95% in 5m`."""
    objective = reading.objective
    if objective.kind == "exactness":
        return "exactness"
    within = f" in {span(objective.within_us)}" if objective.within_us else ""
    return f"{objective.kind} {objective.share_ppm / 10_000:g}%{within}"


def bar(left_ppm: int) -> str:
    """What is left of a budget, as a bar and a number."""
    left = max(0, min(left_ppm, 1_000_000))
    full = round(left * BAR_WIDTH / 1_000_000)
    return "█" * full + "░" * (BAR_WIDTH - full) + f" {left_ppm // 10_000:>4}%"


def told(one: ObjectiveState) -> dict[str, Any]:
    """The same for a program."""
    reading = one.reading
    return {
        "workflow": reading.workflow,
        "objective": str(reading.objective.kind),
        "share_ppm": reading.objective.share_ppm,
        "within_us": reading.objective.within_us,
        "windows": {
            name: {"bad": count.bad, "total": count.total, "burn_milli": reading.burn_milli(name)}
            for name, count in reading.windows.items()
        },
        "budget_left_ppm": reading.left_ppm,
        "allowed": reading.allowed,
        "counted": reading.counted,
        "state": one.state,
        "missed_since": one.missed_since,
        "breach": reading.breach,
    }


def _share(reading: Reading) -> str:
    count = reading.of_budget
    if reading.counted:
        return f"{count.bad} bad of {count.total:,}" if count.total or count.bad else "-"
    return f"{100 - 100 * count.bad / count.total:.2f}% of {count.total:,}"


def _burn(reading: Reading) -> str:
    """The fastest of the long windows that say something."""
    burns = {name: reading.burn_milli(name) for name in ("1h", "6h", "3d")}
    told = [(burn, name) for name, burn in burns.items() if burn is not None]
    if not told:
        return "-"
    burn, name = max(told)
    return f"{burn / 1_000:.1f}x {name}"


def _minutes(times: tuple[OperatorTime, ...]) -> None:
    if not times:
        return
    say("")
    made = table(
        "Your time by week", ("This one", _RIGHT), ("Before", _RIGHT), ("2 ago", _RIGHT), ("3 ago", _RIGHT)
    )
    for one in times:
        made.add_row(*cells(one.workflow, *(span(us) if us else "-" for us in one.weeks_us)))
    show(made)

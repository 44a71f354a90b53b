"""`mainstay simulate`: thousands of histories of your own workflow, in virtual time, with everything going wrong.

Nothing real is touched. What is told first is what an operator wants to know before they let a workflow run for a
month: how runs end, how often they will be asked, what never happens. A broken promise comes last, as a story.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace
from mainstay.cli.render import cells, count, counting, emit, say, show, table

if TYPE_CHECKING:
    from mainstay.testing.observed import Observed
    from mainstay.testing.own_workflow import OwnWorkflow
    from mainstay.testing.workflow_simulation import Part

SEEDS = 500
_RIGHT: dict[str, Any] = {"justify": "right"}


def add_to(app: typer.Typer) -> None:
    """Put this command into the command line."""
    app.command("simulate")(simulate)


def simulate(
    workflow: Annotated[str, typer.Argument(help="Its name.", metavar="WORKFLOW")],
    seeds: Annotated[
        int | None,
        typer.Option("--seeds", min=1, max=10_000_000, help=f"So many histories ({SEEDS} if left out)."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", min=0, help="This one history, told; with --seeds the first of so many."),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=0, max=256, help="Processes; 0 is one for each processor.")
    ] = 0,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> int:
    """Run a workflow through thousands of invented histories and see what becomes of it.

    Its adapters are played from their contracts, its agents from their types; your rules and limits are in force.
    Processes crash, answers are lost, clocks jump, you approve, edit, reject and go away. Nothing real is touched.
    """
    from mainstay.testing.own_workflow import load
    from mainstay.testing.workers import INTERRUPTED, LOST

    try:
        own = load(workspace, workflow)
        if seed is not None and seeds is None:
            return _one(own, seed, as_json=as_json)
        return _many(
            workspace, own, seed or 0, seeds or SEEDS, workers or os.cpu_count() or 1, as_json=as_json
        )
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{LOST}\n")
        raise SystemExit(INTERRUPTED) from None  # and no second word about it


def _one(own: OwnWorkflow, seed: int, *, as_json: bool) -> int:
    from mainstay.testing.workflow_simulation import run_own, tell

    part = run_own(own, seed, 1)
    story = tell(own, seed)
    if as_json:
        emit(_value(own, seed, 1, part, story))
    else:
        say(*story)
        broken = part.failures[0].text if part.failures else ""
        say("", f"It broke a promise: {broken}" if broken else "Every promise was kept.")
    return 1 if part.failures else 0


def _many(start: Path, own: OwnWorkflow, first: int, seeds: int, workers: int, *, as_json: bool) -> int:
    from mainstay.testing.workflow_simulation import Part, run_parts, tell_shortest

    whole = Part()
    with (
        counting(f"Histories of {own.name}", total=seeds, quiet=as_json) as more,
        closing(run_parts(start, own, first, seeds, workers)) as parts,
    ):
        for part in parts:
            whole.add(part)
            more(part.seen.histories)
    story = tell_shortest(own, whole.failures[0]) if whole.failures else []
    if as_json:
        emit(_value(own, first, seeds, whole, story))
    else:
        _print(own, whole)
        _print_failure(own, whole, story)
    return 1 if whole.failures else 0


def _print(own: OwnWorkflow, whole: Part) -> None:
    from mainstay.testing.observed import remarks

    seen, workflow = whole.seen, own.plan.workflow
    crashes = count(seen.crashes, "crash", "crashes")
    say(
        f"{workflow.name}, version {workflow.version}: {count(seen.histories, 'history', 'histories')}, "
        f"{count(seen.runs, 'run')}, {crashes}.",
        "",
    )
    _show_ends(seen)
    _show_counted(seen)
    _show_tasks(own, seen)
    say(_cost(seen))
    said = remarks(seen, own.plan, own.policy)
    if said:
        say("", "Worth a look:", *(f"  {one}" for one in said))


def _show_ends(seen: Observed) -> None:
    made = table("How runs ended", ("Runs", _RIGHT), ("Share", _RIGHT))
    for status, number in seen.ended.most_common():
        made.add_row(*cells(status, f"{number:,}", _share(number, seen.runs)))
    show(made)
    say("")


def _show_counted(seen: Observed) -> None:
    made = table("What it took", ("All", _RIGHT), ("In runs", _RIGHT), ("Most in one", _RIGHT))
    for word, tally in seen.counted.items():
        made.add_row(*cells(word, f"{tally.total:,}", _share(tally.runs, seen.runs), tally.most))
    show(made)
    say("")


def _show_tasks(own: OwnWorkflow, seen: Observed) -> None:
    from mainstay.testing.observed import BECAME

    made = table("Task", *((word.capitalize(), _RIGHT) for word in BECAME))
    declared = dict.fromkeys(task.name for task in own.plan.workflow.tasks)
    for name in declared | dict.fromkeys(sorted(name for name, _ in seen.tasks)):
        made.add_row(*cells(name, *(f"{seen.tasks[name, word]:,}" for word in BECAME)))
    show(made)
    say("")


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else ""


def _cost(seen: Observed) -> str:
    from mainstay.kernel.values import money

    costs = sorted(seen.costs)
    if not costs or not costs[-1]:
        return "A run cost nothing."
    middle = costs[len(costs) // 2]
    return f"A run cost {money(costs[0])} to {money(costs[-1])}, {money(middle)} in the middle."


def _print_failure(own: OwnWorkflow, whole: Part, story: list[str]) -> None:
    if not whole.failures:
        return say("", "Every promise was kept: nothing sent without a yes, nothing twice, every run ended.")
    failure, others = whole.failures[0], len(whole.failures) - 1
    say(
        "",
        f"A promise was broken in history {failure.seed}: {failure.text}",
        *([f"So it was in {count(others, 'other history', 'other histories')}."] if others else []),
        "The shortest history that shows it:",
        "",
        *(f"  {line}" for line in story),
        "",
        f"Again: mainstay simulate {own.name} --seed {failure.seed}",
    )
    return None


def _value(own: OwnWorkflow, first: int, seeds: int, whole: Part, story: list[str]) -> dict[str, Any]:
    from mainstay.testing.observed import remarks

    seen, workflow = whole.seen, own.plan.workflow
    tasks: dict[str, dict[str, int]] = {task.name: {} for task in workflow.tasks}
    for (name, word), number in sorted(seen.tasks.items()):
        tasks.setdefault(name, {})[word] = number  # what takes an act back has a name of its own
    costs = sorted(seen.costs)
    return {
        "workflow": workflow.name,
        "version": workflow.version,
        "definition": own.plan.digest,
        "first_seed": first,
        "histories": seeds,
        "runs": dict(seen.ended),
        "events": seen.events,
        "crashes": seen.crashes,
        "counted": seen.counted,
        "tasks": tasks,
        "cost_micros": {"least": costs[0], "middle": costs[len(costs) // 2], "most": costs[-1]}
        if costs
        else {},
        "worth_a_look": remarks(seen, own.plan, own.policy),
        "violations": [{"seed": one.seed, "rule": one.rule, "text": one.text} for one in whole.failures],
        "story": story,
    }

"""`mainstay report WORKFLOW`: how its runs ended, how they failed, and where time, money and your minutes went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mainstay.cli.costs import spending, tell_models
from mainstay.cli.options import HERE, AsJson, InWorkspace, open_workspace
from mainstay.cli.render import cells, clock_time, count, emit, now_us, say, short_run, show, table
from mainstay.cli.window import moment
from mainstay.kernel.values import DAY, money

if TYPE_CHECKING:
    from mainstay.governance.report import Report, Spread

BAR_WIDTH = 20
MODES_SHOWN = 12
_RIGHT = {"justify": "right"}
_PARTS = {
    "queue": "in the queue",
    "agents": "agents at work",
    "calls": "calls to adapters",
    "retry": "until a retry",
    "operator": "waiting for you",
}


def add_to(app: typer.Typer) -> None:
    """Put this command into the command line."""
    app.command("report")(report)


def report(
    workflow: Annotated[str, typer.Argument(help="The workflow's name.", metavar="WORKFLOW")],
    since: Annotated[str, typer.Option(help="Runs begun from then on: 7d, 12h, 2026-11-01.")] = "30d",
    until: Annotated[str, typer.Option(help="And before then.", show_default="now")] = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """How a workflow does: outcomes, ways of failing, latency, cost and your minutes."""
    now = now_us()
    first = moment(since, now_us=now, option="--since")
    last = moment(until, now_us=now, option="--until") if until else now + 1
    with open_workspace(workspace) as opened:
        found = opened.report(workflow, since=first, until=last)
        lessons = opened.lessons.report()
        windows = opened.triage.windows(workflow, since=first, until=last)
        spent = opened.costs_overview(since=first // DAY, until=last // DAY, workflow=workflow)
    if as_json:
        from dataclasses import asdict

        from mainstay.cli.lessons import figures

        derived = ("count", "dead_letters", "cost_per_outcome_micros", "operator_us_per_outcome")
        told = asdict(found) | {name: getattr(found, name) for name in derived}
        course = [asdict(one) for one in windows]
        return emit(told | {"lessons": figures(lessons), "triage": course, "costs": spending(spent)})
    say(f"{workflow}: {count(found.count, 'run')} begun {clock_time(first)[:16]} to {clock_time(last)[:16]}")
    if not found.count:
        return say("No run of it began then. `--since 90d` looks further back; `mainstay runs` lists all.")
    _outcomes(found)
    _modes(found)
    _latency(found)
    _tasks(found)
    _money(found)
    tell_models(spent)
    from mainstay.cli.curve import tell_course
    from mainstay.cli.lessons import tell_effect

    tell_course(windows)

    return tell_effect(lessons)


def _outcomes(found: Report) -> None:
    made = table("Ended", ("Runs", _RIGHT), ("Share", _RIGHT), "")
    for name, number in found.runs.items():
        made.add_row(*cells(name, f"{number:,}", *_share(number, found.count)))
    show(made)
    if found.dead_letters:
        say(f"{count(found.dead_letters, 'run')} failed: `mainstay runs --status failed` lists them.")
    say("")


def _modes(found: Report) -> None:
    if not found.modes:
        return say("Nothing failed, and nothing was held back.", "")
    made = table("What went wrong", "Class", "Task", ("Times", _RIGHT), ("Runs", _RIGHT), "Newest")
    for one in found.modes[:MODES_SHOWN]:
        times, runs = f"{one.count:,}", f"{one.runs:,}"
        made.add_row(*cells(one.kind, one.failure, one.task or "(run)", times, runs, short_run(one.newest)))
    show(made)
    more = len(found.modes) - MODES_SHOWN
    return say(*([f"And {more} more: --json has them all."] if more > 0 else []), "")


def _latency(found: Report) -> None:
    if not found.elapsed.count:
        return say("No run has ended yet, so there is no latency to tell.", "")
    made = table(
        "Where time went", ("Runs", _RIGHT), ("p50", _RIGHT), ("p90", _RIGHT), ("p99", _RIGHT), "Share", ""
    )
    for name, one in found.parts.items():
        if one.count:
            made.add_row(
                *cells(_PARTS[name], *_spread(one), *_share(one.total_us, found.elapsed.total_us)),
            )
    made.add_row(*cells("from start to end", *_spread(found.elapsed), "", ""))
    show(made)
    return say("Of runs that have ended; each part over the runs that had it.", "")


def _tasks(found: Report) -> None:
    made = table(
        ("Task", {"no_wrap": True, "overflow": "ellipsis"}),
        ("Tries", _RIGHT),
        ("Again", _RIGHT),
        ("Given up", _RIGHT),
        ("Agent p90", _RIGHT),
        ("Call p90", _RIGHT),
        ("Cost", _RIGHT),
    )
    for one in found.tasks:
        made.add_row(
            *cells(
                one.task or "(run)",
                *(f"{number:,}" if number else "" for number in (one.attempts, one.retries, one.given_up)),
                *(length(took.p90_us) if took.count else "" for took in (one.agents, one.calls)),
                money(one.cost_micros) if one.cost_micros else "",
            )
        )
    show(made)
    say("")


def _money(found: Report) -> None:
    per = found.cost_per_outcome_micros
    say(
        f"Cost         {money(found.cost_micros)} in all, {money(found.cost_micros // found.count)} a run"
        + (f", {money(per)} for each that succeeded" if per is not None else "")
    )
    answers = ", ".join(f"{number:,} {name}" for name, number in found.answers.items() if number)
    mine = found.operator_us_per_outcome
    if not answers:
        return say("Your time    none: you decided nothing of these runs")
    say(
        f"Your time    {length(found.operator_us)} for {answers}"
        + (f"; {length(mine)} for each that succeeded" if mine is not None else "")
    )
    if found.answered.count:
        say(
            f"Your answer  came after {length(found.answered.p50_us)} (p50), "
            f"{length(found.answered.p90_us)} (p90), {length(found.answered.p99_us)} (p99)"
        )
    return None


def _spread(one: Spread) -> tuple[str, ...]:
    return f"{one.count:,}", length(one.p50_us), length(one.p90_us), length(one.p99_us)


def _share(part: int, whole: int) -> tuple[str, str]:
    share = part / whole if whole else 0.0
    return f"{share:.0%}" if share >= 0.005 or not part else "<1%", "█" * max(
        1 if part else 0, round(share * BAR_WIDTH)
    )


def length(us: int) -> str:
    """A length of time as people say it: `45 ms`, `3.2 s`, `5 min`, `7.5 h`, `3 d`."""
    for unit, size, least in (
        ("d", 86_400_000_000, 172_800_000_000),
        ("h", 3_600_000_000, 7_200_000_000),
        ("min", 60_000_000, 120_000_000),
        ("s", 1_000_000, 1_000_000),
        ("ms", 1_000, 1_000),
    ):
        if us >= least:
            amount = us / size
            return f"{amount:.1f} {unit}" if amount < 10 and unit != "ms" else f"{amount:.0f} {unit}"
    return "0" if us <= 0 else "<1 ms"

"""What holds work back, and what comes by the calendar: part of `mainstay status`, and lists of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, open_workspace
from mainstay.cli.render import cells, clock_time, count, emit, now_us, say, shares, show, span, table, tell
from mainstay.cli.safe_text import safe_line

if TYPE_CHECKING:
    from mainstay.workspace import Workspace

REASON_MAX = 160  # of the reason of a pause in `status`; `--json` has it whole
STANDING = ("delayed", "queued", "paused", "compensating")
_MISSED = {"skip": "skipped", "once": "one run for all", "all": "one run each"}


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    app.command("schedules")(schedules)
    app.command("incidents")(incidents)


def schedules(workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """When schedules are due, and what came of them."""
    with open_workspace(workspace) as opened:
        found = opened.steering.schedules() if opened.begun else []
        at_work = opened.status()["director"] == "at work"
    if as_json:
        return emit(found)
    if not found:
        return tell(
            'No workflow in force has a schedule. In its file: `on: { schedule: "0 9 * * MON-FRI" }`.'
        )
    now = now_us()
    (cron,) = shares((16,), fixed=12 + 16 + 17 + 5 + 7 + 5 * 2)
    made = table(
        ("Workflow", {"no_wrap": True, "overflow": "ellipsis"}),
        ("Schedule", cron),
        ("Zone", {"no_wrap": True, "overflow": "ellipsis"}),
        ("Next, your clock", {"no_wrap": True}),
        ("In", {"no_wrap": True}),
        ("Runs", {"justify": "right"}),
        ("Missed", {"justify": "right"}),
    )
    for one in found:
        coming = clock_time(one.next_at)[:16] if one.next_at else "never again"
        wait = span(one.next_at - now) if one.next_at else ""
        made.add_row(*cells(one.workflow, one.cron, one.zone, coming, wait, one.runs, one.missed))
    show(made)
    for one in found:
        if one.paused:
            say(f"{one.workflow} is paused: its runs begin, and wait.")
        if one.overdue and not at_work:
            tell(
                f"{one.workflow} came {count(one.overdue, 'time')} with no director at work: "
                f"at the next `mainstay up` {_MISSED.get(one.missed_policy, one.missed_policy)}."
            )
    return None


def incidents(workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """What is wrong with the house, and what to do."""
    with open_workspace(workspace) as opened:
        found = opened.incidents()
    if as_json:
        return emit(found)
    if not found:
        return say("Nothing is wrong with the house. `mainstay doctor` looks at more.")
    for one in found:
        about = " ".join(filter(None, (one.kind.replace("_", " "), one.subject)))
        times = f", {count(one.times, 'time')} by now" if one.times > 1 else ""
        tell(f"{about}, since {clock_time(one.since)}{times}: {one.what}")
        if one.remedy:
            tell(f"  Done: {one.remedy}")
        tell(*(f"  Or:   {way}" for way in one.candidates))
    return None


def standing(opened: Workspace) -> dict[str, Any]:
    """What holds work back, for `status`."""
    if not opened.begun:
        return {
            "paused": [],
            "breakers": [],
            "next_schedule": None,
            "stopped": 0,
            **{f"{one}_runs": 0 for one in STANDING},
        }
    steering = opened.steering
    coming = [one for one in steering.schedules() if one.next_at is not None]
    return {
        "paused": steering.pauses(),
        "breakers": steering.breakers(),
        "next_schedule": coming[0] if coming else None,
        "stopped": len(opened.stopped()),
        **{f"{one}_runs": opened.count("runs", status=one) for one in STANDING},
    }


def standing_lines(found: dict[str, Any]) -> list[str]:
    """The same for people; nothing where nothing holds anything back."""
    lines: list[str] = []
    waiting = [f"{found[f'{one}_runs']:,} {one}" for one in STANDING if found[f"{one}_runs"]]
    if waiting:
        lines.append(f"          of these {', '.join(waiting)}")
    if found.get("stopped"):
        waits = "waits" if found["stopped"] == 1 else "wait"
        lines.append(
            f"Money     {count(found['stopped'], 'run')} {waits} for it: `mainstay costs` says what can be done"
        )
    for row in found["paused"]:
        place = "the whole workspace" if row["scope"] == "workspace" else f"{row['scope']} {row['name']}"
        why = f": {safe_line(str(row['reason']), REASON_MAX)}" if row["reason"] else ""
        lines.append(f"Paused    {place}, since {clock_time(row['at'])}{why}")
    for row in found["breakers"]:
        lines.append(
            f"Resting   {row['adapter']}.{row['operation']}: {count(row['failures'], 'failure')} in a row; "
            f"one call tries again {_soon(int(row['until']))}"
        )
    for scope, number in sorted(found.get("deferred", {}).items()):
        if scope.startswith("throttle:"):
            lines.append(f"Throttled {count(number, 'start')} at {scope.partition(':')[2]}")
    coming = found["next_schedule"]
    if coming is not None:
        lines.append(f"Next      {coming.workflow} {_soon(coming.next_at)}, by its schedule {coming.cron}")
    return lines


def _soon(at: int) -> str:
    left = at - now_us()
    return f"in {span(left)} ({clock_time(at)})" if left > 0 else "now"

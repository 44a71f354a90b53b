"""`mainstay costs` and `mainstay allow`: what was spent, on what, what it brought; and what waits for money."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainstay.cli.operate import decision
from mainstay.cli.options import HERE, AsJson, InWorkspace, open_workspace
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
from mainstay.cli.window import moment
from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.values import DAY, money, parse_money

if TYPE_CHECKING:
    from mainstay.governance.costs import Cost, Overview
    from mainstay.governance.stopped import Stopped

BAR_WIDTH = 24
DAYS_SHOWN = 31
_RIGHT = {"justify": "right"}
_NAME = {"no_wrap": True, "overflow": "ellipsis"}


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    app.command("costs")(costs)
    app.command("allow")(allow)


def allow(
    run: Annotated[str, typer.Argument(help="Its id, or a part of it.", metavar="RUN")],
    amount: Annotated[str, typer.Argument(help="In US dollars: 0.05.", metavar="USD")],
    for_: Annotated[
        str,
        typer.Option(
            "--for",
            help='"price": for each attempt of unknown price; "run": in all.',
            show_default="what it waits for",
        ),
    ] = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Let a run spend: where nobody knows a price, or where its own budget is used up."""
    try:
        micros = parse_money(amount.removeprefix("$"))
    except ValueError as error:
        raise CommandRefused(
            f"{amount[:40]!r} is no amount of money.", why=str(error), remedy="Write dollars such as 0.05."
        ) from error
    with open_workspace(workspace) as opened:
        decided = opened.steering.allow(run, micros, scope=for_)
    if as_json:
        return emit(decision(decided))
    if not decided.events:
        return say(f"Run {short_run(decided.run)} may spend so already, or has ended: nothing was written.")
    say(f"Run {short_run(decided.run)} may spend up to {money(micros)}.")
    if not decided.live:
        say("No director is at work: the next `mainstay up` goes on with it.")
    return None


def costs(
    workflow: Annotated[str, typer.Argument(help="Only this workflow.", metavar="[WORKFLOW]")] = "",
    since: Annotated[str, typer.Option(help="From this day on: 7d, 2026-11-01.")] = "30d",
    until: Annotated[str, typer.Option(help="Up to this day.", show_default="today")] = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """What was spent by workflow, outcome, model and day; what the cache saved; your minutes; what waits for money."""
    now = now_us()
    first = moment(since, now_us=now, option="--since") // DAY
    last = (moment(until, now_us=now, option="--until") if until else now) // DAY
    with open_workspace(workspace) as opened:
        found = opened.costs_overview(since=first, until=last, workflow=workflow)
        waiting = opened.stopped()
        budgets = opened.budgets()
    if as_json:
        return emit(spending(found) | {"waiting": waiting, "budgets": budgets})
    _waiting(waiting)
    _summary(found, budgets)
    if not found.workflows:
        return say("Nothing was spent and nothing ran in these days. `--since 365d` looks further back.")
    _workflows(found)
    _outcomes(found)
    _models(found)
    return _days(found)


def tell_models(found: Overview) -> None:
    """What models cost, saved and guarded, for a report; nothing where none was asked."""
    if found.models:
        _savings(found)
        _models(found)


def spending(found: Overview) -> dict[str, Any]:
    """The same for programs, with what follows from it."""
    of_money = ("saved_micros", "guard_micros", "guard_share", "cost_per_reply_micros")
    derived = (*of_money, "replies_sent", "operator_us_per_reply")
    named = {name: getattr(found, name) for name in derived}
    months = [{"month": name, **asdict(one)} for name, one in found.months]
    return asdict(found) | named | {"months": months}


def _waiting(waiting: tuple[Stopped, ...]) -> None:
    if not waiting:
        return
    tell(f"{count(len(waiting), 'run')} {'waits' if len(waiting) == 1 else 'wait'} for money:")
    for one in waiting[:10]:
        place = f"  {short_run(one.run)} {one.workflow}, task {one.task}"
        if one.scope == "price":
            tell(
                f"{place}: nobody knows what `{one.agent}` costs, and an unknown price is never taken for nothing. "
                f"Spent so far {money(one.spent_micros)}; its budgets allow {money(one.rest_micros)} more."
            )
        else:
            limit = "" if one.limit_micros is None else f" of {money(one.limit_micros)}"
            tell(
                f"{place}: it needs {money(one.needed_micros)}; the {one.scope} has spent "
                f"{money(one.spent_micros)}{limit}. The rest of the run may cost up to {money(one.rest_micros)}."
            )
        if one.again_at and one.scope != "run":
            tell(f"    Tried again {clock_time(one.again_at)[:16]}.")
        tell(*(f"    - {way}" for way in one.ways))
    if len(waiting) > 10:
        tell(f"  And {len(waiting) - 10:,} more: `mainstay costs --json` has them all.")
    say("")


def _summary(found: Overview, budgets: dict[str, Any]) -> None:
    one = found.total
    say(
        f"Spent       {money(one.cost_micros)} from {_day(found.since)} to {_day(found.until)} (days are UTC)"
    )
    for name, said in (("day", "Today"), ("month", "This month")):
        used = budgets[name]
        limit = "(no limit)" if used["limit_micros"] is None else f"of {money(used['limit_micros'])}"
        held = f", {money(budgets['held_micros'])} held" if budgets["held_micros"] else ""
        coming = (
            f"; at this pace {money(used['projected_micros'])} by its end" if used["spent_micros"] else ""
        )
        say(f"{said:<12}{money(used['spent_micros'])} {limit}{held}{coming}")
    each = f", {span(found.operator_us_per_reply)} a reply" if found.operator_us_per_reply else ""
    say(f"Your time   {span(one.operator_us)} for {count(one.decisions, 'decision')}{each}")
    if found.cost_per_reply_micros is not None:
        sent = count(found.replies_sent, "reply", "replies")
        say(
            f"Replies     {sent} left: {money(found.cost_per_reply_micros)} each, with all that came to nothing"
        )
    if found.models:
        _savings(found)
    say("")


def _savings(found: Overview) -> None:
    share = found.guard_share
    guards = "" if share is None else f"; {share:.0%} of what models cost went into checking"
    say(f"Cache       {money(found.saved_micros)} saved{guards}")


def _workflows(found: Overview) -> None:
    made = table(
        ("Workflow", _NAME), ("Runs", _RIGHT), ("Done", _RIGHT), ("Failed", _RIGHT), ("Cost", _RIGHT),
        ("A success", _RIGHT), ("A reply", _RIGHT), ("Your time", _RIGHT),
    )  # fmt: skip
    for one in found.workflows:
        sent = found.replies.get(one.workflow, 0)
        made.add_row(
            *cells(
                one.workflow,
                *_counts(one),
                money(one.cost_micros),
                _maybe(one.cost_per_outcome_micros),
                _maybe(one.cost_micros // sent if sent else None),
                span(one.operator_us),
            )
        )
    show(made)
    say("")


def _outcomes(found: Overview) -> None:
    if not found.outcomes:
        return
    made = table("Ended", ("Runs that cost", _RIGHT), ("Cost", _RIGHT), ("Each", _RIGHT), ("Share", _RIGHT))
    every = sum(one.cost_micros for one in found.outcomes)
    for one in found.outcomes:
        each, share = money(one.cost_micros // one.runs), f"{one.cost_micros / every:.0%}"
        made.add_row(*cells(one.outcome, f"{one.runs:,}", money(one.cost_micros), each, share))
    show(made)
    say("")


def _models(found: Overview) -> None:
    if not found.models:
        return
    made = table(
        ("Model", _NAME), ("Calls", _RIGHT), ("Cached", _RIGHT), ("Tokens in", _RIGHT), ("out", _RIGHT),
        ("Cost", _RIGHT), ("Saved", _RIGHT), ("Checking", _RIGHT),
    )  # fmt: skip
    for one in found.models:
        made.add_row(
            *cells(
                one.model,
                f"{one.calls:,}",
                f"{one.cached:,}",
                f"{one.input_tokens:,}",
                f"{one.output_tokens:,}",
                money(one.cost_micros),
                money(one.saved_micros),
                money(one.guard_micros),
            )
        )
    show(made)
    say("")


def _days(found: Overview) -> None:
    by_month = len(found.days) > DAYS_SHOWN
    rows = list(found.months) if by_month else [(_day(one.day), one) for one in found.days]
    most = max((one.cost_micros for _, one in rows), default=0)
    made = table(
        "Month" if by_month else "Day", ("Runs", _RIGHT), ("Your time", _RIGHT), ("Cost", _RIGHT), ""
    )
    for name, one in rows:
        bar = "#" * (-(-BAR_WIDTH * one.cost_micros // most) if most else 0)
        made.add_row(*cells(name, f"{one.runs:,}", span(one.operator_us), money(one.cost_micros), bar))
    show(made)


def _counts(one: Cost) -> tuple[str, str, str]:
    return f"{one.runs:,}", f"{one.succeeded:,}", f"{one.failed:,}"


def _maybe(micros: int | None) -> str:
    return "" if micros is None else money(micros)


def _day(day: int) -> str:
    return datetime.fromtimestamp(day * DAY // 1_000_000, UTC).date().isoformat()

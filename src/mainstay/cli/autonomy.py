"""`mainstay autonomy`: which kinds of act go by themselves, what is missing for more, and what could go wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, given_before, new_typer, open_workspace
from mainstay.cli.render import cells, clock_time, console, count, emit, plain, say, show, table, tell
from mainstay.cli.safe_text import safe_line

if TYPE_CHECKING:
    from mainstay.governance.autonomy import KindOfAct
    from mainstay.workspace.autonomy import Granted

Kind = Annotated[
    str, typer.Argument(help="A kind of act: workflow/act/class, or a part of it.", metavar="KIND")
]
AUDITS_SHOWN = 40
_RIGHT = {"justify": "right"}

group = new_typer("Which kinds of act go by themselves.")


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    group.callback(invoke_without_command=True)(autonomy)
    group.info.no_args_is_help = False
    for name, command in (
        ("show", autonomy_show),
        ("propose", propose),
        ("grant", grant),
        ("revoke", revoke),
        ("wrong", wrong),
    ):
        group.command(name)(command)
    app.add_typer(group, name="autonomy", no_args_is_help=False)


def autonomy(context: typer.Context, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """Which kinds of act go by themselves, and what is missing for the others."""
    context.obj = (workspace, as_json)
    if context.invoked_subcommand is None:
        autonomy_show(context, "", workspace, as_json)


def autonomy_show(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(help="Only this kind.", metavar="[KIND]", show_default=False)] = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Where each kind of act stands, or all that is known of one."""
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        desk = opened.autonomy
        found = [desk.kind(kind)] if kind else desk.kinds()
        words = [desk.told(one) for one in found]
    if as_json:
        told = [{**_as_value(one), "told": said} for one, said in zip(found, words, strict=True)]
        return emit(told[0] if kind else {"kinds": told})
    if kind:
        return _tell_one(found[0], words[0])
    if not found:
        return say("No workflow acts yet, so nothing asks.")
    made = table(
        ("Kind", {"overflow": "fold"}),
        "Level",
        ("Clean", _RIGHT),
        ("Errors", _RIGHT),
        ("Evidence", {"no_wrap": True}),
        ("Missing", _RIGHT),
        ("Min/week", _RIGHT),
    )
    for one in found:
        earns = one.level == "ask" and one.most != "ask" and not one.ruled.decision
        missing = f"{one.missing}" if earns else "-"
        minutes = f"{one.minutes_per_week:.0f}" if one.minutes_per_week else "-"
        counts = (f"{one.clean}", f"{one.errors}")
        made.add_row(*cells(one.kind, _level(one.level), *counts, _bar(one.strength), missing, minutes))
    show(made)
    said = [one for one in words if one]
    return tell(*said[:10], hang=2) if said else None


def propose(context: typer.Context, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """What could stop asking now: it is proved, and waits for your word."""
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        kinds = opened.autonomy.kinds()
        found = opened.autonomy.proposals()
        earning = (one for one in kinds if one.level == "ask" and one.missing and not one.ruled.decision)
        nearest = next((opened.autonomy.told(one) for one in earning), "")
        words = [opened.autonomy.told(one) for one in found]
    if as_json:
        told = [{**_as_value(one), "told": said} for one, said in zip(found, words, strict=True)]
        return emit({"proposals": told})
    if not found:
        say("Nothing is proved yet.")
        return tell(nearest, hang=2) if nearest else None
    for one in found:
        _tell_risk(one, one.attainable)
        tell(f"  `mainstay autonomy grant {one.kind} --level {one.attainable}`", hang=4)
    return None


def grant(
    context: typer.Context,
    kind: Kind,
    level: Annotated[
        str,
        typer.Option("--level", help="shadow, held or automatic.", show_default="as the settings have it"),
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Let a kind of act go by itself, as far as its evidence reaches."""
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        one = opened.autonomy.kind(kind)
        wanted = level or one.attainable or "held"
        if not yes and (one.attainable or wanted == "shadow"):
            if as_json:
                raise _unsaid(one)
            _tell_risk(one, wanted)
            typer.confirm(f"Let {one.kind} go {_level(wanted)}?", abort=True, err=True)
        granted = opened.autonomy.grant(one.kind, level=wanted)
    return _tell_granted(granted, as_json)


def revoke(
    context: typer.Context,
    kind: Kind,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why.", show_default=False)] = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Let a kind of act ask again. Its evidence stays, and what waits in its window asks too."""
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        granted = opened.autonomy.revoke(kind, reason=reason)
    return _tell_granted(granted, as_json)


def wrong(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="A run, or the beginning of its id.", metavar="RUN")],
    task: Annotated[
        str, typer.Argument(help="Its act, where more than one left.", metavar="[TASK]", show_default=False)
    ] = "",
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why.", show_default=False)] = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """An act that left by itself was wrong. It counts as an error at once, and two of them end it."""
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        told = opened.autonomy.wrong(run, task, reason=reason)
    if as_json:
        return emit(told)
    if not told.events:
        return say("That was said before; nothing was written.")
    end = "asks again from here on" if told.asks_again else f"stays: {_level(told.level)}"
    return say(f"An error of {told.kind}, which {end}.")


# --- how it is told -------------------------------------------------------------------------------------------------


def _tell_one(one: KindOfAct, told: str) -> None:
    say(f"{one.kind}: {_level(one.level)}")
    if told:
        tell(f"So           {told}", hang=13)
    say(
        f"Evidence     {one.clean} clean, {count(one.errors, 'error')}  {_bar(one.strength, 30)} {one.strength:.0%}"
    )
    say(f"To prove     at most {100 * one.target:g} % errors, whenever you look")
    if one.level in ("held", "automatic"):
        say(f"Looked at    {one.share:.0%} of them, drawn at random")
        if one.audits:
            say(f"Audits       {one.audits[-AUDITS_SHOWN:]}  (newest last; x is an error)")
        tell(f"Could pass   {_worst(one)}", hang=13)
    if one.left:
        say(f"By itself    {count(one.left, 'act')} so far")
    if one.would_leave or one.would_ask:
        tell(
            f"In shadow    {one.would_leave + one.would_ask} decided: {one.would_leave} would have left, "
            f"{one.would_ask} would have asked",
            hang=13,
        )
    if one.cards_per_week:
        say(f"A week       {one.cards_per_week:.1f} cards, {one.minutes_per_week:.0f} minutes of yours")
    if one.reason:
        tell(f"Taken back   {safe_line(one.reason)} ({one.cause}), {clock_time(one.changed_at)}", hang=13)


def _unsaid(one: KindOfAct) -> Exception:
    from mainstay.kernel.errors import CommandRefused

    return CommandRefused(
        "Nothing was granted.", why=f"What could pass: {_worst(one)}", remedy="Add --yes to grant it."
    )


def _tell_risk(one: KindOfAct, level: str) -> None:
    """What a grant rests on, and in numbers what could go wrong."""
    say(f"{one.kind}: {one.clean} clean, {count(one.errors, 'error')}")
    if level == "shadow":
        return tell("  Nothing of it would be done any more: it would only be decided, and shown.", hang=2)
    tell(
        f"  Proved: at most {100 * one.target:g} % of them are wrong (with 95 % certainty, whenever you look).",
        hang=2,
    )
    if level == "held":
        tell(
            f"  Each waits {_minutes(one.hold_us)} before it leaves, and can be taken back until then.",
            hang=2,
        )
    return tell(f"  What could pass: {_worst(one)}", hang=2)


def _worst(one: KindOfAct) -> str:
    return (
        f"were all of them wrong from one moment on, {one.worst_now} would leave before two were looked at, "
        f"or {one.worst_later} later on, when one in twenty is (in 19 of 20 cases; besides what leaves while "
        "a card waits for you)."
    )


def _tell_granted(granted: Granted, as_json: bool) -> None:
    if as_json:
        return emit(granted)
    if not granted.events:
        return say(f"{granted.kind} {_level(granted.level)} already; nothing was written.")
    when = "" if granted.live else ", at the next `mainstay up`"
    return say(f"{granted.kind} {_level(granted.level)} from here on{when}.")


def _as_value(one: KindOfAct) -> dict[str, object]:
    return {**plain(one), "minutes_saved": one.minutes_saved}


def _bar(share: float, width: int = 12) -> str:
    from mainstay.cli.curve import bar

    unicode = console().encoding.lower().startswith("utf")
    return bar(share, unicode=unicode, width=width).ljust(width, "\u00b7" if unicode else ".")


def _minutes(us: int) -> str:
    minutes = us / 60_000_000
    return f"{minutes:.0f} minutes" if minutes >= 1.5 else f"{us / 1_000_000:.0f} seconds"


def _level(level: str) -> str:
    from mainstay.governance.words import LEVELS

    return LEVELS.get(level, level)

"""`mainstay evaluate autonomy`: what passes before autonomy is taken back, for kinds of act that get worse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mainstay.cli.options import AsJson
from mainstay.cli.render import cells, counting, emit, plain, say, show, table, tell

if TYPE_CHECKING:
    from mainstay.bench.autonomy_simulation import Degraded, Simulated

KINDS_MAX = 20_000
_RIGHT = {"justify": "right"}


def add_to(group: typer.Typer) -> None:
    """Put this command into the group."""
    group.command("autonomy")(autonomy)


def autonomy(
    target: Annotated[str, typer.Option("--target", help="The share of errors that may pass.")] = "10%",
    kinds: Annotated[int, typer.Option("--kinds", min=20, max=KINDS_MAX, help="Kinds of each sort.")] = 200,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same figures.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Simulate kinds of act that get worse after they were granted: how many wrong ones pass before they ask again."""
    from mainstay.bench.autonomy_simulation import simulate, steps
    from mainstay.config.autonomy import parse_share
    from mainstay.kernel.errors import CommandRefused

    try:
        target_ppm = parse_share(target)
    except ValueError as error:
        raise CommandRefused(f"--target: {error}.", remedy="Write for example --target 10%.") from error
    if not 1_000 <= target_ppm <= 500_000:
        raise CommandRefused(f"--target {target} is out of reach.", remedy="Write a share from 0.1% to 50%.")
    with counting("Kinds", total=steps(kinds), quiet=as_json) as progress:
        found = simulate(target_ppm=target_ppm, kinds=kinds, seed=seed, progress=progress)
    if as_json:
        return emit(_as_value(found))
    return _tell(found)


def _tell(found: Simulated) -> None:
    say(f"Target {100 * found.target:g} % errors, {found.kinds} kinds of each sort, seed {found.seed}", "")
    tell(
        f"Granted      after {found.promoted_after_median} decisions (median of kinds that err in 1 %; without an "
        f"error {found.decisions})",
        f"In error     {found.at_target_promoted:.1%} of kinds that err exactly as often as the target says "
        f"(at most {found.alpha:.0%} is promised)",
        f"Could pass   {found.worst_now} directly after a grant, {found.worst_later} later on: what a grant tells",
        hang=13,
    )
    made = table(
        "Errs from then on",
        "Began",
        ("Asks again", _RIGHT),
        ("Wrong acts passed", _RIGHT),
        ("95 %", _RIGHT),
        ("Acts until then", _RIGHT),
    )
    for one in found.degraded:
        made.add_row(*cells(*_row(one)))
    show(made)
    steady = table(
        "Errs all the time", ("Acts", _RIGHT), ("Taken back per 1,000", _RIGHT), ("Audited", _RIGHT)
    )
    for still in found.steady:
        asked = f"{still.asked / still.acts:.1%}" if still.acts else "-"
        taken = f"{still.demotions_per_1000:.2f}"
        steady.add_row(*cells(f"{100 * still.rate:g} %", f"{still.acts:,}", taken, asked))
    show(steady)


def _row(one: Degraded) -> tuple[str, ...]:
    began = "later on" if one.late else "at once"
    share = f"{one.demoted / one.kinds:.0%}"
    return (
        f"{100 * one.rate:g} %",
        began,
        share,
        f"{one.passed_median}",
        f"{one.passed_95}",
        f"{one.acts_median}",
    )


def _as_value(found: Simulated) -> dict[str, object]:
    steady = [{**plain(one), "demotions_per_1000": one.demotions_per_1000} for one in found.steady]
    return {**plain(found), "steady": steady}

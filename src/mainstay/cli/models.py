"""`mainstay models`: which are configured, how they stand, and one small call to try one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, given_before, new_typer, open_workspace
from mainstay.cli.render import cells, count, emit, show, table, tell

if TYPE_CHECKING:
    from mainstay.models.prices import Price
    from mainstay.workspace.model_checks import ModelState

NotReached = Annotated[
    bool, typer.Option("--offline", help="Do not ask the endpoints whether they answer; send nothing.")
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A model of [models].", show_default=False)]
Agreed = Annotated[bool, typer.Option("--yes", help="Make the call also where nobody knows what it costs.")]

group = new_typer("Language models: what is configured, what it costs, whether it answers.")


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    group.callback(invoke_without_command=True)(models)
    group.info.no_args_is_help = False
    group.command("check")(check)
    app.add_typer(group, name="models", no_args_is_help=False)


def models(
    context: typer.Context,
    offline: NotReached = False,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Language models: what is configured, what it costs, whether it answers.

    Each endpoint is asked which models it has; nothing else is sent.
    """
    if context.invoked_subcommand is not None:
        context.obj = (workspace, as_json)  # options may stand before the name of the command too
        return None
    with open_workspace(workspace) as opened:
        states = opened.models.all(reach=not offline)
    if as_json:
        return emit({"models": states})
    if not states:
        return tell(
            "No model is configured: everything is done on this device. docs/models.md tells how to add one."
        )
    made = table(
        "Name", "Model", "Used by", "Answers", "Price in/out a million", "May be sent", "Calls", "Spent"
    )
    for one in states:
        made.add_row(
            *cells(
                one.name,
                one.use,
                one.used_by or "-",
                {True: "yes", False: "no", None: "-"}[one.reached],
                _price(one.price),
                ", ".join(one.allowed_data),
                one.spent.calls,
                _spent(one),
            )
        )
    show(made)
    for one in states:
        if one.trouble:
            tell(f"{one.name}: {one.trouble}. {one.remedy}")
        if one.price is None:
            tell(f"{one.name}: its price is unknown, so each run that wants it asks you. {_price_remedy()}")
    return None


def check(
    context: typer.Context,
    name: Name,
    yes: Agreed = False,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> int:
    """Make one small call, and tell what was sent, how long it took and what it cost. It stands in no budget."""
    from mainstay.kernel.values import money

    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        planned = opened.models.planned(name)
        if not as_json and (yes or planned.ceiling_micros is not None):
            most = "an unknown amount" if planned.ceiling_micros is None else money(planned.ceiling_micros)
            tell(f"Sends {planned.sends} to {planned.endpoint}; it costs {most} at most.")
        found = opened.models.check(name, unpriced=yes)
    if as_json:
        emit(found)
        return 1 if found.trouble else 0
    if found.trouble:
        tell(f"{found.use}: {found.trouble}.", f"  Do: {found.remedy}" if found.remedy else "")
        return 1
    said = f"a vector of {found.dimensions} numbers" if found.dimensions else f"{found.answer!r}"
    cost = "an unknown amount" if found.cost_micros is None else money(found.cost_micros)
    tokens = f"{count(found.input_tokens, 'token')} in, {count(found.output_tokens, 'token')} out"
    tell(f"{found.use} answered {said} after {found.latency_ms:,} ms: {tokens}, {cost}.")
    if found.unproven:
        tell(
            "It did not report what it consumed, or not what can be: such calls are booked at their worst case."
        )
    return 0


def _price(price: Price | None) -> str:
    from mainstay.kernel.values import money

    if price is None:
        return "unknown"
    if price.free:
        return "nothing (runs here)" if price.said == "local" else "nothing"
    return f"{money(price.input_micros)} / {money(price.output_micros)}"


def _spent(one: ModelState) -> str:
    from mainstay.kernel.values import money

    saved = f", {money(one.spent.saved_micros)} saved" if one.spent.saved_micros else ""
    return money(one.spent.cost_micros) + saved


def _price_remedy() -> str:
    from mainstay.models.metered import PRICE_REMEDY

    return PRICE_REMEDY

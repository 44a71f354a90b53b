"""What a person says of cards: approve, edit, reject, put off, take back; one card, or many that are alike."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainstay.cli.operate import CardId, Reason, RunId, decision
from mainstay.cli.options import HERE, AsJson, DigestPrefix, InWorkspace, named_digest, open_workspace
from mainstay.cli.render import clock_time, emit, now_us, say, short_card, short_run
from mainstay.cli.safe_text import safe_line
from mainstay.kernel.errors import CommandRefused

if TYPE_CHECKING:
    from mainstay.workspace import CardLine, Decided, Workspace
_LOOKS, _LOOK_EVERY_S = 20, 0.1  # for the card that asks again

MaybeCard = Annotated[
    str, typer.Argument(help="A card's id, or its beginning.", metavar="CARD", show_default=False)
]
Batch = Annotated[bool, typer.Option("--batch", help="Many that are alike: shows them first, with a guard.")]
Act = Annotated[str, typer.Option("--act", help="Of a batch: which act, as email.reply.")]
OfWorkflow = Annotated[str, typer.Option("--workflow", help="Of a batch: of this workflow only.")]
OfClass = Annotated[str, typer.Option("--class", help="Of a batch: of this class only.")]
Guard = Annotated[
    str | None, typer.Option("--guard", help="Decide the batch that was shown with it.", show_default=False)
]
Without = Annotated[
    list[str] | None,
    typer.Option(
        "--except", metavar="CARD", help="Of a batch: leave this card out. Repeatable.", show_default=False
    ),
]
Confirm = Annotated[
    str, typer.Option("--confirm", help="The second step of what is final and of high stake, typed out.")
]


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    for command in (approve, reject, edit, snooze, undo):
        app.command(command.__name__)(command)


def approve(
    card: MaybeCard = "",
    digest: DigestPrefix = None,
    confirm: Confirm = "",
    batch: Batch = False,
    act: Act = "",
    workflow: OfWorkflow = "",
    kind_class: OfClass = "",
    guard: Guard = None,
    without: Without = None,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Yes to exactly what a card shows; with --batch, to many that are alike."""
    if batch or not card:
        from mainstay.cli.batch import decide_batch

        return decide_batch(
            "approve", (card, batch, act, workflow, kind_class, guard, without or []), "", workspace, as_json
        )
    wanted = named_digest(digest)
    with open_workspace(workspace) as opened:
        found = opened.glance(card)
        typed = confirm or _second_step(found, as_json)
        decided = opened.approve(found.approval, digest=wanted, confirm=typed)
        if as_json:
            return emit(decision(decided, approval=found.approval, digest=found.digest, card=decided.card))
        _tell(opened, decided, f"Approved: {_act(found)}, effect {found.digest[:12]}.", "granted")
    return None


def reject(
    card: MaybeCard = "",
    reason: Reason = "",
    digest: DigestPrefix = None,
    batch: Batch = False,
    act: Act = "",
    workflow: OfWorkflow = "",
    kind_class: OfClass = "",
    guard: Guard = None,
    without: Without = None,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """No to a card, and why; with --batch, to many that are alike."""
    if batch or not card:
        from mainstay.cli.batch import decide_batch

        chosen = (card, batch, act, workflow, kind_class, guard, without or [])
        return decide_batch("reject", chosen, reason, workspace, as_json)
    wanted = named_digest(digest)
    with open_workspace(workspace) as opened:
        found = opened.glance(card)
        decided = opened.reject(found.approval, reason=reason, digest=wanted)
        if as_json:
            return emit(decision(decided, approval=found.approval, digest=found.digest, card=decided.card))
        nothing = "Nothing is sent." if found.recipients else "Nothing is done."
        back = f" `mainstay undo {decided.run[-8:]}` asks again." if decided.events else ""
        _tell(opened, decided, f"Rejected: {_act(found)}. {nothing}{back}", "rejected", sends=False)
    return None


def edit(
    card: CardId,
    text: Annotated[str | None, typer.Option("--text", help="The new text.", show_default=False)] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="A file with the new text; - reads it from the input.")
    ] = None,
    digest: DigestPrefix = None,
    confirm: Confirm = "",
    anyway: Annotated[bool, typer.Option("--anyway", help="Send it whatever the checks find.")] = False,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Yes to a card with another text.

    It is checked, rendered anew, under a digest of its own, and approved.
    """
    from mainstay.cli.editing import new_text, sent_with_findings

    wanted = named_digest(digest)
    with open_workspace(workspace) as opened:
        found = opened.glance(card)
        written = new_text(found, text=text, file=file)
        typed = confirm or _second_step(found, as_json)
        # What was edited must be what was read: the digest that the text came from goes with it.
        bound = wanted or found.digest
        try:
            decided = opened.edit(found.approval, written, digest=bound, confirm=typed, anyway=anyway)
        except CommandRefused as refused:
            if as_json or text is not None or file is not None or not sent_with_findings(refused, written):
                raise
            decided = opened.edit(found.approval, written, digest=bound, confirm=typed, anyway=True)
        new = _newest_card(opened, decided)
        if as_json:
            return emit(
                decision(
                    *(decided,),
                    approval=new["approval"],
                    digest=new["digest"],
                    replaced=found.digest,
                    card=decided.card,
                )
            )
        said = f"Approved as edited: effect {str(new['digest'])[:12]} in place of {found.digest[:12]}."
        _tell(opened, decided, said, "edited")
    return None


def snooze(
    card: CardId,
    until: Annotated[
        str, typer.Option("--until", help="To this time: 14:30, 2026-11-01, or 2026-11-01T09:30.")
    ] = "",
    length: Annotated[str, typer.Option("--for", help="For so long: 2h, 3d, or PT30M.")] = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Put a card off: it leaves the list, and comes back in time.

    It expires when it would have.
    """
    from mainstay.cli.window import later

    at = later(until, length, now_us=now_us())
    with open_workspace(workspace) as opened:
        found = opened.glance(card)
        decided = opened.snooze(found.approval, until=at)
        if as_json:
            return emit(decision(decided, approval=found.approval, until=at))
    if not decided.events:
        return say("It is put off to that time already: nothing was changed.")
    return say(
        f"Put off to {clock_time(at)[:16]}: {_act(found)}. `mainstay approvals --all` lists it until then."
    )


def undo(
    run: RunId,
    task: Annotated[
        str, typer.Argument(help="Its task, by name or number.", metavar="[TASK]", show_default=False)
    ] = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Take back what was approved, or goes by itself, before it leaves; or what was rejected.

    A card asks anew.
    """
    with open_workspace(workspace) as opened:
        try:
            decided = opened.undo(run, task=task)
        except CommandRefused:
            rejected = opened.to_ask_again(run, task)
            if not rejected:
                raise
            return _ask_again(opened, rejected, as_json)
    if as_json:
        return emit(decision(decided, asks=decided.asks))
    if not decided.events:
        return say("It had left already, or was taken back before: nothing was changed.")
    if not decided.asks:
        return say("Taken back. Its deadline has passed, so it is given up.")
    return say(f"Taken back: nothing of it has left. Card {short_card(decided.asks)} asks anew.")


def _ask_again(opened: Workspace, card: str, as_json: bool) -> None:
    decided = opened.ask_again(card)
    asks = decided.asks
    for _ in range(_LOOKS if decided.live and not asks else 0):  # it is rendered anew, which is soon done
        found = opened.asked_again(card)
        if found is not None and found.approval:
            asks = found.approval
            break
        time.sleep(_LOOK_EVERY_S)
    if as_json:
        return emit(decision(decided, asks=asks, rejected=card))
    say(f"It had been rejected; run {short_run(decided.run)} goes on from there, and each act of it asks.")
    if asks:
        return say(f"Card {short_card(asks)} asks anew.")
    if decided.live:
        return say(f"Its card comes: mainstay run show {short_run(decided.run)}")
    return say("No director is at work: its card comes at the next `mainstay up`.")


def _second_step(card: Any, as_json: bool) -> str:
    """What a person types where a yes is not enough; the desk looks at it."""
    if not card.second_step or as_json or not sys.stdin.isatty():
        return ""
    say("This is final, and of high stake.")
    typed: str = typer.prompt(
        f"Type {safe_line(card.second_step)} to let it leave", default="", show_default=False
    )
    return typed


def _act(card: CardLine) -> str:
    """What a card asks for, and to whom; a label goes to nobody."""
    return " to ".join(filter(None, (card.act, ", ".join(card.recipients))))


def _newest_card(opened: Workspace, decided: Decided) -> dict[str, Any]:
    where = {"run": decided.run, "task": decided.task}
    return opened.rows("approvals", where=where, order="position", descending=True, limit=1)[0]


def _tell(opened: Workspace, decided: Decided, done: str, meant: str, *, sends: bool = True) -> None:
    if not decided.events:
        return say("This had been decided already: nothing was changed.")
    if decided.card and decided.card != meant:
        return say(f"Your answer came too late, or a rule forbids it by now: the card is {decided.card}.")
    say(done)
    if sends and decided.status == "held":
        until = next((one.until for one in opened.leaving() if one.run == decided.run and one.until), 0)
        left = max(0, until - now_us() + 999_999) // 1_000_000
        return say(f"It leaves in {left} s; `mainstay undo {decided.run[-8:]}` takes it back.")
    if sends and not decided.live:
        return say(
            "No director is at work: it will be sent at the next `mainstay up`.",
            f"Until then `mainstay undo {decided.run[-8:]}` takes it back.",
        )
    if not decided.live and decided.status != "ended":
        return say("No director is at work: the rest follows at the next `mainstay up`.")
    return None

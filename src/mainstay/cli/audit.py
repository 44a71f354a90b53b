"""Commands of the audit: the proof that the ledger is whole and is what was signed, its key, its export."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, new_typer, open_workspace
from mainstay.cli.render import clock_time, count, counting, emit, now_us, say, tell
from mainstay.kernel.errors import CommandRefused, LedgerCorrupt

if TYPE_CHECKING:
    from mainstay.kernel.values import Json
    from mainstay.ledger.verify import Broken, Progress, Verified

audit = new_typer("The proof that the ledger is whole and what was signed, and its export.")


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    audit.command("verify")(verify)
    audit.command("export")(export)
    audit.command("sign")(sign)
    audit.command("prove")(prove)
    audit.command("check")(check)
    audit.command("key")(key)
    audit.command("rotate-key")(rotate_key)
    audit.command("renew")(renew)
    app.add_typer(audit, name="audit")


@audit.callback()
def _audit() -> None:
    """The proof that the ledger is whole and what was signed, and its export."""


# --- verify -------------------------------------------------------------------------------------------------


def verify(
    events: Annotated[
        bool, typer.Option("--events", help="Events, contents and checkpoints alone: a fifth of the time.")
    ] = False,
    ledger: Annotated[
        Path | None,
        typer.Option(
            "--ledger", help="A ledger's file anywhere: no workspace is looked at.", show_default=False
        ),
    ] = None,
    checkpoints: Annotated[
        Path | None,
        typer.Option("--checkpoints", help="With --ledger: what was signed about it.", show_default=False),
    ] = None,
    public_key: Annotated[
        list[str] | None,
        typer.Option("--public-key", help="With --ledger: a key that you trust, in hex.", show_default=False),
    ] = None,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Prove that no event or stored content was changed, that all is there that was signed, and that views agree."""
    if ledger is None and (checkpoints is not None or public_key):
        raise CommandRefused(
            "--checkpoints and --public-key are for a ledger's file.",
            why="In a workspace both are known.",
            remedy="Name the file with --ledger.",
        )
    if ledger is not None:
        from mainstay.workspace.verifying import verify_ledger

        with _bar("Verifying", quiet=as_json) as told:
            found = verify_ledger(
                ledger, checkpoints=checkpoints, public_keys=public_key or (), progress=told
            )
        return _report(_whole(found), as_json=as_json)
    with open_workspace(workspace) as opened, _bar("Verifying", quiet=as_json) as told:
        found = opened.verify(told)
    whole = _whole(found)
    if not events:
        _require_views(workspace, quiet=as_json)
    return _report(whole, as_json=as_json)


def _whole(found: Verified | Broken) -> Verified:
    from mainstay.ledger.verify import Broken

    if not isinstance(found, Broken):
        return found
    if found.checkpoints:
        raise LedgerCorrupt(
            "What was signed about this ledger does not hold.",
            why=found.reason,
            remedy="The chain itself holds. Compare with a copy of the checkpoints elsewhere. If you know why they are "
            "lost, begin anew with `mainstay audit renew`.",
            position=int(found.position),
            checkpoints=True,
        )
    raise LedgerCorrupt(
        f"The ledger does not hold from position {found.position} on."
        if found.position
        else "The ledger does not hold.",
        why=found.reason,
        remedy="Keep the file as it is, and restore the last good backup.",
        position=int(found.position),
    )


def _report(found: Verified, *, as_json: bool) -> None:
    if as_json:
        return emit(
            {
                "whole": True,
                "events": found.positions,
                "blobs": found.blobs,
                "head": found.head_hash.hex(),
                "root": found.root.hex(),
                "checkpoints": found.checkpoints,
                "signed_through": found.through,
                "notes": list(found.notes),
            }
        )
    say(
        f"The chain holds: {count(found.positions, 'event')}, {count(found.blobs, 'blob')}, "
        f"head {found.head_hash.hex()[:16]}."
    )
    if found.checkpoints:
        after = found.positions - found.through
        rest = (
            f"; {count(after, 'event')} after it {'is' if after == 1 else 'are'} not signed yet"
            if after
            else ""
        )
        say(
            f"It bears out {count(found.checkpoints, 'checkpoint')}, the last of position {found.through:,}{rest}."
        )
    return tell(*found.notes, hang=0) if found.notes else None


@contextmanager
def _bar(what: str, *, quiet: bool) -> Iterator[Progress]:
    """A progress bar for what counts by position."""
    before = 0
    with counting(what, quiet=quiet) as progress:

        def told(position: int) -> None:
            nonlocal before
            progress(position - before)
            before = position

        yield told


def _require_views(workspace: Path, *, quiet: bool) -> None:
    with open_workspace(workspace) as opened:
        before = 0
        with counting("Comparing views", quiet=quiet) as progress:

            def told(position: int, of: int) -> None:
                nonlocal before
                progress(position - before)
                before = position

            found = opened.differences(told)
    if found:
        told_of = [
            f"{one.table} ({', '.join(one.rows)}): {one.reason}" if one.rows else f"{one.table}: {one.reason}"
            for one in found
        ]
        raise LedgerCorrupt(
            "No event was changed, but what was made from them was.",
            why=" ".join(told_of),
            remedy="Nothing is lost. Restart `mainstay up`: it folds all views anew.",
            views=[one.table for one in found],
        )


# --- one event ----------------------------------------------------------------------------------------------


def prove(
    position: Annotated[int, typer.Argument(min=1, help="Of the event.")],
    to: Annotated[
        Path | None, typer.Option("--to", help="A new file.", show_default="the standard output")
    ] = None,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """The proof that one event stands in the ledger, for somebody who may not see the others."""
    with open_workspace(workspace) as opened:
        proof = opened.auditing.prove(position)
    if to is None:
        sys.stdout.write(proof.decode())
        return None
    from mainstay.ledger.whole_file import whole_file

    with whole_file(to) as file:
        file.write(proof)
    return emit({"file": str(to)}) if as_json else say(f"The proof of event {position} lies in {to}.")


def check(
    proof: Annotated[Path, typer.Argument(help="What `audit prove` wrote.")],
    public_key: Annotated[list[str], typer.Option("--public-key", help="A key that you trust, in hex.")],
    as_json: AsJson = False,
) -> None:
    """What the proof of one event shows, on any machine."""
    from mainstay.workspace.verifying import check_proof

    try:
        raw = proof.read_bytes()
    except OSError as error:
        raise CommandRefused(
            f"{proof} cannot be read.", why=str(error.strerror), remedy="Name the file."
        ) from error
    found = check_proof(raw, public_key)
    if as_json:
        return emit(found)
    return tell(
        f"Event {found['position']:,} of {found['stream']}, {found['type']}, recorded at {clock_time(found['at'])} by "
        f"{found['actor']}, stands in the ledger that was signed up to {found['signed_through']:,} at "
        f"{clock_time(found['signed_at'])}.",
        hang=0,
    )


# --- the key ------------------------------------------------------------------------------------------------


def sign(workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """Sign now how far the ledger has come. `mainstay up` does it each hour, and when it ends."""
    with open_workspace(workspace) as opened:
        done = opened.auditing.sign()
    if as_json:
        return emit(done)
    _told_failed(done)
    if done["signed"]:
        return say(f"Signed up to position {done['through']:,}: root {str(done['root'])[:16]}.")
    return say(f"Nothing happened since position {done['through']:,} was signed.")


def key(workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """The public key that proves checkpoints elsewhere, and where they are kept."""
    with open_workspace(workspace) as opened:
        found = opened.auditing.key()
    if as_json:
        return emit(found)
    say(str(found["public"]), "Checkpoints are kept in")
    return say(*(f"  {path}" for path in found["checkpoints"]))


def rotate_key(workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """Sign with another key from here on, which the one before vouches for."""
    with open_workspace(workspace) as opened:
        done = opened.auditing.rotate_key()
    if as_json:
        return emit(done)
    _told_failed(done)
    return tell(
        f"Signed with key {done['key']} from here on; {done['before']} vouched for it, and is gone.",
        "Its public half, for whoever verifies elsewhere:",
        str(done["public"]),
        hang=0,
    )


def renew(
    lost: Annotated[
        bool,
        typer.Option("--lost", help="Yes: the old checkpoints, or their key, are lost.", show_default=False),
    ] = False,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Begin a new history of checkpoints, where the old one or its key is lost."""
    if not lost:
        raise CommandRefused(
            "This ends what the checkpoints so far can prove.",
            why="From here on only what comes later is held against what was signed. Somebody who rewrote the ledger "
            "would want you to do it.",
            remedy="If you know why they are lost, run it with --lost.",
        )
    with open_workspace(workspace) as opened:
        done = opened.auditing.renew()
    if as_json:
        return emit(done)
    _told_failed(done)
    for path in done["aside"]:
        say(f"What was there before lies in {path}")
    return say(f"Begun anew: signed up to position {done['through']:,} with key {done['key']}.")


def _told_failed(done: Json) -> None:
    for wrong in done["failed"]:
        tell(f"warning: not told: {wrong}", hang=9)


# --- export -------------------------------------------------------------------------------------------------


def export(
    to: Annotated[
        Path | None, typer.Option("--to", help="A new file.", show_default="the standard output")
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="jsonl (CloudEvents, one JSON object a line) or csv.")
    ] = "jsonl",
    since: Annotated[
        str, typer.Option("--since", help="From then on: 7d, 2026-03-02.", show_default=False)
    ] = "",
    until: Annotated[str, typer.Option("--until", help="Before then.", show_default=False)] = "",
    run: Annotated[str, typer.Option("--run", help="Of this run alone.", show_default=False)] = "",
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type", help="Of this type: run.started, approval.*; may be given again.", show_default=False
        ),
    ] = None,
    opened: Annotated[
        bool, typer.Option("--open", help="Personal values in the clear, for your own eyes.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Also write over a file that is there.")] = False,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """The ledger for other programs; personal values stay sealed unless you open them."""
    from mainstay.cli.window import moment

    now = now_us()
    chosen = {
        "since": moment(since, now_us=now, option="--since") if since else 0,
        "until": moment(until, now_us=now, option="--until") if until else None,
        "run": run,
        "types": tuple(types or ()),
    }
    with open_workspace(workspace) as found:
        if to is None:
            for piece in found.export(form=form, opened=opened, **chosen):  # type: ignore[arg-type]
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            return None
        told = found.export_to(to, form=form, opened=opened, replacing=force, **chosen)
    if as_json:
        return emit(told)
    return say(f"{count(told['events'], 'event')} written to {told['file']}.")

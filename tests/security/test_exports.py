"""Exports: formulas for a spreadsheet, lines that are two, files in places where none may be, readers who may not."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from pathlib import Path
from typing import Any

from mainstay.cli.main import run
from mainstay.kernel.ids import StreamId
from mainstay.kernel.values import Instant
from mainstay.ledger import export as exporting
from mainstay.ledger.export_csv import export_csv
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.store import NEW, NewEvent, StreamAppend
from mainstay.workspace import Workspace
from tests.security.attacks import attack
from tests.security.audited_desk import HEAD, AuditedDesk, audited_desk, audited_master

__all__ = ["audited_desk", "audited_master"]

FORMULAS = (
    *(
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-2+3",
        "@SUM(1)",
        '=HYPERLINK("http://example.org?"&A1)',
        "\t=1",
        "\r=1",
    ),
    *("  =1", '"=1', "\u200b=1", "\uff1d1", "\u22121", "\ufeff+1", "\u202e@A1", "'\n=1"),
)


def exported(desk: AuditedDesk, *more: str) -> tuple[int, bytes]:
    """What `mainstay audit export` writes to its output."""
    to = desk.root.parent / "exported"
    code = run(["audit", "export", "--to", str(to), "-w", str(desk.root), *more])
    return code, to.read_bytes() if to.exists() else b""


def actors(*names: str) -> InMemoryStore:
    """Events by people with these names: the one column that may hold any text."""
    store = InMemoryStore()
    events = [NewEvent(1, 1, b"{}", name, bytes(16)) for name in names]
    store.append([StreamAppend(StreamId("run:a"), NEW, events)], epoch=store.acquire(), at=Instant(0))
    return store


@attack(("mainstay.ledger.export_csv", "neutral", lambda cell: cell))
def test_no_cell_is_a_formula() -> None:
    text = b"".join(export_csv(actors(*FORMULAS))).decode()
    rows = list(csv.reader(io.StringIO(text, newline="")))[1:]
    assert [row[7] for row in rows] == ["'" + one for one in FORMULAS]


@attack(("mainstay.ledger.export_csv", "_begins_formula", lambda cell: cell[0] in "=+-@"))
def test_no_cell_is_a_formula_behind_what_a_spreadsheet_skips() -> None:
    for one in FORMULAS:
        [_, row] = list(csv.reader(io.StringIO(b"".join(export_csv(actors(one))).decode(), newline="")))
        assert row[7].startswith("'"), one
        assert row[7][1:] == one


@attack(("mainstay.ledger.export", "_ENDS", ()))
def test_a_line_is_one_line_to_every_reader() -> None:
    store = InMemoryStore()
    data = '{"reason":"one\u2028{\\"type\\":\\"forged/1\\"}\u2029\u0085two"}'.encode()
    event = NewEvent(1, 1, data, "a", bytes(16))
    store.append([StreamAppend(StreamId("run:a"), NEW, [event])], epoch=store.acquire(), at=Instant(0))
    text = b"".join(exporting.export(store, "urn:x")).decode()
    assert len(text.splitlines()) == 1


@attack(("mainstay.ledger.whole_file", "_require_place", lambda *_, **__: None))
def test_nothing_is_exported_over_the_ledger(audited_desk: AuditedDesk) -> None:
    before = audited_desk.ledger.read_bytes()
    state = audited_desk.folder.state
    link = audited_desk.root / "link"
    link.symlink_to(state)
    for place in (
        state / "ledger.db",
        audited_desk.root / "x" / ".." / ".mainstay" / "ledger.db",
        link / "ledger.db",
        state / "segments" / "x.segment",
    ):
        code, _ = audited_desk.say("audit", "export", "--force", "--to", str(place))
        assert code != 0, place
    assert audited_desk.ledger.read_bytes() == before


@attack(("mainstay.ledger.whole_file", "_require_place", lambda *_, **__: None))
def test_nothing_is_exported_over_the_master_key(audited_desk: AuditedDesk) -> None:
    home = Path(os.environ["MAINSTAY_KEY_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    (home / "0123.key").write_bytes(b"k" * 32)
    audited_desk.say("audit", "export", "--force", "--to", str(home / "0123.key"))
    assert (home / "0123.key").read_bytes() == b"k" * 32


@attack(("mainstay.ledger.whole_file", "_name", lambda work, place, replacing: work.replace(place)))
def test_a_file_that_came_to_be_there_meanwhile_is_not_written_over(audited_desk: AuditedDesk) -> None:
    target = audited_desk.root.parent / "mine"
    with Workspace.open(audited_desk.root) as workspace:
        pieces = iter(list(workspace.export()))
        from mainstay.kernel.errors import CommandRefused
        from mainstay.workspace.exporting import export_to

        def slowly() -> Any:
            yield next(pieces)
            target.write_bytes(b"mine")

        with contextlib.suppress(CommandRefused):
            export_to(target, slowly(), audited_desk.folder, form="jsonl", replacing=False)
    assert target.read_bytes() == b"mine"


def _as_it_comes(path: Path, **_: Any) -> Any:
    return path.open("wb")


@attack(("mainstay.ledger.whole_file", "whole_file", _as_it_comes))
def test_what_was_not_ended_leaves_nothing(audited_desk: AuditedDesk) -> None:
    def failing() -> Any:
        yield b"half\n"
        raise KeyboardInterrupt

    from mainstay.workspace.exporting import export_to

    folder = audited_desk.root.parent / "out"
    folder.mkdir()
    with contextlib.suppress(KeyboardInterrupt):
        export_to(folder / "file", failing(), audited_desk.folder, form="jsonl", replacing=False)
    assert not os.listdir(folder)


@attack(("mainstay.ledger.whole_file", "whole_file", _as_it_comes))
def test_others_cannot_read_an_export(audited_desk: AuditedDesk) -> None:
    before = os.umask(0)
    try:
        code, data = exported(audited_desk)
    finally:
        os.umask(before)
    assert code == 0
    assert len(data.splitlines()) == HEAD
    assert (audited_desk.root.parent / "exported").stat().st_mode & 0o077 == 0


@attack(("mainstay.workspace.exporting", "require_types", lambda types: None))
def test_a_type_that_does_not_exist_exports_nothing_instead_of_an_empty_file(
    audited_desk: AuditedDesk,
) -> None:
    code, data = exported(audited_desk, "--type", "run.finnished")
    assert (code, data) == (5, b"")
    assert not (audited_desk.root.parent / "exported").exists()


@attack(("mainstay.runtime.artifacts", "Artifacts.open_text", lambda self, text: "opened"))
def test_without_being_asked_nothing_is_opened_and_with_it_only_what_is_sealed(
    audited_desk: AuditedDesk,
) -> None:
    code, sealed = exported(audited_desk)
    assert code == 0
    code, opened = exported(audited_desk, "--open", "--force")
    assert code == 0
    # A reason that somebody typed is sealed, and nothing else in this ledger is.
    assert b'"opened"' not in sealed
    assert b"=cmd" not in sealed
    assert b"=cmd" in opened
    differing = [
        one for one, other in zip(sealed.splitlines(), opened.splitlines(), strict=True) if one != other
    ]
    assert all(b"kill_switch.thrown" in one and b'"reason":"sealed:' in one for one in differing)

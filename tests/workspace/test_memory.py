"""`mainstay memory` and `Workspace.memory` on a folder: kept, found, imported, told. By words: no model is loaded."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mainstay.cli import memory_checkup
from mainstay.cli.main import run
from mainstay.kernel.errors import CommandRefused, DocumentError, NotFound
from mainstay.kernel.values import Json
from mainstay.memory.records import Note
from mainstay.models.base import Unavailable
from mainstay.runtime.keeping import Kept
from mainstay.workspace import Workspace
from mainstay.workspace.doors import Door, SocketDoor
from mainstay.workspace.importing import Imported
from mainstay.workspace.memory_calls import keep
from mainstay.workspace.serving import Service

GUIDE = """# Guide

## Space

The program needs two gigabytes of space and a folder that its account may write to, on a disk that is not shared.

## Keys

The key lies in a folder of its own, and whoever loses it loses what was sealed under it, since nobody can make it anew.
"""
MAIL = b"""From ann@customer.example Mon Mar  2 07:14:00 2026
From: Ann Sample <ann@customer.example>
To: help@example.org
Subject: Two rooms
Message-ID: <two-rooms@customer.example>
Date: Mon, 02 Mar 2026 07:14:00 +0000

Which of your plans would we need for two rooms?

"""


@pytest.fixture(autouse=True)
def no_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "mainstay.models.embedder.find_embedder",
        lambda *given, **more: Unavailable("not here", "none is needed"),
    )


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Workspace]:
    made, _ = Workspace.create(tmp_path / "desk")
    with made:
        yield made


def texts(desk: Workspace, query: str, **options: object) -> list[str]:
    return [hit.unit.text for hit in desk.memory.search(query, **options).hits]  # type: ignore[arg-type]


def by_name(done: list[Imported]) -> dict[str, Imported]:
    return {Path(one.path).name: one for one in done}


@pytest.mark.long
def test_the_commands_from_adding_to_retracting(
    desk: Workspace, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def told(*arguments: str, refused: bool = False) -> str:
        assert (run(["memory", *arguments, "--workspace", str(desk.folder.root)]) != 0) is refused
        said = capsys.readouterr()
        return said.out + said.err

    assert "Remembered: terms" in told("add", "Invoices are due within 14 days.", "--id", "terms")
    assert "known already" in told("add", "Invoices are due within 14 days.", "--id", "terms")
    note = tmp_path / "note.txt"
    note.write_text("Invoices are due within 30 days.", "utf-8")
    assert "now version 2" in told("add", "--file", str(note), "--supersede", "ter")
    shown = told("search", "invoices due", "--space", "notes")
    assert "terms@2" in shown
    assert "14 days" not in shown
    assert "because" in shown
    found = json.loads(told("search", "invoices due", "--as-of", str(desk.head - 1), "--json"))
    assert [hit["id"] for hit in found["hits"] if hit["space"] == "notes"] == ["terms@1"]
    assert "believed" in told("show", "terms")
    history = told("history", "terms")
    assert history.index("version 1") < history.index("superseded") < history.index("version 2")
    assert "Retracted: terms" in told("retract", "terms", "--reason", "they are in the contract")
    assert "Nothing was written" in told("retract", "terms")
    assert "retracted because: they are in the contract" in told("history", "terms")
    assert "retracted because: they are in the contract" in told("show", "terms")
    assert "terms@" not in told("search", "invoices due")
    first, second = (json.loads(told("rebuild", "--json")) for _ in range(2))
    assert first["digest"] == second["digest"]
    assert first["retracted"] == 1
    assert "Words alone" in told("stats")
    # And what is wrong is said.
    assert "There is nothing to remember" in told("add", "  ", refused=True)
    assert "no length of time" in told("add", "x", "--ttl", "soon", refused=True)
    assert "no moment" in told("add", "x", "--valid-from", "soon", refused=True)
    assert "There is no space 'nowhere'" in told("add", "x", "--space", "nowhere", refused=True)
    assert "There is no retrieval policy 'nope'" in told("search", "x", "--policy", "nope", refused=True)
    assert "There is no memory" in told("show", "nobody", refused=True)
    assert "cannot be read" in told("add", "--file", str(tmp_path / "none"), refused=True)
    note.write_bytes(b"\xff\xfe\x00")
    assert "is not text" in told("add", "--file", str(note), refused=True)
    note.write_bytes(b"x" * 10_000_000)
    assert "too long for one memory" in told("add", "--file", str(note), refused=True)


def test_a_document_is_known_by_its_place_and_only_what_differs_is_written(
    desk: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "papers"
    (folder / ".hidden").mkdir(parents=True)
    (folder / ".hidden" / "secret.md").write_text("# Not this\n\nnot at all", "utf-8")
    guide = folder / "guide.md"
    guide.write_text(GUIDE, "utf-8")
    (folder / "empty.txt").write_bytes(b"")
    (folder / "noise.txt").write_bytes(bytes(range(1, 9)) * 50)
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4\nnothing more")
    (folder / "tool.exe").write_bytes(b"MZ")

    told: list[tuple[str, int, int]] = []
    done = by_name(
        desk.memory.import_paths([folder, folder / "none.md"], progress=lambda *at: told.append(at))
    )
    assert (done["guide.md"].became, done["guide.md"].kept) == ("new", 2)
    assert {name: one.became for name, one in done.items() if name != "guide.md"} == dict.fromkeys(
        ["empty.txt", "noise.txt", "broken.pdf", "tool.exe", "none.md"], "refused"
    )
    assert all(one.why for one in done.values() if one.became == "refused")
    assert told[-1][1:] == (6, 6)
    [hit] = desk.memory.search("gigabytes of space", policy="notes", k=1).hits[:1]
    assert (hit.unit.fields["title"], hit.unit.fields["place"]) == ("Guide", "Guide > Space")

    head = desk.head
    [same] = desk.memory.import_paths([guide])
    assert (same.became, same.kept, desk.head) == ("unchanged", 0, head)

    guide.write_text(GUIDE.replace("two gigabytes", "three gigabytes"), "utf-8")
    [changed] = desk.memory.import_paths([guide])
    assert (changed.became, changed.kept, changed.same, changed.retracted) == ("changed", 1, 1, 0)
    assert "three gigabytes" in texts(desk, "gigabytes", kind="chunk")[0]
    assert not [text for text in texts(desk, "gigabytes") if "two gigabytes" in text]

    guide.write_text(GUIDE.partition("## Keys")[0].replace("two gigabytes", "three gigabytes"), "utf-8")
    [shorter] = desk.memory.import_paths([guide])
    assert (shorter.became, shorter.kept, shorter.retracted) == ("changed", 0, 1)
    assert texts(desk, "sealed anew", kind="chunk") == []
    guide.write_text(GUIDE, "utf-8")
    [longer] = desk.memory.import_paths([guide])
    assert (longer.kept, longer.retracted) == (2, 0)
    names = [str(row["memory"]) for row in desk.rows("memories", limit=100) if row["kind"] == "chunk"]
    assert len({name.rpartition("#")[2] for name in names}) == 3  # what was retracted keeps its number


def test_a_document_that_is_handed_over_is_known_by_its_name(desk: Workspace) -> None:
    where = "https://example.org/guide"
    first = desk.memory.import_text("guide", GUIDE, title="The Guide", source=where)
    assert (first.became, first.kept, first.path) == ("new", 2, "guide")
    [hit] = desk.memory.search("gigabytes of space", k=1).hits[:1]
    assert (hit.unit.fields["title"], hit.unit.fields["source"]) == ("The Guide", where)
    assert desk.memory.show(first.memory).fields["source"] == where
    head = desk.head
    again = desk.memory.import_text("guide", GUIDE, title="The Guide", source=where)
    assert (again.became, again.memory, desk.head) == ("unchanged", first.memory, head)
    shorter = desk.memory.import_text("guide", GUIDE.partition("## Keys")[0], title="The Guide", source=where)
    assert (shorter.became, shorter.kept, shorter.retracted) == ("changed", 0, 1)
    other = desk.memory.import_text("other", GUIDE.replace("two", "four"), form="text")
    assert (other.became, other.kind) == ("new", "text")
    assert other.memory != first.memory
    with pytest.raises(DocumentError, match="is empty"):
        desk.memory.import_text("nothing", " \n")


def test_an_import_that_was_cut_short_is_taken_up_again(
    desk: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide = tmp_path / "guide.md"
    guide.write_text(GUIDE, "utf-8")
    calls = []

    def cut(door: Door, notes: list[Note], *, actor: str) -> list[Kept]:
        calls.append(notes)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return keep(door, notes, actor=actor)

    with monkeypatch.context() as patch:
        patch.setattr("mainstay.workspace.importing.keep", cut)
        with pytest.raises(KeyboardInterrupt):
            desk.memory.import_paths([guide])
    [again] = desk.memory.import_paths([guide])
    assert (again.became, again.kept, again.same) == ("changed", 0, 2)
    [after] = desk.memory.import_paths([guide])
    assert after.became == "unchanged"


def test_imported_mail_is_memory_once_and_starts_nothing_also_what_is_added_later(
    desk: Workspace, tmp_path: Path
) -> None:
    box = tmp_path / "old.mbox"
    box.write_bytes(MAIL)
    [first] = desk.memory.import_paths([box])
    assert (first.became, first.kept) == ("mail", 1)
    [again] = desk.memory.import_paths([box])
    assert again.kept == 0
    box.write_bytes(MAIL + MAIL.replace(b"two-rooms", b"three-rooms").replace(b"two rooms", b"three rooms"))
    [grown] = desk.memory.import_paths([box])
    assert grown.kept == 1
    assert desk.runs() == []
    assert len(texts(desk, "plans for rooms", space="mail")) == 2
    assert desk.memory.show(desk.memory.search("three rooms").hits[0].unit.id).kind == "message"


def test_why_a_task_that_recalled_nothing_or_is_not_there(desk: Workspace) -> None:
    desk.memory.add("something to begin with")
    with pytest.raises(NotFound):
        desk.memory.why("0123abcd", "draft")


def test_a_search_names_spaces_that_are_there(desk: Workspace) -> None:
    desk.memory.add("walnut")
    with pytest.raises(CommandRefused, match="There is no space 'attic'"):
        desk.memory.search("walnut", space="attic")
    with pytest.raises(CommandRefused, match="not both"):
        desk.memory.add("walnut", memory="a", supersede="b")


def test_half_a_letter_of_a_terminal_is_no_fault(desk: Workspace) -> None:
    desk.memory.add("the caf\udce9 opens at nine", memory="cafe")
    assert desk.memory.show("cafe").text == "the caf? opens at nine"


def test_a_bad_policy_is_told_with_file_and_line(desk: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    (desk.folder.root / "policies" / "recall.toml").write_text('[recall.mine]\nspaces = ["nots"]\n', "utf-8")
    assert run(["memory", "add", "x", "--workspace", str(desk.folder.root)]) == 2
    said = capsys.readouterr().err
    assert "policies/recall.toml:2" in said
    assert "'nots'" in said
    assert not desk.begun or desk.head == 0


def test_doctor_tells_how_memory_stands(desk: Workspace) -> None:
    assert list(memory_checkup.memory(desk.folder, False)) == []
    desk.memory.add("walnut")
    [found] = memory_checkup.memory(desk.folder, False)
    assert found.level == "ok"
    assert "by words alone" in found.detail
    for blob in desk.folder.blobs.rglob("*"):
        assert blob.is_dir() or b"walnut" not in blob.read_bytes()
    assert b"walnut" not in desk.folder.ledger.read_bytes()


def test_beside_a_director_a_search_asks_it_and_is_the_same(
    desk: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.memory.add("Walnut boards lie in hall 2.", memory="boards")
    desk.memory.add("Walnut oil is sold out.", memory="oil")
    alone, stats = desk.memory.search("walnut boards"), desk.memory.stats()
    asked: list[str] = []
    ask = SocketDoor.ask

    def counted(door: SocketDoor, operation: str, arguments: Json) -> Json:
        asked.append(operation)
        return ask(door, operation, arguments)

    def look() -> None:
        with Workspace.open(desk.folder.root) as other:
            assert other.memory.search("walnut boards") == alone
            assert other.memory.search("walnut", as_of=0).hits == ()
            told = other.memory.stats()
            # What a director does at its start is in the ledger too.
            assert replace(told, standing=stats.standing) == stats
            assert told.standing.units == stats.standing.units
            with pytest.raises(CommandRefused, match="There is no retrieval policy 'nope'"):
                other.memory.search("walnut", policy="nope")
            assert not other._assembly.memory_is_open

    async def beside() -> None:
        service, ready = Service(desk.folder, ingest=False), asyncio.Event()
        working = asyncio.create_task(service.run(ready.set))
        await ready.wait()
        try:
            await asyncio.to_thread(look)
        finally:
            service.stop()
            await working

    with monkeypatch.context() as patch:
        patch.setattr(SocketDoor, "ask", counted)
        asyncio.run(beside())
    assert asked == ["search_memory", "search_memory", "memory_stats", "search_memory"]
    # And a socket that nobody listens on is none.
    desk.folder.socket.touch()
    with Workspace.open(desk.folder.root) as other:
        assert other.memory.search("walnut boards").digest == alone.digest


def test_a_folder_that_cannot_be_read_stops_no_other_file(
    desk: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    (source / "locked").mkdir(parents=True)
    (source / "note.md").write_text("The key lies with the neighbour.", "utf-8")
    listed = Path.iterdir

    def refusing(self: Path) -> Iterator[Path]:
        if self.name == "locked":  # who runs the tests may be allowed everything
            raise PermissionError(13, "Permission denied")
        return listed(self)

    monkeypatch.setattr(Path, "iterdir", refusing)
    locked, taken = desk.memory.import_paths([source])
    assert (locked.became, locked.why) == ("refused", "Permission denied")
    assert taken.became == "new"

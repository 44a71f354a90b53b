"""Every tampering with a ledger, on its own files, by somebody who knows SQLite, the schema and the chain, and has not
the signing key: `mainstay audit verify` names the position, or what else was touched.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from mainstay.kernel.errors import LedgerCorrupt
from mainstay.ledger.checkpoints import Book, checkpoints_path, read_file
from mainstay.ledger.followed import Followed
from mainstay.ledger.head_mark import mark_path
from mainstay.ledger.merkle import root_of
from mainstay.ledger.segments import Row
from mainstay.ledger.signing import SigningKey, read_signing_key
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.ledger.verify import Broken, Verified
from mainstay.workspace import Workspace
from mainstay.workspace.signing_places import Places, places_of
from mainstay.workspace.verifying import check_proof
from tests.ledger.audited import forge, restored
from tests.security.attacks import Patch, attack
from tests.security.audited_desk import HEAD, SIGNED, AuditedDesk, audited_desk, audited_master

__all__ = ["audited_desk", "audited_master"]


def _trusting(self: Followed, rows: Sequence[Row], anchors: object = None) -> list[bytes]:
    self.last, self.hash = rows[-1][0], rows[-1][10]
    return [row[10] for row in rows]


def _nobody(folder: object, progress: object = None) -> Verified:
    return Verified(HEAD, bytes(32))


HASHES_TRUSTED: Patch = ("mainstay.ledger.followed", "Followed.take", _trusting)
NOBODY_LOOKS: Patch = ("mainstay.workspace.verifying", "verify_workspace", _nobody)
ROOTS_TRUSTED: Patch = ("mainstay.ledger.signed", "Against._held", lambda *_: None)
END_TRUSTED: Patch = ("mainstay.ledger.signed", "Against.end", lambda *_: None)
RECORDS_TRUSTED: Patch = ("mainstay.ledger.signed", "Against._said", lambda *_: None)
SIGNATURES_TRUSTED: Patch = ("mainstay.ledger.statements", "is_signed", lambda *_: True)
LINES_TRUSTED: Patch = ("mainstay.ledger.statements", "_wrong", lambda *_, **__: "")
KEYS_TRUSTED: Patch = ("mainstay.ledger.signed_history", "vouched_for", lambda *_: True)


# --- rows ---------------------------------------------------------------------------------------------------


CHANGES = (
    *(
        "type = type + 1",
        "schema = 9",
        "at = at + 1",
        "causation = 3",
        "actor = (SELECT max(key) FROM actors) + 1",
    ),
    *("correlation = 99", "tx = zeroblob(16)", "data = CAST(data || ' ' AS BLOB)"),
)


@pytest.mark.parametrize("where", [1, 9, HEAD])
@attack(HASHES_TRUSTED)
def test_a_changed_byte_in_any_column(audited_desk: AuditedDesk, where: int) -> None:
    clean = audited_desk.ledger.read_bytes()
    for change in CHANGES:
        forge(audited_desk.ledger, f"UPDATE events SET {change} WHERE position = {where}")
        audited_desk.refused(where)
        audited_desk.ledger.write_bytes(clean)


@attack(HASHES_TRUSTED)
def test_a_changed_hash(audited_desk: AuditedDesk) -> None:
    forge(audited_desk.ledger, "UPDATE events SET hash = zeroblob(32) WHERE position = 3")
    audited_desk.refused(3, "hash")
    audited_desk.told(3)


@attack(NOBODY_LOOKS)
def test_a_deleted_row(audited_desk: AuditedDesk) -> None:
    forge(audited_desk.ledger, "DELETE FROM events WHERE position = 5")
    audited_desk.refused(5, "missing")


@attack(NOBODY_LOOKS)
def test_a_deleted_row_whose_gap_was_closed(audited_desk: AuditedDesk) -> None:
    forge(
        audited_desk.ledger,
        "DELETE FROM events WHERE position = 5",
        "UPDATE events SET position = -position + 1 WHERE position > 5",
        "UPDATE events SET position = -position WHERE position < 0",
    )
    audited_desk.refused(5)


@attack(NOBODY_LOOKS)
def test_swapped_rows(audited_desk: AuditedDesk) -> None:
    forge(
        audited_desk.ledger,
        "UPDATE events SET position = -5 WHERE position = 4",
        "UPDATE events SET position = 4 WHERE position = 5",
        "UPDATE events SET position = 5 WHERE position = -5",
    )
    audited_desk.refused(4)


@attack(NOBODY_LOOKS)
def test_an_inserted_row(audited_desk: AuditedDesk) -> None:
    forge(
        audited_desk.ledger,
        "INSERT INTO events SELECT position + 1, stream, version + 1, type, schema, at, correlation, causation, actor, "
        f"tx, hash, data FROM events WHERE position = {HEAD}",
    )
    audited_desk.refused(HEAD + 1)


@attack(("mainstay.ledger.verify", "_row_blobs", lambda *_: iter(())))
def test_a_changed_content(audited_desk: AuditedDesk) -> None:
    forge(audited_desk.ledger, "UPDATE blobs SET data = CAST(data || 'x' AS BLOB) WHERE key = 1")
    audited_desk.refused(0, "blob")


# --- the end, and the whole chain ---------------------------------------------------------------------------


@attack(("mainstay.ledger.head_mark", "read_mark", lambda path: {}))
def test_an_end_that_was_cut_after_the_last_checkpoint(audited_desk: AuditedDesk) -> None:
    forge(audited_desk.ledger, f"DELETE FROM events WHERE position = {HEAD}")
    audited_desk.refused(HEAD, "marked")


@attack(END_TRUSTED)
def test_an_end_that_was_cut_together_with_its_mark(audited_desk: AuditedDesk) -> None:
    forge(audited_desk.ledger, "DELETE FROM events WHERE position > 9")
    mark_path(audited_desk.ledger).unlink()
    audited_desk.refused(10, f"position {SIGNED} was signed", "the last is 9")


@attack(END_TRUSTED)
def test_a_copy_from_yesterday_in_its_place(audited_desk: AuditedDesk) -> None:
    """With its mark, its index, its views: a whole ledger, and not the newest."""
    kept = audited_desk.root.parent / "yesterday"
    forge(audited_desk.ledger, "DELETE FROM events WHERE position > 9", rehash=True)
    shutil.copytree(audited_desk.folder.state, kept)
    shutil.rmtree(audited_desk.folder.state)
    shutil.copytree(kept, audited_desk.folder.state)
    audited_desk.refused(10, "was signed")


@pytest.mark.parametrize(("where", "named"), [(2, 1), (8, 1), (10, 9)])
@attack(ROOTS_TRUSTED)
def test_a_rewritten_chain(audited_desk: AuditedDesk, where: int, named: int) -> None:
    """An event is changed and every hash after it made anew: the chain holds from the first event to the last."""
    forge(audited_desk.ledger, f"UPDATE events SET at = at + 1 WHERE position = {where}", rehash=True)
    audited_desk.refused(named, "rewritten")
    audited_desk.told(named)


@attack(RECORDS_TRUSTED)
def test_a_rewritten_chain_that_says_it_was_signed(audited_desk: AuditedDesk) -> None:
    """The last checkpoint is cut off outside, and what the ledger says of it stays: one of them gives it away."""
    lines = audited_desk.checkpoints.read_bytes().splitlines(keepends=True)
    audited_desk.checkpoints.write_bytes(b"".join(lines[:-1]))
    forge(audited_desk.ledger, "UPDATE events SET at = at + 1 WHERE position = 10", rehash=True)
    audited_desk.refused(HEAD, "cut or replaced")


@attack(("mainstay.ledger.signed", "Against._excused", lambda *_: True))
def test_a_cut_that_says_it_was_a_restore(audited_desk: AuditedDesk) -> None:
    """The ledger itself says that a backup took its place. Nobody signed that."""
    forge(audited_desk.ledger, "DELETE FROM events WHERE position > 9", rehash=True)
    with closing(SqliteReader(audited_desk.ledger)) as reader:
        hash = reader.head_hash.hex()
    said = restored(9, hash)
    data = f'{{"backup_head":9,"backup_hash":"{hash}","actor":"operator","backup_at":{said.backup_at}}}'
    forge(
        audited_desk.ledger,
        "INSERT INTO events SELECT 10, stream, version + 1, type, 1, at, correlation, 0, actor, tx, hash, "
        f"CAST('{data}' AS BLOB) FROM events WHERE position = 7",
        f"UPDATE events SET type = {_restored_type()} WHERE position = 10",
        rehash=True,
    )
    audited_desk.refused(11, "was signed", "not signed")


def _restored_type() -> int:
    from mainstay.kernel.events import NUMBER_OF, LedgerRestored

    return NUMBER_OF[LedgerRestored]


@attack(ROOTS_TRUSTED)
def test_a_rewritten_ledger_is_not_signed_anew(audited_desk: AuditedDesk) -> None:
    forge(audited_desk.ledger, "UPDATE events SET at = at + 1 WHERE position = 2", rehash=True)
    (audited_desk.folder.state / "frontier").unlink()
    before = audited_desk.checkpoints.read_bytes()
    code, said = audited_desk.say("audit", "sign")
    assert code == 4, said
    assert audited_desk.checkpoints.read_bytes() == before


@attack(("mainstay.ledger.signed", "Against._held", lambda *_: None))
def test_no_backup_is_made_of_a_rewritten_ledger(audited_desk: AuditedDesk) -> None:
    """Or the rule that keeps seven backups puts the last good one away."""
    forge(audited_desk.ledger, "UPDATE events SET at = at + 1 WHERE position = 2", rehash=True)
    code, said = audited_desk.say("ledger", "backup", str(audited_desk.root.parent / "backup"))
    assert code == 4, said
    assert not (audited_desk.root.parent / "backup").exists()


# --- sealed segments ----------------------------------------------------------------------------------------


@attack(NOBODY_LOOKS)
def test_a_changed_byte_of_a_segment(audited_desk: AuditedDesk) -> None:
    segment = audited_desk.sealed()
    clean = segment.read_bytes()
    for offset in range(0, len(clean), 151):
        changed = bytearray(clean)
        changed[offset] ^= 0x20
        segment.write_bytes(changed)
        with Workspace.open(audited_desk.root) as workspace:
            found = workspace.verify()
        assert isinstance(found, Broken), offset
        assert 1 <= found.position <= 12


@attack(
    (
        "mainstay.ledger.segments_verify",
        "digest_of_file",
        lambda one: sha256(one.read_bytes()[:-1]).hexdigest(),
    )
)
def test_a_byte_more_at_the_end_of_a_segment(audited_desk: AuditedDesk) -> None:
    segment = audited_desk.sealed()
    segment.write_bytes(segment.read_bytes() + b"\0")
    audited_desk.refused(1, "have changed")


@attack(NOBODY_LOOKS)
def test_a_segment_that_is_gone(audited_desk: AuditedDesk) -> None:
    audited_desk.sealed().unlink()
    audited_desk.refused(1, "missing")


@attack(ROOTS_TRUSTED)
def test_sealed_events_that_were_taken_back_into_the_table_and_changed(audited_desk: AuditedDesk) -> None:
    """The forger unpacks the segment, edits an event, and lets the ledger have no segments at all."""
    before = audited_desk.root.parent / "before.db"
    with closing(sqlite3.connect(audited_desk.ledger)) as ledger, closing(sqlite3.connect(before)) as copy:
        ledger.backup(copy)
    segment = audited_desk.sealed()
    shutil.move(before, audited_desk.ledger)
    for log in ("-wal", "-shm"):
        Path(f"{audited_desk.ledger}{log}").unlink(missing_ok=True)
    segment.unlink()
    forge(audited_desk.ledger, "UPDATE events SET at = at + 1 WHERE position = 6", rehash=True)
    audited_desk.refused(1, "rewritten")


# --- what was signed ----------------------------------------------------------------------------------------


@attack(SIGNATURES_TRUSTED)
def test_a_checkpoint_of_another_time(audited_desk: AuditedDesk) -> None:
    statements = read_file(audited_desk.checkpoints).statements
    changed = audited_desk.checkpoints.read_bytes().replace(b'"at":%d' % statements[-1].at, b'"at":1')
    audited_desk.checkpoints.write_bytes(changed)
    audited_desk.refused(0, "line 3", "signature")


@attack(LINES_TRUSTED)
def test_a_line_that_was_left_out(audited_desk: AuditedDesk) -> None:
    key, _, last = audited_desk.checkpoints.read_bytes().splitlines(keepends=True)
    audited_desk.checkpoints.write_bytes(key + last)
    audited_desk.refused(0, "line 2")


@attack(RECORDS_TRUSTED)
def test_lines_that_were_cut_off(audited_desk: AuditedDesk) -> None:
    lines = audited_desk.checkpoints.read_bytes().splitlines(keepends=True)
    audited_desk.checkpoints.write_bytes(b"".join(lines[:-1]))
    audited_desk.refused(HEAD, "not among those that were kept")


@attack(RECORDS_TRUSTED)
def test_a_file_that_is_gone(audited_desk: AuditedDesk) -> None:
    audited_desk.checkpoints.unlink()
    audited_desk.refused(9, "cut or replaced")


@attack(KEYS_TRUSTED)
def test_a_history_signed_by_the_forgers_own_key(audited_desk: AuditedDesk) -> None:
    forge(audited_desk.ledger, "UPDATE events SET at = at + 1 WHERE position = 10", rehash=True)
    _signed_by(SigningKey(b"f" * 32), audited_desk)
    audited_desk.refused(0, "no key that you trust")


@attack(SIGNATURES_TRUSTED)
def test_a_key_that_the_one_before_does_not_vouch_for(audited_desk: AuditedDesk) -> None:
    """The forger signs in the name of the old key, which they do not have."""
    key = read_signing_key(audited_desk.signing_key)
    assert key is not None
    statements = list(read_file(audited_desk.checkpoints).statements)
    impostor = SigningKey(b"f" * 32)
    impostor.fingerprint = key.fingerprint
    book = Book(statements[0].workspace, impostor, (audited_desk.checkpoints,), statements)
    book.adopt(SigningKey(b"g" * 32), statements[-1].at, SIGNED)  # type: ignore[arg-type]
    audited_desk.refused(0, "does not vouch")


def _first_place_alone(folder: Any) -> Any:
    places = places_of(folder)
    return Places(places.key, places.files[:1], places.settings)


@attack(("mainstay.workspace.verifying", "places_of", _first_place_alone))
def test_two_places_that_were_told_different_histories(audited_desk: AuditedDesk) -> None:
    """Somebody who has the key shows the auditor another ledger than the operator."""
    key = read_signing_key(audited_desk.signing_key)
    assert key is not None
    other = audited_desk.root.parent / "auditor.jsonl"
    settings = audited_desk.root / "mainstay.toml"
    settings.write_text(settings.read_text() + f'[audit]\ncheckpoints = "{other}"\n')
    statements = list(read_file(audited_desk.checkpoints).statements)
    book = Book(statements[0].workspace, key, (other,), statements[:-1])
    book.sign(SIGNED, bytes(32), bytes(32), statements[-1].at)  # type: ignore[arg-type]
    audited_desk.refused(0, "different histories", "line 3")


def _signed_by(key: SigningKey, desk: AuditedDesk) -> None:
    with closing(SqliteReader(desk.ledger)) as reader:
        hashes = [one.hash for one in reader.read_all(limit=100)]
    workspace = read_file(desk.checkpoints).statements[0].workspace
    desk.checkpoints.unlink()
    book = Book(workspace, key, (desk.checkpoints,))
    book.begin(1, HEAD)  # type: ignore[arg-type]
    book.sign(HEAD, hashes[-1], root_of(hashes), 2)  # type: ignore[arg-type]


# --- by a stranger ------------------------------------------------------------------------------------------


def _elsewhere(desk: AuditedDesk) -> tuple[Path, Path, str]:
    """What an auditor was given: two files and a key, away from workspace and key home."""
    key = read_signing_key(desk.signing_key)
    assert key is not None
    place = desk.root.parent / "auditor"
    place.mkdir()
    with closing(sqlite3.connect(desk.ledger)) as ledger, closing(sqlite3.connect(place / "l.db")) as copy:
        ledger.backup(copy)
    shutil.copy(desk.checkpoints, place / "c.jsonl")
    shutil.rmtree(desk.signing_key.parent)
    shutil.rmtree(desk.root)
    return place / "l.db", place / "c.jsonl", key.public.hex()


def _asked(desk: AuditedDesk, *arguments: str) -> tuple[int, Any]:
    import json

    from mainstay.cli.main import run

    desk.capsys.readouterr()
    code = run(["audit", "verify", *arguments, "--json"])
    return code, json.loads(desk.capsys.readouterr().out)


@attack(ROOTS_TRUSTED)
def test_a_rewritten_chain_is_seen_without_workspace_and_keys(audited_desk: AuditedDesk) -> None:
    ledger, checkpoints, public = _elsewhere(audited_desk)
    named = ("--ledger", str(ledger), "--checkpoints", str(checkpoints), "--public-key", public)
    code, said = _asked(audited_desk, *named)
    assert (code, said.get("checkpoints")) == (0, 2), said
    forge(ledger, "UPDATE events SET at = at + 1 WHERE position = 2", rehash=True)
    code, said = _asked(audited_desk, *named)
    assert (code, said["fields"]["position"]) == (4, 1), said


@attack(KEYS_TRUSTED)
def test_another_public_key_than_the_one_that_was_given(audited_desk: AuditedDesk) -> None:
    ledger, checkpoints, _ = _elsewhere(audited_desk)
    other = SigningKey(b"f" * 32).public.hex()
    code, said = _asked(
        audited_desk, "--ledger", str(ledger), "--checkpoints", str(checkpoints), "--public-key", other
    )
    assert code == 4, said


@attack(("mainstay.ledger.event_proof", "is_included", lambda *_: True))
def test_one_event_is_proved_and_a_forged_one_is_not(audited_desk: AuditedDesk) -> None:
    proof = audited_desk.root.parent / "proof.json"
    key = read_signing_key(audited_desk.signing_key)
    assert key is not None
    for position in (1, 6, 10, SIGNED):
        proof.unlink(missing_ok=True)
        assert audited_desk.say("audit", "prove", str(position), "--to", str(proof))[0] == 0
        said = check_proof(proof.read_bytes(), [key.public.hex()])
        assert (said["position"], said["actor"]) == (position, "operator" if position < 15 else said["actor"])
        forged = proof.read_bytes().replace(b'"at": ', b'"at": 1', 1)
        with pytest.raises(LedgerCorrupt, match="proves nothing"):
            check_proof(forged, [key.public.hex()])
    with pytest.raises(LedgerCorrupt):
        check_proof(proof.read_bytes(), [SigningKey(b"f" * 32).public.hex()])
    with pytest.raises(LedgerCorrupt):
        check_proof(b"{}", [key.public.hex()])
    assert audited_desk.say("audit", "prove", str(HEAD))[0] != 0, "it is not signed yet"


def test_the_signing_key_is_in_no_file_of_the_workspace_and_in_no_backup(audited_desk: AuditedDesk) -> None:
    private = audited_desk.signing_key.read_bytes()
    code, said = audited_desk.say("ledger", "backup", str(audited_desk.root.parent / "backup"))
    assert code == 0, said
    backup = Path(said["backup"])
    assert (backup / "checkpoints.jsonl").exists()
    for folder in (audited_desk.root, backup):
        for name, _, files in os.walk(folder):
            assert not [one for one in files if private in (Path(name) / one).read_bytes()]
    assert checkpoints_path(audited_desk.signing_key) == audited_desk.checkpoints

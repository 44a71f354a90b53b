"""What the chain alone cannot show: a cut tail, a rewritten chain, another history. And what only looks like it."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from mainstay.kernel.errors import LedgerCorrupt, SecretError, StorageFailed
from mainstay.kernel.events import CheckpointSigned, SubjectForgotten
from mainstay.kernel.ids import SubjectId
from mainstay.ledger.checkpoints import Book, copy_up_to, read_file
from mainstay.ledger.event_proof import checked_proof, prove
from mainstay.ledger.head_mark import mark_path
from mainstay.ledger.merkle import root_of
from mainstay.ledger.signing import SigningKey, create_signing_key, next_key_path, read_signing_key
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.ledger.statements import Checkpoint, KeyAdopted
from mainstay.ledger.verify import Broken, Verified
from tests.ledger.audited import WORKSPACE, Audited, audited, forge, restored


@pytest.fixture
def house(tmp_path: Path) -> Audited:
    return audited(tmp_path)


def broken(found: Verified | Broken, position: int, *words: str, checkpoints: bool = False) -> None:
    assert isinstance(found, Broken), found
    assert (found.position, found.checkpoints) == (position, checkpoints), found
    for word in words:
        assert word in found.reason, found


def test_a_whole_ledger_bears_out_what_was_signed(house: Audited) -> None:
    found = house.verify()
    assert isinstance(found, Verified)
    assert (found.checkpoints, found.through, found.positions, found.notes) == (3, 32, 37, ())
    hashes = [one.hash for one in SqliteReader(house.ledger).read_all(limit=100)]
    assert found.root == root_of(hashes)
    signed = [one for one in read_file(house.file).statements if isinstance(one, Checkpoint)]
    assert [one.root for one in signed] == [root_of(hashes[: one.through]).hex() for one in signed]


def test_a_cut_tail_is_seen_also_without_the_mark(house: Audited) -> None:
    forge(house.ledger, "DELETE FROM events WHERE position > 20")
    mark_path(house.ledger).unlink()
    broken(house.verify(), 21, "was signed", "the last is 20")


@pytest.mark.parametrize(("position", "named"), [(1, 1), (10, 1), (11, 11), (25, 22)])
def test_a_rewritten_chain_is_seen(house: Audited, position: int, named: int) -> None:
    change = f"UPDATE events SET data = CAST('{{\"forged\":1}}' AS BLOB) WHERE position = {position}"
    if position in (11, 22):
        change = f"UPDATE events SET at = at + 1 WHERE position = {position}"
    forge(house.ledger, change, rehash=True)
    broken(house.verify(), named, "rewritten", "signed on")


def test_what_was_rewritten_after_the_last_checkpoint_is_not_seen(house: Audited) -> None:
    """The limit of what checkpoints say: why they are signed often, and at every orderly stop."""
    forge(house.ledger, "UPDATE events SET at = at + 1 WHERE position = 36", rehash=True)
    assert isinstance(house.verify(), Verified)


def test_a_checkpoint_taken_out_of_the_ledger_by_a_rewrite_is_seen(house: Audited) -> None:
    forge(house.ledger, "UPDATE events SET data = CAST('{}' AS BLOB) WHERE position = 22", rehash=True)
    broken(house.verify(), 22, "makes no sense")


def test_lines_that_were_cut_off_are_seen(house: Audited) -> None:
    lines = house.file.read_bytes().splitlines(keepends=True)
    house.file.write_bytes(b"".join(lines[:-1]))
    broken(house.verify(), 33, "not among those that were kept", checkpoints=True)


def test_a_file_that_is_gone_is_seen(house: Audited) -> None:
    house.file.unlink()
    broken(house.verify(), 11, "cut or replaced", checkpoints=True)


@pytest.mark.parametrize(
    "field", ["through", "hash", "root", "at", "signature", "key", "number", "before", "kind"]
)
def test_every_field_of_a_statement_is_held(house: Audited, field: str) -> None:
    lines = house.file.read_bytes().splitlines(keepends=True)
    start = lines[2].index(b'"%s":' % field.encode()) + len(field) + 3
    start += lines[2][start : start + 1] == b'"'
    other = b"1" if lines[2][start : start + 1] != b"1" else b"2"
    lines[2] = lines[2][:start] + other + lines[2][start + 1 :]
    house.file.write_bytes(b"".join(lines))
    broken(house.verify(), 0, "line 3", checkpoints=True)


def test_no_flipped_bit_of_the_file_goes_unseen(house: Audited) -> None:
    clean = house.file.read_bytes()
    for offset in range(0, len(clean) - 1, 17):
        changed = bytearray(clean)
        changed[offset] ^= 1 << (offset % 7)
        house.file.write_bytes(changed)
        found = house.verify()
        assert isinstance(found, Broken), (offset, clean[offset - 5 : offset + 5])
        assert found.checkpoints


@pytest.mark.parametrize("change", ["swap", "out", "twice", "blank", "spaces"])
def test_lines_that_were_moved_are_seen(house: Audited, change: str) -> None:
    key, one, two, three = house.file.read_bytes().splitlines(keepends=True)
    changed = {
        "swap": [key, two, one, three],
        "out": [key, one, three],
        "twice": [key, one, one, two, three],
        "blank": [key, b"\n", one, two, three],
        "spaces": [key, one.replace(b",", b", "), two, three],
    }
    house.file.write_bytes(b"".join(changed[change]))
    broken(house.verify(), 0, str(house.file), checkpoints=True)


def test_another_key_that_nobody_vouches_for_is_seen(house: Audited, tmp_path: Path) -> None:
    """The forger writes a history of their own about the rewritten ledger."""
    forge(house.ledger, "UPDATE events SET at = at + 1 WHERE position = 3", rehash=True)
    hashes = [one.hash for one in SqliteReader(house.ledger).read_all(limit=100)]
    book = Book(WORKSPACE, SigningKey(b"f" * 32), (tmp_path / "forged.jsonl",))
    book.begin(house.now, 37)
    book.sign(37, hashes[36], root_of(hashes), house.now)
    shutil.copyfile(tmp_path / "forged.jsonl", house.file)
    broken(house.verify(), 0, "no key that you trust", checkpoints=True)


def test_a_key_that_was_changed_is_vouched_for_in_both_directions(house: Audited) -> None:
    old = read_signing_key(house.key)
    house.open()
    house.signing.open(house.now)
    adopted, failed = house.signing.rotate(house.now)
    assert not failed
    house.sign()
    house.close()
    new = read_signing_key(house.key)
    assert old is not None
    assert new is not None
    assert adopted.key == new.fingerprint != old.fingerprint == adopted.follows
    assert not next_key_path(house.key).exists()
    for key in (old, new):
        found = house.verify(trusted=[key.public.hex()])
        assert isinstance(found, Verified), found
        assert found.checkpoints == 4
    broken(house.verify(trusted=["00" * 32]), 0, "no key that you trust", checkpoints=True)


def test_a_successor_that_the_key_did_not_sign_for_is_refused(house: Audited) -> None:
    key = read_signing_key(house.key)
    assert key is not None
    book = Book(WORKSPACE, key, (house.file,), list(read_file(house.file).statements))
    book.key = SigningKey(b"f" * 32)  # it signs for itself in the name of the other
    object.__setattr__(book.key, "fingerprint", key.fingerprint)
    adopted, _ = book.adopt(SigningKey(b"g" * 32), house.now, 37)
    assert isinstance(adopted, KeyAdopted)
    broken(house.verify(), 0, "does not vouch", checkpoints=True)


def test_two_histories_that_were_both_signed_are_seen(house: Audited, tmp_path: Path) -> None:
    """Somebody with the key shows two people two ledgers."""
    key = read_signing_key(house.key)
    assert key is not None
    statements = list(read_file(house.file).statements)
    other = Book(WORKSPACE, key, (tmp_path / "other.jsonl",), statements[:-1])
    other.sign(32, bytes(32), bytes(32), house.now)
    house.others = (tmp_path / "other.jsonl",)
    broken(house.verify(), 0, "different histories from line 4", checkpoints=True)


def test_a_ledger_that_records_another_root_than_was_signed_is_seen(house: Audited) -> None:
    house.open()
    house.say(CheckpointSigned(32, "ab" * 32, "cd" * 16, "ef" * 64))
    house.close()
    broken(house.verify(), 38, "another root", checkpoints=True)


def test_a_place_that_was_away_gets_what_it_lacks(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    house = Audited(tmp_path, (disk / "desk.jsonl",))
    house.happen(10)
    made = house.sign()
    assert made is not None
    assert list(made.failed) == [disk / "desk.jsonl"]
    house.happen(10)
    disk.mkdir()
    made = house.sign()
    assert made is not None
    assert not made.failed
    house.close()
    assert (disk / "desk.jsonl").read_bytes() == house.file.read_bytes()
    assert isinstance(house.verify(), Verified)


def test_a_place_that_says_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    house = Audited(tmp_path, (tmp_path / "copy.jsonl",))
    house.happen(10)
    house.sign()
    (tmp_path / "copy.jsonl").write_bytes(b"mine\n")
    house.happen(10)
    made = house.sign()
    assert made is not None
    assert "something else" in made.failed[tmp_path / "copy.jsonl"]
    assert (tmp_path / "copy.jsonl").read_bytes() == b"mine\n"


def test_where_no_place_can_be_written_nothing_is_signed(tmp_path: Path) -> None:
    house = Audited(tmp_path)
    house.happen(10)
    house.sign()
    house.happen(10)
    told = house.file.rename(tmp_path / "told")
    house.file.symlink_to(tmp_path / "told")
    made = house.signing.sign(house.now) if house.signing.follow() else None
    assert made is not None
    assert house.file in made.failed
    house.file.unlink()
    told.rename(house.file)
    assert house.sign() is not None
    house.close()
    found = house.verify()
    assert isinstance(found, Verified)
    assert found.checkpoints == 2


def test_a_line_that_a_crash_cut_short_is_nobodys_and_the_next_takes_its_place(house: Audited) -> None:
    with house.file.open("ab") as file:
        file.write(b'{"kind":"checkpoint","num')
    assert isinstance(house.verify(), Verified)
    house.open()
    house.sign()
    house.close()
    found = house.verify()
    assert isinstance(found, Verified)
    assert found.checkpoints == 4


def test_signing_goes_on_without_reading_the_ledger_again(house: Audited) -> None:
    house.open()
    house.signing.open(house.now)
    assert house.signing.behind == 5  # the checkpoint's own event, and four
    house.sign()
    house.close()
    assert isinstance(house.verify(), Verified)


@pytest.mark.parametrize("kept", [b"", b"nonsense", bytes(8 + 32)])
def test_what_the_root_goes_on_from_counts_only_as_it_was_signed(house: Audited, kept: bytes) -> None:
    (house.root / "state" / "frontier").write_bytes(kept)
    house.open()
    house.signing.open(house.now)
    assert house.signing.behind == 37
    house.sign()
    house.close()
    assert isinstance(house.verify(), Verified)


def test_nothing_is_signed_that_does_not_hold(house: Audited) -> None:
    forge(house.ledger, "UPDATE events SET at = at + 1 WHERE position = 36")
    house.open()
    with pytest.raises(LedgerCorrupt, match="36"):
        house.sign()


def test_a_rewritten_chain_is_not_signed_either(house: Audited) -> None:
    forge(house.ledger, "UPDATE events SET at = at + 1 WHERE position = 3", rehash=True)
    house.open()
    with pytest.raises(LedgerCorrupt) as seen:
        house.sign()
    assert "rewritten" in seen.value.why


def test_a_cut_tail_is_not_signed_over(house: Audited) -> None:
    forge(house.ledger, "DELETE FROM events WHERE position > 25", rehash=True)
    house.open()
    with pytest.raises(LedgerCorrupt) as seen:
        house.sign()
    assert "was signed" in seen.value.why


def test_it_is_due_by_time_by_number_and_after_somebody_was_forgotten(tmp_path: Path) -> None:
    house = Audited(tmp_path)
    house.happen(10)
    house.sign()
    house.signing.follow()
    assert not house.signing.due(house.now)  # its own event is nothing that happened
    house.hours += 5
    assert not house.signing.due(house.now)
    house.happen(2)
    house.signing.follow()
    assert house.signing.due(house.now)
    house.sign()
    house.happen(98)
    house.signing.follow()
    assert not house.signing.due(house.now)
    house.happen(2)
    house.signing.follow()
    assert house.signing.due(house.now)
    house.sign()
    house.say(SubjectForgotten(SubjectId("ab" * 16)))
    house.signing.follow()
    assert house.signing.due(house.now)


def test_without_its_key_nothing_is_signed(house: Audited) -> None:
    house.key.unlink()
    house.open()
    with pytest.raises(SecretError, match="missing"):
        house.sign()
    assert not house.key.exists()


def test_with_another_key_nothing_is_signed(house: Audited) -> None:
    house.key.unlink()
    create_signing_key(house.key)
    house.open()
    with pytest.raises(LedgerCorrupt) as seen:
        house.sign()
    assert "key in force" in seen.value.why


def test_where_no_file_can_be_made_no_key_is_adopted(tmp_path: Path) -> None:
    house = Audited(tmp_path)
    house.happen(2)
    house.file.parent.mkdir()
    house.file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageFailed):
        house.sign()
    assert not (tmp_path / "elsewhere").exists()


def test_others_cannot_read_key_or_checkpoints(house: Audited) -> None:
    assert house.key.stat().st_mode & 0o777 == 0o600
    assert house.file.stat().st_mode & 0o777 == 0o600
    house.key.chmod(0o640)
    with pytest.raises(SecretError, match="Others can read"):
        read_signing_key(house.key)


def test_a_crash_while_the_key_changes_leaves_one_key(house: Audited) -> None:
    house.open()
    house.signing.open(house.now)
    before = house.key.read_bytes()
    house.signing.rotate(house.now)
    shutil.move(house.key, next_key_path(house.key))  # as if it had not been renamed yet
    house.key.write_bytes(before)
    house.key.chmod(0o600)
    again = house.new_signing()
    again.open(house.now)
    assert house.key.read_bytes() != before
    assert not next_key_path(house.key).exists()


# --- restored backups ---------------------------------------------------------------------------------------


def go_back(house: Audited, head: int, *, signed: bool) -> None:
    """A backup of the first events takes the ledger's place."""
    store = SqliteReader(house.ledger)
    hash = store.read_all(limit=100)[head - 1].hash.hex()
    store.close()
    if signed:
        key = read_signing_key(house.key)
        assert key is not None
        book = Book(WORKSPACE, key, (house.file,), list(read_file(house.file).statements))
        house.hours += 1
        assert not book.restored(head, hash, house.now)
    forge(house.ledger, f"DELETE FROM events WHERE position > {head}")
    mark_path(house.ledger).unlink()
    house.open()
    house.say(restored(head, hash))
    house.happen(30)


def test_a_restored_backup_explains_what_is_missing(house: Audited) -> None:
    go_back(house, 15, signed=True)
    house.close()
    found = house.verify()
    assert isinstance(found, Verified), found
    assert found.checkpoints == 1
    assert "2 checkpoints are of a history" in found.notes[0]
    house.open()
    house.sign()
    house.close()
    found = house.verify()
    assert isinstance(found, Verified), found
    assert (found.checkpoints, found.through) == (2, 46)


def test_after_a_restore_an_event_is_proved_by_what_was_signed_of_the_ledger_as_it_is(house: Audited) -> None:
    go_back(house, 15, signed=True)
    house.sign()
    house.close()
    key, statements = read_signing_key(house.key), read_file(house.file).statements
    assert key is not None
    for position, through in ((1, 10), (10, 10), (11, 46), (15, 46), (30, 46), (46, 46)):
        proof = prove(SqliteReader(house.ledger), statements, position)
        assert proof.checkpoint.through == through
        assert checked_proof(msgspec.json.encode(proof), [key.public.hex()]).proof is not None, position


def test_a_restore_that_nobody_signed_explains_nothing(house: Audited) -> None:
    """A forger cuts the tail and writes into the ledger that a backup was restored."""
    go_back(house, 15, signed=False)
    house.close()
    broken(house.verify(), 11, "rewritten", "not signed")


def test_a_restore_excuses_no_rewrite_of_what_was_before_it(house: Audited) -> None:
    go_back(house, 15, signed=True)
    house.close()
    forge(house.ledger, "UPDATE events SET at = at + 1 WHERE position = 3", rehash=True)
    broken(house.verify(), 1, "rewritten")


def test_a_backup_holds_the_word_on_what_it_holds(house: Audited) -> None:
    for head, count in ((9, 1), (10, 2), (31, 3), (37, 4)):
        taken: list[bytes] = []
        copy_up_to(house.file, taken.append, head)
        assert len(b"".join(taken).splitlines()) == count

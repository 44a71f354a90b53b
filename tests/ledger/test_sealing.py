"""What is sealed opens in its place only, and never again once its subject is forgotten."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from mainstay.kernel.errors import LedgerCorrupt, SecretError
from mainstay.kernel.ids import SubjectId
from mainstay.ledger.keys import (
    InMemoryKeys,
    KeyTable,
    SqliteKeys,
    create_master_key,
    key_home,
    master_key_path,
    read_master_key,
)
from mainstay.ledger.sealing import Forgotten, Vault

MASTER = bytes(range(32))
TEXT = "Grüße an анна@example.org"


@pytest.fixture(params=["memory", "file"])
def open_keys(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], KeyTable]:
    if request.param == "file":
        return lambda: SqliteKeys(tmp_path / "keys.sqlite3")
    keys = InMemoryKeys()
    return lambda: keys


@pytest.fixture
def vault(open_keys: Callable[[], KeyTable]) -> Vault:
    return Vault(MASTER, open_keys(), random_bytes=Random(1).randbytes)


@pytest.fixture
def anna(vault: Vault) -> SubjectId:
    subject = vault.subject("anna@example.org")
    vault.ensure_subjects([subject])
    return subject


def test_a_subject_is_one_person_however_the_address_is_spelled(vault: Vault) -> None:
    subject = vault.subject("anna@example.org")
    assert subject == vault.subject("  Anna@Example.ORG ") == vault.subject("ａnna@example.org")
    assert subject != vault.subject("ann@example.org")
    assert len(subject) == 32
    other = Vault(bytes(32), InMemoryKeys())
    assert other.subject("anna@example.org") != subject


def test_hashes_of_different_things_never_meet(vault: Vault) -> None:
    assert vault.keyed_hash("message-id", "x") != vault.keyed_hash("thread", "x")
    assert vault.keyed_hash("a", "bc") != vault.keyed_hash("ab", "c")
    assert len(vault.keyed_hash("a", "")) == 16


def test_what_was_sealed_comes_back(vault: Vault, anna: SubjectId) -> None:
    for plain in (b"", b"x", bytes(100_000)):
        token = vault.seal(anna, plain, b"place")
        assert plain == b"" or plain not in token
        assert vault.unseal(token, b"place") == plain
    assert vault.unseal_text(vault.seal_text(anna, TEXT)) == TEXT
    assert vault.seal_text(anna, "\udcff").isascii()


def test_the_same_value_is_never_sealed_the_same_way_twice(vault: Vault, anna: SubjectId) -> None:
    assert vault.seal(anna, b"x") != vault.seal(anna, b"x")


def test_the_same_randomness_seals_alike() -> None:
    def sealed() -> bytes:
        vault = Vault(MASTER, InMemoryKeys(), random_bytes=Random(5).randbytes)
        subject = vault.subject("a@example.org")
        vault.ensure_subjects([subject])
        return vault.seal(subject, b"x")

    assert sealed() == sealed()


def test_a_token_that_was_changed_anywhere_or_moved_is_refused(vault: Vault, anna: SubjectId) -> None:
    token = vault.seal(anna, b"secret", b"place")
    for index in (0, *range(17, len(token))):
        changed = bytearray(token)
        changed[index] ^= 1
        with pytest.raises(LedgerCorrupt):
            if not isinstance(vault.unseal(bytes(changed), b"place"), Forgotten):
                pytest.fail(f"byte {index} may be changed")
            raise LedgerCorrupt  # an older generation: taken for forgotten, but never for another value
    for broken in (b"", token[:20], token[:-1]):
        with pytest.raises(LedgerCorrupt):
            vault.unseal(broken, b"place")
    with pytest.raises(LedgerCorrupt):
        vault.unseal(token, b"elsewhere")
    with pytest.raises(LedgerCorrupt):
        vault.unseal_text("not base64!")


def test_forgetting_is_for_ever_but_not_for_what_comes_after(
    vault: Vault, anna: SubjectId, open_keys: Callable[[], KeyTable]
) -> None:
    ben = vault.subject("ben@example.org")
    vault.ensure_subjects([anna, ben, ben])
    old, of_ben = vault.seal(anna, b"old"), vault.seal(ben, b"ben")
    assert vault.knows(anna)
    assert vault.forget(anna)
    assert not vault.forget(anna)
    assert not vault.knows(anna)
    assert vault.unseal(old) == Forgotten(anna)
    assert vault.unseal(of_ben) == b"ben"
    with pytest.raises(AssertionError):
        vault.seal(anna, b"x")
    vault.ensure_subjects([anna])
    new = vault.seal(anna, b"new")
    vault.forget_cached()
    vault.close()
    again = Vault(MASTER, open_keys())
    assert again.unseal(new) == b"new"
    assert again.unseal(old) == Forgotten(anna)
    assert again.unseal(of_ben) == b"ben"
    again.close()


def test_a_forgotten_key_is_nowhere_in_the_files(tmp_path: Path) -> None:
    keys = SqliteKeys(tmp_path / "keys.sqlite3")
    vault = Vault(MASTER, keys)
    subjects = [vault.subject(f"{number}@example.org") for number in range(50)]
    vault.ensure_subjects(subjects)
    known = keys.get(subjects[7])
    assert known is not None
    assert known.wrapped is not None

    def found() -> bool:
        assert known.wrapped is not None
        return any(known.wrapped in file.read_bytes() for file in tmp_path.iterdir())

    assert found()
    vault.forget(subjects[7])
    assert not found()
    vault.close()
    assert not found()
    assert oct((tmp_path / "keys.sqlite3").stat().st_mode & 0o777) == "0o600"


def test_another_master_key_is_refused_at_once(open_keys: Callable[[], KeyTable]) -> None:
    Vault(MASTER, open_keys())
    with pytest.raises(SecretError, match="not the one of this workspace"):
        Vault(bytes(32), open_keys())


def test_the_master_key_lies_outside_the_workspace(tmp_path: Path) -> None:
    assert key_home({"MAINSTAY_KEY_HOME": "/k", "XDG_CONFIG_HOME": "/c"}) == Path("/k")
    assert key_home({"XDG_CONFIG_HOME": "/c"}) == Path("/c/mainstay/keys")
    assert key_home({}) == Path.home() / ".config/mainstay/keys"
    assert master_key_path("ab12", {"MAINSTAY_KEY_HOME": "/k"}) == Path("/k/ab12.key")


def test_a_master_key_is_made_once_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "a" / "keys" / "ab12.key"
    key = create_master_key(path, random_bytes=Random(3).randbytes)
    assert read_master_key(path) == key == Random(3).randbytes(32)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(SecretError, match="already"):
        create_master_key(path)
    assert read_master_key(path) == key


def test_a_master_key_that_is_missing_open_or_damaged_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "ab12.key"
    with pytest.raises(SecretError, match="MAINSTAY_KEY_HOME"):
        read_master_key(path)
    create_master_key(path)
    path.chmod(0o644)
    with pytest.raises(SecretError, match="chmod 600"):
        read_master_key(path)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(SecretError, match="damaged"):
        read_master_key(path)
    os.unlink(path)
    path.mkdir()
    with pytest.raises(SecretError, match="cannot be read"):
        read_master_key(path)

"""What is sealed opens in its place only, and never again once its subject is forgotten."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.kernel.errors import LedgerCorrupt, SecretError
from mainstay.kernel.ids import SubjectId
from mainstay.ledger.keys import (
    InMemoryKeys,
    KeyTable,
    SqliteKeys,
)
from mainstay.ledger.master_key import create_master_key, key_home, master_key_path, read_master_key
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


# --- what concerns several --------------------------------------------------------------------------------------------


def test_what_concerns_several_goes_with_any_of_them(
    open_keys: Callable[[], KeyTable], vault: Vault, anna: SubjectId
) -> None:
    bob, eve = vault.subject("bob@example.org"), vault.subject("eve@example.org")
    both, three = vault.joint([bob, anna]), vault.joint([anna, bob, eve, bob])
    assert both == vault.joint([anna, bob, anna])
    assert len({anna, bob, both, three}) == 4
    assert vault.joint([anna]) == anna
    vault.ensure_subjects([bob, eve, both, three], {both: [anna, bob], three: [anna, bob, eve]})
    tokens = {one: vault.seal(one, b"it") for one in (anna, bob, eve, both, three)}
    assert vault.joints(anna) == tuple(sorted((both, three)))
    assert vault.members(three) == tuple(sorted((anna, bob, eve)))
    assert vault.members(anna) == (anna,)

    assert set(vault.forget(eve)) == {eve, three}
    gone = {one for one, token in tokens.items() if vault.unseal(token) == Forgotten(one)}
    assert gone == {eve, three}
    assert vault.joints(eve) == (three,), "a forgetting that was cut short still knows what it concerned"
    assert set(vault.forget(eve)) == set(), "once more does no harm"
    vault.tidy()
    assert vault.joints(eve) == ()
    assert vault.joints(anna) == (both,)

    vault.ensure_subjects(
        [three], {three: [anna, bob, eve]}
    )  # they write again, and are known by nothing of before
    assert vault.unseal(vault.seal(three, b"new")) == b"new"
    assert vault.unseal(tokens[three]) == Forgotten(three)
    assert set(Vault(MASTER, open_keys()).forget(anna)) == {anna, both, three}


def test_somebody_who_never_wrote_is_known_by_what_names_them(vault: Vault, anna: SubjectId) -> None:
    dan = vault.subject("dan@example.org")
    joint = vault.joint([anna, dan])
    assert not vault.was_known(dan)
    vault.ensure_subjects([joint], {joint: [anna, dan]})
    assert vault.was_known(dan)
    assert not vault.knows(dan)
    assert vault.forget(dan) == (joint,)
    assert vault.knows(anna)


def test_another_process_hears_of_it_at_once(tmp_path: Path) -> None:
    mine, other = (Vault(MASTER, SqliteKeys(tmp_path / "keys.sqlite3")) for _ in range(2))
    anna = mine.subject("anna@example.org")
    mine.ensure_subjects([anna])
    token = mine.seal(anna, b"it")
    assert other.unseal(token) == b"it"
    mine.forget(anna)
    assert other.unseal(token) == Forgotten(anna)
    mine.close()
    other.close()


def test_a_key_whose_destruction_was_cut_short_leaves_the_log_with_the_next(tmp_path: Path) -> None:
    keys = SqliteKeys(tmp_path / "keys.sqlite3")
    vault = Vault(MASTER, keys)
    anna = vault.subject("anna@example.org")
    vault.ensure_subjects([anna])
    stored = keys.get(anna)
    assert stored is not None
    assert stored.wrapped is not None
    keys._execute("UPDATE subjects SET wrapped = NULL")  # and here the process ends
    assert stored.wrapped in (tmp_path / "keys.sqlite3-wal").read_bytes()
    assert vault.forget(anna) == ()
    assert not any(stored.wrapped in path.read_bytes() for path in tmp_path.iterdir())
    vault.close()


@given(
    st.lists(st.sets(st.integers(0, 5), min_size=1, max_size=4), min_size=1, max_size=12),
    st.lists(st.integers(0, 6), max_size=6),
)
def test_after_any_forgettings_exactly_what_concerns_nobody_forgotten_opens(
    groups: list[set[int]], forgotten: list[int]
) -> None:
    vault = Vault(MASTER, InMemoryKeys(), random_bytes=Random(2).randbytes)
    people = [vault.subject(f"{number}@example.org") for number in range(7)]
    tokens = []
    for number, group in enumerate(groups):
        members = [people[one] for one in group]
        owner = vault.joint(members)
        vault.ensure_subjects([owner], {owner: members} if len(members) > 1 else {})
        tokens.append((group, vault.seal(owner, str(number).encode())))
    for one in forgotten:
        vault.forget(people[one])
        if one % 2:
            vault.tidy()
    for number, (group, token) in enumerate(tokens):
        opened = vault.unseal(token)
        assert isinstance(opened, Forgotten) == bool(group & set(forgotten))
        assert opened == str(number).encode() or isinstance(opened, Forgotten)

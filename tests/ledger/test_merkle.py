"""The tree is that of RFC 6962: known vectors, a plain reference, and proofs that no other tree passes."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.ledger.merkle import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    root_of,
)

# The entries and roots that implementations of RFC 6962 test themselves with.
ENTRIES = tuple(
    bytes.fromhex(text)
    for text in (
        *("", "00", "10", "2021", "3031", "40414243"),
        *("5051525354555657", "606162636465666768696a6b6c6d6e6f"),
    )
)
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
SIZES = st.integers(1, 70)


def entries_of(size: int) -> list[bytes]:
    return [sha256(b"%d" % number).digest() for number in range(size)]


@pytest.mark.parametrize("size", range(9))
def test_the_known_roots(size: int) -> None:
    frontier = Frontier()
    frontier.extend(ENTRIES[:size])
    assert root_of(ENTRIES[:size]).hex() == frontier.root().hex() == ROOTS[size]


@given(st.lists(st.integers(0, 40), max_size=8))
def test_what_is_added_in_slices_has_the_root_of_the_whole(slices: list[int]) -> None:
    entries, frontier, done = entries_of(sum(slices)), Frontier(), 0
    for size in slices:
        frontier.extend(entries[done : done + size])
        done += size
        assert frontier.size == done
        assert frontier.root() == root_of(entries[:done])


@given(st.integers(0, 300), st.integers(1, 20))
def test_a_frontier_goes_on_where_it_was_kept(size: int, more: int) -> None:
    entries, frontier = entries_of(size + more), Frontier()
    frontier.extend(entries[:size])
    kept = frontier.as_bytes()
    assert len(kept) == 8 + 32 * size.bit_count()
    again = Frontier.from_bytes(kept)
    assert again is not None
    assert again.as_bytes() == kept
    other = frontier.copy()
    again.extend(entries[size:])
    assert again.root() == root_of(entries)
    assert other.root() == root_of(entries[:size])


@pytest.mark.parametrize("kept", [b"", b"1234567", bytes(7) + b"\x03" + bytes(32), bytes(8) + bytes(32)])
def test_what_is_no_frontier_is_none(kept: bytes) -> None:
    assert Frontier.from_bytes(kept) is None


@given(SIZES, st.data())
def test_an_entry_is_proved_and_nothing_else_is(size: int, data: st.DataObject) -> None:
    entries = entries_of(size)
    index = data.draw(st.integers(0, size - 1))
    root, proof = root_of(entries), inclusion_proof(entries, index)
    assert is_included(entries[index], index, size, proof, root)
    assert not is_included(sha256(b"other").digest(), index, size, proof, root)
    assert not is_included(entries[index], index, size, (*proof, bytes(32)), root)
    assert not is_included(entries[index], index, size, proof, bytes(32))
    for other in {(index + 1) % size, size} - {index}:
        assert not is_included(entries[index], other, size, proof, root)
    if proof:
        assert not is_included(entries[index], index, size, proof[:-1], root)


@given(SIZES, st.data())
def test_growth_is_proved_and_a_rewritten_past_is_not(size: int, data: st.DataObject) -> None:
    entries = entries_of(size)
    before = data.draw(st.integers(1, size))
    old, new, proof = root_of(entries[:before]), root_of(entries), consistency_proof(entries, before)
    assert is_consistent(before, old, size, new, proof)
    assert not is_consistent(before, bytes(32), size, new, proof)
    assert not is_consistent(before, old, size, bytes(32), proof)
    assert not is_consistent(size + 1, old, size, new, proof)
    assert not is_consistent(before, old, size, new, (*proof, bytes(32)))
    rewritten = list(entries)
    rewritten[data.draw(st.integers(0, before - 1))] = sha256(b"rewritten").digest()
    assert not is_consistent(before, old, size, root_of(rewritten), consistency_proof(rewritten, before))

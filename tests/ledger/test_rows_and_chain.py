"""Row changes fold to what they come to one by one; the hash of an event is fixed for ever."""

from hypothesis import given
from hypothesis import strategies as st

from mainstay.ledger.chain import link, name_part
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.store import GENESIS, Add, ColumnType, Delete, Put, RowChange, Table
from mainstay.testing.conformance.store import AT

NUMBERS = Table(
    "n", (("k", ColumnType.INTEGER), ("a", ColumnType.INTEGER), ("b", ColumnType.INTEGER)), key=("k",)
)
keys = st.tuples(st.integers(0, 2))
amounts = st.dictionaries(st.sampled_from("ab"), st.integers(-9, 9))
changes = st.lists(
    st.one_of(
        st.builds(Put, st.just("n"), keys, amounts),
        st.builds(Add, st.just("n"), keys, amounts),
        st.builds(Delete, st.just("n"), keys),
    ),
    max_size=12,
)


@given(changes)
def test_all_at_once_and_one_by_one_come_to_the_same(script: list[RowChange]) -> None:
    together, apart = InMemoryStore(tables=[NUMBERS]), InMemoryStore(tables=[NUMBERS])
    together.append([], epoch=together.acquire(), at=AT, changes=script)
    epoch = apart.acquire()
    for change in script:
        apart.append([], epoch=epoch, at=AT, changes=[change])
    assert together.select("n") == apart.select("n")


def test_the_hash_of_an_event_never_changes_its_definition() -> None:
    names = name_part("director") + name_part("run:a") + name_part("")
    first = link(GENESIS, 1, 1, 5, 1, 1_760_000_000_000_000, 0, bytes(range(16)), names, b'{"a":1}')
    assert first.hex() == "9300067130ac42d99096ff5c3e9acd044ba4424067c237f5b31ec53fd4e1eccd"


def test_names_cannot_run_into_each_other() -> None:
    assert name_part("ab") + name_part("c") != name_part("a") + name_part("bc")

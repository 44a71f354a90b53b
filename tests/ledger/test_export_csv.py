"""CSV that tells no spreadsheet what to do, and a file that is there whole or not at all."""

import csv
import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.ids import StreamId
from mainstay.kernel.values import Instant
from mainstay.ledger.export import EVERYTHING, Selection, export, selected
from mainstay.ledger.export_csv import HEADS, export_csv, neutral
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.store import NEW, NewEvent, StreamAppend
from mainstay.ledger.whole_file import whole_file
from tests.ledger.any_run import wander

FORMULAS = (
    *("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1", " =1+1", "\u00a0=1+1", "\u200b=1+1"),
    *(
        '"=1+1',
        "'=1+1",
        "\u201c=1+1",
        "\uff1d1+1",
        "\uff0b1",
        "\uff0d1",
        "\uff20SUM",
        "\ufe66",
        "\u2212 1",
        "\ufeff=1",
    ),
    *(
        "\u202e=1+1",
        '=HYPERLINK("http://example.org")',
        "=cmd|' /C calc'!A0",
        "\x00=1",
        "  '\"\t=1",
        "\t",
        "\r",
    ),
)


@pytest.mark.parametrize("text", FORMULAS)
def test_what_could_be_a_formula_is_text(text: str) -> None:
    assert neutral(text) == "'" + text


@pytest.mark.parametrize(
    "cell", ["", "triage", "a=b", "1-2", '{"a":"=1"}', "help@example.org", -5, 0, 12, "7"]
)
def test_what_could_not_stays_as_it_is(cell: str | int) -> None:
    assert neutral(cell) == cell


@given(st.text(max_size=20))
def test_no_cell_begins_as_a_formula_does(text: str) -> None:
    made = str(neutral(text))
    assert made.endswith(text)
    assert not made.strip(' \t\r\n"').startswith(("=", "+", "-", "@"))


def store_of(*data: bytes) -> InMemoryStore:
    store = InMemoryStore()
    events = [NewEvent(1, 1, one, "=cmd|' /C calc'!A0", bytes(16)) for one in data]
    name = StreamId("run:a")
    store.append([StreamAppend(name, NEW, events)], epoch=store.acquire(), at=Instant(1_700_000_000_000_000))
    return store


def test_every_event_is_a_row_that_reads_back() -> None:
    play = wander(3)
    text = b"".join(export_csv(play.store)).decode()
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == list(HEADS)
    assert len(rows) == play.store.head + 1
    assert text.endswith("\r\n")
    recorded = play.store.read_all(limit=1_000)
    for row, one in zip(rows[1:], recorded, strict=True):
        assert (row[0], row[3], row[9]) == (str(one.position), one.stream, one.hash.hex())
        assert json.loads(row[10]) == json.loads(one.data)


def test_an_actor_who_is_a_formula_is_text() -> None:
    rows = list(csv.reader(io.StringIO(b"".join(export_csv(store_of(b"{}"))).decode(), newline="")))
    assert rows[1][7] == "'=cmd|' /C calc'!A0"


def test_a_line_is_a_line_to_every_reader() -> None:
    store = store_of('{"a":"one\u2028two\u2029three\u0085four"}'.encode())
    [line] = export(store, "urn:x")
    assert len(line.decode().splitlines()) == 1
    assert json.loads(line)["data"] == {"a": "one\u2028two\u2029three\u0085four"}


def test_an_export_ends_where_the_ledger_ended_when_it_began() -> None:
    store = store_of(b"{}", b"{}")
    pieces = export(store, "urn:x")
    first = next(pieces)
    more = [StreamAppend(StreamId("run:b"), NEW, [NewEvent(1, 1, b"{}", "a", bytes(16))])]
    store.append(more, epoch=store.acquire(), at=Instant(0))
    assert len([first, *pieces]) == 2


@pytest.mark.parametrize(
    ("selection", "positions"),
    [
        (EVERYTHING, [1, 2, 3, 4]),
        (Selection(since=20), [3, 4]),
        (Selection(until=20), [1, 2]),
        (Selection(since=10, until=20), [1, 2]),
        (Selection(stream="run:a"), [1, 2]),
        (Selection(stream="run:b"), [2, 3, 4]),
        (Selection(types=("message.received",)), [3, 4]),
        (Selection(types=("message.received/1",)), [3, 4]),
        (Selection(types=("message.received/2",)), []),
        (Selection(types=("message.*",)), [3, 4]),
        (Selection(types=("run.*", "message.received")), [1, 2, 3, 4]),
    ],
)
def test_what_is_meant_is_taken(selection: Selection, positions: list[int]) -> None:
    from mainstay.kernel.events import NUMBER_OF, MessageReceived, RunStarted

    store = InMemoryStore()
    epoch = store.acquire()
    run, message = NUMBER_OF[RunStarted], NUMBER_OF[MessageReceived]
    plain = NewEvent(run, 1, b"{}", "a", bytes(16))
    a, b = StreamId("run:a"), StreamId("run:b")
    first = [StreamAppend(a, NEW, [plain]), StreamAppend(a, store.version(a) + 1, [plain], correlation=b)]  # type: ignore[list-item]
    store.append(first, epoch=epoch, at=Instant(10))
    received = NewEvent(message, 1, b"{}", "a", bytes(16))
    store.append([StreamAppend(b, NEW, [received, received])], epoch=epoch, at=Instant(20))
    assert [one.position for one in selected(store, selection)] == positions


def test_a_file_is_there_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with whole_file(tmp_path / "made") as file:
            file.write(b"whole")
            assert not (tmp_path / "made").exists()
    finally:
        os.umask(before)
    assert (tmp_path / "made").read_bytes() == b"whole"
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["made"]


def test_of_one_that_was_not_ended_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), whole_file(tmp_path / "made") as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert not os.listdir(tmp_path)


def test_nothing_is_written_over_unless_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"mine")
    with pytest.raises(CommandRefused), whole_file(tmp_path / "there"):
        pytest.fail("it was begun")
    with whole_file(tmp_path / "there", replacing=True) as file:
        file.write(b"other")
    assert (tmp_path / "there").read_bytes() == b"other"
    (tmp_path / "link").symlink_to(tmp_path / "there")
    with whole_file(tmp_path / "link", replacing=True) as file:
        file.write(b"third")
    assert (tmp_path / "there").read_bytes() == b"other"


def test_what_came_to_be_there_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    with pytest.raises(CommandRefused), whole_file(tmp_path / "made") as file:
        file.write(b"ours")
        (tmp_path / "made").write_bytes(b"theirs")
    assert (tmp_path / "made").read_bytes() == b"theirs"
    assert os.listdir(tmp_path) == ["made"]


def test_nothing_is_written_where_nothing_may_be(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "state")
    for place in ("state/ledger.db", "other/../state/x", "link/ledger.db", "state"):
        (tmp_path / "other").mkdir(exist_ok=True)
        with (
            pytest.raises(CommandRefused),
            whole_file(tmp_path / place, replacing=True, never_in=(tmp_path / "state",)),
        ):
            pytest.fail("it was begun")
    assert not os.listdir(tmp_path / "state")

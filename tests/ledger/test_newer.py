"""A ledger written by a newer version: refused clearly, at boot and by every command; and an old shape that is read on.

What is newer may be the file's own shape, an event of a type that is not known here, a later shape of one that is, or a
field. Whoever would have to understand it says what happened, why, and what to do; nobody guesses, and nobody crashes.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mainstay.cli.main import run
from mainstay.kernel.errors import LedgerTooNew, LedgerUnready
from mainstay.kernel.events import NUMBER_OF, TaskStarted
from mainstay.kernel.ids import RunId, run_stream
from mainstay.kernel.values import Instant, Json
from mainstay.ledger.codec import Codec
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.projections import TABLES
from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.ledger.store import NewEvent, StreamAppend, Version
from mainstay.ledger.verify import Verified, verify
from mainstay.runtime.boot import fold_run
from mainstay.runtime.clock import SystemClock
from mainstay.workspace.held import Held
from tests.end_to_end.desks import Desk, file_settings, lay_out, mail, mbox
from tests.ledger.lived import PLAN, Lived

pytestmark = pytest.mark.long

TASK_STARTED = NUMBER_OF[TaskStarted]

# Commands that look. `RUN` is put in; those that decide go through the lock, and so through a boot.
READING = (
    "runs",
    "run show RUN",
    "explain RUN",
    "approvals",
    "status",
    "inbox",
    "report triage",
    "workflows list",
    "audit verify",
    "audit verify --events",
    "audit export --to OUT",
    "ledger stats",
    "doctor",
)
DECIDING = ("cancel RUN", "kill", "ingest")


@pytest.fixture
def desk(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = lay_out(short_path / "desk", file_settings())
    (desk.root / "inbox.mbox").write_bytes(mbox(mail("1@customer.example")))

    with desk.open() as workspace:
        workspace.ingest()  # under the lock: a run begins, and nothing of it is performed
    monkeypatch.setenv("MAINSTAY_WORKSPACE", str(desk.root))
    return desk


def newer_file(desk: Desk) -> None:
    with closing(sqlite3.connect(desk.folder.ledger)) as connection:
        connection.execute("PRAGMA user_version = 99")


def appended(desk: Desk, kind: int, schema: int, data: bytes) -> None:
    """One more event at the end of the run, linked as every other is."""
    store = SqliteStore(desk.folder.ledger, tables=TABLES)
    stream = run_stream(RunId(str(store.select("runs")[0]["run"])))
    new = NewEvent(kind, schema, data, "newer", bytes(16))
    store.append(
        [StreamAppend(stream, store.version(stream), [new])],
        epoch=store.acquire(),
        at=Instant(SystemClock().now()),
    )
    store.close()


NEWER: dict[str, Callable[[Desk], None]] = {
    "its file": newer_file,
    "an event's type": lambda desk: appended(desk, 9_999, 1, b"{}"),
    "an event's shape": lambda desk: appended(desk, TASK_STARTED, 9, b'{"task":0}'),
    "an event's field": lambda desk: appended(desk, TASK_STARTED, 1, b'{"task":0,"attempt":1,"mood":"good"}'),
}
# Where an event is newer, what shows rows of views alone still answers; all that folds events must refuse.
FOLDS = {"run show RUN", "explain RUN", "audit verify"}


@pytest.fixture(params=list(NEWER))
def newer(request: pytest.FixtureRequest, desk: Desk) -> str:
    NEWER[request.param](desk)
    return str(request.param)


def words(desk: Desk, command: str) -> list[str]:
    with closing(sqlite3.connect(desk.folder.ledger)) as connection:
        (run,) = connection.execute("SELECT run FROM runs").fetchone()
    known = {"RUN": run, "OUT": str(desk.root.parent / "export.jsonl")}
    return [known.get(word, word) for word in command.split()]


def test_every_command_refuses_it_clearly_or_has_no_need_of_it(
    desk: Desk, newer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (*READING, *DECIDING):
        code = run(words(desk, command))  # `main` ends its process, and switches the collector off before
        said = capsys.readouterr()
        must = newer == "its file" or command in FOLDS
        if command == "doctor":  # looks at everything, and tells of it in its own way
            assert "newer" in (said.out + said.err).lower() or not must, said
            continue
        if code == 0:
            assert not must, f"{command} went on over a newer {newer}: {said.out}"
            continue
        assert code == LedgerTooNew.exit_code, (command, said)
        assert "newer" in said.err
        assert "Why:" in said.err
        assert "Upgrade Mainstay" in said.err


def test_a_director_does_not_begin(desk: Desk, newer: str) -> None:
    before = desk.folder.ledger.read_bytes() if newer == "its file" else b""
    with pytest.raises(LedgerTooNew) as told:
        held = Held(desk.folder, SystemClock(), performing=True)
        try:
            held.director.boot()
        finally:
            held.close()
    assert told.value.why
    assert "Upgrade Mainstay" in told.value.remedy
    if newer == "its file":
        assert desk.folder.ledger.read_bytes() == before  # nothing was written into what is not understood


def test_its_chain_can_be_proved_all_the_same(desk: Desk, newer: str) -> None:
    if newer == "its file":
        with pytest.raises(LedgerTooNew):
            verify(desk.folder.ledger, blobs=desk.folder.blobs)
    else:
        assert isinstance(verify(desk.folder.ledger, blobs=desk.folder.blobs), Verified)


# --- the other way round: an old shape, for ever ----------------------------------------------------------------------


def _tens_became_ones(fields: Json) -> Json:
    """`hold` was once kept in tens, under another name."""
    kept = {key: value for key, value in fields.items() if key != "tens"}
    return {**kept, "hold": fields["tens"] * 10} if "tens" in fields else kept


PAST = {(TASK_STARTED, 1): _tens_became_ones}


def test_a_run_of_an_older_version_folds_to_what_it_was_and_goes_on() -> None:
    """The worked example of an upcaster: the same history in the old shape and in today's is the same run."""
    lived = Lived()
    lived.work(2)
    plans = {PLAN.digest: PLAN}.__getitem__
    today, old = Codec(plans), Codec(plans, PAST)
    past = InMemoryStore(tables=TABLES)
    epoch, versions = past.acquire(), dict[str, int]()
    changed = 0
    for one in lived.store.read_all(limit=10_000):
        data = one.data
        if one.type == TASK_STARTED and b'"hold":100' in data:
            data = data.replace(b'"hold":100', b'"tens":10')
            changed += 1
        new = NewEvent(one.type, one.schema, data, one.actor, one.transaction, one.causation)
        expected = Version(versions.get(one.stream, 0))
        past.append([StreamAppend(one.stream, expected, [new])], epoch=epoch, at=one.at)
        versions[one.stream] = expected + 1
    assert changed
    runs = lived.store.select("runs")
    assert runs
    for row in lived.store.select("open_runs"):
        run = RunId(str(row["run"]))
        now, then = fold_run(lived.store, today, plans, run), fold_run(past, old, plans, run)
        assert now is not None
        assert then is not None
        assert now.state == then.state
        assert old.encode(TaskStarted(0, 1))[1] == 2  # what is written from now on has the new shape
    with pytest.raises(Exception, match="tens"):
        fold_run(past, today, plans, RunId(str(lived.store.select("open_runs")[0]["run"])))


def test_a_view_that_is_not_made_yet_is_said_to_be_so(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    SqliteStore(path, tables=TABLES).close()
    with closing(sqlite3.connect(path)) as made_before:
        made_before.execute("DROP TABLE dead_letters")
        made_before.commit()
    with (
        closing(SqliteReader(path, tables=None)) as reader,
        pytest.raises(LedgerUnready, match="mainstay up"),
    ):
        reader.select("dead_letters")

"""What is supplied: bytes that want to be code, texts that want to be SQL, requests without end, files that lie.

Nothing here is executed, unpacked or believed; what cannot be read is refused with a reason, and others are served.
"""

import ast
import asyncio
import gzip
import hashlib
import io
import json
import pickle
import re
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy
import pytest

import mainstay
from mainstay.agents.triage.artifact import unpack
from mainstay.kernel.errors import CommandRefused, DocumentError, NotFound
from mainstay.kernel.ids import RunId
from mainstay.kernel.values import Instant, Json
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.keys import InMemoryKeys
from mainstay.ledger.projections import TABLES
from mainstay.ledger.sealing import Vault
from mainstay.ledger.short_ids import find_card, find_id
from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.store import EventStore, Put
from mainstay.memory.documents import read_document
from mainstay.runtime import control
from mainstay.runtime.control import ControlClient, ControlServer
from tests.security.attacks import attack

# --- bytes that want to be code -----------------------------------------------------------------------------------

LOADERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle"}
CALLS = {"eval", "unsafe_load", "full_load", "unsafe_load_all", "add_constructor", "read_pickle"}
COMPILED = {"exec", "compile", "__import__"}
NAMED_BY_US = {"kernel/swift.py"}  # spells out fields of our own dataclasses, as `dataclasses` does


def sources() -> Iterator[tuple[str, str]]:
    """Every module of the product."""
    root = Path(mainstay.__file__).parent
    for path in sorted(root.rglob("*.py")):
        yield path.relative_to(root).as_posix(), path.read_text("utf-8")


def planted_sources() -> Iterator[tuple[str, str]]:
    yield "models/cache.py", "from pickle import loads\nimport yaml\nyaml.unsafe_load(loads(b''))\n"


_WORTH_A_LOOK = re.compile(  # to take all modules apart would take seconds
    "|".join([*LOADERS, *(CALLS - {"eval"}), "allow_pickle", "__import__"])
    + r"|\b(yaml|numpy|np|torch)\.load\b|(?<![.\w])(eval|exec|compile)\("
)


def loads_code(source: str) -> set[str]:
    """What in a module can make code of data."""
    if not _WORTH_A_LOOK.search(source):
        return set()
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= LOADERS & {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= LOADERS & {(node.module or "").partition(".")[0]}
        elif isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            found |= CALLS & {name}
            if isinstance(called, ast.Name):
                found |= COMPILED & {name}
            if any(one.arg == "allow_pickle" for one in node.keywords):
                found.add("allow_pickle")
            of = called.value if isinstance(called, ast.Attribute) else None
            if (
                name in ("load", "load_all")
                and isinstance(of, ast.Name)
                and of.id in ("yaml", "numpy", "np", "torch")
            ):
                found.add(f"{of.id}.load")
    return found


@attack(("tests.security.test_supply", "sources", planted_sources))
def test_no_module_makes_code_of_data() -> None:
    wrong = {name: loads_code(text) for name, text in sources() if name not in NAMED_BY_US}
    assert {name: found for name, found in wrong.items() if found} == {}


class Gadget:
    """What a pickle does when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.mkdir, (self.path,)


def artifact(told: Any, rest: bytes = b"") -> bytes:
    """Bytes with the right magic, length and digest, by somebody who knows how they are made."""
    head = told if isinstance(told, bytes) else json.dumps(told).encode()
    body = b"mainstay triage 1\n" + len(head).to_bytes(8, "big") + head + rest
    return body + hashlib.sha256(body).digest()


def trusting(data: bytes) -> Any:
    with suppress(Exception):
        pickle.loads(data[data.index(b"\x80\x04") : -32])
    return {}, {}


@attack(
    ("mainstay.agents.triage.artifact", "_read", trusting), ("tests.security.test_supply", "unpack", trusting)
)
def test_a_fitted_model_that_is_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    made = tmp_path / "made"
    gadget = pickle.dumps(Gadget(made), protocol=4)
    for data in (gadget + bytes(32), artifact(gadget), artifact({"header": {}, "arrays": []}, gadget)):
        with suppress(CommandRefused):
            unpack(data)
        assert not made.exists(), "it was run"


@pytest.mark.parametrize(
    "arrays",
    [
        [["x", "|O", [1]]],
        [["x", "<f8", [10**12, 10**12]]],
        [["x", "<f8", [-1]]],
        [["x", "<f8", ["1"]]],
        [["x", "<f8"]],
        {"x": 1},
        [["x", "<f8", [1]] * 2],
        None,
    ],
    ids=repr,
)
@attack(("tests.security.test_supply", "unpack", lambda data: numpy.frombuffer(data[:0])))
def test_a_fitted_model_that_says_what_cannot_be_is_refused(arrays: Any) -> None:
    with pytest.raises(CommandRefused):
        unpack(artifact({"header": {}, "arrays": arrays}))


# --- texts that want to be SQL --------------------------------------------------------------------------------------

RUN = RunId("0123456789abcdef" * 2)
EVIL = (
    "' OR '1'='1",
    "x'; DROP TABLE runs; --",
    'x" OR 1=1 --',
    "%",
    "_" * 32,
    "*",
    "x' UNION SELECT value FROM meta --",
    "\x00' OR 1=1",
    "0123' || '4567",
)


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventStore]:
    made: EventStore
    made = (
        SqliteStore(tmp_path / "ledger.db", tables=TABLES)
        if request.param == "sqlite"
        else InMemoryStore(tables=TABLES)
    )
    rows = [
        Put("runs", (RUN,), {"workflow": "triage", "status": "running"}),
        Put("approvals", ("0123456789abcdef",), {"status": "waiting"}),
    ]
    made.append((), epoch=made.acquire(), at=Instant(1), changes=rows)
    yield made
    made.close()


def joined(self: Any, table: str, key: Any) -> Any:
    """A look-up that pastes its key into the statement, as many have done."""
    column = next(one for one in TABLES if one.name == table).key[0]
    rows = (
        self._read(f"SELECT * FROM {table} WHERE {column} = '{key[0]}'", ())
        if hasattr(self, "_read")
        else [1]
    )
    return {"run": rows[0], "approval": ""} if rows else None


PASTED = (
    ("mainstay.ledger.sqlite_reader", "SqliteReader.get", joined),
    ("mainstay.ledger.inmemory", "InMemoryStore.get", joined),
)


@attack(*PASTED)
def test_an_id_that_is_sql_finds_nothing(store: EventStore) -> None:
    with pytest.raises(NotFound):
        find_id(store, "runs", "run", EVIL[0])
    for text in EVIL:
        with pytest.raises(NotFound):
            find_id(store, "runs", "run", text)
        with pytest.raises(NotFound):
            find_card(store, text)
    assert store.count("runs") == 1


def unbound(self: Any, table: str, **more: Any) -> Any:
    return [{"run": RUN, "key": ""}]


@attack(
    ("mainstay.ledger.sqlite_reader", "SqliteReader.select", unbound),
    ("mainstay.ledger.inmemory", "InMemoryStore.select", unbound),
)
@pytest.mark.parametrize("text", EVIL)
def test_a_value_that_is_sql_is_a_value(store: EventStore, text: str) -> None:
    if "\x00" not in text:
        kept = Put("runs", (text,), {"key": text})
        store.append((), epoch=store.epoch(), at=Instant(2), changes=[kept])
        assert [row["key"] for row in store.select("runs", where={"key": text})] == [text]
        assert store.count("runs") == 2
    assert store.select("runs", where={"workflow": text}) == []
    assert store.select("runs", order="run", after=text, limit=1_000) is not None
    assert store.get("runs", (RUN,)) is not None


@attack(("mainstay.ledger.sealing", "Vault.subject", lambda self, address: address))
def test_an_address_that_is_sql_is_looked_up_by_its_keyed_hash() -> None:
    vault = Vault(bytes(range(32)), InMemoryKeys())
    for text in EVIL:
        subject = vault.subject(f"{text}@example.org")
        assert re.fullmatch(r"[0-9a-f]{32}", subject)


# --- the control socket ---------------------------------------------------------------------------------------------

Story = Callable[["Desk"], Awaitable[None]]


class Desk:
    """A control server whose handler notes what reaches it."""

    def __init__(self, path: Path, **more: Any) -> None:
        self.path = path
        self.heard: list[str] = []
        self.faults: list[Exception] = []
        self.server = ControlServer(
            path, self.handle, noticed=lambda what, error: self.faults.append(error), **more
        )

    async def handle(self, operation: str, arguments: Json) -> Json:
        self.heard.append(operation)
        return {"did": operation}

    async def ask(self, operation: str = "status") -> Json:
        """What another command is answered meanwhile."""
        return await asyncio.to_thread(ControlClient(self.path).ask, operation, {}, timeout_s=60.0)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(str(self.path))


def at_the_socket(place: Path, story: Story, **more: Any) -> None:
    async def whole() -> None:
        desk = Desk(place / "control.sock", **more)
        await desk.server.start()
        try:
            await story(desk)
        finally:
            await desk.server.close()

    asyncio.run(whole())


@attack(("mainstay.runtime.control", "LINE_MAX", 10**9))
def test_a_hundred_megabytes_are_answered_and_reach_nobody(short_path: Path, patience_s: float) -> None:
    async def story(desk: Desk) -> None:
        reader, writer = await desk.connect()
        writer.write(b'{"do": "edit", "with": {"text": "')
        piece = b"x" * 1_000_000
        for number in range(100):
            writer.write(piece)
            await writer.drain()
            if number == 50:
                assert await desk.ask() == {"did": "status"}, "others are served meanwhile"
        writer.write(b'"}}\n')
        writer.write_eof()
        answer = json.loads(await asyncio.wait_for(reader.readline(), patience_s))
        writer.close()
        assert answer.get("error") == "CommandRefused"
        assert desk.heard == ["status"]

    at_the_socket(short_path, story)


@pytest.mark.parametrize("opened", [b"[", b'{"a":'])
@attack(("mainstay.runtime.control", "_NOT_JSON", ()))
def test_deep_json_is_bad_input_and_no_fault(short_path: Path, opened: bytes, patience_s: float) -> None:
    async def story(desk: Desk) -> None:
        reader, writer = await desk.connect()
        writer.write(b'{"do": "edit", "with": ' + opened * 100_000 + b"\n")
        answer = json.loads(await asyncio.wait_for(reader.readline(), patience_s))
        writer.close()
        assert answer["error"] == "CommandRefused"
        assert desk.faults == []
        assert await desk.ask() == {"did": "status"}

    at_the_socket(short_path, story)


@attack(("mainstay.runtime.control", "_within", lambda reading, timeout_s: reading))
def test_who_says_half_a_word_is_sent_away(short_path: Path, patience_s: float) -> None:
    async def story(desk: Desk) -> None:
        reader, writer = await desk.connect()
        writer.write(b'{"do": "sta')
        try:
            assert await asyncio.wait_for(reader.read(), patience_s) == b""
        except TimeoutError:
            pytest.fail("it is listened to for ever")
        finally:
            writer.close()

    at_the_socket(short_path, story, line_timeout_s=0.02)


def test_who_says_half_a_word_holds_up_nobody(short_path: Path) -> None:
    async def story(desk: Desk) -> None:
        _, writer = await desk.connect()
        writer.write(b'{"do": "sta')
        assert await desk.ask() == {"did": "status"}
        writer.close()

    at_the_socket(short_path, story)


@attack(("mainstay.runtime.control", "CONNECTIONS_MAX", 10**9))
def test_a_crowd_of_connections_is_turned_away_at_the_bound(short_path: Path, patience_s: float) -> None:
    async def story(desk: Desk) -> None:
        crowd = [await desk.connect() for _ in range(129)]
        reader, last = crowd[-1]
        try:
            answer = await asyncio.wait_for(reader.readline(), patience_s)
        except TimeoutError:
            pytest.fail("everybody is taken in")
        assert json.loads(answer)["error"] == "DirectorBusy"
        for _, writer in crowd:
            writer.close()
            await writer.wait_closed()
        del last
        for _ in range(1_000):
            if desk.server._connected == 0:
                break
            await asyncio.sleep(0)
        assert await desk.ask() == {"did": "status"}, "there is room again"

    at_the_socket(short_path, story)


@attack(("mainstay.runtime.control", "peer_uid", lambda connection: __import__("os").getuid()))
def test_another_users_process_is_not_heard(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = control.peer_uid
    if real.__name__ != "<lambda>":
        monkeypatch.setattr(control, "peer_uid", lambda connection: real(connection) + 1)

    async def story(desk: Desk) -> None:
        reader, writer = await desk.connect()
        writer.write(b'{"do": "status"}\n')
        try:
            told = await asyncio.wait_for(reader.readline(), 5.0)
        except ConnectionError:
            told = b""
        writer.close()
        assert told == b""
        assert desk.heard == []

    at_the_socket(short_path, story)


# --- files that lie --------------------------------------------------------------------------------------------------


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("UP", ".."), content)
    return packed.getvalue()


SLIP = zipped(**{"UP__UP__slipped.md": b"# Slipped", "word__document.xml": b"<w/>"})
BOMB = zipped(bomb=bytes(50_000_000))
LIES = {
    "slip.docx": SLIP,
    "slip.md": SLIP,
    "slip.txt": SLIP,
    "bomb.zip": BOMB,
    "bomb.pdf": BOMB,
    "bomb.gz": gzip.compress(bytes(20_000_000)),
    "data.pdf": b'{"this": "is JSON"}',
    "database.md": b"SQLite format 3\x00" + bytes(100),
    "picture.txt": b"\x89PNG\r\n\x1a\n" + bytes(100),
}


def believing(path: Path, content: bytes) -> str:
    """Goes by the name alone."""
    return "text"


@pytest.mark.parametrize("name", LIES)
@attack(
    ("mainstay.memory.documents", "_kind", believing),
    ("mainstay.memory.documents", "decoded", lambda path, content: (content.decode("latin-1"), "")),
)
def test_a_file_that_is_not_what_it_says_is_refused_and_not_unpacked(name: str, tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    path = inner / name
    path.write_bytes(LIES[name])
    with pytest.raises(DocumentError) as caught:
        read_document(path)
    assert caught.value.remedy
    assert [one.name for one in tmp_path.rglob("*") if one.is_file()] == [name], (
        "nothing was written beside it"
    )


@attack(("mainstay.memory.documents", "_bounded", lambda path, size, size_max: None))
def test_a_text_beyond_its_bound_is_refused_before_it_is_taken_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mainstay.memory.documents.TEXT_BYTES_MAX", 1_000)
    (tmp_path / "long.md").write_text("word " * 1_000)
    with pytest.raises(DocumentError, match="are read of such a file"):
        read_document(tmp_path / "long.md")

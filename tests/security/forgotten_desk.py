"""A workspace with people in it, and the search for what is left of one: every byte of every file, every token.

Ann is forgotten. Bob stays, and so does Eve, except for the mails in which they name or quote Ann. Each person's words
are canaries that stand nowhere else, so that one found names the trace that was missed.
"""

import asyncio
import base64
import quopri
import re
import sqlite3
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mainstay.kernel.ids import SubjectId
from mainstay.ledger import sealing
from mainstay.ledger.keys import key_home, master_key_path, read_master_key
from mainstay.models.embedding_cache import SqliteEmbeddingCache
from mainstay.models.scripted import ScriptedEmbedder
from mainstay.workspace import learning
from mainstay.workspace.language_models import ANSWERS, AnswerSeal
from mainstay.workspace.serving import Service
from tests.end_to_end.desks import Desk, file_settings, lay_out
from tests.end_to_end.working import asked, at_work, settled

ANN, BOB, EVE = "Ann.Quill@Customer.example", "bob@buyer.example", "eve@partner.example"
HOW_TO = "How do I invite a colleague to the desk?"

# Whose words they are is whose they must go with. Those of BOTH are of others, and name or quote Ann.
OF_ANN = ("zanthorpe", "quillfeather", "annexwort", "gravenote", "lessonling", "annswer", "reviewnote")
OF_BOTH = ("evenaming", "bobquoting", "carboncopy")
OF_OTHERS = ("bobkestrel", "evelantern", "bobnoted")
CONTEXTS = (
    *(b"message", b"attachment", b"raw", b"payload", b"card", b"reply", b"recall", b"text", b"memory"),
    *(b"fit", b"answer"),
)
_TOKEN = re.compile(rb"sealed:([A-Za-z0-9+/]{60,}={0,2})")


def mail(
    number: int,
    sender: str,
    text: str,
    *,
    name: str = "",
    cc: str = "",
    answers: int = 0,
    attached: str = "",
    subject: str = "Invite a colleague",
) -> bytes:
    """One mail of this desk, as it lies in an mbox file."""
    message = EmailMessage()
    message["From"] = f"{name} <{sender}>" if name else sender
    message["To"] = "help@example.org"
    if cc:
        message["Cc"] = cc
    message["Subject"] = subject
    message["Message-ID"] = f"<mail{number}@mails.example>"
    message["Date"] = f"Mon, 02 Mar 2026 08:{10 + number}:00 +0000"
    if answers:
        message["In-Reply-To"] = message["References"] = f"<mail{answers}@mails.example>"
    message.set_content(text)
    if attached:
        message.add_attachment(
            attached.encode(), maintype="application", subtype="octet-stream", filename="a.bin"
        )
    return b"From someone@example.com Mon Mar  2 08:14:00 2026\n" + message.as_bytes().rstrip(b"\n") + b"\n\n"


@dataclass
class World:
    """The desk, and what stood in its table of keys before somebody was forgotten."""

    desk: Desk
    backup: Path
    wrapped: dict[bytes, bytes] = field(default_factory=dict)
    vectors: dict[bytes, bytes] = field(default_factory=dict)
    fitted: set[bytes] = field(default_factory=set)  # what was fitted when she was there

    def receive(self, *mails: bytes) -> None:
        with (self.desk.root / "inbox.mbox").open("ab") as file:
            file.write(b"".join(mails))

    def subject(self, address: str) -> SubjectId:
        with self.desk.open() as workspace:
            return workspace.forgetting.subject(address)

    def keys(self) -> dict[bytes, tuple[int, bytes | None]]:
        with closing(sqlite3.connect(self.desk.folder.keys)) as table:
            rows = table.execute("SELECT subject, generation, wrapped FROM subjects").fetchall()
        return {subject: (generation, wrapped) for subject, generation, wrapped in rows}

    def everything(self) -> Iterator[tuple[Path, bytes]]:
        """Every file that Mainstay wrote: workspace, keys, caches, logs, copies; not the operator's own files."""
        mine = {self.desk.root / name for name in ("inbox.mbox", "outbox", "about-ann.md")}
        places = (self.desk.root, self.backup, key_home(), Path.home())
        for place in dict.fromkeys(places):
            for path in sorted(place.rglob("*")):
                if path.is_file() and not any(one == path or one in path.parents for one in mine):
                    yield path, path.read_bytes()


@pytest.fixture
def world(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A workspace with an embedder that needs no weights, and a specialist that freezes what it learned at once."""
    monkeypatch.setattr("mainstay.models.embedder.find_embedder", lambda cache: ScriptedEmbedder())
    monkeypatch.setattr(learning, "FIT_WORDS_MIN", 1)
    desk = lay_out(short_path / "desk", file_settings(more="\n[lessons]\nwithheld_share = 0\n"))
    (desk.root / "inbox.mbox").write_bytes(b"")
    return World(desk, short_path / "backup")


@asynccontextmanager
async def lived_in(world: World) -> AsyncIterator[Service]:
    """A director at work in a workspace in which all of them have written, been answered and been learned from."""
    world.receive(
        mail(1, BOB, f"{HOW_TO} bobkestrel", name="Bob Sample"),
        mail(2, ANN, f"{HOW_TO} zanthorpe\n\nAnn", name="Ann Quill", attached="annexwort"),
        mail(3, EVE, f"{HOW_TO} evelantern", name="Eve Sample"),
        mail(4, EVE, f"{HOW_TO} evenaming: ask {ANN.lower()} too", subject="Another"),
        mail(5, EVE, f"{HOW_TO} carboncopy", cc=f"Ann Quill <{ANN}>", subject="A copy"),
    )
    async with at_work(world.desk) as service:
        for one in service.ingests.values():
            await one.pull()
        await settled(service)
        with world.desk.open() as workspace:
            await asked(answer, world, workspace)
        await settled(service)
        world.receive(
            mail(6, BOB, f"{HOW_TO} bobquoting\n\nOn Monday Ann Quill wrote:\n> zanthorpe\n", answers=2),
            mail(7, ANN, f"{HOW_TO} quillfeather", name="Ann Quill", subject="Once more"),
        )
        for one in service.ingests.values():
            await one.pull()
        await settled(service)
        assert service.learning is not None
        await service.learning.catch_up()
        await asyncio.to_thread(service.held.assembly.opened_memory().fill, 100)
        with world.desk.open() as workspace:
            await asked(workspace.back_up, world.backup)
        keep_an_answer(service)
        remember_what_there_was(world)
        yield service


def answer(world: World, workspace: Any) -> None:
    """What the operator does: approve one, edit another, say what a mail is about, take notes, import a file."""
    cards = {card.message["text"]: card for card in workspace.approvals()}
    (ann,) = (card for said, card in cards.items() if "zanthorpe" in said)
    (bob,) = (card for said, card in cards.items() if "bobkestrel" in said)
    workspace.triage.review(ann.run, note="reviewnote")
    old = ann.text.split("\n\n")[1]
    workspace.edit(
        ann.approval, text=ann.text.replace(old, "Look under lessonling, annswer."), digest=ann.digest
    )
    workspace.approve(bob.approval, digest=bob.digest)
    workspace.memory.add("gravenote: prefers mornings", about=ANN)
    workspace.memory.add("bobnoted: prefers evenings", about=BOB)
    (world.desk.root / "about-ann.md").write_text("# Customers\n\nAnn Quill is one of the first.\n")
    workspace.memory.import_paths([world.desk.root / "about-ann.md"])


def keep_an_answer(service: Service) -> None:
    """What a model answered to a question that quoted Ann, for nobody in particular."""
    shelf = SqliteEmbeddingCache(service.held.assembly.folder.cache / ANSWERS)
    sealed = AnswerSeal(service.held.assembly.artifacts.vault, None).seal(b"zanthorpe asked")
    assert sealed is not None
    shelf.put({b"question": sealed})
    shelf.close()


def remember_what_there_was(world: World) -> None:
    keys = world.keys()
    subject = bytes.fromhex(world.subject(ANN))
    with closing(sqlite3.connect(world.desk.folder.keys)) as table:
        joints = [one for (one,) in table.execute("SELECT joint FROM members WHERE member = ?", (subject,))]
    assert joints
    world.wrapped = {one: keys[one][1] or b"" for one in (subject, *joints)}
    with closing(sqlite3.connect(world.desk.folder.cache / "vectors.sqlite3")) as cache:
        world.vectors = dict(cache.execute("SELECT key, vector FROM vectors").fetchall())
    world.fitted = pieces(world, (b"fit",))
    assert world.fitted


# --- the search -------------------------------------------------------------------------------------------------------


def spelled(word: str) -> set[bytes]:
    """A word as it may stand in a file: plain, as UTF-16, in the three base64 alignments, quoted-printable."""
    plain = word.encode()
    aligned = {
        base64.b64encode(b"x" * shift + plain)[-(-shift * 8 // 6) : (shift + len(plain)) * 8 // 6]
        for shift in range(3)
    }
    return {plain, word.upper().encode(), word.encode("utf-16-le"), quopri.encodestring(plain), *aligned}


def unpacked(data: bytes) -> Iterator[bytes]:
    """What is compressed within these bytes."""
    for start in (one.start() for one in re.finditer(rb"\x1f\x8b\x08|\x78[\x01\x9c\xda]", data)):
        try:
            yield zlib.decompressobj(47).decompress(data[start:], 10_000_000)
        except zlib.error:
            continue


def readable(world: World) -> bytes:
    """All that can be opened with the keys that are there, of all that is sealed anywhere."""
    house = AnswerSeal(_vault_of(world), None)
    answers = (house.unseal(token) or b"" for token in set(_tokens(world)) if token[:1] == b"h")
    return b"\n".join((*pieces(world), *answers))


def pieces(world: World, contexts: tuple[bytes, ...] = CONTEXTS) -> set[bytes]:
    """The same one by one; only what was sealed in these contexts."""
    keys = [AESGCM(key) for key in _unwrapped(world)]
    found: set[bytes] = set()
    for token in set(_tokens(world)):
        found.update(_opened(token[1:] if token[:1] == b"p" else token, keys, contexts))
    return found


def _opened(token: bytes, keys: list[AESGCM], contexts: tuple[bytes, ...]) -> Iterator[bytes]:
    head, nonce, rest = token[:19], token[19:31], token[31:]
    if len(rest) < 16:
        return
    for key in keys:
        for context in contexts:
            try:
                yield key.decrypt(nonce, rest, head + context)
                return
            except InvalidTag:
                continue


def _unwrapped(world: World) -> Iterator[bytes]:
    wrapping = AESGCM(sealing._derived(_master(world), b"mainstay wrapping key 1"))
    for subject, (generation, wrapped) in world.keys().items():
        if wrapped:
            bound = b"key" + subject + generation.to_bytes(2, "big")
            yield wrapping.decrypt(wrapped[:12], wrapped[12:], bound)


def _master(world: World) -> bytes:
    return read_master_key(master_key_path(world.desk.folder.id))


def _vault_of(world: World) -> sealing.Vault:
    from mainstay.ledger.keys import InMemoryKeys

    return sealing.Vault(_master(world), InMemoryKeys())


def _tokens(world: World) -> Iterator[bytes]:
    """Everything sealed: blobs in rows and files, texts in events, answers in the cache; of the backup too."""
    for path, data in world.everything():
        if data.startswith(b"SQLite format 3\0"):
            yield from _tokens_of_database(path)
        elif data[:1] == b"\x01":
            yield data
        for packed in (data, *unpacked(data)):
            yield from (base64.b64decode(one) for one in _TOKEN.findall(packed))


def _tokens_of_database(path: Path) -> Iterator[bytes]:
    with closing(sqlite3.connect(f"file:{path}?immutable=0", uri=True)) as database:
        tables = [one for (one,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for table in tables:
            for row in database.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    data = value.encode() if isinstance(value, str) else value
                    if isinstance(data, bytes):
                        if data[:1] in (b"\x01", b"p", b"h"):
                            yield data
                        yield from (base64.b64decode(one) for one in _TOKEN.findall(data))


def left_in_files(world: World, words: tuple[str, ...]) -> list[tuple[str, str]]:
    """Which of these words stand in which file, in any spelling."""
    found = []
    patterns = {word: spelled(word) for word in words}
    for path, data in world.everything():
        for part in (data, *unpacked(data)):
            low = part.lower()
            found += [
                (path.name, word)
                for word, forms in patterns.items()
                if any(form in part or form.lower() in low for form in forms)
            ]
    return found


def left_of_keys(world: World) -> list[str]:
    """The files in which a key that was destroyed is still found."""
    return [
        path.name
        for path, data in world.everything()
        if any(key in data for key in world.wrapped.values() if key)
    ]


def left_of_vectors(world: World) -> list[str]:
    """The files in which a vector that was dropped from the cache is still found."""
    files = list(world.everything())
    with closing(sqlite3.connect(world.desk.folder.cache / "vectors.sqlite3")) as cache:
        # Read after the files: what others' texts need is computed anew meanwhile.
        kept = {vector for (vector,) in cache.execute("SELECT vector FROM vectors")}
    gone = [key for key, vector in world.vectors.items() if vector not in kept]
    assert gone, "of somebody who wrote there were vectors"
    return [path.name for path, data in files if any(key in data for key in gone)]

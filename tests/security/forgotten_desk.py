"""A workspace with people in it, and the search for what is left of one: every byte of every file, every token.

Ann is forgotten. Bob stays, and so does Eve, except for the mails in which they name or quote Ann. Each person's words
are canaries that stand nowhere else, so that one found names the trace that was missed.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from mainstay.kernel.ids import SubjectId
from mainstay.ledger import sealing
from mainstay.ledger.keys import InMemoryKeys
from mainstay.ledger.master_key import key_home, master_key_path, read_master_key
from mainstay.models.embedding_cache import SqliteEmbeddingCache
from mainstay.models.scripted import ScriptedEmbedder
from mainstay.testing.remains import Remains
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

    def remains(self) -> Remains:
        """Every file that Mainstay wrote: workspace, keys, caches, logs, copies; not the operator's own files."""
        mine = {self.desk.root / name for name in ("inbox.mbox", "outbox", "about-ann.md")}
        places = (self.desk.root, self.backup, key_home(), Path.home())
        master = read_master_key(master_key_path(self.desk.folder.id))
        return Remains(self.desk.folder.keys, master, places, frozenset(mine))


@pytest.fixture
def world(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A workspace with an embedder that needs no weights, and a specialist that freezes what it learned at once."""
    monkeypatch.setattr("mainstay.models.embedder.find_embedder", lambda cache: ScriptedEmbedder())
    monkeypatch.setattr(learning, "FIT_WORDS_MIN", 1)
    desk = lay_out(short_path / "desk", file_settings(more="\n[lessons]\nwithheld_share = 0\n"), graph=False)
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
    world.fitted = world.remains().opened((b"fit",))
    assert world.fitted


# --- the search -------------------------------------------------------------------------------------------------------


def readable(world: World) -> bytes:
    """All that can be opened with the keys that are there, of all that is sealed anywhere."""
    remains = world.remains()
    vault = sealing.Vault(remains.master, InMemoryKeys())
    house = AnswerSeal(vault, None)
    answers = (house.unseal(token) or b"" for token in remains.tokens() if token[:1] == b"h")
    return b"\n".join((*remains.opened(), *answers))


def left_of_keys(world: World) -> list[str]:
    """The files in which a key that was destroyed is still found."""
    gone = [key for key in world.wrapped.values() if key]
    return [path.name for path, data in world.remains().files() if any(key in data for key in gone)]


def left_of_vectors(world: World) -> list[str]:
    """The files in which a vector that was dropped from the cache is still found."""
    files = list(world.remains().files())
    with closing(sqlite3.connect(world.desk.folder.cache / "vectors.sqlite3")) as cache:
        # Read after the files: what others' texts need is computed anew meanwhile.
        kept = {vector for (vector,) in cache.execute("SELECT vector FROM vectors")}
    gone = [key for key, vector in world.vectors.items() if vector not in kept]
    assert gone, "of somebody who wrote there were vectors"
    return [path.name for path, data in files if any(key in data for key in gone)]

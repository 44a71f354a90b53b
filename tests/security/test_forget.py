"""Somebody is forgotten: nothing of them is left in any file, in any spelling, under any key; all else is there.

The acid test is `nothing_is_left`: it reads every byte of every file that Mainstay wrote (workspace, keys, caches,
logs, a backup from before), plain and unpacked, looks for the words of the one who is gone in every spelling, and
tries every key that is still there on every sealed value that lies anywhere.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from mainstay.kernel.errors import NotFound
from mainstay.kernel.values import Instant
from mainstay.ledger.verify import Verified
from mainstay.runtime.concern import Concern
from mainstay.runtime.forgetting import Forgot
from mainstay.runtime.keeping import house_subject
from mainstay.workspace.folder import Folder
from mainstay.workspace.serving import Service
from tests.end_to_end.working import asked, at_work, settled
from tests.security.attacks import attack
from tests.security.forgotten_desk import (
    ANN,
    HOW_TO,
    OF_ANN,
    OF_BOTH,
    OF_OTHERS,
    World,
    left_of_keys,
    left_of_vectors,
    lived_in,
    mail,
    readable,
    world,
)

__all__ = ["world"]

STEPS = (
    *("begun", "runs ended", "keys destroyed", "memories retracted", "lessons fitted anew", "caches dropped"),
    "finished",
)


def nothing_is_left(world: World) -> None:
    """Nothing of Ann's, nothing of others that names or quotes her; all of theirs besides."""
    assert left_of_keys(world) == []
    assert left_of_vectors(world) == []
    assert world.remains().in_the_clear((*OF_ANN, *OF_BOTH, *OF_OTHERS)) == [], (
        "nobody's words lie in the clear"
    )
    assert not world.fitted & world.remains().opened((b"fit",))
    opened = readable(world).lower()
    assert [word for word in (*OF_ANN, *OF_BOTH) if word.encode() in opened] == []
    assert [word for word in OF_OTHERS if word.encode() not in opened] == []


async def forgotten(world: World, who: str = ANN) -> Forgot:
    with world.desk.open() as workspace:
        found: Forgot = await asked(workspace.forgetting.forget, who)
        return found


def told(world: World, tell: Callable[[Service], Any]) -> None:
    """A story in a workspace in which all of them have lived."""

    async def run() -> None:
        async with lived_in(world) as service:
            await tell(service)

    asyncio.run(run())


def forget_and_search(world: World) -> None:
    async def tell(service: Service) -> None:
        before = readable(world).lower()
        assert [word for word in (*OF_ANN, *OF_BOTH, *OF_OTHERS) if word.encode() not in before] == []
        assert left_of_keys(world) == ["keys.sqlite3"] or "keys.sqlite3-wal" in left_of_keys(world)
        await forgotten(world, " ANN.quill@customer.EXAMPLE")  # however it is spelled
        nothing_is_left(world)

    told(world, tell)


# Anything that this one finds nothing of is caught by those below, each by itself.
@attack(
    (
        "mainstay.ledger.keys",
        "_DESTROY",
        "UPDATE subjects SET wrapped = NULL WHERE wrapped IS NOT NULL AND subject = :subject RETURNING subject",
    )
)
def test_nothing_of_them_is_left_and_all_of_the_others_is_there(world: World) -> None:
    forget_and_search(world)


WEAKNESSES = {
    "the key lies in the log": ("mainstay.ledger.keys", "SqliteKeys._empty_log", lambda self: None),
    "caches are kept": ("mainstay.workspace.traces", "Traces._drop", lambda self: None),
    "fitted models are kept": ("mainstay.runtime.forgetting", "models_of", lambda store: ()),
    "quotes by name alone": ("mainstay.runtime.concern", "Concerns._participants", lambda self, thread: ()),
    "names in texts and headers": ("mainstay.runtime.concern", "_named", lambda _: ()),
    "drafts lie under the sender": (
        "mainstay.kernel.effects",
        "InvokeAgent.owner",
        property(lambda self: self.subject),
    ),
    "lessons lie under the house": (
        "mainstay.runtime.teaching",
        "Teaching._under",
        lambda self, state: _of_the_house(self).owner,
    ),
    "notes lie under the house": (
        "mainstay.runtime.keeping",
        "Keeping._whom",
        lambda self, note: _of_the_house(self),
    ),
}


def _of_the_house(one: Any) -> Concern:
    vault = one._artifacts.vault
    house = house_subject(vault, "operator")
    vault.ensure_subjects([house])
    return Concern(house, (house,))


@pytest.mark.long
@pytest.mark.parametrize("weakness", WEAKNESSES)
def test_each_trace_that_is_missed_is_found(
    world: World, weakness: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, name, instead = WEAKNESSES[weakness]
    monkeypatch.setattr(f"{module}.{name}", instead)
    with pytest.raises(AssertionError):
        forget_and_search(world)


def state_of(folder: Folder) -> dict[str, bytes]:
    return {str(one): one.read_bytes() for one in folder.state.rglob("*") if one.is_file()}


@attack(
    (
        "mainstay.ledger.keys",
        "_DESTROY",
        "UPDATE subjects SET wrapped = wrapped WHERE :subject = 1 RETURNING 0",
    )
)
def test_what_comes_after_knows_nothing_of_them_and_all_of_the_others(world: World) -> None:
    """Views folded anew, a restart, a search, questions, exports, the old backup: and the chain verifies."""
    found: list[str] = []

    async def tell(service: Service) -> None:
        await forgotten(world)
        with pytest.raises(NotFound):
            await forgotten(world)

    told(world, tell)
    with world.desk.open() as workspace:
        assert isinstance(workspace.verify(), Verified)
        exported = b"".join(workspace.export())
        stories = "".join(workspace.explain(str(run["run"])).as_text() for run in workspace.runs(limit=100))
        answers = repr(workspace.ask("What did Ann Quill want?", by_meaning=False))
        for query in (*OF_ANN, *OF_BOTH, *OF_OTHERS, HOW_TO):
            found += [hit.unit.text for hit in workspace.memory.search(query, k=50).hits]
        shown = repr(
            [*workspace.approvals(), *workspace.lessons.all(retracted=True), *workspace.rows("messages")]
        )
        mails = repr([workspace.received(row) for row in workspace.rows("messages")])
    said = (stories + answers + "".join(found) + shown + mails + exported.decode()).lower()
    assert [word for word in (*OF_ANN, *OF_BOTH) if word in said] == []
    assert "bobkestrel" in "".join(found)
    assert "bobnoted" in "".join(found)

    async def again() -> None:
        async with at_work(world.desk) as service:
            service.held.rebuild_views()
            await settled(service)
            assert service.held.store.get("recipients", (world.subject(ANN),)) is None
            world.receive(mail(8, ANN, f"{HOW_TO} reborn", subject="As somebody new"))
            for one in service.ingests.values():
                await one.pull()
            await settled(service)
            with world.desk.open() as workspace:
                texts = [card.message["text"] for card in await asked(workspace.approvals)]
                assert "reborn" in "".join(texts)

    asyncio.run(again())
    nothing_is_left(world)
    with world.desk.open() as workspace:
        assert workspace.forgetting.plan(ANN).plan.messages >= 1


@pytest.mark.long
def test_an_old_backup_that_is_put_back_brings_nothing_back(world: World) -> None:
    from mainstay.workspace.ledger_care import restore_ledger

    async def tell(service: Service) -> None:
        await forgotten(world)

    told(world, tell)
    restore_ledger(
        world.backup, world.desk.root, now=Instant(1), replacing=True, progress=lambda what, done, of: None
    )
    with world.desk.open() as workspace:
        workspace.memory.rebuild()
        hits = workspace.memory.search(HOW_TO, k=50).hits
        mails = repr([workspace.received(row) for row in workspace.rows("messages")])
    said = (mails + "".join(hit.unit.text for hit in hits)).lower()
    assert [word for word in (*OF_ANN, *OF_BOTH) if word in said] == []
    assert "bobkestrel" in said
    nothing_is_left(world)


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.long
@pytest.mark.parametrize("step", STEPS)
def test_a_forgetting_that_was_killed_is_carried_to_its_end(
    world: World, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(reached: str) -> None:
        if reached == step:
            raise Killed

    async def tell(service: Service) -> None:
        service.forgetting._reached = die
        with pytest.raises(Killed):
            await service.forgetting.forget(world.subject(ANN), actor="operator")
        service.forgetting._reached = lambda step: None

    told(world, tell)

    async def boot() -> None:
        async with at_work(world.desk) as service:
            assert service.forgetting.unfinished() == []
            rows = service.held.store.select("forgotten")
            assert [(row["runs"], row["messages"], row["memories"], row["lessons"]) for row in rows] == [
                (5, 5, 1, 1)
            ]
            nothing_is_left(world)

    asyncio.run(boot())
    with world.desk.open() as workspace:
        assert isinstance(workspace.verify(), Verified)

"""Artifacts: sealed on the way in, opened for a brief, and gone when their owner is forgotten."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.agents.base import Data, MessageView, Reply
from mainstay.kernel.errors import LedgerCorrupt, NotFound
from mainstay.kernel.ids import SubjectId
from mainstay.ledger.blobs import INLINE_MAX, ROW_MAX, BlobStore
from mainstay.ledger.keys import InMemoryKeys
from mainstay.ledger.sealing import Vault
from mainstay.runtime.artifacts import FORGOTTEN, SEALED, Artifacts, SubjectForgotten
from mainstay.testing.plans import act, plan_of
from tests.runtime.house import House, at_work, until


def told() -> tuple[Artifacts, SubjectId]:
    house = House()
    subject = house.vault.subject("ann@example.com")
    house.vault.ensure_subjects([subject])
    return house.artifacts, subject


@given(st.binary(max_size=200), st.booleans())
def test_what_was_put_is_what_is_got(plain: bytes, personal: bool) -> None:
    artifacts, ann = told()
    subject = ann if personal else None
    digest = artifacts.put(plain, subject, b"note")
    assert artifacts.get(digest, subject, b"note") == plain
    if personal and len(plain) > 8:
        assert plain not in artifacts.staged[digest]


@given(st.text(st.characters(), max_size=100))
def test_texts_come_back_as_they_were(text: str) -> None:
    artifacts, ann = told()
    sealed = artifacts.seal_text(text, ann)
    assert artifacts.open_text(sealed) == text
    assert sealed.startswith(SEALED) == bool(text)
    assert artifacts.seal_text(text, None) == text


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b", "thread"]), inner, max_size=3),
        st.builds(Reply, text=st.text(st.characters(codec="utf-8"), max_size=9)),
    ),
    max_leaves=12,
)


@given(json_values)
def test_values_are_closed_for_the_ledger_and_opened_for_a_brief(value: Any) -> None:
    artifacts, ann = told()
    closed = artifacts.close_value(value, ann)
    assert "Reply" not in repr(closed)
    assert artifacts.open_value(closed, ann) == value


def test_models_within_an_output_become_references_and_other_fields_stay() -> None:
    class Output(Data):
        reply: Reply
        message: MessageView
        labels: tuple[str, ...]

    artifacts, ann = told()
    message = MessageView(message_id="m", thread="t", mailbox="support", from_address="ann@example.com")
    closed = artifacts.close_value(
        Output(reply=Reply(text="Dear Ann"), message=message, labels=("new",)), ann
    )
    assert closed["labels"] == ["new"]
    assert {closed["reply"]["kind"], closed["message"]["kind"]} == {"reply", "message"}
    assert "Ann" not in repr(closed)
    assert artifacts.open_value(closed["message"], ann) == message


def test_whoever_is_forgotten_is_forgotten_everywhere() -> None:
    artifacts, ann = told()
    digest = artifacts.put(b'{"a": 1}', ann, b"card")
    text = artifacts.seal_text("she called", ann)
    assert artifacts.open_json(digest, ann, b"card") == {"a": 1}
    artifacts.vault.forget(ann)
    with pytest.raises(SubjectForgotten):
        artifacts.get(digest, ann, b"card")
    assert artifacts.open_json(digest, ann, b"card") is None
    assert artifacts.open_text(text) == FORGOTTEN


def test_a_value_opens_only_as_what_it_was_sealed_for() -> None:
    artifacts, ann = told()
    digest = artifacts.put(b"{}", ann, b"card")
    with pytest.raises(LedgerCorrupt):
        artifacts.get(digest, ann, b"message")
    with pytest.raises(NotFound):
        artifacts.get(type(digest)("0" * 64), ann, b"card")


def test_the_sender_is_known_only_where_we_have_written_to_them() -> None:
    artifacts, ann = told()
    view = MessageView(message_id="m", thread="t", mailbox="support", from_address="ann@example.com")
    content = artifacts.put(view.model_dump_json().encode(), ann, b"message")
    assert artifacts.message({"content": content}, ann).sender_known is False
    artifacts.known = lambda subject: subject == ann
    assert artifacts.message({"content": content}, ann).sender_known is True


def test_what_is_staged_is_taken_once_and_becomes_durable_with_its_event() -> None:
    async def story() -> None:
        house = House(plan_of(act("send", act="email.reply")))
        async with at_work(house):
            await house.ask(house.begin(subject="ann@example.com"))
            await until(lambda: house.status() == "succeeded")
            assert house.artifacts.staged == {}
            task = next(one.data for one in house.store.read_all(limit=100) if b"payload" in one.data)
            assert b"Dear Ann" not in task
        again = Artifacts(house.vault, type(house.artifacts.blobs)(house.store.blob))  # another life
        assert house.adapter.acts
        payload = house.adapter.acts[0].payload
        import json

        digest = json.loads(task)["action"]["payload"]
        subject = house.vault.subject("ann@example.com")
        assert again.get(digest, subject, b"payload") == payload

    asyncio.run(story())


def test_a_large_value_is_durable_before_anything_names_it(tmp_path: Path) -> None:
    synced: list[int] = []
    blobs = BlobStore(tmp_path, lambda digest: None, fsync=synced.append)
    artifacts = Artifacts(Vault(bytes(range(32)), InMemoryKeys()), blobs)
    digest = artifacts.put(b"x" * (ROW_MAX + 1), None, b"attachment")
    assert artifacts.staged == {}, "it does not wait for a tick"
    assert len(synced) >= 2, "the file and its folder"
    assert artifacts.get(digest, None, b"attachment") == b"x" * (ROW_MAX + 1)
    small = artifacts.put(b"x" * INLINE_MAX, None, b"attachment")
    assert list(artifacts.take_staged()) == [small]
    assert artifacts.take_staged() == {}

"""The e-mail adapter: one suite on all that carries replies, and what it says about risk."""

import asyncio
import errno
import os
from contextlib import contextmanager

import imap_tools
import pytest

from mainstay.adapters.base import Absent, Done, Found, NotNow, Refused, Unknown
from mainstay.adapters.email import Address, EmailAdapter, LabelFile, MaildirDelivery, split_payload
from mainstay.adapters.email.delivery import _place
from mainstay.kernel.contract import Finality, Repeatability
from mainstay.kernel.ids import IdempotencyKey
from mainstay.kernel.values import Instant
from mainstay.testing.conformance.adapter import AdapterConformance, Example, Specimen, run
from mainstay.testing.fakes import FakeAdapter, fake_contract
from tests.servers import dovecot

SEAL_KEY = b"a key of sixteen bytes or more"
KEY = IdempotencyKey("ab" * 16)
AT = Instant(1_700_000_000_000_000)


def request(**message):
    given = {
        "message_id": "1@customer.example",
        "from": "ann@example.com",
        "subject": "Question",
        "references": [],
    }
    return {"message": given | message, "reply": {"text": "Dear Ann,\n\nyes.\n"}}


def embedded(folder, labels=None):
    delivery = MaildirDelivery(folder / "out")
    delivery.prepare()
    own = Address("help@example.org", "North Desk")
    return EmailAdapter(
        own=own, outbox=delivery, labels=labels or LabelFile(folder / "labels.jsonl"), seal_key=SEAL_KEY
    )


def labels_of(number, *labels):
    return {"message": {"message_id": f"{number}@customer.example"}, "labels": list(labels)}


def labelling(adapter):
    """Examples of setting a label that is not set, and of taking one that is."""
    payload = adapter.render("label", labels_of(2, "invoice", "vip"), key=KEY, at=AT).payload
    assert isinstance(asyncio.run(adapter.call("label", payload, key=KEY)), Done)
    return Example("label", labels_of(1, "invoice")), Example("unlabel", labels_of(2, "invoice"))


class TestDeliveryFolder(AdapterConformance):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path_factory):
        self.factory = tmp_path_factory

    @contextmanager
    def opened(self):
        folder = self.factory.mktemp("delivery")

        async def count(key):
            return len(list((folder / "out" / "new").glob(f"mst-{key}")))

        adapter = embedded(folder)
        yield Specimen(adapter, (Example("reply", request(), count), *labelling(adapter)))


@pytest.mark.binary("dovecot")
class TestRelayAndMailbox(AdapterConformance):
    @pytest.fixture(autouse=True)
    def _account(self, account):
        self.account = account

    @contextmanager
    def opened(self):
        account = self.account
        account.receive("Question", message_id="1@customer.example")

        async def count(key):
            return sum(key in identity for identity in account.server.relay.ids())

        account.receive("Another question", message_id="2@customer.example")
        account.server.relay.accepted.clear()
        adapter = account.adapter()
        yield Specimen(adapter, (Example("reply", request(), count), *labelling(adapter)))


class FakeConformance(AdapterConformance):
    repeatability = Repeatability.KEYED

    @contextmanager
    def opened(self):
        adapter = FakeAdapter(fake_contract(self.repeatability))

        async def count(key):
            return adapter.happened(key)

        yield Specimen(adapter, (Example("act", {"text": "Hello"}, count),))


class TestFakeKeyed(FakeConformance):
    repeatability = Repeatability.KEYED


class TestFakeFindable(FakeConformance):
    repeatability = Repeatability.FINDABLE


class TestFakeOnce(FakeConformance):
    repeatability = Repeatability.ONCE


def test_the_suite_notices_an_adapter_that_forgets_its_keys():
    class Doubling(FakeAdapter):
        def happened(self, key):
            return 0 if self.counting else super().happened(key)

        counting = False

        def _act(self, declared, key, payload):
            self.counting = True
            super()._act(declared, key, payload)
            self.counting = False

    class Twice(FakeConformance):
        @contextmanager
        def opened(self):
            adapter = Doubling(fake_contract(self.repeatability))

            async def count(key):
                return adapter.happened(key)

            yield Specimen(adapter, (Example("act", {"text": "Hello"}, count),))

    assert not any(run(TestFakeKeyed()).values())
    failed = [name for name, reason in run(Twice()).items() if reason]
    assert failed == ["two calls under one key do one thing where the contract says keyed"]


def test_a_reply_to_the_sender_is_of_low_stake(tmp_path):
    rendered = embedded(tmp_path).render("reply", request(), key=KEY, at=AT)
    assert rendered.finality is Finality.FINAL_LOW
    assert rendered.recipients == ("ann@example.com",)
    assert rendered.title == "Re: Question"
    assert [(field.value, field.seen_before) for field in rendered.risky] == [("ann@example.com", False)]


def test_an_answer_diverted_by_reply_to_is_of_high_stake_and_says_where_it_comes_from(tmp_path):
    rendered = embedded(tmp_path).render("reply", request(reply_to=["eve@evil.example"]), key=KEY, at=AT)
    assert rendered.finality is Finality.FINAL_HIGH
    assert rendered.recipients == ("eve@evil.example",)
    assert "Reply-To" in rendered.risky[0].source
    assert "ann@example.com" in rendered.risky[0].source
    same = embedded(tmp_path).render("reply", request(reply_to=["Ann@Example.com"]), key=KEY, at=AT)
    assert same.finality is Finality.FINAL_LOW


def test_what_was_seen_before_is_said(tmp_path):
    known = request(seen_before=["Ann@example.com"])
    assert embedded(tmp_path).render("reply", known, key=KEY, at=AT).risky[0].seen_before


@pytest.mark.parametrize("name", ["to", "cc", "bcc", "recipients"])
def test_the_text_of_a_reply_cannot_choose_recipients(tmp_path, name):
    bad = request()
    bad["reply"][name] = ["eve@evil.example"]
    with pytest.raises(ValueError, match="cannot choose its recipients"):
        embedded(tmp_path).render("reply", bad, key=KEY, at=AT)


def test_nothing_is_answered_to_ourselves(tmp_path):
    with pytest.raises(ValueError, match="own addresses"):
        embedded(tmp_path).render("reply", request(**{"from": "HELP@example.org"}), key=KEY, at=AT)


def test_the_contract_says_how_a_reply_may_be_repeated(tmp_path, account):
    assert embedded(tmp_path).contract.operation("reply").repeatability is Repeatability.KEYED
    assert account.adapter().contract.operation("reply").repeatability is Repeatability.FINDABLE
    assert account.adapter().contract.operation("label").finality is Finality.REVERSIBLE


@pytest.mark.parametrize("labels", [[], ["a b"], [""], ["x" * 61], ["a\r\nb"], [3], None])
def test_labels_that_no_mailbox_takes_are_refused(tmp_path, labels):
    bad = {"message": {"message_id": "1@x"}, "labels": labels}
    with pytest.raises(ValueError, match="label"):
        embedded(tmp_path).render("label", bad, key=KEY, at=AT)


@pytest.mark.binary("dovecot")
def test_labels_become_keywords_of_the_mail(account):
    account.receive("Question", message_id="1@customer.example")
    adapter = account.adapter()
    wanted = {"message": {"message_id": "1@customer.example"}, "labels": ["invoice", "à-faire"]}
    payload = adapter.render("label", wanted, key=KEY, at=AT).payload
    assert isinstance(asyncio.run(adapter.find("label", payload, key=KEY)), Absent)
    asyncio.run(adapter.call("label", payload, key=KEY))
    assert isinstance(asyncio.run(adapter.find("label", payload, key=KEY)), Found)
    with imap_tools.MailBoxUnencrypted("127.0.0.1", account.imap.port).login(
        account.address, dovecot.PASSWORD
    ) as mailbox:
        (message,) = mailbox.fetch(mark_seen=False)
        assert {"invoice", "_-faire"} <= set(message.flags)


@pytest.mark.binary("dovecot")
def test_labels_that_are_taken_back_are_keywords_no_more(account):
    account.receive("Question", message_id="1@customer.example")
    adapter = account.adapter()

    def do(operation, *labels):
        payload = adapter.render(operation, labels_of(1, *labels), key=KEY, at=AT).payload
        before = asyncio.run(adapter.find(operation, payload, key=KEY))
        assert isinstance(asyncio.run(adapter.call(operation, payload, key=KEY)), Done)
        assert isinstance(asyncio.run(adapter.find(operation, payload, key=KEY)), Found)
        with imap_tools.MailBoxUnencrypted("127.0.0.1", account.imap.port).login(
            account.address, dovecot.PASSWORD
        ) as mailbox:
            (message,) = mailbox.fetch(mark_seen=False)
            return before, set(message.flags) & {"invoice", "_-faire", "vip"}

    assert do("label", "invoice", "à-faire", "vip") == (Absent(), {"invoice", "_-faire", "vip"})
    assert do("unlabel", "invoice", "à-faire") == (Absent(), {"vip"})
    before, left = do("unlabel", "invoice")  # twice is once
    assert (type(before), left) == (Found, {"vip"})
    gone = adapter.render("unlabel", labels_of(9, "invoice"), key=KEY, at=AT).payload
    assert isinstance(asyncio.run(adapter.find("unlabel", gone, key=KEY)), Absent)
    refused = asyncio.run(adapter.call("unlabel", gone, key=KEY))
    assert isinstance(refused, Refused)
    assert "no longer in the Inbox" in refused.reason


def test_a_folder_that_fails_is_not_now_and_a_folder_that_is_gone_proves_nothing(tmp_path):
    adapter = embedded(tmp_path)
    payload = adapter.render("reply", request(), key=KEY, at=AT).payload
    for part in ("tmp", "new", "cur"):
        (tmp_path / "out" / part).rmdir()
    assert isinstance(asyncio.run(adapter.call("reply", payload, key=KEY)), NotNow)
    assert isinstance(asyncio.run(adapter.find("reply", payload, key=KEY)), Unknown)


def test_a_reply_that_the_operator_has_read_is_still_there(tmp_path):
    adapter = embedded(tmp_path)
    payload = adapter.render("reply", request(), key=KEY, at=AT).payload
    asyncio.run(adapter.call("reply", payload, key=KEY))
    new, cur = tmp_path / "out" / "new", tmp_path / "out" / "cur"
    (file,) = new.iterdir()
    assert file.read_bytes() == split_payload(payload)[1]
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    file.rename(cur / (file.name + ":2,S"))
    assert isinstance(asyncio.run(adapter.find("reply", payload, key=KEY)), Found)
    asyncio.run(adapter.call("reply", payload, key=KEY))
    assert [path.name for path in (*new.iterdir(), *cur.iterdir())] == [f"mst-{KEY}:2,S"]
    assert not list((tmp_path / "out" / "tmp").iterdir())


def test_a_file_that_is_there_is_never_replaced(tmp_path):
    target, waiting = tmp_path / "mst-1", tmp_path / "waiting"
    target.write_bytes(b"first")
    waiting.write_bytes(b"second")
    _place(waiting, target)
    assert target.read_bytes() == b"first"
    assert not waiting.exists()


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    adapter = embedded(tmp_path)
    payload = adapter.render("reply", request(), key=KEY, at=AT).payload

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        result = asyncio.run(adapter.call("reply", payload, key=KEY))
    assert isinstance(result, NotNow)
    assert "No space left" in result.reason
    left = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert [path.name for path in left] == [".delivered"]  # its notes, not a mail
    assert isinstance(asyncio.run(adapter.find("reply", payload, key=KEY)), Absent)
    assert isinstance(asyncio.run(adapter.call("reply", payload, key=KEY)), Done)


def test_labels_survive_and_a_torn_line_is_dropped(tmp_path):
    path = tmp_path / "labels.jsonl"
    labels = LabelFile(path)
    asyncio.run(labels.put("1@x", ("a", "b")))
    asyncio.run(labels.put("1@x", ("b", "a")))
    asyncio.run(labels.put("2@x", ("c",)))
    assert len(path.read_bytes().splitlines()) == 2
    path.write_bytes(path.read_bytes() + b'{"labels":["d"],"mess')
    again = LabelFile(path)
    assert again.labels_of("1@x") == ("a", "b")
    assert isinstance(asyncio.run(again.has("2@x", ("c", "d"))), Absent)
    asyncio.run(again.put("2@x", ("d",)))
    assert LabelFile(path).labels_of("2@x") == ("c", "d")


def test_labels_that_were_taken_back_stay_away(tmp_path):
    path = tmp_path / "labels.jsonl"
    labels = LabelFile(path)
    asyncio.run(labels.put("1@x", ("a", "b", "c")))
    assert isinstance(asyncio.run(labels.lacks("1@x", ("a", "z"))), Absent)
    assert asyncio.run(labels.take("1@x", ("a", "z"))) == Done({"labels": ["b", "c"]})
    assert asyncio.run(labels.take("1@x", ("a", "z"))) == Done({"labels": ["b", "c"]})
    assert asyncio.run(labels.take("2@x", ("a",))) == Done({"labels": []})
    assert len(path.read_bytes().splitlines()) == 2  # what changes nothing is not written
    for one in (labels, LabelFile(path)):
        assert one.labels_of("1@x") == ("b", "c")
        assert isinstance(asyncio.run(one.lacks("1@x", ("a", "z"))), Found)
    asyncio.run(labels.put("1@x", ("a",)))
    assert LabelFile(path).labels_of("1@x") == ("b", "c", "a")

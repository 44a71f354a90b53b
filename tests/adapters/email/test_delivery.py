"""Whether a reply was ever put into the delivery folder, also when a mail program has taken it out since."""

import asyncio
import shutil

import pytest

from mainstay.adapters.base import Absent, Done, Found, Unknown
from mainstay.adapters.email import MaildirDelivery
from mainstay.adapters.email.delivered import NAME, Delivered, Trace
from mainstay.adapters.email.delivery import file_name
from mainstay.adapters.email.files import system_now
from mainstay.kernel.ids import IdempotencyKey
from mainstay.kernel.values import HOUR, Instant
from tests.adapters.email.test_adapter import AT, KEY, embedded, request

OTHER = IdempotencyKey("cd" * 16)


@pytest.fixture
def payload(tmp_path):
    return embedded(tmp_path / "writer").render("reply", request(), key=KEY, at=AT).payload


def opened(folder, oldest=None):
    delivery = MaildirDelivery(folder)
    delivery.prepare(oldest=oldest)
    return delivery


def looked(delivery, payload, key=KEY):
    return asyncio.run(delivery.find(payload, key=key))


def test_what_lies_there_is_found_and_what_was_never_put_there_is_absent(tmp_path, payload):
    delivery = opened(tmp_path / "out")
    assert looked(delivery, payload) == Absent()
    assert isinstance(asyncio.run(delivery.send(payload, key=KEY)), Done)
    later = Instant(system_now() + HOUR)
    assert isinstance(looked(opened(tmp_path / "out", later), payload), Found)
    assert looked(opened(tmp_path / "out", later), payload, OTHER) == Absent()


def test_what_a_mail_program_took_out_is_found_and_not_put_there_again(tmp_path, payload):
    folder = tmp_path / "out"
    asyncio.run(opened(folder).send(payload, key=KEY))
    (folder / "new" / file_name(KEY)).unlink()
    delivery = opened(folder)
    assert isinstance(looked(delivery, payload), Found)
    assert isinstance(asyncio.run(delivery.send(payload, key=KEY)), Done)
    assert not list((folder / "new").iterdir())


def test_notes_that_are_younger_than_a_run_prove_nothing_of_what_they_lack(tmp_path, payload):
    """A new machine, or a workspace from before the notes were kept."""
    folder = tmp_path / "out"
    long_ago = Instant(system_now() - HOUR)
    assert isinstance(looked(opened(folder, long_ago), payload), Unknown)
    asyncio.run(opened(folder, long_ago).send(payload, key=KEY))
    assert isinstance(looked(opened(folder, long_ago), payload), Found)


def test_a_mail_from_before_the_notes_is_found_in_the_folder(tmp_path, payload):
    folder = tmp_path / "out"
    asyncio.run(opened(folder).send(payload, key=KEY))
    (folder / NAME).unlink()
    assert isinstance(looked(opened(folder, Instant(system_now() - HOUR)), payload), Found)


def test_a_copy_that_was_put_back_proves_nothing_of_what_it_lacks(tmp_path, payload):
    folder, later = tmp_path / "out", Instant(system_now() + HOUR)
    before = Instant(opened(folder)._delivered.since() + 1)
    shutil.copy(folder / NAME, tmp_path / "copy")
    assert looked(opened(folder, before), payload) == Absent()
    # The copy takes the place of the file while that still has its inode.
    (tmp_path / "copy").replace(folder / NAME)
    assert isinstance(looked(opened(folder, before), payload), Unknown)
    assert looked(opened(folder, later), payload) == Absent()  # of what is newer it proves something


def test_a_crash_in_between_leaves_it_unknown_where_it_is_not_there(tmp_path, payload):
    folder = tmp_path / "out"
    delivery = opened(folder)
    Delivered(folder).note(KEY, Trace.PUTTING)
    assert isinstance(looked(delivery, payload), Unknown)
    assert isinstance(asyncio.run(delivery.send(payload, key=KEY)), Done)
    assert (folder / "new" / file_name(KEY)).exists()
    assert isinstance(looked(delivery, payload), Found)


def test_a_torn_line_hides_no_other(tmp_path):
    notes = Delivered(tmp_path)
    notes.begin(AT)
    with open(tmp_path / NAME, "ab") as file:
        file.write(b"\nput " + KEY[:9].encode())
    notes.note(OTHER, Trace.PUT)
    for one in (notes, Delivered(tmp_path)):
        assert one.trace(OTHER) is Trace.PUT
        assert one.trace(KEY) is Trace.NONE
        assert one.since() == AT

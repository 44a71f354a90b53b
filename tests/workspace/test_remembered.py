"""What the ledger remembers, found again: versions, times, mail, and that two readings of it are the same."""

import pytest

from mainstay.kernel.commands import StartRun
from mainstay.kernel.errors import AmbiguousId, CommandRefused, NotFound
from mainstay.kernel.values import DAY, Instant
from mainstay.memory.records import TEXT_MAX, Note
from mainstay.memory.units import Unit
from mainstay.runtime.tick import Request
from mainstay.testing.plans import ALLOW_ALL
from tests.runtime.house import until
from tests.workspace.remembering_house import ALL, Remembering, story

SECRET = "The wholesale price of walnut boards is forty euros."


def test_a_note_is_found_and_the_same_again_is_nothing_new() -> None:
    async def tell(one: Remembering) -> None:
        first = await one.keep(SECRET)
        head = one.house.store.head
        again = await one.keep(SECRET)
        assert (first.became, again.became) == ("new", "known")
        assert again.memory == first.memory
        assert one.house.store.head == head
        assert one.house.artifacts.take_staged() == {}  # nothing waits to be stored for nobody
        assert one.ids("price of walnut") == [f"{first.memory}@1"]

    story(tell)


def test_a_correction_takes_the_place_of_the_version_before_at_once() -> None:
    async def tell(one: Remembering) -> None:
        await one.keep("Invoices are due in 14 days.", memory="terms")
        assert one.ids("invoices due") == ["terms@1"]  # it is in the index before the correction
        before = one.house.store.head
        kept = await one.keep("Invoices are due in 30 days.", memory="terms")
        assert (kept.version, kept.became) == (2, "corrected")
        assert one.ids("invoices due") == ["terms@2"]
        assert one.ids("invoices due", as_of=before) == ["terms@1"]
        assert one.ids("invoices due", as_of=before - 1) == []

    story(tell)


def test_what_is_retracted_is_recalled_no_more_and_can_be_remembered_anew() -> None:
    async def tell(one: Remembering) -> None:
        await one.keep("The shop is closed on Mondays.", memory="hours")
        assert one.ids("shop closed") == ["hours@1"]
        believed = one.house.store.head
        [gone] = await one.keeping.retract(["hou"], actor="operator", reason="since May it is open")
        assert gone.became == "retracted"
        assert one.ids("shop closed") == []
        assert one.ids("shop closed", as_of=believed) == ["hours@1"]
        [again] = await one.keeping.retract(["hours"], actor="operator")
        assert again.became == "known"
        assert (await one.keep("The shop is closed on Mondays.", memory="hours")).version == 2
        assert one.ids("shop closed") == ["hours@2"]

    story(tell)


@pytest.mark.parametrize(
    "named", ["terms@", "terms@0", "terms@12345678901", "terms@x", "terms@1@1", "terms@2"]
)
def test_a_version_that_was_not_shown_or_is_none_retracts_nothing(named: str) -> None:
    async def tell(one: Remembering) -> None:
        await one.keep("Invoices are due in 14 days.", memory="terms")
        head = one.house.store.head
        with pytest.raises(CommandRefused):
            await one.keeping.retract([named], actor="operator")
        assert one.house.store.head == head
        [gone] = await one.keeping.retract(["terms@1"], actor="operator")
        assert gone.became == "retracted"

    story(tell)


def test_a_name_that_fits_several_or_none_retracts_nothing() -> None:
    async def tell(one: Remembering) -> None:
        await one.keep("one", memory="north-1")
        await one.keep("two", memory="north-2")
        head = one.house.store.head
        with pytest.raises(AmbiguousId):
            await one.keeping.retract(["north-1", "north"], actor="operator")
        with pytest.raises(NotFound):
            await one.keeping.retract(["north-1", "south"], actor="operator")
        assert one.house.store.head == head

    story(tell)


def test_times_of_validity_and_time_to_live_are_kept() -> None:
    async def tell(one: Remembering) -> None:
        now = one.house.clock.now()
        await one.keep("The fair is in hall 4.", memory="fair", valid_from=now + DAY, valid_to=now + 3 * DAY)
        await one.keep("The code of the gate is on the board.", memory="gate", expires_at=now + DAY)
        assert one.ids("fair hall gate code board") == ["gate@1"]
        assert one.ids("fair hall gate code board", now=Instant(now + 2 * DAY)) == ["fair@1"]
        assert one.ids("fair hall gate code board", now=Instant(now + 4 * DAY)) == []

    story(tell)


def test_two_rebuilds_and_the_index_that_kept_up_are_the_same() -> None:
    async def tell(one: Remembering) -> None:
        one.remembered.catch_up()
        await one.keep("alpha beta", memory="a")
        one.remembered.catch_up()
        await one.keep("alpha gamma", memory="a")
        await one.receive("ann", "alpha delta, said Ann")
        one.remembered.catch_up()
        await one.keep("alpha epsilon", memory="b", about="ann@customer.example")
        await one.keeping.retract(["a"], actor="operator")
        one.remembered.catch_up()
        while one.remembered.fill():
            pass
        kept_up, hits = one.remembered.digest(), one.found("alpha").digest
        for _ in range(2):
            other = one.open()
            other.catch_up()
            while other.fill(1):
                pass
            assert other.digest() == kept_up
            assert other.recall(ALL, "alpha", now=one.house.clock.now()).digest == hits
        one.remembered.rebuild()
        while one.remembered.fill():
            pass
        assert one.remembered.digest() == kept_up

    story(tell)


def test_what_speaks_of_somebody_is_forgotten_with_them() -> None:
    async def tell(one: Remembering) -> None:
        await one.keep("Ann prefers oak.", memory="ann-oak", about="Ann@customer.example")
        await one.keep("Oak is in stock.", memory="stock")
        await one.receive("ann", "Do you have oak?")
        assert len(one.ids("oak")) == 3
        one.house.vault.forget(one.house.vault.subject("ann@customer.example"))
        one.remembered.rebuild()
        assert one.ids("oak") == ["stock@1"]
        assert one.remembered.standing().forgotten == 2

    story(tell)


def test_nothing_stands_in_the_clear_in_events_views_or_blobs() -> None:
    async def tell(one: Remembering) -> None:
        await one.keep(SECRET, memory="price", fields={"who": "Walnut Trading"})
        await one.keeping.retract(["price"], actor="operator", reason="walnut went up")
        store = one.house.store
        stored = b"".join(event.data for event in store.read_all(limit=1_000))
        rows = repr(store.select("memories", limit=100)).encode()
        digests = [row["content"] for row in store.select("memories", limit=100)]
        blobs = b"".join(store.blob(digest) or b"" for digest in digests)
        assert blobs
        for clear in (b"walnut", b"Walnut", b"forty"):
            assert clear not in stored + rows + blobs

    story(tell)


def test_messages_are_memory_old_ones_too_and_machines_are_told_apart() -> None:
    async def tell(one: Remembering) -> None:
        await one.receive("ann", "Where is my parcel?", history=True)
        await one.receive("bot", "Your parcel newsletter", automatic="machine")
        kinds = {hit.unit.actor: hit.unit.kind for hit in one.found("parcel").hits}
        assert kinds == {"Ann Sample": "message", "Bot Sample": "notice"}
        assert one.found("parcel").hits[0].unit.space == "mail"

    story(tell)


def test_a_reply_approved_today_is_recalled_tomorrow_with_its_answer() -> None:
    async def tell(one: Remembering) -> None:
        card = await one.card("ann", "How do I renew my ticket?")
        assert one.ids("renew ticket") == []
        await one.house.desk.edit(
            str(card["approval"]),
            text="Hello Ann,\n\nPress Renew on your page.\n\nKind regards\nNorth Desk",
            actor="operator",
        )
        await until(lambda: one.house.status("ann") == "succeeded")
        [hit] = one.found("renew my ticket please").hits
        assert (hit.unit.kind, hit.unit.space) == ("reply", "mail")
        assert hit.unit.source == f"run:{one.house.run_of('ann')}"
        assert hit.unit.fields["answer"] == "Press Renew on your page."

    story(tell)


def test_a_reply_that_nobody_approved_is_no_example() -> None:
    async def tell(one: Remembering) -> None:
        trigger, owner = one.message("ann", "How do I renew my ticket?")
        start = StartRun(
            one.house.run_of("ann"), "sample", next(iter(one.house.plans)), {"message": trigger}, "", owner
        )
        await one.house.ask(Request(start, blobs=one.house.artifacts.take_staged()))
        await until(lambda: one.house.status("ann") == "succeeded")
        assert one.ids("renew ticket") == []

    story(tell, policy=ALLOW_ALL)


def test_vectors_are_a_queue_that_is_filled_in_slices_while_words_serve() -> None:
    async def tell(one: Remembering) -> None:
        files = [Unit("reply:a", "walnut boards", space="replies", kind="reply")]
        remembered = one.open(files=files)
        for number in range(5):
            await one.keep(f"walnut number {number}", memory=f"w{number}")
        remembered.catch_up()
        assert remembered.missing == 5  # what the operator wrote has its vectors at once
        found = remembered.recall(ALL, "walnut", now=one.house.clock.now())
        assert len(found.hits) == 6
        assert found.missing == 5
        assert [remembered.fill(2) for _ in range(4)] == [2, 2, 1, 0]
        assert remembered.standing().missing == 0

    story(tell)


@pytest.mark.parametrize(
    ("note", "said"),
    [
        (Note(" \n"), "nothing to remember"),
        (Note("x" * (TEXT_MAX + 1)), "a record has at most"),
        (Note("\x00\x01\x02\x03\x04\x05\x06\x07\x0e\x0f ELF"), "not text"),
        (Note("x", space="No Space"), "no name of a space"),
        (Note("x", space="elsewhere"), "There is no space 'elsewhere'"),
        (Note("x", memory="A b"), "no id of a memory"),
        (Note("x", valid_from=Instant(5), valid_to=Instant(5)), "never hold"),
        (Note("x", fields={"a": "y" * 70_000}), "too large"),
    ],
)
def test_what_cannot_be_remembered_is_refused_before_anything_is_kept(note: Note, said: str) -> None:
    async def tell(one: Remembering) -> None:
        with pytest.raises(CommandRefused, match=said):
            await one.keeping.remember(
                [Note("good"), note], actor="operator", spaces=frozenset({"notes", "documents"})
            )
        assert one.house.store.select("memories") == []

    story(tell)

"""What is of high stake asks whatever the rules allow; what is gone is missed; what was typed is what leaves."""

import asyncio
import sqlite3

import pytest

from mainstay.kernel.errors import CommandRefused
from mainstay.ledger.verify import Broken, Verified
from tests.end_to_end.conftest import MakeDesk
from tests.end_to_end.desks import Desk, file_settings, mail, mbox
from tests.end_to_end.test_loops import ALLOW, look
from tests.end_to_end.working import asked, at_work

REFUND = "I was charged twice this month. Please refund the second payment to my card.\n"


def laid_out(new_desk: MakeDesk, *mails: bytes) -> Desk:
    desk = new_desk(file_settings())
    (desk.root / "policies" / "default.toml").write_text(ALLOW)
    workflow = desk.root / "workflows" / "triage.yaml"
    # Without the inspector too: the bound is not its business.
    text = workflow.read_text()
    start, end = text.index("  inspect:"), text.index("  label:")
    workflow.write_text((text[:start] + text[end:]).replace("needs: [inspect]", "needs: []"))
    (desk.root / "inbox.mbox").write_bytes(mbox(*mails))
    return desk


@pytest.mark.usefixtures("gate_passes")
def test_an_answer_about_money_asks_though_a_rule_allows_everything(new_desk: MakeDesk) -> None:
    desk = laid_out(
        new_desk,
        mail("plain@example.com", sender="ada@example.com"),
        mail("money@example.com", sender="ben@example.com", subject="charged twice", text=REFUND),
    )

    async def story() -> None:
        async with at_work(desk) as service:
            await look(desk, service)

    asyncio.run(story())
    assert [b"ada@example.com" in one.read_bytes() for one in desk.delivered()] == [True]
    [card] = desk.cards()
    assert (card.rule, card.finality) == ("high stake", "final_high_stake")
    assert card.recipients == ("ben@example.com",)


def test_a_placeholder_that_was_typed_is_not_sent_as_it_stands(new_desk: MakeDesk) -> None:
    desk = laid_out(new_desk, mail("money@example.com", subject="charged twice", text=REFUND))

    async def story() -> None:
        async with at_work(desk) as service:
            await look(desk, service)
            [card] = desk.cards()
            with desk.open() as workspace, pytest.raises(CommandRefused, match="placeholder"):
                await asked(workspace.edit, card.approval, "Dear {{ message.sender_name }}, no.")

    asyncio.run(story())
    assert desk.delivered() == []


def test_a_blob_that_an_event_refers_to_is_missed(new_desk: MakeDesk) -> None:
    desk = laid_out(new_desk, mail("plain@example.com"))
    with desk.open() as workspace:
        workspace.ingest()
        assert isinstance(workspace.verify(), Verified)
    with sqlite3.connect(desk.root / ".mainstay" / "ledger.db") as ledger:
        ledger.execute("DELETE FROM blobs WHERE key = (SELECT max(key) FROM blobs)")
    ledger.close()
    with desk.open() as workspace:
        found = workspace.verify()
    assert isinstance(found, Broken)
    assert found.position > 0
    assert "is gone" in found.reason


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM approvals",
        "UPDATE approvals SET status = 'granted'",
        "UPDATE approvals SET digest = 'ff'",
    ],
)
def test_a_card_that_was_lost_from_its_list_is_found_again_at_the_next_boot(
    new_desk: MakeDesk, damage: str
) -> None:
    desk = laid_out(new_desk, mail("money@example.com", subject="charged twice", text=REFUND))

    async def story() -> None:
        async with at_work(desk) as service:
            await look(desk, service)
        [before] = desk.cards()
        ledger = sqlite3.connect(desk.root / ".mainstay" / "ledger.db")
        with ledger:
            assert ledger.execute(damage).rowcount == 1
        ledger.close()
        async with at_work(desk):
            assert desk.cards() == [before]

    asyncio.run(story())

"""What no person read before it left says so of itself (RFC 3834); what a person approved does not."""

import asyncio
from email import message_from_bytes

import pytest

from tests.end_to_end.conftest import MakeDesk
from tests.end_to_end.desks import file_settings, mail, mbox
from tests.end_to_end.test_loops import ALLOW, look
from tests.end_to_end.working import asked, at_work

pytestmark = pytest.mark.usefixtures("gate_passes")

ASK = ALLOW.replace('"allow"', '"ask"')


@pytest.mark.parametrize(("rules", "mark"), [(ALLOW, "auto-replied"), (ASK, None)])
def test_a_reply_is_marked_exactly_when_nobody_was_asked(
    new_desk: MakeDesk, rules: str, mark: str | None
) -> None:
    desk = new_desk(file_settings())
    (desk.root / "policies" / "default.toml").write_text(rules)
    (desk.root / "inbox.mbox").write_bytes(mbox(mail("one@example.com", sender="ada@example.com")))

    async def story() -> None:
        async with at_work(desk) as service:
            await look(desk, service)
            with desk.open() as workspace:
                for card in workspace.approvals():
                    await asked(workspace.approve, card.approval, digest=card.digest)
            await look(desk, service)

    asyncio.run(story())
    [sent] = desk.delivered()
    assert message_from_bytes(sent.read_bytes())["Auto-Submitted"] == mark

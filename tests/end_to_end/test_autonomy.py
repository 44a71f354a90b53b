"""Autonomy in the whole product: a kind of reply is approved until it is proved, granted, and then leaves unasked."""

import asyncio
from email import message_from_bytes

import pytest

from mainstay.kernel.values import MINUTE
from mainstay.workspace.serving import Service
from tests.end_to_end.conftest import MakeDesk
from tests.end_to_end.desks import Desk, file_settings, mail, mbox
from tests.end_to_end.test_loops import arrive, look
from tests.end_to_end.working import asked, at_work, clock_at_now, let_time_pass

pytestmark = [pytest.mark.usefixtures("gate_passes"), pytest.mark.long]

NOTHING_SAID = """
[[rule]]
name = "labels are free"
when = { act = "email.label" }
then = "allow"
why = "a label can be taken off again"
"""
MORE = """
[autonomy]
target = "50%"
hold = "PT10M"
"""
NEEDED = 7


def desk_of(new_desk: MakeDesk) -> Desk:
    desk = new_desk(file_settings(more=MORE))
    (desk.root / "policies" / "default.toml").write_text(NOTHING_SAID)
    file = desk.root / "workflows" / "triage.yaml"
    text = file.read_text()
    file.write_text(
        text.replace("    act: email.reply\n", "    act: email.reply\n    class: ${annotate.intent}\n")
    )
    assert file.read_text() != text
    (desk.root / "inbox.mbox").write_bytes(mbox())
    return desk


def test_replies_of_one_intent_earn_it_leave_marked_and_are_taken_back(new_desk: MakeDesk) -> None:
    desk, clock = desk_of(new_desk), clock_at_now()
    sent = 0

    async def write(service: Service) -> None:
        nonlocal sent
        sent += 1
        arrive(desk, mail(f"{sent}@customer.example", sender=f"ann{sent}@example.com"))
        await look(desk, service)

    async def approve() -> None:
        with desk.open() as workspace:
            for card in workspace.approvals():
                await asked(workspace.approve, card.approval, digest=card.digest, open_us=8_000_000)

    async def story() -> None:
        async with at_work(desk, clock=clock) as service:
            for number in range(1, NEEDED + 1):
                await write(service)
                await approve()
                await let_time_pass(service, clock, lambda number=number: len(desk.delivered()) == number)
            with desk.open() as workspace:
                [one] = [kind for kind in workspace.autonomy.kinds() if kind.attainable]
                assert (one.clean, one.errors, one.attainable) == (NEEDED, 0, "held")
                assert one.kind.startswith("triage/email.reply/")
                await asked(workspace.autonomy.grant, one.kind)
            leaving: list[dict[str, object]] = []
            while not leaving:
                await write(service)
                await approve()  # audits
                with desk.open() as workspace:
                    leaving = [
                        row for row in workspace.rows("leaving") if str(row["authority"]).startswith("auto")
                    ]
            before = set(desk.delivered())
            clock.advance(11 * MINUTE)
            await let_time_pass(service, clock, lambda: bool(set(desk.delivered()) - before))
            run = str(leaving[0]["run"])
            with desk.open() as workspace:
                state = workspace.run(run)[1]
                [act] = [
                    task.act
                    for _, task in state.all_tasks()
                    if task.act and task.act.action.act == "email.reply"
                ]
                assert act.authority == f"autonomy:{one.kind}"
            marks = [message_from_bytes(path.read_bytes())["Auto-Submitted"] for path in desk.delivered()]
            assert marks.count("auto-replied") >= 1
            assert marks.count(None) >= NEEDED, "what a person approved is not marked"
            with desk.open() as workspace:
                told = await asked(workspace.autonomy.wrong, run)
                assert (told.events > 0, told.level) == (True, "held")
                assert (await asked(workspace.autonomy.revoke, one.kind)).level == "ask"
        async with at_work(desk, clock=clock) as service:
            with desk.open() as workspace:
                assert workspace.autonomy.kind(one.kind).level == "ask"
                assert workspace.autonomy.kind(one.kind).clean >= NEEDED, "a restart keeps the evidence"

    asyncio.run(story())


def test_without_a_director_the_same_recipe_is_reckoned(new_desk: MakeDesk) -> None:
    """Cards that are approved by a command alone count for what the director made, and another template does not."""
    desk, clock = desk_of(new_desk), clock_at_now()
    arrive(
        desk, *(mail(f"{number}@customer.example", sender=f"ann{number}@example.com") for number in range(4))
    )

    async def read() -> None:
        async with at_work(desk, clock=clock) as service:
            await look(desk, service)

    def approve(count: int) -> None:
        with desk.open() as workspace:
            for card in workspace.approvals()[:count]:
                workspace.approve(card.approval, digest=card.digest, open_us=8_000_000)

    asyncio.run(read())
    approve(2)
    with desk.open() as workspace:
        [one] = [kind for kind in workspace.autonomy.kinds() if kind.clean]
        assert one.clean == 2
    for template in (desk.root / "templates").glob("*.md"):
        template.write_text(template.read_text().rstrip("\n") + "\n\nAs ever\n")
    approve(2)
    with desk.open() as workspace:
        [one] = [kind for kind in workspace.autonomy.kinds() if kind.clean]
        assert one.clean == 2, "what was made from the old words says nothing of the new ones"

"""A house whose operator is told by ways that do as the test says."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mainstay.kernel.values import MINUTE, SECOND, Instant
from mainstay.runtime.notices import Notices, Thing
from mainstay.runtime.notifying import Delivered, Line, Notifying
from mainstay.testing.plans import ASK_ALL, act, plan_of
from tests.runtime.house import House

REPLY = plan_of(act("send", act="email.reply"))


class Pigeon:
    """A way that keeps what it was given, or fails as it is told to."""

    def __init__(self, name: str = "pigeon") -> None:
        self.name = name
        self.told: list[tuple[Thing, ...]] = []
        self.answers: list[Delivered | Exception] = []

    async def tell(self, things: Sequence[Thing]) -> Delivered:
        answer = self.answers.pop(0) if self.answers else Delivered(True)
        if isinstance(answer, Exception):
            raise answer
        if answer.ok:
            self.told.append(tuple(things))
        return answer

    @property
    def sizes(self) -> list[int]:
        return [len(one) for one in self.told]


def notified(
    folder: Path,
    *ways: Any,
    quiet: Callable[[Instant], bool] = lambda now: False,
    urgent: bool = False,
    **more: Any,
) -> tuple[House, Notifying, list[Any]]:
    """A house, its notifier, and the incidents that were told."""
    house = House(REPLY, **({"policy": ASK_ALL} | more))
    incidents: list[Any] = []
    notifying = Notifying(
        *(house.store, house.director.codec, house.clock),
        [Line(one, Notices(15 * MINUTE, quiet, urgent)) for one in ways],
        *(house.loop.ask, incidents.append, folder / "notified.json"),
        lambda run: house.director.runs[run].state if run in house.director.runs else None,
    )
    house.performer._notifier = notifying
    notifying.begin()
    return house, notifying, incidents


async def wait_for_cards(house: House, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        await house.ask(house.begin(f"run {number}", subject="ann@example.com"))
    await house.settled()


async def pass_by(house: House, notifying: Notifying, us: int = 3 * SECOND) -> None:
    await house.later(us)
    await notifying.look()
    await house.settled()

"""A fifth tale for the shelf: a desk that programs and pages work with.

Tokens, what programs ask for by a name of their own, files that are saved, a template that is gone. A real director
tells it. The clock stands still until it is moved.
"""

from __future__ import annotations

from mainstay.kernel.commands import (
    AdoptTemplate,
    AnswerRequest,
    IssueToken,
    RecordFile,
    RetireTemplate,
    RevokeToken,
    TakeRequest,
)
from mainstay.kernel.values import DAY, HOUR, Digest, Instant
from tests.golden.scenario_governance import PLANS, GovernedOffice

ABOUT = "a desk that programs and pages work with: tokens, requests that are done once, files that are saved"
ROBOT = "agent:token:a robot"
__all__ = ["ABOUT", "PLANS", "play"]


def play() -> GovernedOffice:
    """The whole of it."""
    office = GovernedOffice()
    for chapter in (_who_may_ask, _asked_once, _files):
        chapter(office)
        office.later(HOUR)
    return office


def _who_may_ask(office: GovernedOffice) -> None:
    until = Instant(office.clock.now() + DAY)
    every = ("read", "decide", "admin")
    office.tell(IssueToken("1" * 32, "a report", "operator", every, until, "operator"), actor="operator")
    office.tell(
        IssueToken("2" * 32, "a robot", "agent", ("read", "start"), until, "operator"), actor="operator"
    )
    office.tell(IssueToken("3" * 32, "a thief", "agent", ("decide",), until, "operator"), actor="operator")
    office.tell(IssueToken("4" * 32, "its friend", "agent", ("read",), until, ROBOT), actor=ROBOT)
    office.tell(RevokeToken("1" * 32, "operator", "not needed any more"), actor="operator")


def _asked_once(office: GovernedOffice) -> None:
    run = office.reply("by a program")
    for _ in range(2):
        office.tell(TakeRequest("5" * 32, "6" * 32, "start", run), actor=ROBOT)
        office.tell(AnswerRequest("5" * 32, '{"run": "a run"}'), actor=ROBOT)


def _files(office: GovernedOffice) -> None:
    content, before = Digest("a" * 64), Digest("b" * 64)
    office.tell(RecordFile("templates/thanks.md", content, before, "operator", "d" * 32), actor="operator")
    office.tell(AdoptTemplate("thanks", content))
    office.tell(RecordFile("templates/thanks.md", Digest(""), content, "operator"), actor="operator")
    office.tell(RetireTemplate("thanks"))

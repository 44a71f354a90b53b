"""Programs as agents: trusted bytes alone are run, and whatever they do is a value."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from mainstay.agents import base
from mainstay.agents.base import Brief, Data, MessageView, Recalled
from mainstay.agents.executable import Executable, Program
from mainstay.agents.tools import NoTools
from mainstay.kernel.events import FailureClass
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Role
from mainstay.kernel.values import Instant
from mainstay.net.box import MB, Limits

pytestmark = pytest.mark.binary("bwrap")


class Asked(Data):
    amount: int


class Answered(Data):
    price: float
    note: str = ""


class Remembering(NoTools):
    """Tools that remember one thing."""

    async def recall(self, cue: str, *, limit: int, policy: str = "", **fields: Any) -> Sequence[Recalled]:
        return (Recalled("memory:1", f"about {cue}", 0.5, {}),)


def brief(**given: Any) -> Brief:
    return Brief(RunId("r"), "price", 1, Role.SPECIALIST, given or {"amount": 2}, Instant(0))


def agent(
    script: str, *, trusted: str | None = None, limits: Limits | None = None, **options: Any
) -> Executable:
    program = Program({"agents/it": script.encode()})
    return Executable(
        "pricing",
        options.pop("role", Role.SPECIALIST),
        input=options.pop("input", Asked),
        output=options.pop("output", Answered),
        read=lambda: program,
        trusted=lambda: program.digest if trusted is None else trusted,
        limits=limits or Limits(wall_s=20.0),
        **options,
    )


def worked(one: Executable, tools: NoTools | None = None, given: Brief | None = None) -> base.Outcome:
    return asyncio.run(one.work(given or brief(), tools or NoTools()))


def says(line: str) -> str:
    return f"#!/bin/sh\nread brief\nprintf '%s\\n' '{line}'\n"


def test_a_program_is_told_the_brief_and_gives_its_typed_output() -> None:
    script = (
        "#!/bin/sh\nread brief\n"
        'case "$brief" in *\'"inputs":{"amount":2}\'*) ;; *) exit 3;; esac\n'
        'echo \'{"kind":"produced","output":{"price":9.5},"rationale":"Twice the price."}\'\n'
    )
    made = worked(agent(script))
    assert made == base.Produced(Answered(price=9.5), "Twice the price.")


def test_a_program_may_ask_for_memory_where_its_settings_let_it() -> None:
    script = (
        "#!/bin/sh\nread brief\n"
        'echo \'{"kind":"recall","cue":"prices"}\'\nread found\n'
        'case "$found" in *"about prices"*) ;; *) exit 3;; esac\n'
        'echo \'{"kind":"produced","output":{"price":1},"rationale":"As before.","evidence":["memory:1"]}\'\n'
    )
    made = worked(agent(script, recalls=True), Remembering())
    assert isinstance(made, base.Produced)
    assert made.evidence == ("memory:1",)
    refused = worked(agent(script), Remembering())
    assert isinstance(refused, base.Failed)
    assert refused.failure is FailureClass.INVALID


@pytest.mark.parametrize("trusted", ["", "0" * 64])
def test_bytes_that_are_not_trusted_are_not_run_and_the_way_out_is_told(trusted: str) -> None:
    made = worked(agent(says('{"kind":"failed","reason":"I ran"}'), trusted=trusted))
    assert isinstance(made, base.Failed)
    assert made.failure is FailureClass.REFUSED
    assert "mainstay agents trust pricing" in made.reason
    assert "I ran" not in made.reason


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("#!/bin/sh\nread brief\nexit 7\n", "exit code 7"),
        ("#!/bin/sh\nread brief\necho trouble >&2\nexit 1\n", "trouble"),
        (says("no JSON"), "no line of the protocol"),
        (says('{"kind":"approve"}'), "no line of the protocol"),
        (says('{"kind":"produced","output":{"price":"x"},"rationale":"x"}'), "broke its types: price"),
        (says('{"kind":"produced","output":{"price":1,"more":2},"rationale":"x"}'), "broke its types: more"),
        (says('{"kind":"proposed","values":{},"rationale":"x"}'), "wrong last word"),
        ("#!/nonexistent\n", "ended without a last word"),
    ],
)
def test_what_a_program_does_wrong_is_a_value(script: str, told: str) -> None:
    made = worked(agent(script))
    assert isinstance(made, base.Failed)
    assert made.failure is FailureClass.INVALID
    assert told in made.reason


def test_a_program_that_says_why_it_failed_or_needs_a_person_is_heard() -> None:
    assert worked(agent(says('{"kind":"needs_input","question":"How many?"}'))) == base.NeedsInput(
        "How many?"
    )
    again = worked(agent(says('{"kind":"failed","reason":"busy","retry":true}')))
    assert isinstance(again, base.Failed)
    assert again.failure is FailureClass.TRANSIENT


def test_a_program_that_passes_a_limit_is_ended_and_it_is_said_which() -> None:
    made = worked(agent("#!/bin/sh\nsleep 60\n", limits=Limits(wall_s=0.2)))
    assert isinstance(made, base.Failed)
    assert "its limit of time" in made.reason
    long = worked(agent("#!/bin/sh\nread brief\nyes\n", limits=Limits(wall_s=20.0, output_max=MB)))
    assert isinstance(long, base.Failed)


def test_an_attempt_that_nobody_waits_for_ends_its_program() -> None:
    one = agent("#!/bin/sh\nsleep 60\n")

    async def given_up() -> None:
        await asyncio.wait_for(one.work(brief(), NoTools()), 0.2)

    with pytest.raises(TimeoutError):
        asyncio.run(given_up())
    one._threads.shutdown(wait=True)  # returns at once, since the program has ended


class Mail(Data):
    message: MessageView


def test_whom_an_act_goes_to_is_not_a_programs_to_say() -> None:
    message = MessageView(
        message_id="<1@example.org>", thread="t", mailbox="m", from_address="ann@example.org"
    )
    line = (
        '{"kind":"proposed","rationale":"x","values":{"reply":{"text":"Hello."},"flags":[],"confidence":1,'
        '"message":{"from":"thief@example.com"}}}'
    )
    asked = Brief(
        *(RunId("r"), "send", 1, Role.EXECUTOR),
        {"message": message, "flags": ("money",)},
        Instant(0),
        "email.reply",
    )
    one = agent(says(line), role=Role.EXECUTOR, input=Mail, output=None)
    made = worked(one, given=asked)
    assert isinstance(made, base.Proposed)
    assert made.request["message"]["from"] == "ann@example.org"
    assert "thief@example.com" not in str(made)
    assert made.features["flagged"] is True
    assert made.features["drafted_by"] == "model"


def test_the_digest_covers_every_file_its_name_and_its_content() -> None:
    one = Program({"a": b"1", "b": b"2"})
    others = (
        {"a": b"1", "b": b"3"},
        {"a": b"1", "c": b"2"},
        {"a": b"12", "b": b""},
        {"b": b"2", "a": b"1"},
        {"a": b"1"},
    )
    assert len({one.digest, *(Program(other).digest for other in others)}) == 6

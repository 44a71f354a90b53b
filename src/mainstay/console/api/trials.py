"""Trials: a workflow in invented histories, and how well triage, recall and autonomy do. Nothing real is touched.

What `mainstay simulate` and `mainstay evaluate` do, done by them: a process of its own of low priority, so that the
director loses nothing, and bounded in what it takes and in time. What is evaluated comes with the request, and the past
of the workspace is not read; it lies in memory alone, and what comes of it are figures. Each costs minutes of a
processor, so to `read` is not enough: it wants `steer`, which no agent holds. However the director ends, it ends too.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Annotated, Any, Literal

import msgspec
from fastapi import Body, Request, Response
from pydantic import BaseModel, Field

from mainstay.console.api.asked import MaybeKey
from mainstay.console.api.long import ANSWERED, LongOperation, begin
from mainstay.console.api.noun import Noun, Steering
from mainstay.console.api.values import Name, Named, Said, Strict
from mainstay.kernel.errors import CommandRefused, Unavailable
from mainstay.workspace.full_audit import NICE

noun = Noun("trials")

HISTORIES_MAX, KINDS_MAX = 5_000, 2_000
MESSAGES_MAX, INTENTS_MAX, RECORDS_MAX, QUESTIONS_MAX, EVIDENCE_MAX = 5_000, 500, 5_000, 500, 50
TIMEOUT_S = 1_800.0
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
Seed = Annotated[int, Field(ge=0, le=2**31, strict=True, description="The same seed gives the same figures.")]


Looked = Annotated[int, Field(ge=1, le=1_000, strict=True)]


class Simulation(Strict):
    """A workflow in invented histories."""

    workflow: Annotated[str, Field(pattern=_NAME, max_length=120)]
    histories: Annotated[int, Field(ge=1, le=HISTORIES_MAX, strict=True)] = 500
    seed: Seed = 0


class OfAutonomy(Strict):
    """What passes before autonomy is taken back, for kinds of act that get worse."""

    of: Literal["autonomy"]
    target: Annotated[float, Field(ge=0.001, le=0.5, description="The share of errors that may pass.")] = 0.1
    kinds: Annotated[int, Field(ge=20, le=KINDS_MAX, strict=True)] = 200
    seed: Seed = 1


class Labelled(Strict):
    """A message, and the intent that you would name; `oos` where it belongs to none."""

    text: Said
    label: Name


class OfTriage(Strict):
    """What triage would have done with a labelled stream, in its order."""

    of: Literal["triage"]
    messages: Annotated[list[Labelled], Field(min_length=1, max_length=MESSAGES_MAX)]
    intents: Annotated[dict[str, Named], Field(max_length=INTENTS_MAX)] = Field(
        default_factory=dict, description="Each with its description; empty: the labels are the intents."
    )
    target_error: Annotated[float, Field(ge=0.001, le=0.5)] = 0.02
    seed: Seed = 1


class Remembered(Strict):
    """Something that could be recalled."""

    id: Name
    text: Said
    actor: Named = ""
    time: Named = ""
    thread: Named = ""


class Question(Strict):
    """A question, and the records that answer it."""

    question: Said
    evidence: Annotated[list[Name], Field(min_length=1, max_length=EVIDENCE_MAX)]
    thread: Named = ""


class OfRecall(Strict):
    """How much of the evidence recall finds."""

    of: Literal["recall"]
    records: Annotated[list[Remembered], Field(min_length=1, max_length=RECORDS_MAX)]
    questions: Annotated[list[Question], Field(min_length=1, max_length=QUESTIONS_MAX)]
    k: Annotated[list[Looked], Field(min_length=1, max_length=5)] = Field(
        default_factory=lambda: [5, 10, 20], description="How many hits are looked at."
    )
    policy: Annotated[str | None, Field(pattern=_NAME, max_length=80)] = Field(
        None, description="A retrieval policy whose limits hold."
    )


Evaluation = Annotated[OfAutonomy | OfTriage | OfRecall, Body(discriminator="of")]


@noun.post("/simulate", response_model=LongOperation, status_code=202, responses=ANSWERED)
async def simulate(
    asked: Steering, said: Simulation, request: Request, response: Response, key: MaybeKey = None
) -> Any:
    """Run a workflow through invented histories. It takes its time: ask for the operation.

    Its `result` is what `mainstay simulate --json` prints: how runs end, what they take and which promise was broken.
    """
    how = ("simulate", said.workflow, "--seeds", str(said.histories), "--seed", str(said.seed))

    async def work() -> dict[str, Any]:
        return await _told(asked.front.folder.root, (*how, "--workers", "1", "--workspace", "."))

    return await begin(asked, request, response, "simulate", work, about=asked.body)


@noun.post("/evaluate", response_model=LongOperation, status_code=202, responses=ANSWERED)
async def evaluate(
    asked: Steering, said: Evaluation, request: Request, response: Response, key: MaybeKey = None
) -> Any:
    """Measure triage, recall or autonomy. It takes its time: ask for the operation.

    Triage and recall are measured on what the request brings. Its `result` is what `mainstay evaluate --json` prints.
    """
    how, files = _evaluated(said)

    async def work() -> dict[str, Any]:
        return await _told(asked.front.folder.root, how, files)

    return await begin(asked, request, response, "evaluate", work, about=asked.body)


def _evaluated(said: OfAutonomy | OfTriage | OfRecall) -> tuple[Sequence[str], Mapping[str, str]]:
    """The command, and what stands in the files that it names in braces."""
    match said:
        case OfAutonomy():
            share = f"{100 * said.target:.6g}%"
            how = ("--target", share, "--kinds", str(said.kinds), "--seed", str(said.seed))
            return ("evaluate", "autonomy", *how), {}
        case OfTriage():
            rows = [("text", "label"), *((one.text, one.label) for one in said.messages)]
            more = ("--intents", "{intents}") if said.intents else ()
            how = ("--target-error", f"{said.target_error:.6g}", "--seed", str(said.seed), *more)
            known = [("id", "description"), *said.intents.items()]
            files = {"messages": _csv(rows)} | ({"intents": _csv(known)} if said.intents else {})
            return ("evaluate", "triage", "{messages}", *how), files
        case OfRecall():
            how = ("--k", ",".join(map(str, said.k)), "--policy", said.policy or "", "--workspace", ".")
            files = {"records": _lines(said.records), "questions": _lines(said.questions)}
            return ("evaluate", "recall", "{records}", "{questions}", *how), files


async def _told(root: Path, how: Sequence[str], files: Mapping[str, str] = {}) -> dict[str, Any]:
    """What the command prints. Raises `CommandRefused` with what it refused, `Unavailable` where it came to nothing."""
    with ExitStack() as opened:
        handles = {name: opened.enter_context(_held(text)).fileno() for name, text in files.items()}
        places = {f"{{{name}}}": f"/dev/fd/{handle}" for name, handle in handles.items()}
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "mainstay.cli.with_parent"),
            *(*(places.get(one, one) for one in how), "--json"),
            stdin=asyncio.subprocess.PIPE,  # held, and never written to: it ends with this process
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=root,
            pass_fds=tuple(handles.values()),
        )
        with suppress(OSError):  # it may be over already
            os.setpriority(os.PRIO_PROCESS, child.pid, NICE)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                said, _ = await child.communicate()
            told: dict[str, Any] = msgspec.json.decode(said, type=dict[str, Any])
        except (TimeoutError, msgspec.MsgspecError):
            raise Unavailable(
                "The trial came to nothing.",
                why=f"It ended early, or took longer than {TIMEOUT_S / 60:.0f} minutes.",
                remedy="Ask for less, or run it by the command line on this machine.",
            ) from None
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
    if "exit_code" in told:
        what, why, remedy = (_named(str(told.get(one, "")), places) for one in ("what", "why", "remedy"))
        raise CommandRefused(what, why=why, remedy=remedy)
    return told


def _held(text: str) -> IO[bytes]:
    """A file that only we and the child see, and nobody finds later: in memory where the system can."""
    in_memory = hasattr(os, "memfd_create")
    made: IO[bytes] = (
        os.fdopen(os.memfd_create("mainstay-trial"), "w+b") if in_memory else tempfile.TemporaryFile()  # noqa: SIM115  its caller closes it
    )
    made.write(text.encode())
    made.flush()
    made.seek(0)
    return made


def _named(text: str, places: Mapping[str, str]) -> str:
    """What it says, with what the request calls them in place of our files."""
    for name, place in places.items():
        text = text.replace(place, name.strip("{}"))
    return text


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _lines(items: Sequence[BaseModel]) -> str:
    return "".join(json.dumps(one.model_dump()) + "\n" for one in items)

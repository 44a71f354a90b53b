"""What is remembered: searched, added, corrected, retracted; and what is held about somebody, forgotten."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import Query
from pydantic import Field

from mainstay.console.api.asked import Key, MaybeKey
from mainstay.console.api.noun import Administering, Noun, Reading, Remembering
from mainstay.console.api.values import WHOLE_MAX, Free, Name, Named, Reason, RunId, Said, Strict, Time
from mainstay.console.refused import Refused
from mainstay.memory.context import Context
from mainstay.runtime.forgetting import Forgot
from mainstay.runtime.keeping import Kept
from mainstay.workspace.forgetting import ForgetPreview
from mainstay.workspace.memory_look import MemoryStats
from mainstay.workspace.memory_records import MemoryVersion

noun = Noun("memory")

MEMORIES_MAX = 100
MemoryQuery = Annotated[
    str, Query(min_length=1, max_length=200, pattern=r"^[^\u0000]+$", description="The id of a memory.")
]


class Note(Strict):
    """Something to remember."""

    text: Said
    space: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")] = "notes"
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")] = "note"
    about: Named = Field("", description="The address of who it speaks of: forgotten with them.")
    fields: Free = Field(default_factory=dict)
    valid_from: Time = 0
    valid_to: Time = 0
    ttl_us: Time = Field(
        0, description="For how long it is believed, in microseconds; 0: until it is retracted."
    )
    tag: Named = ""


class Correction(Strict):
    """What takes the place of a memory."""

    memory: Name
    text: Said
    about: Named = ""
    valid_from: Time = 0
    valid_to: Time = 0


class Retraction(Strict):
    """What is believed no more."""

    memories: Annotated[list[Name], Field(min_length=1, max_length=MEMORIES_MAX)] = Field(
        description="Their ids; with `@` and a version only while that is what it says."
    )
    reason: Reason = ""


class Somebody(Strict):
    """Who is meant."""

    who: Name = Field(
        description="Their address, or the id of a subject.", examples=["dana@customer.example"]
    )


class Forgetting(Strict):
    """Who is forgotten, said twice."""

    who: Name
    confirm: Name = Field(description="The same once more: it cannot be taken back.")


@noun.get("/memory/search", response_model=Context)
async def search_memory(
    asked: Reading,
    query: Annotated[str, Query(min_length=1, max_length=1_000, pattern=r"^[^\u0000]+$")],
    space: Annotated[str, Query(max_length=40)] = "",
    kind: Annotated[str, Query(max_length=40)] = "",
    policy: Annotated[str, Query(max_length=80, description="As this retrieval policy would.")] = "",
    k: Annotated[int, Query(ge=1, le=50)] = 10,
    as_of: Annotated[
        int | None, Query(ge=0, le=WHOLE_MAX, description="As believed at this position.")
    ] = None,
) -> Any:
    """What is found for a query, best first, each with what spoke for it."""
    return await asked.read_slowly(
        lambda workspace: workspace.memory.search(
            query, space=space, kind=kind, k=k, as_of=as_of, policy=policy
        )
    )


@noun.get("/memory/record", response_model=MemoryVersion)
async def show_memory(asked: Reading, memory: MemoryQuery) -> Any:
    """A memory as it is believed now, or as it last was."""
    return await asked.read(lambda workspace: workspace.memory.show(memory))


@noun.get("/memory/history", response_model=list[MemoryVersion])
async def list_memory_versions(asked: Reading, memory: MemoryQuery) -> Any:
    """Every version of a memory, oldest first."""
    return await asked.read(lambda workspace: workspace.memory.history(memory))


@noun.get("/memory/stats", response_model=MemoryStats)
async def show_memory_stats(asked: Reading) -> Any:
    """Memory in numbers, and whether it searches by meaning."""
    return await asked.read_slowly(lambda workspace: workspace.memory.stats())


@noun.get("/runs/{run}/recalled", response_model=list[dict[str, Any]])
async def list_recalled(
    asked: Reading, run: RunId, task: Annotated[str, Query(max_length=120, pattern=r"^[^\u0000]+$")]
) -> Any:
    """What a task recalled and why, and what was dropped and why."""
    return msgspec.to_builtins(await asked.read_slowly(lambda workspace: workspace.memory.why(run, task)))


@noun.post("/memory/records", response_model=Kept, status_code=201)
async def remember(asked: Remembering, said: Note, key: Key) -> Any:
    """Remember a text. The same twice is one memory."""
    return await asked.act(
        lambda workspace: workspace.memory.add(**said.model_dump(), source=asked.actor, actor=asked.actor)
    )


@noun.post("/memory/correct", response_model=Kept)
async def correct_memory(asked: Remembering, said: Correction, key: MaybeKey = None) -> Any:
    """Put another text in the place of a memory. The one before stays in its history."""
    require_own_word(asked.actor)
    return await asked.act(
        lambda workspace: workspace.memory.add(
            said.text,
            supersede=said.memory,
            about=said.about,
            valid_from=said.valid_from,
            valid_to=said.valid_to,
            source=asked.actor,
            actor=asked.actor,
        )
    )


@noun.post("/memory/retract", response_model=list[Kept])
async def retract_memories(asked: Remembering, said: Retraction, key: MaybeKey = None) -> Any:
    """Believe these no more. What they said stays in the ledger."""
    require_own_word(asked.actor)
    return await asked.act(
        lambda workspace: workspace.memory.retract(*said.memories, reason=said.reason, actor=asked.actor)
    )


@noun.post("/memory/forget/preview", response_model=ForgetPreview)
async def preview_forgetting(asked: Administering, said: Somebody) -> Any:
    """What is held about somebody, what would become unreadable, and what would stay. Nothing is changed."""
    return await asked.read_slowly(lambda workspace: workspace.forgetting.plan(said.who))


@noun.post("/memory/forget", response_model=Forgot)
async def forget(asked: Administering, said: Forgetting, key: Key) -> Any:
    """Destroy the key of somebody, and drop all that was made of what they said. It cannot be taken back."""
    if said.confirm != said.who:
        raise Refused(
            409,
            "Say twice who is to be forgotten.",
            why="`confirm` is not `who`. Nothing was forgotten.",
            remedy="Look at the preview; then send the same in both.",
            kind="refused",
        )
    return await asked.act_slowly(lambda workspace: workspace.forgetting.forget(said.who, actor=asked.actor))


def require_own_word(actor: str) -> None:
    """What somebody else said is not for an agent to take back."""
    if actor != "operator":
        raise Refused(
            403,
            "An agent adds to memory, and takes nothing back.",
            why="What was said before may be somebody else's word.",
            remedy="Remember the correction beside it; a person decides which is believed.",
            kind="agents-only-add",
        )

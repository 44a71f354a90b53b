"""The ledger itself: whether it is whole, how far it was signed, its events, proofs and exports."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from fastapi import Path, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.responses import StreamingResponse

from mainstay.console.api.asked import IfShown, MaybeKey, shown_of
from mainstay.console.api.long import ANSWERED, LongOperation, begin
from mainstay.console.api.noun import Administering, Noun, Reading
from mainstay.console.api.paging import Cursor, Limit, Page, linked, place
from mainstay.console.api.values import NAME_MAX, WHOLE_MAX, SinceQuery, UntilQuery
from mainstay.console.refused import Refused
from mainstay.kernel.errors import LedgerUnready
from mainstay.ledger.stats import LedgerStats
from mainstay.workspace.audit_state import AuditState
from mainstay.workspace.event_list import Listed
from mainstay.workspace.full_audit import proved_beside
from mainstay.workspace.workspace import Workspace

noun = Noun("audit")

EventType = Annotated[str, Query(max_length=80, pattern=r"^[a-z_.*/0-9]*$", description="As `run.started`.")]
Filter = Annotated[str, Query(max_length=NAME_MAX, pattern=r"^[^\u0000]*$")]


class SigningKey(BaseModel):
    """What whoever verifies elsewhere needs."""

    public: str = Field(description="The public key, in hex.")
    key: str = Field(description="Its fingerprint, as checkpoints name it.")
    checkpoints: list[str] = Field(
        description="The files in which they are kept, on the machine of the desk."
    )


class KeyChanged(BaseModel):
    """The key that signs from here on."""

    key: str
    public: str
    before: str = Field(description="The fingerprint of the one that vouched for it, and is gone.")
    failed: list[str] = Field(description="Where the change could not be told.")


TAGGED: dict[int | str, dict[str, Any]] = {
    200: {"headers": {"ETag": {"schema": {"type": "string"}, "description": "The public key."}}}
}


@noun.get("/audit", response_model=AuditState)
async def show_audit(asked: Reading) -> Any:
    """How far the ledger has come, what was signed of it, and what the last proofs said."""
    return await asked.read_slowly(lambda workspace: workspace.auditing.state())


@noun.post("/audit/verify", response_model=LongOperation, status_code=202, responses=ANSWERED)
async def verify_ledger(asked: Reading, request: Request, response: Response, key: MaybeKey = None) -> Any:
    """Prove that the ledger is whole and what was signed. It takes its time: ask for the operation.

    A process of its own does it, which gives way to everything else.
    """

    async def work() -> dict[str, Any]:
        told = await proved_beside(asked.front.folder, asked.front.clock)
        if "error" in told:
            raise LedgerUnready(str(told["error"]), remedy="Run `mainstay audit verify` on this machine.")
        return told

    return await begin(asked, request, response, "verify", work)


@noun.get("/audit/events", response_model=Page[Listed])
async def list_events(
    asked: Reading,
    request: Request,
    response: Response,
    type: EventType = "",
    stream: Filter = "",
    actor: Filter = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Any:
    """The events of the ledger, newest first; what is sealed stays sealed."""
    wanted = place("events", limit, cursor, int)
    before = max(1, wanted.after[0]) if wanted.after is not None else 0

    def look(workspace: Workspace) -> tuple[list[Listed], str | None]:
        page = workspace.auditing.events(type=type, stream=stream, actor=actor, before=before, limit=limit)
        return list(page.events), wanted.next((page.older,)) if page.older else None

    return linked(request, response, await asked.read_slowly(look))


@noun.get("/audit/proof/{position}", response_model=dict[str, Any])
async def prove_event(asked: Reading, position: Annotated[int, Path(ge=1, le=WHOLE_MAX)]) -> Any:
    """The proof that one event stands in the ledger, which can be checked anywhere."""
    return msgspec.json.decode(await asked.read_slowly(lambda workspace: workspace.auditing.prove(position)))


@noun.get(
    "/audit/export",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {
                "application/x-ndjson": {"schema": {"type": "string"}},
                "text/csv": {"schema": {"type": "string"}},
            },
            "description": "The ledger as CloudEvents, one a line, or as CSV.",
        }
    },
)
async def export_ledger(
    asked: Reading,
    form: Literal["jsonl", "csv"] = "jsonl",
    since: SinceQuery = 0,
    until: UntilQuery = None,
    run: Annotated[str, Query(pattern=r"^([0-9a-f]{4,64})?$", description="Of this run alone.")] = "",
    type: Annotated[list[str] | None, Query(max_length=20, description="Of these types alone.")] = None,
) -> Any:
    """The ledger, streamed; sealed values stay sealed."""
    made = await asked.read_slowly(
        lambda workspace: workspace.export(
            form=form, since=since, until=until, run=run, types=tuple(type or ())
        )
    )

    async def pieces() -> Any:
        while True:
            piece = await asked.read_slowly(lambda workspace: next(made, None))
            if piece is None:
                return
            yield piece

    return StreamingResponse(pieces(), media_type="text/csv" if form == "csv" else "application/x-ndjson")


@noun.get("/audit/key", response_model=SigningKey, responses=TAGGED)
async def show_signing_key(asked: Reading, response: Response) -> Any:
    """The public key that proves checkpoints elsewhere, and where these are kept. Its `ETag` is what a change names."""
    found = await asked.read(lambda workspace: workspace.auditing.key())
    response.headers["ETag"] = f'"{found["public"]}"'
    return found


@noun.post("/audit/rotate-key", response_model=KeyChanged, also=(412, 428))
async def rotate_signing_key(asked: Administering, public: IfShown = None) -> Any:
    """Sign with another key from here on, which the one before vouches for and which takes its place.

    It names the key that was shown: sent again it changes nothing.
    """
    shown = shown_of(public)

    def do(workspace: Workspace) -> Any:
        now = str(workspace.auditing.key()["public"])
        if now != shown:
            raise Refused(
                412,
                "Another key signs by now.",
                why="It was changed since you looked, perhaps by this very request.",
                remedy="Look at `GET /audit/key`. Nothing was changed.",
                kind="stale",
                fields={"public": now},
            )
        return workspace.auditing.rotate_key(actor=asked.actor)

    return await asked.front.act_slowly(do)


@noun.post("/audit/sign", response_model=dict[str, Any])
async def sign_ledger(asked: Administering) -> Any:
    """Write a signed checkpoint now."""
    return await asked.act(lambda workspace: workspace.auditing.sign())


@noun.get("/audit/stats", response_model=LedgerStats)
async def show_stats(asked: Reading) -> Any:
    """The ledger in numbers: what it is made of, how it grows, when the disk will be full."""
    return await asked.read_slowly(lambda workspace: workspace.stats())

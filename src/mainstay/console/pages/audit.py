"""The proof that nobody changed what happened: how far it is signed, verified when asked, and every event as it stands.

Verifying runs in a process of its own and takes as long as the ledger is long: the page shows how far it is, may be
left and come back to, and is the same on every device. What came of it is kept with its time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from mainstay.console import csrf, forms, queries
from mainstay.console.refused import Refused
from mainstay.console.rendering import done, page
from mainstay.kernel.errors import CommandRefused, LedgerCorrupt, MainstayError, NotFound
from mainstay.kernel.values import Json
from mainstay.ledger.codec import NAMES
from mainstay.workspace import Workspace
from mainstay.workspace.full_audit import proved_beside
from mainstay.workspace.serving_web import Front

log = logging.getLogger("mainstay")

FORM = "audit"
PUBLIC_MAX = 128
PIECES_TOGETHER = 500  # of an export, for one turn of the room that reads
DOWNLOADS = {"csv": ("text/csv", "csv"), "jsonl": ("application/x-ndjson", "jsonl")}


@dataclass(slots=True)
class Proving:
    """A proof under way, for whoever looks."""

    of: int  # events, when it began
    position: int = 0
    task: asyncio.Task[None] | None = None

    @property
    def percent(self) -> int:
        """How far it is."""
        return min(99, 100 * self.position // self.of) if self.of else 0


class Audit:
    """The state of the chain, and what can be proved of it."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._proving: Proving | None = None
        self._failed = ""  # why the last proof could not be had

    async def show(self, request: Request) -> Response:
        """How far the ledger came, how far it is signed, and what the last proofs said."""
        return await self._state(request)

    async def act(self, request: Request) -> Response:
        """Verify, sign, or change the key."""
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, FORM, fields)
        try:
            match fields.get("what"):
                case "verify":
                    self._begin_proving()
                    return done(request, "/audit")
                case "sign":
                    signed = await self._front.act_slowly(lambda workspace: workspace.auditing.sign())
                    return done(request, "/audit", _told_signed(signed), tone=_tone(signed))
                case "rotate":
                    if fields.get("sure") != "yes":
                        raise CommandRefused(
                            "The key was not changed.",
                            why="It wants your word that you mean it.",
                            remedy="Tick the box, and send it again.",
                        )
                    shown = forms.text(fields, "public", most=PUBLIC_MAX)
                    changed = await self._front.act_slowly(lambda workspace: _rotated(workspace, shown))
                    said = f"Signed with key {str(changed['key'])[:16]} from here on."
                    return done(request, "/audit", said, tone=_tone(changed))
                case _:
                    raise Refused(
                        400, "This is no answer.", remedy="Nothing was changed. Load the page again."
                    )
        except (CommandRefused, NotFound, LedgerCorrupt) as error:
            return await self._state(request, error=error)

    async def events(self, request: Request) -> Response:
        """Every event, newest first."""
        chosen = {name: queries.text(request, name) for name in ("type", "stream", "actor")}
        before, error, found = queries.number(request, "before"), None, None
        try:
            found = await self._front.read_slowly(
                lambda workspace: workspace.auditing.events(
                    type=chosen["type"], stream=chosen["stream"], actor=chosen["actor"], before=before
                )
            )
        except CommandRefused as refused:
            error = refused
        older = found.older if found else 0
        return page(
            *(request, "audit_events.html"),
            status=422 if error else 200,
            topics=("audit",),
            found=found,
            error=error,
            chosen=chosen,
            types=sorted(set(NAMES.values())),
            older=queries.address("/audit/events", **chosen, before=older) if older else "",
            newer=queries.address("/audit/events", **chosen) if before else "",
        )

    async def decisions(self, request: Request) -> Response:
        """Who decided what, when, by which device, and how long they had it before them."""
        before = queries.number(request, "before")
        found = await self._front.read_slowly(lambda workspace: workspace.auditing.decisions(before=before))
        return page(
            *(request, "audit_decisions.html"),
            topics=("audit",),
            found=found,
            older=queries.address("/audit/decisions", before=found.older) if found.older else "",
            newer="/audit/decisions" if before else "",
        )

    async def proof(self, request: Request) -> Response:
        """The proof of one event, to be copied."""
        position, error, text, public = queries.number(request, "position"), None, "", ""
        if position:
            try:
                proof = await self._front.read_slowly(lambda workspace: workspace.auditing.prove(position))
                text = proof.decode()
                public = await self._front.read_slowly(lambda workspace: workspace.auditing.signed_by(proof))
            except (NotFound, LedgerCorrupt) as refused:
                error = refused
        if text and queries.text(request, "file"):
            kept = {"Content-Disposition": f'attachment; filename="proof-{position}.json"'}
            return Response(text, media_type="application/json", headers=kept)
        state = await self._front.read_slowly(lambda workspace: workspace.auditing.state())
        return page(
            *(request, "audit_proof.html"),
            status=404 if isinstance(error, NotFound) else 200,
            position=position,
            proof=text,
            public=public or state.public,
            error=error,
            state=state,
        )

    async def export(self, request: Request) -> Response:
        """The events of some days as a file."""
        form = queries.text(request, "form")
        if form not in DOWNLOADS:
            raise Refused(400, "There is no such form of export.", remedy="It is csv or jsonl.")
        since = queries.day(queries.text(request, "since"), "The first day")
        until = queries.day(queries.text(request, "until"), "The last day", end=True)
        chosen = queries.text(request, "type")
        pieces = await self._front.read_slowly(
            lambda workspace: workspace.export(
                form=form, since=since, until=until or None, types=(chosen,) if chosen else ()
            )
        )
        first = await self._next(pieces)  # what is wrong with it is told before a file begins
        kind, ending = DOWNLOADS[form]
        name = f"mainstay-events-{time.strftime('%Y-%m-%d')}.{ending}"
        return StreamingResponse(
            self._rest(first, pieces),
            media_type=kind,
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    # --- within ------------------------------------------------------------------------------------------------------

    async def _state(self, request: Request, *, error: MainstayError | None = None) -> Response:
        state = await self._front.read_slowly(lambda workspace: workspace.auditing.state())
        return page(
            *(request, "audit.html"),
            status=422 if error else 200,
            topics=("audit",),
            state=state,
            copies=[one for one in state.files if one.outside],
            proving=self._proving,
            failed=self._failed,
            error=error,
            types=sorted(set(NAMES.values())),
        )

    def _begin_proving(self) -> None:
        """Begin, unless it is under way: for two devices it is the same one."""
        if self._proving is None:
            self._failed = ""
            self._proving = Proving(int(self._front.status()["position"]))
            self._proving.task = asyncio.create_task(self._prove(self._proving))

    async def _prove(self, proving: Proving) -> None:
        def heard(position: int) -> None:
            proving.position = position

        try:
            told = await proved_beside(self._front.folder, self._front.clock, heard)
            self._failed = str(told.get("error", ""))
        except OSError as error:
            log.warning("the ledger could not be verified: %s", type(error).__name__)
            self._failed = "No process could be had for it."
        finally:
            self._proving = None

    async def _next(self, pieces: Iterator[bytes]) -> bytes:
        some: bytes = await self._front.read_slowly(
            lambda workspace: b"".join(islice(pieces, PIECES_TOGETHER))
        )
        return some

    async def _rest(self, first: bytes, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
        some = first
        while some:
            yield some
            some = await self._next(pieces)


def _rotated(workspace: Workspace, shown: str) -> Json:
    """Another key, if the one that was shown signs still: pressed twice, it is changed once."""
    if workspace.auditing.state().public != shown:
        raise CommandRefused(
            "Another key signs by now.",
            why="It was changed since this page was shown, perhaps by this very button.",
            remedy="Nothing was changed now. Look at the public key above.",
        )
    return workspace.auditing.rotate_key()


def _told_signed(signed: Json) -> str:
    if signed["failed"]:
        return f"Signed, but not everywhere: {signed['failed'][0]}"
    if signed["signed"]:
        return f"Signed up to position {signed['through']:,}."
    return "Nothing happened since it was signed."


def _tone(told: dict[str, Any]) -> str:
    return "warn" if told["failed"] else "ok"

"""The types of events, for whoever builds upon them: what each says, its fields, and one from this ledger."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mainstay.console.rendering import page
from mainstay.ledger.event_types import STREAMS, EventType
from mainstay.workspace.serving_web import Front

TEXT_MAX = 100


class EventPages:
    """`/events` and `/events/{name}`."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def show(self, request: Request) -> Response:
        """Every type, or those that speak of something."""
        text = request.query_params.get("q", "").strip()[:TEXT_MAX]
        kinds = await self._front.read(lambda workspace: workspace.event_types.all())
        found = [one for one in kinds if _speaks(one, text)]
        by_stream = [
            (stream, [one for one in found if one.stream == stream.name])
            for stream in STREAMS
            if any(one.stream == stream.name for one in found)
        ]
        return page(request, "events.html", text=text, by_stream=by_stream, count=len(found), of=len(kinds))

    async def one(self, request: Request) -> Response:
        """One type, with the latest of it."""
        asked = request.path_params["name"]
        kind = await self._front.read(lambda workspace: workspace.event_types.find(asked))
        plain = kind.name.partition("/")[0]
        if asked != plain:
            return RedirectResponse(f"/events/{plain}", 303)
        example = await self._front.read_slowly(lambda workspace: workspace.event_types.example(kind))
        run = example.stream.partition(":")[2] if example and example.stream.startswith("run:") else ""
        return page(
            request,
            "events_type.html",
            kind=kind,
            plain=plain,
            example=example,
            run=run,
            example_json=json.dumps(example.data, indent=2, ensure_ascii=False) if example else "",
        )


def _speaks(one: EventType, text: str) -> bool:
    if not text:
        return True
    said = [one.name, one.kind, one.meaning, str(one.number), *(f"{f.name} {f.meaning}" for f in one.fields)]
    return all(any(word in part.lower() for part in said) for word in text.lower().split())

"""`/health` and `/metrics`: for what looks after the machine, and for the operator."""

from __future__ import annotations

import asyncio
import json

from starlette.requests import Request
from starlette.responses import Response

from mainstay.console.csrf import is_right
from mainstay.console.refused import Refused
from mainstay.console.routes import is_logged_in, not_logged_in
from mainstay.console.sessions import client_of_request
from mainstay.governance.metrics import CONTENT_TYPE
from mainstay.workspace.serving_web import Front

BEARER = "bearer "


class Signals:
    """How the house does."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def health(self, request: Request) -> Response:
        """One word for anybody on this machine; the reasons for a device that is logged in."""
        known = is_logged_in(request)
        if not known and not client_of_request(request).local:
            raise not_logged_in()
        found = await asyncio.to_thread(self._front.health)
        told = found.told() if known else {"state": found.state}
        return Response(json.dumps(told), 200 if found.ok else 503, media_type="application/json")

    async def metrics(self, request: Request) -> Response:
        """Figures for a device that is logged in, or for who shows the token of `[console] metrics_token`."""
        if not is_logged_in(request) and not self._may_scrape(request):
            raise Refused(
                401,
                "The metrics are not for everybody.",
                why="They tell how much work there is, and of which kinds.",
                remedy="Log in, or send the token of [console] metrics_token.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return Response(await asyncio.to_thread(self._front.metrics), headers={"Content-Type": CONTENT_TYPE})

    def _may_scrape(self, request: Request) -> bool:
        said = request.headers.get("authorization", "")
        right = self._front.metrics_token()
        return bool(right) and said.lower().startswith(BEARER) and is_right(said[len(BEARER) :], right)

"""The first page of a device that is logged in: what waits."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import csrf, forms
from mainstay.console.rendering import page
from mainstay.console.sessions import session_of
from mainstay.runtime.devices import encode
from mainstay.workspace.serving_web import Front

DEVICE_MAX = 64


class Home:
    """What waits, and the devices that may look."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def show(self, request: Request) -> Response:
        """Counts of what is for the operator."""
        return page(request, "home.html", status_now=self._front.status(), name=self._front.folder.root.name)

    async def devices(self, request: Request) -> Response:
        """Who is logged in."""
        session = session_of(request)
        assert session is not None, "the route asks for a device"
        listed = [encode(one) for one in self._front.devices.admitted()]
        return page(request, "devices.html", devices=listed, own=session.device.device)

    async def dismiss(self, request: Request) -> Response:
        """Log another device out."""
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, "devices", fields)
        await self._front.devices.dismiss(forms.text(fields, "device", most=DEVICE_MAX))
        return await self.devices(request)

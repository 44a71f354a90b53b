"""The devices that may look and decide: who is logged in, and to log one out, or all of them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import csrf, forms
from mainstay.console.rendering import done, page
from mainstay.console.sessions import session_of
from mainstay.runtime.devices import encode
from mainstay.workspace.serving_web import Front

DEVICE_MAX = 64
FORM = "devices"


class DevicesPage:
    """Who is logged in."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def show(self, request: Request) -> Response:
        """Every device, this one first."""
        session = session_of(request)
        assert session is not None, "the route asks for a device"
        own = session.device.device
        listed = sorted(map(encode, self._front.devices.admitted()), key=lambda one: one["device"] != own)
        return page(request, "devices.html", devices=listed, own=own)

    async def dismiss(self, request: Request) -> Response:
        """Log another device out."""
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, FORM, fields)
        count = await self._front.devices.dismiss(forms.text(fields, "device", most=DEVICE_MAX))
        said = "That device is logged out." if count else "That device was logged out already."
        return done(request, "/devices", said)

"""A form that was sent: its fields, and nothing but fields."""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from mainstay.console.refused import Refused
from mainstay.console.sessions import session_of

FORM = "application/x-www-form-urlencoded"
FIELDS_MAX = 50


async def sent(request: Request) -> FormData:
    """The fields. Raises `Refused` for anything that is no form of ours."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM:
        raise Refused(
            415,
            "This is not a form.",
            why="Pages take what their own forms send, and no files.",
            remedy="Nothing was changed. Send it from its page.",
        )
    try:
        fields = await request.form(max_fields=FIELDS_MAX)
    except ClientDisconnect:
        raise Refused(400, "The request ended before it was whole.") from None  # nobody hears it
    except (HTTPException, UnicodeError, ValueError):
        raise Refused(
            400, "This form cannot be read.", remedy="Nothing was changed. Load the page again."
        ) from None
    if not is_still_logged_in(request):
        raise Refused(
            401,
            "You are not logged in on this device any more.",
            why="It was logged out while this came.",
            remedy="Nothing was changed. Log in, then open the page again.",
        )
    return fields


def is_still_logged_in(request: Request) -> bool:
    """Whether the device that began the request may still decide: a form may take its time to come."""
    session, front = session_of(request), request.app.state.front
    return session is None or front.devices.known(session.secret) is not None


def text(fields: FormData, name: str, *, most: int) -> str:
    """One field as text; empty where it is missing. Raises `Refused` where it is too long."""
    value = fields.get(name, "")
    found = value if isinstance(value, str) else ""
    if len(found) > most:
        raise Refused(
            413,
            "What you wrote is too long.",
            why=f"At most {most:,} characters are taken there.",
            remedy="Nothing was changed. Go back, your text is still there, and shorten it.",
        )
    return found.replace("\r\n", "\n")

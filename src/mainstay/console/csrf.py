"""The token of a form: who does not have the page before them cannot send its form.

It is computed from a key of this workspace, the session (before a log-in: the visit) and the form's name, so that
nothing is kept, one form's token fits no other, and none outlives its session. The guard checks where a POST comes
from besides.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from starlette.datastructures import FormData
from starlette.requests import HTTPConnection

from mainstay.console.refused import Refused
from mainstay.console.sessions import session_of

FIELD = "form_token"
Hash = Callable[[str, str], bytes]


def token(hashed: Hash, bound: str, form: str) -> str:
    """The token of one form for one session."""
    return hashed("form", f"{bound} {form}").hex()


def bound_to(request: HTTPConnection) -> str:
    """What the forms of this request are bound to: its device, or its visit."""
    session = session_of(request)
    if session is not None:
        return f"device {session.device.device}"
    return f"visit {request.scope.get('mainstay.visit', '')}"


def require(request: HTTPConnection, hashed: Hash, form: str, sent: FormData) -> None:
    """Raises `Refused` unless this form was sent from its page, as this session was shown it."""
    given = sent.get(FIELD, "")
    bound = bound_to(request)
    right = token(hashed, bound, form)
    if bound == "visit " or not isinstance(given, str) or not is_right(given, right):
        raise Refused(
            403,
            "This form is not one that you were shown.",
            why="Its token is missing or belongs to another session: you may have logged in or out meanwhile.",
            remedy="Nothing was changed. Load the page again, then send the form.",
        )


def is_right(given: str, right: str) -> bool:
    """Whether they are the same, in the same time whatever was given."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), right.encode())

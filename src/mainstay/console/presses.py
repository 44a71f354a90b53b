"""A form that makes something carries a name of its own, so that a second press makes nothing more.

What it makes (a run, a token) is named after it: nothing has to be remembered for that, and a restart of the director
between two presses changes nothing. The second press is answered with what came of the first. A page that is loaded
anew has a new name. Forms that change what is there need none: they say what they were shown.
"""

from __future__ import annotations

import re
import secrets

from starlette.datastructures import FormData
from starlette.requests import Request

from mainstay.console import forms
from mainstay.console.refused import Refused
from mainstay.console.sessions import session_of

FIELD = "press"
MOST = 64
_NAME = re.compile(r"[0-9a-f]{24}")


def fresh() -> str:
    """The name of a form that is shown now: `{{ ui.press(press()) }}` in its template."""
    return secrets.token_hex(12)


def name_of(request: Request, fields: FormData) -> str:
    """What a form was named, for whatever it makes; nobody else's form is called so. Raises `Refused` without one."""
    given, session = forms.text(fields, FIELD, most=MOST), session_of(request)
    assert session is not None, "the route asks for a device"
    if not _NAME.fullmatch(given):
        raise Refused(
            400,
            "This form does not say which one it is.",
            why="Each that makes something has a name of its own, so that it is done once.",
            remedy="Nothing was done. Load the page again, then send the form.",
        )
    return f"console {session.device.device} {given}"

"""Templates, and how text from outside comes into them.

Everything that a template prints passes `visible` and is escaped after that: markup in a draft is text, and
characters that hide, or turn the reading order around, are shown by their number. No template says `safe`.
"""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from mainstay.console import assets, csrf
from mainstay.console.sessions import session_of

# Joiners belong to Indic scripts and to emoji; lines and tabs to every text.
_KEPT = frozenset("\n\t\u200c\u200d")
_STEERING = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
MICROS = 1_000_000


def visible(text: str) -> str:
    """The text with every character that cannot be seen, and steers how others are, shown as `[U+202E]`."""
    text = text.replace("\r\n", "\n")
    if text.isascii() and text.isprintable():
        return text
    return "".join(_seen(one) for one in text)


def _seen(one: str) -> str:
    if one in _KEPT or unicodedata.category(one) not in _STEERING:
        return one
    return f"[U+{ord(one):04X}]"


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **shown: Any,
) -> HTMLResponse:
    """A page from its template. `form_token(form)` is the token of a form on it."""
    session = session_of(request)
    front = request.app.state.front if "app" in request.scope else None

    def form_token(form: str) -> str:
        assert front is not None, "a page with a form is served by the application"
        return csrf.token(front.keyed_hash, csrf.bound_to(request), form)

    text = (
        environment()
        .get_template(template)
        .render(
            session=session,
            form_token=form_token,
            style=assets.path_of("console.css"),
            icon=assets.path_of("icon.svg"),
            **shown,
        )
    )
    return HTMLResponse(text, status, headers=dict(headers or {}))


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates of this package."""
    made = Environment(
        loader=PackageLoader("mainstay.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    made.filters["moment"] = _moment
    made.filters["dollars"] = _dollars
    assert not isinstance(visible("x"), Markup), "what is made visible is escaped after that"
    return made


def _moment(at: int) -> str:
    """A time as the operator reads it, on this machine's clock."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at / MICROS)) if at else "never"


def _dollars(micros: int) -> str:
    return f"${micros / MICROS:.4f}".rstrip("0").rstrip(".") if micros else "$0"

"""Templates, and how text from outside comes into them.

Everything that a template prints passes `visible` and is escaped after that: markup in a draft is text, and
characters that hide, or turn the reading order around, are shown by their number. No template says `safe`.
"""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mainstay.console import assets, csrf, presses, rail, wording
from mainstay.console.notices import Notice, Offer
from mainstay.console.preferences import preferences_of
from mainstay.console.sessions import session_of

# Joiners belong to Indic scripts and to emoji; lines and tabs to every text.
_KEPT = frozenset("\n\t\u200c\u200d")
_STEERING = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
MICROS = 1_000_000


def visible(text: str) -> str:
    """The text with every character that cannot be seen, and steers how others are, shown as `[U+202E]`."""
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n")
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
    topics: Sequence[str] = (),
    **shown: Any,
) -> HTMLResponse:
    """A page from its template; with `?part=NAME` only its block `part_NAME`, for what is brought up to date in place.

    `topics`: what this page shows, so that it hears when that changes (`live`). In the template: `form_token(form)` is
    the token of a form on it, `press()` the name of one that makes something, `ui` the parts that pages are made of,
    and `house` and `places` what the rail shows.
    """
    session = session_of(request)
    front = request.app.state.front if "app" in request.scope else None

    def form_token(form: str) -> str:
        assert front is not None, "a page with a form is served by the application"
        return csrf.token(front.keyed_hash, csrf.bound_to(request), form)

    given = {
        "session": session,
        "form_token": form_token,
        "press": presses.fresh,
        "asset": assets.path_of,
        "here": request.url.path,
        "preferences": preferences_of(request),
        "topics": topics,
        "places": rail.PLACES,
        "house": rail.house(front) if session and front else None,
        "notice": None,
        **shown,
    }
    found = environment().get_template(template)
    block = found.blocks.get(f"part_{request.query_params.get('part', '')}")
    if block is not None and request.method in ("GET", "HEAD"):
        text = "".join(block(found.new_context(given)))
        return HTMLResponse(text, status, headers={"Vary": "HX-Request", **(headers or {})})
    if session and front:
        given["notice"] = request.app.state.notices.fetch(request)
    return HTMLResponse(found.render(given), status, headers=dict(headers or {}))


def done(
    request: Request, to: str, said: str = "", *, tone: str = "ok", offer: Offer | None = None
) -> Response:
    """The answer to a form that did its work: on to a page, which says once what came of it, and offers a way back.

    `to` is a path of ours, never something that was sent.
    """
    if said:
        request.app.state.notices.leave(request, Notice(said, tone, offer))
    return RedirectResponse(to, 303)


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
    for one in (
        wording.span,
        wording.minutes,
        wording.usd,
        wording.clock,
        wording.size,
        wording.second,
        wording.act,
        wording.whole,
        wording.iso,
    ):
        made.filters[one.__name__] = one
    made.globals["counted"] = wording.counted
    made.globals["cut"] = wording.cut
    made.globals["zone"] = wording.zone
    made.globals["ui"] = made.get_template("components.html").module
    assert not isinstance(visible("x"), Markup), "what is made visible is escaped after that"
    return made


def _moment(at: int) -> str:
    """A time as the operator reads it, on this machine's clock."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at / MICROS)) if at else "never"


def _dollars(micros: int) -> str:
    return f"${micros / MICROS:.4f}".rstrip("0").rstrip(".") if micros else "$0"

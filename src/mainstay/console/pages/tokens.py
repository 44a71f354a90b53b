"""`/settings/tokens`: which programs and agents may use the API, to issue a token and to end one.

A secret is shown on the page that answers its issue, once: a form that is sent again is told which token stands. A
token that may decide or administer wants the name of who will use it typed a second time: it is as good as being logged
in.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import csrf, forms, presses
from mainstay.console.refused import Refused
from mainstay.console.rendering import done, page
from mainstay.console.sessions import session_of
from mainstay.kernel.errors import MainstayError
from mainstay.kernel.scopes import AGENT, OF_AGENTS, ONLY_BY_HAND, OPERATOR, SCOPES
from mainstay.runtime.tokens import USUAL_DAYS
from mainstay.workspace.serving_web import Front

PATH = "/settings/tokens"
DAYS = (7, 30, USUAL_DAYS, 365)
ID_MAX = 64
TYPED_MAX = (
    2_000  # of a name: one that is too long is refused with what was typed, and not cut by the browser
)


class TokenPages:
    """Tokens, listed and issued."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def show(self, request: Request) -> Response:
        """Those that are good, and the form that issues one."""
        return self._page(request)

    async def issue(self, request: Request) -> Response:
        """Issue one; its secret stands on the page that answers."""
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, "token issue", fields)
        pressed = presses.name_of(request, fields)
        typed: dict[str, Any] = {
            "name": " ".join(forms.text(fields, "name", most=TYPED_MAX).split()),
            "holder": AGENT if fields.get("holder") == AGENT else OPERATOR,
            "scopes": [one for one in SCOPES if fields.get(f"scope_{one}")],
            "days": forms.text(fields, "days", most=5),
            "again": " ".join(forms.text(fields, "again", most=TYPED_MAX).split()),
        }
        try:
            self._require_meant(typed)
            days = int(typed["days"]) if typed["days"].isascii() and typed["days"].isdigit() else 0
            said = {"name": typed["name"], "holder": typed["holder"], "days": days}
            made = await self._front.act(
                lambda workspace: workspace.tokens.issue(scopes=typed["scopes"], asked_as=pressed, **said)
            )
        except (MainstayError, Refused) as error:
            return self._page(request, status=422, error=error, typed=typed)
        if not made["new"]:
            del made["secret"]  # it was shown, and is shown no second time
        return self._page(request, made=made)

    async def revoke(self, request: Request) -> Response:
        """End one."""
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, "token revoke", fields)
        token = forms.text(fields, "token", most=ID_MAX)
        session = session_of(request)
        assert session is not None, "the route asks for a device"
        was_good = await self._front.act(
            lambda workspace: workspace.tokens.revoke(token, reason="ended in the console")
        )
        return done(
            request, PATH, "The token opens nothing any more." if was_good else "It was ended already."
        )

    def _require_meant(self, typed: dict[str, Any]) -> None:
        far = sorted(ONLY_BY_HAND & set(typed["scopes"]))
        if far and typed["holder"] == OPERATOR and (not typed["name"] or typed["again"] != typed["name"]):
            raise Refused(
                422,
                "Type the name once more.",
                why=f"A token that may {' and '.join(far)} does what you do, and nobody asks again.",
                remedy="Write the same name into the last field, or leave these scopes out.",
            )

    def _page(
        self,
        request: Request,
        *,
        status: int = 200,
        error: Exception | None = None,
        made: dict[str, Any] | None = None,
        typed: dict[str, Any] | None = None,
    ) -> Response:
        standing = self._front.tokens.standing()
        usual = {"name": "", "holder": OPERATOR, "scopes": ["read"], "days": str(USUAL_DAYS), "again": ""}
        return page(
            request,
            "tokens.html",
            status=status,
            tokens=standing,
            ended=made is not None and all(one["token"] != made["token"] for one in standing),
            scopes=[(one, says, one in OF_AGENTS, one in ONLY_BY_HAND) for one, says in SCOPES.items()],
            error=error,
            made=made,
            typed=typed or usual,
            days=DAYS,
        )

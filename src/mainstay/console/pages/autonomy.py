"""Which kinds of act go by themselves, on which evidence, and the operator's word about it.

The list says of each kind how far it goes and what is missing; one kind shows every decision that counted, with the
run it was about. Granting shows what could go wrong before the button that does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import csrf, forms, queries
from mainstay.console.refused import Refused
from mainstay.console.rendering import done, page
from mainstay.governance.autonomy import KindOfAct, spoken
from mainstay.governance.words import LEVELS
from mainstay.kernel.errors import CommandRefused, NotFound
from mainstay.kernel.values import MINUTE
from mainstay.workspace import Workspace
from mainstay.workspace.autonomy import Granted
from mainstay.workspace.autonomy_history import Change, Evidence, LeftByItself, Watched
from mainstay.workspace.serving_web import Front

FORM = "autonomy"
REASON_MAX, KIND_MAX = 2_000, 400
EVIDENCE_SHOWN = 25
_TONES = {"shadow": "accent", "ask": "", "held": "ok", "automatic": "ok"}
RULED = {
    "allow": ("by a rule", "ok"),
    "ask": ("asks, by a rule", ""),
    "deny": ("forbidden by a rule", "bad"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A kind as the page tells it."""

    kind: KindOfAct
    name: str
    level: str
    tone: str
    told: str
    address: str

    @property
    def earns(self) -> bool:
        """Whether evidence may still lead it further."""
        return self.kind.level == "ask" and self.kind.most != "ask" and not self.kind.ruled.decision

    @property
    def by_itself(self) -> bool:
        """Whether its acts leave by what it earned."""
        return self.kind.level in ("held", "automatic")

    @property
    def percent(self) -> int:
        """How far the evidence has come."""
        return 100 if not self.kind.missing else min(99, round(100 * self.kind.strength))

    @property
    def hold(self) -> str:
        """How long one of it can be taken back."""
        minutes = self.kind.hold_us / MINUTE
        return f"{minutes:.0f} minutes" if minutes >= 1.5 else f"{60 * minutes:.0f} seconds"


@dataclass(frozen=True, slots=True)
class History:
    """What a kind has behind it."""

    shown: Shown
    evidence: Sequence[Evidence]
    changes: Sequence[Change]
    left: Sequence[LeftByItself]
    watched: Sequence[Watched]


class Autonomy:
    """The kinds of act, and one of them."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def show(self, request: Request) -> Response:
        """Every kind, with what is missing."""
        kinds = await self._front.read(_kinds)
        proposed = [one for one in kinds if one.kind.attainable and not one.kind.ruled.decision]
        return page(
            *(request, "autonomy.html"),
            topics=("autonomy",),
            kinds=kinds,
            proposed=proposed,
            by_themselves=sum(one.by_itself for one in kinds),
            asking=sum(one.kind.level == "ask" and one.kind.ruled.decision != "allow" for one in kinds),
            saved=sum(one.kind.minutes_saved for one in kinds if one.earns),
        )

    async def show_kind(self, request: Request) -> Response:
        """One kind and all that is behind it."""
        return await self._kind(request)

    async def decide(self, request: Request) -> Response:
        """Grant, take back, or say that an act was wrong."""
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, FORM, fields)
        typed = forms.text(fields, "reason", most=REASON_MAX)
        try:
            said = await self._decided(_named(request), fields, typed)
        except (CommandRefused, NotFound) as error:
            return await self._kind(request, error=error, typed=typed)
        return done(request, "/autonomy/" + quote(_named(request)), said)

    async def _decided(self, kind: str, fields: FormData, reason: str) -> str:
        front, name = self._front, spoken(kind)
        match fields.get("what"):
            case "grant":
                level, last = (forms.text(fields, name, most=20) for name in ("level", "last"))
                granted = await front.act(lambda workspace: _granted(workspace, kind, level, last))
                if not granted.events:
                    return "It was so already; nothing was written."
                return f"{_capital(name)}: {LEVELS[granted.level]} from here on."
            case "revoke":
                revoked = await front.act(lambda workspace: workspace.autonomy.revoke(kind, reason=reason))
                return (
                    f"{_capital(name)} ask again from here on."
                    if revoked.events
                    else "It asks already; nothing was written."
                )
            case "wrong":
                run, task = forms.text(fields, "run", most=64), forms.text(fields, "task", most=64)
                told = await front.act(lambda workspace: workspace.autonomy.wrong(run, task, reason=reason))
                if not told.events:
                    return "That was said before; nothing was written."
                return "It counts as an error" + (", and the kind asks again." if told.asks_again else ".")
            case _:
                raise Refused(400, "This is no answer.", remedy="Nothing was changed. Load the page again.")

    async def _kind(
        self, request: Request, *, error: CommandRefused | NotFound | None = None, typed: str = ""
    ) -> Response:
        name, before = _named(request), queries.number(request, "before")
        told = await self._front.read_slowly(lambda workspace: _history(workspace, name, before))
        older = (
            queries.address(request.url.path, before=told.evidence[-1].position)
            if len(told.evidence) == EVIDENCE_SHOWN
            else ""
        )
        return page(
            *(request, "autonomy_kind.html"),
            status=422 if error else 200,
            topics=("autonomy",),
            told=told,
            one=told.shown,
            older=older,
            newer=request.url.path if before else "",
            error=error,
            typed=typed,
        )


def _named(request: Request) -> str:
    return str(request.path_params["kind"])[:KIND_MAX]


def _kinds(workspace: Workspace) -> list[Shown]:
    return [_shown(workspace, one) for one in workspace.autonomy.kinds()]


def _shown(workspace: Workspace, one: KindOfAct) -> Shown:
    by_rule = one.ruled.decision and one.level == "ask"
    level, tone = RULED[one.ruled.decision] if by_rule else (LEVELS[one.level], _TONES[one.level])
    told = _capital(workspace.autonomy.told(one, how=False))
    return Shown(one, _capital(spoken(one.kind)), level, tone, told, "/autonomy/" + quote(one.kind))


def _history(workspace: Workspace, name: str, before: int) -> History:
    desk = workspace.autonomy
    one = desk.kind(name)
    kind = one.kind
    return History(
        _shown(workspace, one),
        desk.evidence(kind, before=before, limit=EVIDENCE_SHOWN),
        desk.changes(kind),
        desk.left(kind) if one.left else (),
        desk.watched(kind) if one.would_leave + one.would_ask else (),
    )


def _granted(workspace: Workspace, kind: str, level: str, last: str) -> Granted:
    """Grant it, unless it was granted or taken back since the page was shown: that was said knowing more."""
    desk = workspace.autonomy
    changes = desk.changes(desk.kind(kind).kind)
    if last != str(changes[0].position if changes else 0) and desk.kind(kind).level != level:
        raise CommandRefused(
            "It changed since you were shown it.",
            why="Somebody granted it, or took it back, meanwhile.",
            remedy="Nothing was changed. Read what stands here now, then decide.",
        )
    return desk.grant(kind, level=level)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

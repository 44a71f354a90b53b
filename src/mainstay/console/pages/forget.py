"""To forget somebody for good: what is held about them, the second step, and how far it has come.

Rules of this file:

- An address is typed into a form and sent; it stands in no address bar, no redirect, no log and no memory of this page.
  From the preview on, the person is known by their subject.
- The second step is the address once more, typed by hand. It is held to the subject that the preview was about.
- It takes as long as it takes: the page may be left. How far it is stands in the ledger, not here.
"""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import csrf, forms
from mainstay.console.pages.memory_record import address_of
from mainstay.console.refused import Refused
from mainstay.console.rendering import done, page
from mainstay.kernel.errors import CommandRefused, MainstayError, NotFound
from mainstay.workspace import Workspace
from mainstay.workspace.forgetting import ForgetPreview, ForgetStanding
from mainstay.workspace.serving_web import Front

log = logging.getLogger("mainstay")

FORM = "forget"
WHO_MAX = 400
TOLD_MAX = 100  # whose failures are kept in mind
_SUBJECT = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class _Shown:
    preview: ForgetPreview
    addresses: tuple[str, ...]


class Forget:
    """Forgetting, in two steps."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._working: dict[str, asyncio.Task[None]] = {}
        self._failed: dict[str, MainstayError] = {}

    async def show(self, request: Request) -> Response:
        """Whom to forget; and who was."""
        return await self._asked(request)

    async def act(self, request: Request) -> Response:
        """Look what is held, or begin."""
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, FORM, fields)
        match fields.get("what"):
            case "look":
                return await self._look(request, fields)
            case "begin":
                return await self._begin(request, fields)
            case _:
                raise Refused(400, "This is no answer.", remedy="Nothing was changed. Load the page again.")

    async def standing(self, request: Request) -> Response:
        """How far it has come."""
        subject = str(request.path_params["subject"])
        found = await self._standing(subject) if _SUBJECT.fullmatch(subject) else None
        working = subject in self._working
        if found is None and not working and subject not in self._failed:
            raise Refused(
                404, "Nobody is being forgotten here.", remedy="Begin with what is held about somebody."
            )
        position = 0
        if found is not None and found.done_at:
            position = await self._front.read_slowly(
                lambda workspace: workspace.forgetting.done_position(found)
            )
        return page(
            *(request, "forgetting.html"),
            topics=("memory", "audit"),
            standing=found,
            subject=subject,
            working=working,
            failed=self._failed.get(subject),
            done_position=position,
        )

    # --- within ------------------------------------------------------------------------------------------------------

    async def _asked(
        self, request: Request, *, error: MainstayError | None = None, typed: str = "", status: int = 200
    ) -> Response:
        before = await self._front.read_slowly(
            lambda workspace: workspace.forgetting.all() if workspace.begun else []
        )
        return page(
            *(request, "forget.html"),
            status=status,
            topics=("memory",),
            before=before,
            error=error,
            typed=typed,
        )

    async def _look(self, request: Request, fields: FormData) -> Response:
        who = forms.text(fields, "who", most=WHO_MAX).strip()
        subject, run = forms.text(fields, "subject", most=64), forms.text(fields, "run", most=64)
        try:
            if run:
                subject = await self._front.read(lambda workspace: _whom(workspace, run))
            meant = subject if _SUBJECT.fullmatch(subject) else who
            shown = await self._front.read_slowly(lambda workspace: _shown(workspace, meant))
        except CommandRefused as error:
            return await self._asked(request, error=error, typed=who, status=422)
        plan = shown.preview.plan
        if not plan.known and not (plan.begun_at and not plan.done_at):
            unknown = _unknown(forgotten=bool(plan.done_at))
            return await self._asked(request, error=unknown, typed=who, status=404)
        return self._preview(request, shown)

    async def _begin(self, request: Request, fields: FormData) -> Response:
        subject = forms.text(fields, "subject", most=64)
        typed = forms.text(fields, "confirm", most=WHO_MAX)
        if not _SUBJECT.fullmatch(subject):
            raise Refused(400, "Nobody is meant by this.", remedy="Nothing was changed. Begin once more.")
        try:
            meant = await self._front.read(lambda workspace: workspace.forgetting.subject(typed))
        except CommandRefused:
            meant = None
        if meant != subject or _SUBJECT.fullmatch(typed.strip()):
            shown = await self._front.read_slowly(lambda workspace: _shown(workspace, subject))
            refused = CommandRefused(
                "That is not their address.",
                why="The second step is the address of whom you are about to forget, letter by letter.",
                remedy="Nothing was forgotten. Type it once more.",
            )
            return self._preview(request, shown, error=refused, typed=typed)
        if subject not in self._working:  # a second device, or a second click, comes to the same
            self._failed.pop(subject, None)
            self._working[subject] = asyncio.create_task(self._carry(subject))
        return done(request, f"/forget/{subject}")

    async def _carry(self, subject: str) -> None:
        try:
            await self._front.act_slowly(lambda workspace: workspace.forgetting.forget(subject))
        except MainstayError as error:
            while len(self._failed) >= TOLD_MAX:
                self._failed.pop(next(iter(self._failed)))
            self._failed[subject] = error
        except Exception as error:  # the page tells it; what was begun is gone on with by the director
            log.error("forgetting failed: %s", type(error).__name__, exc_info=error)
        finally:
            self._working.pop(subject, None)

    async def _standing(self, subject: str) -> ForgetStanding | None:
        return await self._front.read_slowly(lambda workspace: workspace.forgetting.standing(subject))

    def _preview(
        self, request: Request, shown: _Shown, *, error: CommandRefused | None = None, typed: str = ""
    ) -> Response:
        return page(
            *(request, "forget_preview.html"),
            status=422 if error else 200,
            preview=shown.preview,
            plan=shown.preview.plan,
            addresses=shown.addresses,
            error=error,
            typed=typed,
            address_of=address_of,
        )


def _shown(workspace: Workspace, who: str) -> _Shown:
    desk = workspace.forgetting
    return _Shown(desk.plan(who), desk.addresses(who))


def _whom(workspace: Workspace, run: str) -> str:
    """Whose message began a run. Raises `CommandRefused` for one that is about nobody."""
    row, _ = workspace.run(run)
    if not row["subject"]:
        raise CommandRefused(
            "This run is about nobody.",
            why="No message of a person began it.",
            remedy="Type the address of whom you mean.",
        )
    return str(row["subject"])


def _unknown(*, forgotten: bool) -> NotFound:
    return NotFound(
        "They were forgotten before." if forgotten else "Nothing is held about this address.",
        why="Nothing of them came since."
        if forgotten
        else "Nobody wrote from it, no mail names it, and no note is about it.",
        remedy="Who writes from several addresses is forgotten by each of them.",
    )

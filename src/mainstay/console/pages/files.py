"""Editing a file of workflows, templates or rules: check, preview, save; a new one from an example; retiring one.

What is typed is on every page that comes back, whatever was refused. Saving takes two looks: only a text whose
preview was shown is saved, and only over the file as it was shown. Who wrote meanwhile is answered with what they
wrote and what would take its place.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import csrf, forms
from mainstay.console.examples import EXAMPLES, What, what_may_stand
from mainstay.console.lines_diff import lines_diff
from mainstay.console.pages.file_forms import (
    DIGEST_MAX,
    NAME_MAX,
    Told,
    Typed,
    judged_otherwise,
    said_of,
    typed_in,
)
from mainstay.console.refused import Refused
from mainstay.console.rendering import done, page
from mainstay.console.sessions import session_of
from mainstay.kernel.errors import (
    CommandRefused,
    ConfigError,
    FileChanged,
    MainstayError,
    NotFound,
    StorageFull,
)
from mainstay.workspace import Workspace
from mainstay.workspace.edited_files import Kind
from mainstay.workspace.editing import FileText
from mainstay.workspace.serving_web import Front

SEEN_MAX = 32  # texts that were shown, for telling who changed what meanwhile
FORM = "file"
PATHS = {"workflow": "/workflows", "template": "/templates", "policy": "/policies"}
MANY = {"workflow": "Workflows", "template": "Templates", "policy": "Policies"}


class FilePages:
    """The pages on which files of one kind are written."""

    def __init__(self, front: Front, kind: Kind) -> None:
        self._front = front
        self._kind = kind
        self._seen: OrderedDict[str, str] = OrderedDict()

    @property
    def _path(self) -> str:
        return PATHS[self._kind.word]

    # --- one that is there -----------------------------------------------------------------------------------------

    async def edit(self, request: Request) -> Response:
        """The file and a form to write it."""
        word, name = self._kind.word, _named(request)
        file = await self._front.read(lambda workspace: workspace.editing.read(word, name))
        self._note(file.shown, file.text)
        return await self._page(
            request, file.file, Typed(file.text, file.shown, name=name), cannot=file.cannot
        )

    async def write(self, request: Request) -> Response:
        """Check, preview or save."""
        fields = await self._sent(request)
        file = f"{self._kind.folder}/{_named(request)}{self._kind.ending}"
        return await self._asked(request, file, replace(typed_in(fields), name=_named(request)), fields)

    # --- one that is not there yet ---------------------------------------------------------------------------------

    async def new(self, request: Request) -> Response:
        """A form with an example."""
        return await self._page(request, "", Typed(EXAMPLES[self._kind.word]))

    async def make(self, request: Request) -> Response:
        """Check, preview or save it under its new name."""
        fields = await self._sent(request)
        typed = typed_in(fields)
        word, name = self._kind.word, typed.name.strip().removesuffix(self._kind.ending)
        try:
            blank = await self._front.read(lambda workspace: workspace.editing.blank(word, name))
        except CommandRefused as error:
            return await self._page(request, "", typed, Told(refused=error), status=422)
        return await self._asked(request, blank.file, replace(typed, name=name, shown=""), fields, fresh=True)

    # --- the end of one --------------------------------------------------------------------------------------------

    async def ask_to_retire(self, request: Request) -> Response:
        """What that means, before it is done."""
        return await self._retiring(request)

    async def retire(self, request: Request) -> Response:
        """Remove the file; what runs follow it is kept."""
        fields = await self._sent(request)
        word, name, via = self._kind.word, _named(request), _device(request)
        shown = forms.text(fields, "shown", most=DIGEST_MAX)
        file = f"{self._kind.folder}/{name}{self._kind.ending}"
        try:
            saved = await self._front.act(
                lambda workspace: workspace.editing.remove(file, shown=shown, via=via)
            )
        except (CommandRefused, ConfigError, StorageFull) as error:
            if isinstance(error, NotFound):
                raise
            return await self._retiring(request, error)
        assert word == self._kind.word
        return done(request, self._path, said_of(saved, removed=True))

    async def _retiring(self, request: Request, error: MainstayError | None = None) -> Response:
        word, name = self._kind.word, _named(request)
        file = await self._front.read(lambda workspace: workspace.editing.read(word, name))
        return page(
            *(request, "file_retire.html"),
            status=_status(error) if error is not None else 200,
            kind=word,
            path=self._path,
            many=MANY[word],
            name=name,
            file=file,
            error=error,
            errors=(error, *error.also) if isinstance(error, ConfigError) else (),
        )

    # --- within ----------------------------------------------------------------------------------------------------

    async def _sent(self, request: Request) -> FormData:
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, FORM, fields)
        return fields

    async def _asked(
        self, request: Request, file: str, typed: Typed, fields: FormData, *, fresh: bool = False
    ) -> Response:
        try:
            match fields.get("do"):
                case "check":
                    return await self._check(request, file, typed, fresh=fresh)
                case "preview":
                    return await self._preview(request, file, typed, fresh=fresh)
                case "save" if typed.previewed == typed.mark:
                    return await self._save(request, file, typed)
                case "save":
                    return await self._preview(request, file, typed, fresh=fresh)
                case _:
                    raise Refused(
                        400, "This is no answer.", remedy="Nothing was changed. Load the page again."
                    )
        except FileChanged as error:
            return await self._stale(request, file, typed, error, fresh=fresh)
        except ConfigError as error:
            told = Told(errors=(error, *error.also))
            return await self._page(request, file, typed, told, status=422, fresh=fresh)
        except (CommandRefused, StorageFull) as error:
            if isinstance(error, NotFound):
                raise
            return await self._page(
                request, file, typed, Told(refused=error), status=_status(error), fresh=fresh
            )

    async def _check(self, request: Request, file: str, typed: Typed, *, fresh: bool) -> Response:
        verdict = await self._front.read_slowly(lambda workspace: workspace.editing.check(file, typed.text))
        told = Told(verdict.errors, verdict.elsewhere, fine=not verdict.errors)
        return await self._page(
            request, file, typed, told, status=422 if verdict.errors else 200, fresh=fresh
        )

    async def _preview(self, request: Request, file: str, typed: Typed, *, fresh: bool) -> Response:
        found = await self._front.read_slowly(lambda workspace: workspace.editing.preview(file, typed.text))
        verdict = found.verdict
        if found.shown != typed.shown:
            raise FileChanged(f"{file} was changed meanwhile.", why="It does not say what you were shown.")
        if verdict.errors:
            told = Told(verdict.errors, verdict.elsewhere)
            return await self._page(request, file, typed, told, status=422, fresh=fresh)
        rows = lines_diff(found.before, found.after)
        told = Told((), verdict.elsewhere, preview=found, rows=rows, judged=judged_otherwise(found))
        return await self._page(request, file, replace(typed, previewed=typed.mark), told, fresh=fresh)

    async def _save(self, request: Request, file: str, typed: Typed) -> Response:
        via = _device(request)
        saved = await self._front.act(
            lambda workspace: workspace.editing.save(file, typed.text, shown=typed.shown, via=via)
        )
        to = await self._front.read(lambda workspace: _shown_at(workspace, self._kind, typed.name))
        tone = "warn" if saved.waits_for else "ok"
        return done(request, to, said_of(saved), tone=tone)

    async def _stale(
        self, request: Request, file: str, typed: Typed, error: FileChanged, *, fresh: bool
    ) -> Response:
        """Somebody wrote it meanwhile: what they wrote, and what would take its place."""
        now = await self._front.read(lambda workspace: _now(workspace, self._kind, typed.name))
        text, shown = ("", "") if now is None else (now.text, now.shown)
        before = self._seen.get(typed.shown)
        meanwhile = lines_diff(before, text) if before is not None else ()
        self._note(shown, text)
        told = Told(refused=error, meanwhile=meanwhile, against=lines_diff(text, typed.text))
        typed = replace(typed, shown=shown, previewed="")
        return await self._page(request, file, typed, told, status=409, fresh=fresh and not shown)

    async def _page(
        self,
        request: Request,
        file: str,
        typed: Typed,
        told: Told | None = None,
        *,
        status: int = 200,
        fresh: bool = False,
        cannot: str = "",
    ) -> Response:
        word = self._kind.word
        help_: Sequence[What] = await self._front.read(lambda workspace: what_may_stand(workspace, word))
        fresh = fresh or not file
        return page(
            *(request, "file_edit.html"),
            status=status,
            kind=word,
            path=self._path,
            many=MANY[word],
            folder=self._kind.folder,
            ending=self._kind.ending,
            file=file,
            fresh=fresh,
            typed=typed,
            told=replace(told or Told(), lines=tuple(typed.text.split("\n"))),
            cannot=cannot,
            answered=request.method == "POST",
            help=help_,
            action=f"/new/{word}" if fresh else f"{self._path}/{typed.name}/edit",
        )

    def _note(self, shown: str, text: str) -> None:
        """Keep what was shown for a while: whoever is told that it changed is told how."""
        if shown:
            self._seen[shown] = text
            self._seen.move_to_end(shown)
            while len(self._seen) > SEEN_MAX:
                self._seen.popitem(last=False)


def _named(request: Request) -> str:
    return str(request.path_params["name"])[:NAME_MAX]


def _device(request: Request) -> str:
    session = session_of(request)
    assert session is not None, "the route asks for a device"
    return session.device.device


def _now(workspace: Workspace, kind: Kind, name: str) -> FileText | None:
    try:
        return workspace.editing.read(kind.word, name)
    except NotFound:
        return None


def _shown_at(workspace: Workspace, kind: Kind, name: str) -> str:
    """The page of what was saved: a workflow has a name of its own, which its file says."""
    if kind.word != "workflow":
        return f"{PATHS[kind.word]}/{name}"
    file = f"{kind.folder}/{name}{kind.ending}"
    found = next((one.name for one in workspace.flows.overview().lines if one.file == file), "")
    return f"{PATHS[kind.word]}/{found}" if found else PATHS[kind.word]


def _status(error: MainstayError) -> int:
    match error:
        case FileChanged():
            return 409
        case StorageFull():
            return 503
        case _:
            return 422

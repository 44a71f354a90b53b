"""The files of workflows, templates and rules: read, checked, previewed, saved and retired, as the console does it.

A file lies in one of three folders and is named by its kind and its plain name; nothing leads out of these. What is
saved is bound to what was shown: its digest is the `ETag`, and goes back as `If-Match`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Header, Path, Request, Response
from pydantic import AfterValidator, BaseModel, Field

from mainstay.console.api.asked import Asked, IfShown, MaybeKey, shown_of
from mainstay.console.api.noun import Administering, Noun, Reading
from mainstay.console.api.paging import Cursor, Limit, Page, linked, place, sliced
from mainstay.console.api.values import Strict, whole_characters
from mainstay.console.refused import Refused
from mainstay.kernel.errors import ConfigError
from mainstay.workflows.difference import Change
from mainstay.workspace.edit_history import Entry
from mainstay.workspace.edited_files import KINDS, NOTHING, place_of
from mainstay.workspace.editing import Saved
from mainstay.workspace.policy_compared import Compared
from mainstay.workspace.workspace import Workspace

noun = Noun("files")

TEXT_MAX = 300_000
CHANGING = (412, 428)
Kind = Annotated[
    Literal["workflow", "template", "policy"],
    Path(description="Of workflows/*.yaml, templates/*.md or policies/*.toml."),
]
Name = Annotated[
    str,
    Path(
        max_length=80,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="The name of the file, without its ending.",
        examples=["triage"],
    ),
]
IfNone = Annotated[
    Literal["*"] | None,
    Header(alias="If-None-Match", description="For a new file, in place of `If-Match`: there is none yet."),
]
TAGGED: dict[int | str, dict[str, Any]] = {
    200: {"headers": {"ETag": {"schema": {"type": "string"}, "description": "The digest of what it says."}}}
}
SAVED: dict[int | str, dict[str, Any]] = TAGGED | {
    201: {
        "model": Saved,
        "description": "It is a new file.",
        "headers": TAGGED[200]["headers"],
    }
}


class FileLine(BaseModel):
    """A file in a list."""

    kind: Literal["workflow", "template", "policy"]
    name: str
    file: str


class FileShown(FileLine):
    """A file as it is."""

    text: str
    digest: str = Field(description="What a change of it is bound to; also its `ETag`.")
    cannot: str = Field(description="Why it cannot be edited here; empty: it can.")


class FileMistake(BaseModel):
    """Something that is wrong with a text."""

    file: str
    line: int | None
    key: str
    what: str
    why: str
    remedy: str


class FileChecked(BaseModel):
    """What there is to say of a text. With any error it is not saved."""

    errors: list[FileMistake]
    elsewhere: list[FileMistake] = Field(description="In other files, and not because of it.")


class FilePreview(FileChecked):
    """What saving a text would change; nothing is foreseen of one with errors."""

    digest: str = Field(description="Of the file as it is: what saving is bound to. Empty: there is none.")
    workflow: str = Field(description="The workflow that it is.")
    changes: list[Change]
    runs: int = Field(description="In flight, which stay on their version.")
    rules: Compared | None = Field(description="Which waiting cards rules would judge otherwise.")
    judged: int = Field(description="Runs whose waiting acts are looked at again.")
    asks_again: list[str] = Field(description="Kinds of act that go by themselves and would not any more.")
    notes: list[str]


class FileWritten(Strict):
    """What a file is to say."""

    text: Annotated[
        str, Field(max_length=TEXT_MAX, pattern=r"^[^\u0000]*$"), AfterValidator(whole_characters)
    ]


@noun.get("/files", response_model=Page[FileLine])
async def list_files(
    asked: Reading, request: Request, response: Response, limit: Limit = 50, cursor: Cursor = ""
) -> Any:
    """The files of the three folders, by kind and name."""
    wanted = place("files", limit, cursor, str, str)

    def look(workspace: Workspace) -> list[FileLine]:
        return [
            FileLine(kind=kind, name=one.name, file=one.file)  # type: ignore[arg-type]
            for kind in KINDS
            for one in workspace.editing.listed(kind)
        ]

    found = await asked.read(look)
    return linked(request, response, sliced(found, lambda one: (one.kind, one.name), wanted))


@noun.get("/files/{kind}/{name}", response_model=FileShown, responses=TAGGED)
async def show_file(asked: Reading, kind: Kind, name: Name, response: Response) -> Any:
    """A file and what it says. Its `ETag` is what a change of it names."""
    found = await asked.read(lambda workspace: workspace.editing.read(kind, name))
    response.headers["ETag"] = f'"{found.shown}"'
    return FileShown(
        kind=kind, name=name, file=found.file, text=found.text, digest=found.shown, cannot=found.cannot
    )


@noun.get("/files/{kind}/{name}/history", response_model=list[Entry])
async def list_file_history(asked: Reading, kind: Kind, name: Name) -> Any:
    """What became of a file and of what it says: each version that came into force, and who saved it; newest first."""
    return await asked.read(lambda workspace: workspace.editing.happened(kind, name))


@noun.post("/files/{kind}/{name}/check", response_model=FileChecked)
async def check_file(asked: Reading, kind: Kind, name: Name, said: FileWritten) -> Any:
    """What would be wrong with a text, by the code that loads the file. Nothing is written."""
    file = place_of(KINDS[kind], name).file
    found = await asked.read_slowly(lambda workspace: workspace.editing.check(file, said.text))
    return FileChecked(errors=_mistakes(found.errors), elsewhere=_mistakes(found.elsewhere))


@noun.post("/files/{kind}/{name}/preview", response_model=FilePreview)
async def preview_file(asked: Reading, kind: Kind, name: Name, said: FileWritten) -> Any:
    """What saving a text would change: versions, cards, kinds of act. Nothing is written."""
    file = place_of(KINDS[kind], name).file
    found = await asked.read_slowly(lambda workspace: workspace.editing.preview(file, said.text))
    return FilePreview(
        errors=_mistakes(found.verdict.errors),
        elsewhere=_mistakes(found.verdict.elsewhere),
        digest=found.shown,
        workflow=found.workflow,
        changes=list(found.changes),
        runs=found.runs,
        rules=found.rules,
        judged=found.judged,
        asks_again=list(found.asks_again),
        notes=list(found.notes),
    )


@noun.put("/files/{kind}/{name}", response_model=Saved, also=CHANGING, responses=SAVED)
async def save_file(
    asked: Administering,
    kind: Kind,
    name: Name,
    said: FileWritten,
    response: Response,
    digest: IfShown = None,
    fresh: IfNone = None,
    key: MaybeKey = None,
) -> Any:
    """Write a file and put it in force, if it says what was shown. With any mistake nothing is written."""
    shown = NOTHING if fresh and digest is None else shown_of(digest)
    found = await _changed(
        asked,
        lambda workspace: workspace.editing.save(
            place_of(KINDS[kind], name).file, said.text, shown=shown, actor=asked.actor, via=asked.via
        ),
    )
    response.headers["ETag"] = f'"{found.content}"'
    response.status_code = 200 if shown else 201
    return found


@noun.delete("/files/{kind}/{name}", response_model=Saved, also=CHANGING)
async def retire_file(
    asked: Administering, kind: Kind, name: Name, digest: IfShown = None, key: MaybeKey = None
) -> Any:
    """Remove a file and take what it says out of force; what runs follow it is kept."""
    shown = shown_of(digest)
    return await _changed(
        asked,
        lambda workspace: workspace.editing.remove(
            place_of(KINDS[kind], name).file, shown=shown, actor=asked.actor, via=asked.via
        ),
    )


async def _changed(asked: Asked, do: Any) -> Saved:
    try:
        found: Saved = await asked.act(do)
    except ConfigError as error:
        raise Refused(
            409,
            "Something is wrong with it, and nothing was written.",
            why=str(error),
            remedy=error.remedy or "Mend it; `/check` says as much without saving.",
            kind="refused",
            fields={"mistakes": [one.model_dump() for one in _mistakes((error, *error.also))]},
        ) from error
    return found


def _mistakes(found: Any) -> list[FileMistake]:
    return [
        FileMistake(file=one.file, line=one.line, key=one.key, what=one.what, why=one.why, remedy=one.remedy)
        for one in found
    ]

"""Documents for memory, handed over as text, and the index that finds what is remembered."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from fastapi import Path, Request, Response
from pydantic import AfterValidator, BaseModel, Field

from mainstay.console.api.asked import MaybeKey
from mainstay.console.api.long import ANSWERED, LongOperation, begin
from mainstay.console.api.memory import require_own_word
from mainstay.console.api.noun import Noun, Remembering, Steering
from mainstay.console.api.values import NAME_MAX, Named, Strict, whole_characters
from mainstay.console.refused import Refused
from mainstay.kernel.errors import DocumentError

noun = Noun("memory")

DOCUMENT_MAX = 400_000  # characters; a request has a million bytes at most
DocumentName = Annotated[
    str,
    Path(
        max_length=NAME_MAX,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="What the document is known by: of your own making.",
        examples=["terms-of-delivery"],
    ),
]


class DocumentText(Strict):
    """A document."""

    text: Annotated[
        str,
        Field(min_length=1, max_length=DOCUMENT_MAX, pattern=r"^[^\u0000]*$"),
        AfterValidator(whole_characters),
    ]
    form: Literal["markdown", "text", "html"] = "markdown"
    title: Named = Field("", description="Empty: as the text says, or its name.")
    source: Annotated[str, Field(max_length=1_000, pattern=r"^[^\u0000]*$")] = Field(
        "", description="Where it is from, for whoever reads what was found in it."
    )
    space: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")] = "documents"
    tag: Named = Field("", description="Its data class: which providers it may go to.")


class DocumentTaken(BaseModel):
    """What became of a document."""

    memory: str = Field(description="By which it is remembered.")
    became: Literal["new", "changed", "unchanged"]
    kept: int = Field(description="Pieces that are new or corrected.")
    same: int = Field(description="Pieces that were known.")
    retracted: int = Field(description="Pieces that are gone.")
    notes: str = Field(description="What of it could not be read.")


@noun.put("/memory/documents/{document}", response_model=DocumentTaken)
async def import_document(asked: Remembering, document: DocumentName, said: DocumentText) -> Any:
    """Take in a document in pieces. The same again changes nothing; another text of this name corrects what differs.

    Its pieces are retracted where they are gone.
    """
    require_own_word(asked.actor)
    try:
        found = await asked.front.act_slowly(
            lambda workspace: workspace.memory.import_text(
                document,
                said.text,
                form=said.form,
                title=said.title,
                source=said.source,
                space=said.space,
                tag=said.tag,
                actor=asked.actor,
            )
        )
    except DocumentError as error:
        raise Refused(409, f"{error.what}.", why=error.why, remedy=error.remedy, kind="refused") from error
    return DocumentTaken(
        memory=found.memory,
        became=found.became,  # type: ignore[arg-type]  # nothing that is handed over is refused or mail
        kept=found.kept,
        same=found.same,
        retracted=found.retracted,
        notes=found.why,
    )


@noun.post("/memory/rebuild", response_model=LongOperation, status_code=202, responses=ANSWERED)
async def rebuild_memory(asked: Steering, request: Request, response: Response, key: MaybeKey = None) -> Any:
    """Make the index of memory anew from the ledger. It takes its time: ask for the operation."""

    async def work() -> dict[str, Any]:
        return msgspec.to_builtins(  # type: ignore[no-any-return]
            await asked.front.act_slowly(lambda workspace: workspace.memory.rebuild())
        )

    return await begin(asked, request, response, "memory rebuild", work)

"""The inbox: every message and what became of it, also those that no card stands for."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request, Response

from mainstay.console.api.noun import Noun, Reading
from mainstay.console.api.paging import Cursor, Limit, Page, linked, place
from mainstay.workspace.triaged import Triaged
from mainstay.workspace.workspace import Workspace

noun = Noun("inbox")


@noun.get("/inbox", response_model=Page[Triaged])
async def list_inbox(
    asked: Reading,
    request: Request,
    response: Response,
    needs_you: Annotated[
        bool, Query(description="Only what a person has to bring to an end; 200 messages are looked through.")
    ] = False,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Any:
    """Messages and what became of each, newest first. A page may be short of what was asked for and have a `next`."""
    wanted = place("inbox", limit, cursor, int)
    before = max(1, wanted.after[0]) if wanted.after is not None else 0

    def look(workspace: Workspace) -> tuple[list[Triaged], str | None]:
        page = workspace.inbox.page(before=before, limit=limit, needs_you=needs_you)
        return list(page.messages), wanted.next((page.older,)) if page.older else None

    return linked(request, response, await asked.read_slowly(look))

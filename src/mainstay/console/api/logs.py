"""What the director said: its log, which names nobody."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response

from mainstay.console.api.noun import Noun, Reading
from mainstay.console.api.paging import Cursor, Limit, Page, linked, place
from mainstay.workspace.log_lines import LogLine, LogPlace
from mainstay.workspace.workspace import Workspace

noun = Noun("logs")


@noun.get("/logs", response_model=Page[LogLine])
async def list_log(
    asked: Reading,
    request: Request,
    response: Response,
    level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"],
        Query(description="Of this gravity and above."),
    ] = "debug",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Any:
    """What the director said, newest first. A page may be short of what was asked for and have a `next`."""
    wanted = place("logs", limit, cursor, str, int)
    before = None
    if wanted.after is not None and wanted.after[0].isdecimal():
        before = LogPlace(int(wanted.after[0]), max(0, wanted.after[1]))

    def look(workspace: Workspace) -> tuple[list[LogLine], str | None]:
        page = workspace.logs.page(before=before, limit=limit, level=level)
        older = page.older
        return list(page.lines), wanted.next((str(older.file), older.byte)) if older is not None else None

    return linked(request, response, await asked.read_slowly(look))

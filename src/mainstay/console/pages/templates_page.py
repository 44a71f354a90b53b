"""Templates of replies: the list, and one with what it says, who names it and what it said before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import queries
from mainstay.console.pages.versions import Compared, compared
from mainstay.console.rendering import page
from mainstay.kernel.errors import ConfigError, NotFound
from mainstay.workspace import Workspace
from mainstay.workspace.edit_history import Entry
from mainstay.workspace.editing import FileText
from mainstay.workspace.serving_web import Front
from mainstay.workspace.template_list import TemplateLine

NAME_MAX = 120


@dataclass(frozen=True, slots=True)
class OneTemplate:
    """What the page of a template shows."""

    line: TemplateLine
    file: FileText | None
    text: str
    errors: Sequence[ConfigError]
    entries: Sequence[Entry]
    comparison: Compared | None


class TemplatePages:
    """The list and one of it."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def show(self, request: Request) -> Response:
        """Every template."""
        found = await self._front.read(lambda workspace: workspace.editing.templates.all())
        return page(request, "templates.html", topics=("rules",), found=found)

    async def show_one(self, request: Request) -> Response:
        """One template."""
        name = str(request.path_params["name"])[:NAME_MAX]
        old, new = queries.number(request, "from"), queries.number(request, "to")
        told = await self._front.read(lambda workspace: _told(workspace, name, old, new))
        return page(request, "template.html", topics=("rules",), told=told, line=told.line, name=name)


def _told(workspace: Workspace, name: str, old: int, new: int) -> OneTemplate:
    editing, history = workspace.editing, workspace.editing.history
    entries = history.of_template(name)
    try:
        file = editing.read("template", name)
    except NotFound:
        if not entries:
            raise
        file = None
    line = editing.templates.one(name)
    last = next((one.text for one in entries if one.text), None)
    text = file.text if file is not None else (history.text(last) or "") if last else ""
    errors = editing.check(file.file, file.text).errors if file is not None else ()
    comparison = compared(entries, old, new, lambda one: history.text(one.text) if one.text else None)
    return OneTemplate(line, file, text, errors, entries, comparison)

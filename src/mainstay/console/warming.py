"""What the first visit needs, made ready piece by piece, before anybody comes.

Each piece is short and is done in a thread by whoever walks through them (`workspace.web_server`), with a rest after
each: a thread of Python keeps the others from working while it works, whatever its priority is, and one that the
system puts aside in the middle keeps them all the longer. So pieces are short, and no priority is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pkgutil import iter_modules

from mainstay.console import api, assets, drawing
from mainstay.console.rendering import environment
from mainstay.workspace import Workspace

LATE = ("fastapi", "mainstay.workspace.today", "mainstay.workspace.workflow_overview")


def pieces() -> Iterator[Callable[[], object]]:
    """One after the other; each may be done at any time, and once more without harm."""
    yield environment
    for name in environment().list_templates(extensions=["html"]):
        yield partial(environment().get_template, name)
    for name in LATE:
        yield partial(import_module, name)
    for package in (drawing, api):
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            yield partial(import_module, module.name)
    yield assets.assets


def look(workspace: Workspace) -> None:
    """What opens the ledger for the pages that read quickly."""
    workspace.run_search.page(limit=1)


def look_slowly(workspace: Workspace) -> None:
    """The same for the others. Objectives read three days at their first look, and what is new at each later one."""
    workspace.slo.courses()

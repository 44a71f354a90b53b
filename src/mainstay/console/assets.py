"""The files that pages load: known by name and by the hash of their content, and read once. There are no others."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

from mainstay.console.refused import nothing_here

FILES = {"console.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}
AT = "/static/"
FOR_EVER = "public, max-age=31536000, immutable"


@lru_cache(maxsize=1)
def assets() -> dict[str, tuple[str, bytes]]:
    """Media type and content, by the name under which it is served."""
    found = {}
    for name, media_type in FILES.items():
        content = files("mainstay.console").joinpath("static", name).read_bytes()
        found[_served(name, content)] = (media_type, content)
    return found


def path_of(name: str) -> str:
    """Where a page finds a file."""
    stem = name.partition(".")[0]
    return AT + next(served for served in assets() if served.startswith(stem + "."))


def serve(request: Request) -> Response:
    """A file by its exact name: nothing is looked for on the disk."""
    found = assets().get(request.path_params["name"])
    if found is None:
        raise nothing_here()
    media_type, content = found
    return Response(content, media_type=media_type, headers={"Cache-Control": FOR_EVER})


def _served(name: str, content: bytes) -> str:
    stem, _, ending = name.partition(".")
    return f"{stem}.{hashlib.sha256(content).hexdigest()[:16]}.{ending}"

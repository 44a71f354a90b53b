"""The files that pages load: known by name and by the hash of their content, and read once. There are no others.

Our own style sheets lie one a part in `static/css` and our own scripts in `static/js`; each kind is served as one
file, in the order of their names. What others wrote lies in `static/vendor` (vendor.toml says what it is).
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

from mainstay.console.refused import nothing_here

AT = "/static/"
FOR_EVER = "public, max-age=31536000, immutable"
CSS, JS = "text/css; charset=utf-8", "text/javascript; charset=utf-8"
TYPES = {"css": CSS, "js": JS, "svg": "image/svg+xml", "woff2": "font/woff2"}
FONT = "inter.woff2"
_AS_IT_IS = frozenset({"woff2"})  # compressed already


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served."""

    served: str  # its name with the hash of its content
    media_type: str
    content: bytes
    packed: bytes  # the same by gzip; empty where that gains nothing


@lru_cache(maxsize=1)
def assets() -> dict[str, Asset]:
    """Every file, by its own name."""
    found = {name: _asset(name, _read("vendor", name)) for name in ("htmx.js", "hx-sse.js", FONT)}
    found["icon.svg"] = _asset("icon.svg", _read("icon.svg"))
    style = b"\n".join(_parts("css")).replace(b"url(inter.woff2)", f"url({found[FONT].served})".encode())
    found["console.css"] = _asset("console.css", style)
    found["console.js"] = _asset("console.js", b"\n".join(_parts("js")))
    return found


@lru_cache(maxsize=1)
def _served() -> dict[str, Asset]:
    return {one.served: one for one in assets().values()}


def path_of(name: str) -> str:
    """Where a page finds a file."""
    return AT + assets()[name].served


def serve(request: Request) -> Response:
    """A file by its exact name: nothing is looked for on the disk."""
    found = _served().get(request.path_params["name"])
    if found is None:
        raise nothing_here()
    headers = {"Cache-Control": FOR_EVER, "Vary": "Accept-Encoding"}
    if found.packed and "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(found.packed, media_type=found.media_type, headers=headers)
    return Response(found.content, media_type=found.media_type, headers=headers)


def _asset(name: str, content: bytes) -> Asset:
    stem, _, ending = name.rpartition(".")
    packed = b"" if ending in _AS_IT_IS else gzip.compress(content, 9, mtime=0)
    served = f"{stem}.{hashlib.sha256(content).hexdigest()[:16]}.{ending}"
    return Asset(served, TYPES[ending], content, packed)


def _parts(kind: str) -> list[bytes]:
    folder = files("mainstay.console").joinpath("static", kind)
    return [one.read_bytes() for one in sorted(folder.iterdir(), key=lambda one: one.name)]


def _read(*path: str) -> bytes:
    return files("mainstay.console").joinpath("static", *path).read_bytes()

"""The state of a triage as bytes: a version, a header, arrays, and a digest over all of it.

Rules of this file: the same state gives the same bytes; nothing in them is ever executed; what is torn, changed or
of another version is refused. Vectors give away what their texts were about: whoever keeps these bytes seals them.
"""

from __future__ import annotations

import json
import math
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy

from mainstay.kernel.errors import CommandRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_MAGIC = b"mainstay triage 1\n"
_DIGEST = 32
_LENGTH = 8
_KINDS = frozenset({"<f4", "<f8", "<i4", "|b1"})


def pack(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Header and arrays as one string of bytes."""
    shapes, parts = [], []
    for name, array in sorted(arrays.items()):
        little = numpy.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        shapes.append([name, little.dtype.str, list(little.shape)])
        parts.append(little.tobytes())
    told = {"header": header, "arrays": shapes}
    head = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    body = b"".join((_MAGIC, len(head).to_bytes(_LENGTH, "big"), head, *parts))
    return body + sha256(body).digest()


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The same again. Raises `CommandRefused` for anything that `pack` did not make."""
    body, digest = data[:-_DIGEST], data[-_DIGEST:]
    if not body.startswith(_MAGIC):
        raise _refused("its version is not one that this release reads")
    if sha256(body).digest() != digest:
        raise _refused("its digest does not fit: it was cut or changed")
    try:
        return _read(body)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError, MemoryError) as error:
        # Whole, and yet none of ours: only `pack` knows what it writes.
        raise _refused(f"it does not say what it should ({type(error).__name__})") from error


def _read(body: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    start = len(_MAGIC) + _LENGTH
    place = start + int.from_bytes(body[len(_MAGIC) : start], "big")
    told = json.loads(body[start:place])
    arrays: dict[str, NDArray[Any]] = {}
    for name, kind, shape in told["arrays"]:
        if kind not in _KINDS:
            raise _refused(f"it holds numbers of a kind that is not used ({kind})")
        if not all(isinstance(one, int) and 0 <= one <= len(body) for one in shape):
            raise ValueError(shape)
        size = numpy.dtype(kind).itemsize * math.prod(shape)
        arrays[name] = numpy.frombuffer(body[place : place + size], dtype=kind).reshape(shape).copy()
        place += size
    return told["header"], arrays


def _refused(why: str) -> CommandRefused:
    return CommandRefused(
        "The fitted triage cannot be read",
        why=why,
        remedy="Fit it anew from the ledger: nothing is lost but the time that it takes.",
    )

"""The search for what is left of somebody: each byte of each file, each sealed value with each key that is left.

It knows nothing of views, artifacts or who is whose: it takes files, and reads them as somebody would who has stolen
the disk together with the master key. So it finds what the code that forgets did not think of.

Rules of this file:

- A word is looked for as it may stand in a file: plain in either case, as UTF-16, as quoted-printable, in each of the
  three alignments of base64, and within whatever is compressed.
- Whatever looks like a sealed value is tried with every key of the table of keys, in every context.
"""

from __future__ import annotations

import base64
import quopri
import re
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CONTEXTS = (
    *(b"message", b"attachment", b"raw", b"payload", b"card", b"reply", b"recall", b"text", b"memory"),
    *(b"fit", b"answer"),
)
UNPACKED_MAX = 10_000_000
PACKED_MAX = 2_000_000  # bytes of one compressed part: what only looks like one must cost little
_TOKEN = re.compile(rb"sealed:([A-Za-z0-9+/]{60,}={0,2})")
_PACKED = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x9c\xda]")
_DATABASE = b"SQLite format 3\0"
_HEAD, _NONCE = 19, 12


@dataclass(frozen=True, slots=True)
class Remains:
    """What lies in these places. Files of `besides`, and all below them, are not looked at: they are the operator's."""

    keys: Path
    master: bytes
    places: Sequence[Path]
    besides: frozenset[Path] = frozenset()

    def files(self) -> Iterator[tuple[Path, bytes]]:
        """Every file, and what is in it."""
        seen: set[Path] = set()
        for place in self.places:
            for path in sorted(place.rglob("*")):
                mine = {path, *path.parents} & self.besides
                if path.is_file() and not mine and path not in seen:
                    seen.add(path)
                    yield path, path.read_bytes()

    def in_the_clear(self, words: Iterable[str]) -> list[tuple[str, str]]:
        """Which of these words stand in which file."""
        patterns = {word: spelled(word) for word in words}
        found: dict[tuple[str, str], None] = {}
        for path, data in self.files():
            for part in (data, *unpacked(data)):
                low = part.lower()
                for word, forms in patterns.items():
                    if any(form in part or form in low for form in forms):
                        found[path.name, word] = None
        return list(found)

    def opened(self, contexts: Sequence[bytes] = CONTEXTS) -> set[bytes]:
        """All that can be opened, with all keys that are left, of what was sealed in these contexts."""
        keys = [AESGCM(key) for key in self._keys()]
        found: set[bytes] = set()
        for token in self.tokens():
            found.update(_tried(token, keys, contexts))
        return found

    def tokens(self) -> set[bytes]:
        """Whatever may be a sealed value."""
        found: set[bytes] = set()
        for path, data in self.files():
            if data.startswith(_DATABASE):
                found.update(_of_database(path))
            elif data[:1] == b"\x01":
                found.add(data)
            for part in (data, *unpacked(data)):
                found.update(base64.b64decode(one) for one in _TOKEN.findall(part))
        return found

    def _keys(self) -> Iterator[bytes]:
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"mainstay wrapping key 1")
        wrapping = AESGCM(derived.derive(self.master))
        with closing(sqlite3.connect(self.keys)) as table:
            rows = table.execute("SELECT subject, generation, wrapped FROM subjects").fetchall()
        for subject, generation, wrapped in rows:
            if wrapped:
                bound = b"key" + subject + generation.to_bytes(2, "big")
                yield wrapping.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], bound)


def spelled(word: str) -> set[bytes]:
    """A word as it may stand in a file."""
    plain = word.encode()
    aligned = {
        base64.b64encode(b"x" * shift + plain)[-(-shift * 8 // 6) : (shift + len(plain)) * 8 // 6]
        for shift in range(3)
    }
    return {plain, word.lower().encode(), word.encode("utf-16-le"), quopri.encodestring(plain), *aligned}


def unpacked(data: bytes) -> Iterator[bytes]:
    """What is compressed within these bytes."""
    view = memoryview(data)
    for start in (one.start() for one in _PACKED.finditer(data)):
        try:
            yield zlib.decompressobj(47).decompress(view[start : start + PACKED_MAX], UNPACKED_MAX)
        except zlib.error:
            continue


def _tried(token: bytes, keys: Sequence[AESGCM], contexts: Sequence[bytes]) -> Iterator[bytes]:
    for one in (token, token[1:]):  # cached answers have a letter before it
        head, nonce, rest = one[:_HEAD], one[_HEAD : _HEAD + _NONCE], one[_HEAD + _NONCE :]
        if len(rest) < 16 or head[:1] != b"\x01":
            continue
        for key in keys:
            for context in contexts:
                try:
                    yield key.decrypt(nonce, rest, head + context)
                except InvalidTag:
                    continue


def _of_database(path: Path) -> Iterator[bytes]:
    with closing(sqlite3.connect(path)) as database:
        tables = [one for (one,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for table in tables:
            for row in database.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    data = value.encode() if isinstance(value, str) else value
                    if isinstance(data, bytes):
                        if data[:1] in (b"\x01", b"p", b"h"):
                            yield data
                        yield from (base64.b64decode(one) for one in _TOKEN.findall(data))

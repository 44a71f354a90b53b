"""Vectors already computed, kept so that the same text is never embedded twice.

Rules of the file: the texts are personal, so nothing here stores one, nor a plain hash that a guess could
be tried against. An entry's key is an HMAC, under a secret of the workspace, of the embedder's recipe and
the text: another recipe or another workspace finds nothing. Vectors give away what their texts were about;
the file is for its owner's eyes alone. `CachedEmbedder.forget` removes what belongs to a text, and `retain`
all that belongs to none of those that are still there: what was once embedded of somebody who is forgotten
(a question, half a sentence) nobody could name any more.

A cache is never the truth. It holds at most `entry_max` vectors, the oldest go first, and deleting the file
costs time only.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mainstay.kernel import errors

if TYPE_CHECKING:
    from mainstay.models.base import Embedder, Vectors

# 1.5 KB a vector: 300 MB, and more mail than one person's year.
ENTRY_MAX = 200_000
SECRET_BYTES_MIN = 16
# Older SQLite builds accept 999 parameters in one statement.
_KEYS_PER_QUERY = 500

_SCHEMA = """
CREATE TABLE IF NOT EXISTS vectors (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key    BLOB NOT NULL UNIQUE,
    vector BLOB NOT NULL
)
"""


class EmbeddingCache(Protocol):
    """Bytes by key. Safe to call from several threads; what was put may be gone at any time."""

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The entries that exist."""
        ...

    def put(self, entries: Mapping[bytes, bytes]) -> None:
        """Keep the entries; those that exist already are left as they are."""
        ...

    def drop(self, keys: Sequence[bytes]) -> None:
        """Remove the entries that exist."""
        ...

    def retain(self, keys: Collection[bytes]) -> int:
        """Remove all others, so that nothing of them is left in the file; how many these were."""
        ...


class CachedEmbedder:
    """An embedder that asks the cache first. Its vectors equal the inner embedder's bit for bit."""

    def __init__(self, inner: Embedder, cache: EmbeddingCache, *, secret: bytes) -> None:
        """`secret` belongs to the workspace; with another one nothing is found."""
        assert len(secret) >= SECRET_BYTES_MIN, "a short secret can be guessed, and the texts with it"
        self._inner = inner
        self._cache = cache
        self._secret = secret
        self.computed = 0  # vectors so far that the inner embedder made
        self.reused = 0  # and that the cache had
        self._keeping = threading.Lock()
        self._retained = 0  # how often something was forgotten: what was asked for before is not kept after

    @property
    def model_id(self) -> str:
        return self._inner.model_id

    @property
    def dimensions(self) -> int:
        return self._inner.dimensions

    @property
    def recipe(self) -> str:
        return self._inner.recipe

    @property
    def allowed_data(self) -> tuple[str, ...] | None:
        """The data classes that may be sent to the inner embedder; None: it is on this device."""
        allowed: tuple[str, ...] | None = getattr(self._inner, "allowed_data", None)
        return allowed

    def embed(self, texts: Sequence[str]) -> Vectors:
        import numpy

        keys = [self._key(text) for text in texts]
        size = self.dimensions * 4
        began = self._retained
        # A row of another length was damaged; it counts as missing.
        known = {key: row for key, row in self._cache.get(keys).items() if len(row) == size}
        wanted = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if wanted:
            computed = self._inner.embed(list(wanted.values())).astype("<f4", copy=False)
            fresh = {key: row.tobytes() for key, row in zip(wanted, computed, strict=True)}
            with self._keeping:
                if began == self._retained:  # else it may be of somebody who was forgotten meanwhile
                    self._cache.put(fresh)
            known |= fresh
        self.computed += len(wanted)
        self.reused += len(keys) - len(wanted)
        joined = b"".join(known[key] for key in keys)
        return numpy.frombuffer(joined, dtype="<f4").reshape(len(keys), self.dimensions).astype(numpy.float32)

    def known(self, texts: Sequence[str]) -> tuple[list[int], Vectors]:
        """Which of the texts the cache has (by place), and their vectors: nothing is embedded."""
        import numpy

        keys = [self._key(text) for text in texts]
        size = self.dimensions * 4
        found = {key: row for key, row in self._cache.get(keys).items() if len(row) == size}
        places = [place for place, key in enumerate(keys) if key in found]
        self.reused += len(places)
        joined = b"".join(found[keys[place]] for place in places)
        rows = numpy.frombuffer(joined, dtype="<f4").reshape(len(places), self.dimensions)
        return places, rows.astype(numpy.float32)

    def keep(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Put vectors there that somebody has computed already, one a text."""
        rows = vectors.astype("<f4", copy=False)
        self._cache.put({self._key(text): row.tobytes() for text, row in zip(texts, rows, strict=True)})

    def forget(self, texts: Sequence[str]) -> None:
        """Remove the vectors of these texts, as far as this recipe made them."""
        self._cache.drop([self._key(text) for text in texts])

    def retain(self, texts: Iterable[str]) -> int:
        """Remove every vector but those of these texts; how many it were. What is being embedded is not kept."""
        with self._keeping:
            self._retained += 1
            return self._cache.retain({self._key(text) for text in texts})

    def _key(self, text: str) -> bytes:
        # Broken mail can hold lone surrogates, which plain UTF-8 refuses.
        content = text.encode("utf-8", "surrogatepass")
        return hmac.digest(self._secret, self.recipe.encode() + b"\0" + content, "sha256")


class InMemoryEmbeddingCache:
    """The reference: a dictionary, oldest entries first."""

    def __init__(self, *, entry_max: int = ENTRY_MAX) -> None:
        self._entries: dict[bytes, bytes] = {}
        self._entry_max = entry_max
        self._lock = threading.Lock()

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        with self._lock:
            return {key: self._entries[key] for key in keys if key in self._entries}

    def put(self, entries: Mapping[bytes, bytes]) -> None:
        with self._lock:
            for key, vector in entries.items():
                self._entries.setdefault(key, vector)
            surplus = max(0, len(self._entries) - self._entry_max)
            for key in list(islice(self._entries, surplus)):
                del self._entries[key]

    def drop(self, keys: Sequence[bytes]) -> None:
        with self._lock:
            for key in keys:
                self._entries.pop(key, None)

    def retain(self, keys: Collection[bytes]) -> int:
        with self._lock:
            before = len(self._entries)
            self._entries = {key: row for key, row in self._entries.items() if key in keys}
            return before - len(self._entries)


class SqliteEmbeddingCache:
    """A file of its own, apart from the ledger, so that deleting it is always safe."""

    def __init__(self, path: Path, *, entry_max: int = ENTRY_MAX) -> None:
        """Open or create the file. Raises `errors.Unavailable` if it is there and cannot be used."""
        self._path = path
        self._entry_max = entry_max
        self._lock = threading.Lock()
        with self._named_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            # Created with its final mode; SQLite gives its side files the same.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            # What is dropped has to be gone from the file as well.
            self._connection.execute("PRAGMA secure_delete = ON")
            self._connection.execute(_SCHEMA)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        with self._lock, self._named_errors():
            for part in _parts(keys):
                marks = ",".join("?" * len(part))
                query = f"SELECT key, vector FROM vectors WHERE key IN ({marks})"
                found |= dict(self._connection.execute(query, part))
        return found

    def put(self, entries: Mapping[bytes, bytes]) -> None:
        with self._transaction() as connection:
            insert = "INSERT OR IGNORE INTO vectors (key, vector) VALUES (?, ?)"
            connection.executemany(insert, entries.items())
            newest = "(SELECT number FROM vectors ORDER BY number DESC LIMIT 1 OFFSET ?)"
            connection.execute(f"DELETE FROM vectors WHERE number <= {newest}", (self._entry_max,))

    def drop(self, keys: Sequence[bytes]) -> None:
        with self._transaction() as connection:
            connection.executemany("DELETE FROM vectors WHERE key = ?", [(key,) for key in keys])

    def retain(self, keys: Collection[bytes]) -> int:
        with self._transaction() as connection:
            known = [key for (key,) in connection.execute("SELECT key FROM vectors")]
            gone = [(key,) for key in known if key not in keys]
            connection.executemany("DELETE FROM vectors WHERE key = ?", gone)
        with self._lock, self._named_errors():
            self._connection.execute("VACUUM")  # no page is left that only once held something
            busy = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise errors.Unavailable(
                "What was dropped from a cache may still lie in its log",
                why=f"another process reads {self._path}",
                remedy="It is tried again; end the other process if this lasts.",
                path=str(self._path),
            )
        return len(gone)

    def close(self) -> None:
        """Close the file; the object is of no use afterwards."""
        with self._lock:
            self._connection.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._named_errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite has ended the transaction by itself after some failures, such as a full disk.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise errors.Unavailable(
                "The cache of text vectors cannot be used",
                why=str(error),
                remedy=f"If the disk has space, delete {self._path}: it holds only copies and refills.",
                path=str(self._path),
            ) from error


def _parts(keys: Sequence[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(keys), _KEYS_PER_QUERY):
        yield list(keys[start : start + _KEYS_PER_QUERY])

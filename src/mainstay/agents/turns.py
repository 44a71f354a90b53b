"""A lock in which decisions go first: who learns word by word lets every decision that waits have its turn between two.

A plain lock is not fair: whoever lets go of it and takes it again at once keeps it, and a decision would wait for all
words of a slice instead of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, RLock

PATIENCE_S = 1.0  # decision after decision: then a word is learned all the same


class Turns:
    """See the module."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._counting = Lock()
        self._calm = Event()
        self._calm.set()
        self.waiting = 0  # decisions that wait for their turn

    @contextmanager
    def first(self) -> Iterator[None]:
        """A turn before everybody who learns."""
        with self._counting:
            self.waiting += 1
            self._calm.clear()
        try:
            self._lock.acquire()
        finally:
            with self._counting:
                self.waiting -= 1
                if not self.waiting:
                    self._calm.set()
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def later(self) -> Iterator[None]:
        """A turn when no decision waits."""
        self._calm.wait(PATIENCE_S)
        with self._lock:
            yield

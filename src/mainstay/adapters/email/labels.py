"""Labels for mail that lies in files: a list beside the mailbox, since the files themselves are not ours to
change.

One JSON line for each act, appended in one write and synced; the lines of a mail add up, `labels` to what it has
and `taken` away from that. A line that a crash cut off is dropped when the list is opened again: its act was never
answered, and is called again.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from pathlib import Path

from mainstay.adapters.base import Absent, CallResult, Done, FindResult, Found, NotNow, Unknown
from mainstay.adapters.email.compose import canonical
from mainstay.kernel.values import Json


class LabelFile:
    """Labels by Message-ID in one file. Setting the same labels again changes nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._labels: dict[str, dict[str, None]] | None = None

    async def put(self, message_id: str, labels: tuple[str, ...]) -> CallResult:
        """Add labels to a mail."""
        return await asyncio.to_thread(self._put, message_id, labels)

    async def take(self, message_id: str, labels: tuple[str, ...]) -> CallResult:
        """Take labels off a mail; those that it does not have are none too many."""
        return await asyncio.to_thread(self._take, message_id, labels)

    async def lacks(self, message_id: str, labels: tuple[str, ...]) -> FindResult:
        """Whether the mail has none of them."""
        return await asyncio.to_thread(self._lacks, message_id, labels)

    async def has(self, message_id: str, labels: tuple[str, ...]) -> FindResult:
        """Whether the mail has all of them."""
        return await asyncio.to_thread(self._has, message_id, labels)

    def labels_of(self, message_id: str) -> tuple[str, ...]:
        """The labels of a mail, in the order in which they were added."""
        with self._lock:
            return tuple(self._load().get(message_id, {}))

    def _put(self, message_id: str, labels: tuple[str, ...]) -> CallResult:
        with self._lock:
            try:
                known = self._load().setdefault(message_id, {})
                if not all(label in known for label in labels):
                    self._append(canonical({"labels": list(labels), "message_id": message_id}) + b"\n")
                    known.update(dict.fromkeys(labels))
            except OSError as error:
                self._labels = None  # what is on the disk decides
                return NotNow(f"the list of labels cannot be written: {error.strerror or error}")
            return Done({"labels": list(known)})

    def _take(self, message_id: str, labels: tuple[str, ...]) -> CallResult:
        with self._lock:
            try:
                known = self._load().get(message_id, {})
                there = [label for label in labels if label in known]
                if there:
                    self._append(canonical({"message_id": message_id, "taken": there}) + b"\n")
                    for label in there:
                        del known[label]
            except OSError as error:
                self._labels = None
                return NotNow(f"the list of labels cannot be written: {error.strerror or error}")
            return Done({"labels": list(known)})

    def _lacks(self, message_id: str, labels: tuple[str, ...]) -> FindResult:
        with self._lock:
            try:
                known = self._load().get(message_id, {})
            except OSError as error:
                return Unknown(f"the list of labels cannot be read: {error.strerror or error}")
        return Absent() if any(label in known for label in labels) else Found({"labels": list(known)})

    def _has(self, message_id: str, labels: tuple[str, ...]) -> FindResult:
        with self._lock:
            try:
                known = self._load().get(message_id, {})
            except OSError as error:
                return Unknown(f"the list of labels cannot be read: {error.strerror or error}")
        return Found({"labels": list(known)}) if all(label in known for label in labels) else Absent()

    def _load(self) -> dict[str, dict[str, None]]:
        if self._labels is None:
            self._labels = self._read()
        return self._labels

    def _read(self) -> dict[str, dict[str, None]]:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.truncate(self._path, whole)
        labels: dict[str, dict[str, None]] = {}
        for line in data[:whole].splitlines():
            try:
                _apply(json.loads(line), labels)
            except (ValueError, KeyError, TypeError):
                continue  # a line that somebody edited; the others still count
        return labels

    def _append(self, line: bytes) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            try:
                if os.write(descriptor, line) != len(line):
                    raise OSError("the line was written in part")
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)


def _apply(entry: Json, labels: dict[str, dict[str, None]]) -> None:
    """One line of the list: labels that were added to a mail, or taken off it."""
    of_mail = labels.setdefault(str(entry["message_id"]), {})
    if "taken" in entry:
        for label in entry["taken"]:
            of_mail.pop(str(label), None)
    else:
        of_mail.update(dict.fromkeys(map(str, entry["labels"])))

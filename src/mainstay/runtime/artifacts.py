"""Sealed artifacts: personal values leave an agent or a source only as ciphertext, and are opened only for a brief.

In the ledger an artifact is a reference, `{"artifact": "<digest>", "kind": "reply"}`; the blob under that digest is the
value as JSON, sealed under the key of the run's subject. Short personal texts (a rationale that quotes a mail, a reason
that the operator typed) are sealed in place and begin with `sealed:`.

The models of personal things are imported where they are made, so that a list of cards can be opened without them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from mainstay.kernel.errors import NotFound
from mainstay.kernel.ids import SubjectId
from mainstay.kernel.values import Digest, Json
from mainstay.ledger.blobs import Blobs
from mainstay.ledger.sealing import Forgotten, Vault

if TYPE_CHECKING:
    from mainstay.agents.base import MessageView

SEALED = "sealed:"
FORGOTTEN = "[forgotten]"
_PLAIN = (str, int, float, type(None))  # as tuples: a union would be made anew at every call
_EXACTLY_PLAIN = frozenset({*_PLAIN, bool})  # found by one look at a table: nearly every field of an output
_LISTS = (list, tuple)


class SubjectForgotten(Exception):
    """The key of the personal values that this needs, or would keep, was destroyed at their owner's wish."""


@dataclass(slots=True)
class Artifacts:
    """Opens and seals for one workspace. `staged` collects blobs that must become durable with the next events."""

    vault: Vault
    blobs: Blobs
    staged: dict[Digest, bytes] = field(default_factory=dict)
    known: Callable[[SubjectId], bool] = lambda subject: False  # whether we have written to them before

    def put(self, plain: bytes, subject: SubjectId | None, context: bytes) -> Digest:
        """Store a value, sealed if it is somebody's; returns its address. Large ones are durable at once.

        Raises `SubjectForgotten` where there is no key any more: what is left of their work is not kept.
        """
        if subject and not self.vault.knows(subject):
            raise SubjectForgotten
        data = self.vault.seal(subject, plain, context) if subject else plain
        blob = self.blobs.stage(data)
        if blob.data is not None:
            self.staged[blob.digest] = blob.data
        return blob.digest

    def take_staged(self) -> dict[Digest, bytes]:
        """The blobs staged since the last call."""
        staged, self.staged = self.staged, {}
        return staged

    def get(self, digest: Digest, subject: SubjectId | None, context: bytes) -> bytes:
        """The value behind an address. Raises `SubjectForgotten`, `NotFound` or `LedgerCorrupt`."""
        data = self.staged.get(digest)
        if data is None:
            data = self.blobs.read(digest)
        if subject is None:
            return data
        plain = self.vault.unseal(data, context)
        if isinstance(plain, Forgotten):
            raise SubjectForgotten
        return plain

    def close_value(self, value: Any, subject: SubjectId | None) -> Any:
        """An agent's value as it may stand in an event: models of personal things become references."""
        if isinstance(value, _PLAIN):
            return value
        if isinstance(value, dict):
            return {str(name): self.close_value(one, subject) for name, one in value.items()}
        if isinstance(value, _LISTS):
            return [self.close_value(one, subject) for one in value]
        kind = _kind(type(value))  # type: ignore[arg-type]  # every class can be hashed
        if kind in ("message", "reply", "proposal"):
            digest = self.put(value.model_dump_json().encode(), subject, kind.encode())
            return {"artifact": digest, "kind": kind}
        if kind == "data":
            # As pydantic's own walk over its fields, which costs three times as much.
            return {
                name: one if type(one) in _EXACTLY_PLAIN else self.close_value(one, subject)
                for name, one in vars(value).items()
                if name[0] != "_"
            }
        return value

    def open_value(self, value: Any, subject: SubjectId | None) -> Any:
        """The value for a brief: references become the models they stand for."""
        if isinstance(value, dict):
            if "artifact" in value:
                kind = str(value["kind"])
                plain = self.get(Digest(str(value["artifact"])), subject, kind.encode())
                return _model(kind).model_validate_json(plain)
            if "content" in value and "thread" in value:
                return self.message(value, subject)
            return {name: self.open_value(one, subject) for name, one in value.items()}
        if isinstance(value, list):
            return [self.open_value(one, subject) for one in value]
        return value

    def message(self, trigger: Json, subject: SubjectId | None) -> MessageView:
        """The message that a trigger refers to."""
        from mainstay.agents.base import MessageView

        plain = self.get(Digest(str(trigger["content"])), subject, b"message")
        view = MessageView.model_validate_json(plain)
        known = subject is not None and self.known(subject)
        return view.model_copy(update={"sender_known": known}) if known else view

    def seal_text(self, text: str, subject: SubjectId | None) -> str:
        """A short personal text as it may stand in an event; `[forgotten]` where there is no key any more."""
        if subject and text and not self.vault.knows(subject):
            return FORGOTTEN
        return SEALED + self.vault.seal_text(subject, text, b"text") if subject and text else text

    def open_text(self, text: str) -> str:
        """What `seal_text` sealed, or `[forgotten]`."""
        if not text.startswith(SEALED):
            return text
        plain = self.vault.unseal_text(text[len(SEALED) :], b"text")
        return FORGOTTEN if isinstance(plain, Forgotten) else plain

    def open_json(self, digest: Digest, subject: SubjectId | None, context: bytes) -> Json | None:
        """A sealed JSON blob, or None when it was forgotten or is not there."""
        try:
            found: Json = msgspec.json.decode(self.get(digest, subject, context))
        except (SubjectForgotten, NotFound):
            return None
        return found


@lru_cache(maxsize=1024)
def _kind(of: type) -> str:
    """Which personal thing such values are, "data" for typed output that is none, empty for anything else.

    Remembered, because pydantic's classes take a microsecond to say whether something is an instance of them.
    """
    from mainstay.agents.base import Data, MessageView, Proposal, Reply

    if issubclass(of, MessageView):
        return "message"
    if issubclass(of, Reply):
        return "reply"
    if issubclass(of, Proposal):
        return "proposal"
    return "data" if issubclass(of, Data) else ""


def _model(kind: str) -> Any:
    from mainstay.agents.base import MessageView, Proposal, Reply

    return {"message": MessageView, "reply": Reply, "proposal": Proposal}[kind]

"""Forgetting through the SDK: what is held about somebody, and to destroy it.

with Workspace.open("my-desk") as workspace:
    plan = workspace.forgetting.plan("dana@customer.example")
    workspace.forgetting.forget("dana@customer.example")
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import msgspec

from mainstay.governance.forget import ForgetPlan, Row, Whom, memories_of, plan_of
from mainstay.kernel.errors import CommandRefused, MainstayError
from mainstay.kernel.events import NUMBER_OF
from mainstay.kernel.events import SubjectForgotten as SubjectForgottenEvent
from mainstay.kernel.ids import SubjectId
from mainstay.kernel.values import Digest
from mainstay.ledger.sealing import normalised
from mainstay.ledger.store import EventReader, Position
from mainstay.memory.records import CONTENT, DOCUMENT, decoded
from mainstay.runtime.artifacts import Artifacts, SubjectForgotten
from mainstay.runtime.forgetting import Forgot
from mainstay.workspace.doors import Door
from mainstay.workspace.looking_back import PLAIN
from mainstay.workspace.opened_mail import Mail

SCANNED_MAX = 20_000  # memories, and as many mails, that are searched for what is left; the newest
NAMES_FROM = 50  # mails of theirs that are read for the names they go by
MENTIONS_MAX = 20
TEXT_SHOWN = 160
DONE_WITHIN = 20_000  # events between the beginning of a forgetting and its end
_SUBJECT = re.compile(r"[0-9a-f]{32}")
_mail = msgspec.json.Decoder(Mail).decode


@dataclass(frozen=True, slots=True)
class Noted:
    """A memory that speaks of them, and is retracted."""

    memory: str
    text: str


@dataclass(frozen=True, slots=True)
class Mention:
    """Something that names them and stays, since it is yours or somebody else's: a note, a document, a mail."""

    what: str  # "note", "document", "mail"
    name: str  # of the memory, or who wrote the mail
    source: str  # the file it was imported from, or the subject of the mail


@dataclass(frozen=True, slots=True)
class ForgetPreview:
    """What a forgetting does, in detail: `plan` counts, `noted` and `mentions` name."""

    plan: ForgetPlan
    noted: tuple[Noted, ...] = ()
    mentions: tuple[Mention, ...] = ()
    more_mentions: bool = (
        False  # there may be more: only the newest were searched, or only the first are named
    )

    @property
    def known(self) -> bool:
        """Whether there is anything that can be forgotten."""
        return self.plan.known


@dataclass(frozen=True, slots=True)
class ForgetStanding:
    """How far the forgetting of one subject has come, as the ledger has it."""

    subject: SubjectId
    begun_at: int
    done_at: int  # 0: it is under way, or waits for a director to go on
    begun: int  # position of the event
    key_gone: bool
    runs: int = 0
    messages: int = 0
    memories: int = 0
    lessons: int = 0


class ForgettingDesk:
    """Shows what is held about somebody, and forgets them."""

    def __init__(
        self,
        door: Callable[[], AbstractContextManager[Door]],
        store: Callable[[], EventReader],
        artifacts: Callable[[], Artifacts],
    ) -> None:
        self._door = door
        self._store = store
        self._artifacts = artifacts

    def subject(self, who: str) -> SubjectId:
        """The subject that an address means, whatever its spelling; a subject's id means itself."""
        said = who.strip()
        if _SUBJECT.fullmatch(said):
            return SubjectId(said)
        if "@" not in said or any(one.isspace() for one in said):
            raise CommandRefused(
                f"{said[:80]!r} is no address.",
                why="People are known here by the addresses they write from.",
                remedy="Give an address (`mainstay inbox` shows them), or the id of a subject, 32 digits.",
            )
        vault = self._artifacts().vault
        subject = vault.subject(said)
        seen = _seen(said)
        if seen == said or vault.knows(subject) or vault.joints(subject):
            return subject
        return vault.subject(seen)  # what was copied with a mark that nobody sees

    def plan(self, who: str, *, mentions: bool = True) -> ForgetPreview:
        """What is held about somebody, what becomes unreadable, and what stays. Nothing is changed.

        `mentions`: search what stays for their address and names, too.
        """
        subject, store = self.subject(who), self._store()
        vault = self._artifacts().vault
        whom = Whom(subject, frozenset(vault.joints(subject)))
        plan = plan_of(store, whom, known=any(map(vault.knows, whom.owners)))
        if not plan.known:
            return ForgetPreview(plan)
        noted = tuple(self._noted(whom))
        if not mentions:
            return ForgetPreview(plan, noted)
        words = self._called(whom) | ({normalised(who), normalised(_seen(who))} if "@" in who else set())
        found, cut = self._mentions(whom, words)
        return ForgetPreview(plan, noted, tuple(found), cut)

    def forget(self, who: str, *, actor: str = "operator") -> Forgot:
        """Destroy the key of somebody, and drop all that was made of what they said. It cannot be taken back.

        Raises `NotFound` for somebody of whom nothing is held.
        """
        subject = self.subject(who)
        with self._door() as door:
            return msgspec.convert(door.ask("forget", {"subject": subject, "actor": actor}), Forgot)

    def addresses(self, who: str) -> tuple[str, ...]:
        """The addresses that their own mails bear, in plain spelling; empty where none can be read."""
        subject = self.subject(who)
        vault = self._artifacts().vault
        called = self._called(Whom(subject, frozenset(vault.joints(subject))))
        return tuple(sorted(one for one in called if "@" in one and vault.subject(one) == subject))

    def standing(self, who: str) -> ForgetStanding | None:
        """How far it has come; None where nobody asked for it."""
        subject = self.subject(who)
        row = self._store().get("forgotten", (subject,))
        return self._standing(row) if row is not None else None

    def all(self, *, limit: int = 50) -> list[ForgetStanding]:
        """Who was forgotten or is being forgotten, the last first. They are known by their subjects alone."""
        rows = self._store().select("forgotten", order="begun_at", descending=True, limit=limit)
        return [self._standing(row) for row in rows]

    def done_position(self, standing: ForgetStanding) -> int:
        """The position of the event that says that it is done; 0 where that is not found near its beginning."""
        number = NUMBER_OF[SubjectForgottenEvent]
        rows = self._store().read_all(after=Position(standing.begun), limit=DONE_WITHIN)
        for recorded in rows:
            event = PLAIN.event(recorded) if recorded.type == number else None
            if isinstance(event, SubjectForgottenEvent) and event.subject == standing.subject:
                return int(recorded.position)
        return 0

    # --- within ----------------------------------------------------------------------------------------------------

    def _standing(self, row: Row) -> ForgetStanding:
        vault, subject = self._artifacts().vault, SubjectId(str(row["subject"]))
        counts = {name: _int(row[name]) for name in ("runs", "messages", "memories", "lessons")}
        return ForgetStanding(
            subject,
            _int(row["begun_at"]),
            _int(row["done_at"]),
            _int(row["position"]),
            not any(map(vault.knows, (subject, *vault.joints(subject)))),
            **counts,
        )

    def _noted(self, whom: Whom) -> Iterator[Noted]:
        seen: set[str] = set()
        for row in memories_of(self._store(), whom):
            name = str(row["memory"])
            if name not in seen and not row["superseded"]:
                seen.add(name)
                yield Noted(name, _short(self._said(row)))

    def _called(self, whom: Whom) -> set[str]:
        """The addresses and names that their own mails bear."""
        words: set[str] = set()
        rows = self._store().select(
            "messages", where={"subject": whom.subject}, order="position", descending=True, limit=NAMES_FROM
        )
        for row in rows:
            mail = self._mail(row)
            if mail is not None:
                words.add(normalised(mail.from_address))
                name = normalised(mail.from_name)
                if " " in name and len(name) >= 5:  # one word alone is too many people
                    words.add(name)
        return words - {""}

    def _mentions(self, whom: Whom, words: set[str]) -> tuple[list[Mention], bool]:
        """What stays and says one of these words."""
        store, found = self._store(), list[Mention]()
        cut = False
        for table, order, mention in (
            ("memories", "recorded", self._mentioned),
            ("messages", "position", self._mailed),
        ):
            rows = store.select(table, order=order, descending=True, limit=SCANNED_MAX)
            cut = cut or len(rows) == SCANNED_MAX
            for row in rows:
                told = None if whom.concerns(row) else mention(row, whom, words)
                if told is None or told in found:
                    continue
                if len(found) == MENTIONS_MAX:
                    return found, True
                found.append(told)
        return found, cut

    def _mentioned(self, row: Row, whom: Whom, words: set[str]) -> Mention | None:
        gone = row["superseded"] or row["retracted"] or row["subject"] in whom.owners
        if gone or row["kind"] == DOCUMENT or row["space"] == "lessons":
            return None
        if not _says(self._said(row), words):
            return None
        document = row["space"] == "documents"
        name = str(row["thread"] if document else row["memory"])
        return Mention("document" if document else "note", name, str(row["source"] or ""))

    def _mailed(self, row: Row, whom: Whom, words: set[str]) -> Mention | None:
        mail = self._mail(row) if row["content"] else None
        if mail is None or not _says(f"{mail.subject}\n{mail.text}", words):
            return None
        return Mention("mail", mail.from_address, mail.subject)

    def _said(self, row: Row) -> str:
        try:
            return decoded(self._opened(row, CONTENT)).text
        except (SubjectForgotten, MainstayError, ValueError):
            return ""

    def _mail(self, row: Row) -> Mail | None:
        try:
            return _mail(self._opened(row, b"message"))
        except (SubjectForgotten, MainstayError, ValueError):
            return None

    def _opened(self, row: Row, context: bytes) -> bytes:
        subject = SubjectId(str(row["subject"])) if row["subject"] else None
        return self._artifacts().get(Digest(str(row["content"])), subject, context)


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0


def _says(text: str, words: set[str]) -> bool:
    folded = normalised(text)
    return any(word in folded for word in words)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= TEXT_SHOWN else line[: TEXT_SHOWN - 1] + "…"


def _seen(address: str) -> str:
    """An address without the marks that nobody sees, such as come along where it is copied from a page."""
    return "".join(one for one in address if unicodedata.category(one) != "Cf")

"""Whom a mail concerns: who wrote it, whom its header fields name, whose words it quotes, whose address it shows.

A mail that concerns several people lies under a joint key (`ledger.sealing`), so that it is gone as soon as any of them
is forgotten. What is looked at: From, Reply-To, To and Cc, the addresses in its subject, text, links, names of
attachments and attached texts, and who wrote in its thread before, since replies quote them, often by name alone. Our
own addresses are nobody's. A person of whom there is only a name, in a text that quotes nobody of the thread, cannot be
told from any other word; nor is an attached document read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from mainstay.adapters.email import Attachment, ParsedMail, addresses_in
from mainstay.adapters.email.address import normal
from mainstay.kernel.ids import SubjectId
from mainstay.ledger.sealing import Vault
from mainstay.ledger.store import EventReader

PEOPLE_MAX = 500  # whom one mail concerns; more than that are a list, not people
THREAD_MAX = 1_000  # mails of one thread that are looked at
SCANNED_MAX = 400_000  # characters of each text, bytes of an attached one
_READ = ("text/", "message/")  # attachments that are read as they stand


@dataclass(frozen=True, slots=True)
class Concern:
    """Whom something concerns: `subject` is who wrote it, `joint` all of them together where there are more."""

    subject: SubjectId
    members: tuple[SubjectId, ...]
    joint: SubjectId | None = None

    @property
    def owner(self) -> SubjectId:
        """Under whose key it is sealed."""
        return self.joint or self.subject


class Concerns:
    """Tells whom mails of one mailbox concern. Those of one pull are told in their order: replies quote them."""

    def __init__(self, vault: Vault, store: EventReader, own: Iterable[str]) -> None:
        self._vault = vault
        self._store = store
        self._own = frozenset(map(normal, own))
        self._pulled: defaultdict[str, set[SubjectId]] = defaultdict(
            set
        )  # who wrote, by thread, in this pull

    def begin(self) -> None:
        """Another pull: what the last one brought is in the views by now."""
        self._pulled.clear()

    def of(self, mail: ParsedMail, address: str, thread: str) -> Concern:
        """Whom a mail concerns that this address wrote in this thread."""
        subject = self._vault.subject(address)
        people = dict.fromkeys((subject, *self._participants(thread)))
        for one in _named(mail):
            if len(people) >= PEOPLE_MAX:
                break
            if normal(one) not in self._own:
                people[self._vault.subject(one)] = None
        self._pulled[thread].add(subject)
        return concern(self._vault, subject, people)

    def ensure(self, concerns: Iterable[Concern]) -> None:
        """Make the keys that these need, with one wait for the disk."""
        made = list(concerns)
        joints: Mapping[SubjectId, tuple[SubjectId, ...]] = {
            one.joint: one.members for one in made if one.joint is not None
        }
        self._vault.ensure_subjects({one.subject: None for one in made} | dict.fromkeys(joints), joints)

    def _participants(self, thread: str) -> Iterator[SubjectId]:
        rows = self._store.select("messages", where={"thread": thread}, order="position", limit=THREAD_MAX)
        for row in rows:
            if row["subject"]:
                yield SubjectId(str(row["subject"]))
        yield from sorted(self._pulled.get(thread, ()))


def concern(vault: Vault, subject: SubjectId, people: Iterable[SubjectId]) -> Concern:
    """What concerns these people, and was written by, or is kept for, the first."""
    members = tuple(dict.fromkeys((subject, *people)))
    return Concern(subject, members, vault.joint(members) if len(members) > 1 else None)


def people_in(text: str, subject_of: Callable[[str], SubjectId]) -> list[SubjectId]:
    """Whose addresses stand in a text."""
    return [subject_of(one) for one in addresses_in(text[:SCANNED_MAX])]


def _named(mail: ParsedMail) -> Iterator[str]:
    for one in (*mail.reply_to, *mail.to, *mail.cc):
        yield one.email
    texts = (mail.subject, mail.text, *(part for link in mail.links for part in (link.text, link.target)))
    for text in texts:
        yield from addresses_in(text[:SCANNED_MAX])
    for attachment in mail.attachments:
        yield from addresses_in(attachment.name)
        yield from _in_attached(attachment)


def _in_attached(attachment: Attachment) -> Iterator[str]:
    if attachment.content_type.startswith(_READ):
        yield from addresses_in(attachment.content[:SCANNED_MAX].decode("utf-8", "replace"))

"""Every policy that is or was in force, and that of the files: found by the beginning of its digest, read once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mainstay.config.files import load_rules
from mainstay.config.policies import read_policy_text
from mainstay.kernel.errors import AmbiguousId, CommandRefused, NotFound, PolicyError
from mainstay.kernel.events import NUMBER_OF, PolicyAdopted
from mainstay.kernel.ids import WORKSPACE
from mainstay.kernel.policy import Policy
from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.blobs import BlobStore
from mainstay.ledger.codec import Codec
from mainstay.ledger.sqlite_reader import SqliteReader

FILES = "files"
DIGEST_MIN = 4  # digits

Opened = Callable[[], tuple[SqliteReader, BlobStore, Codec] | None]  # None: there is no ledger yet


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A policy that is or was in force, or stands in the files."""

    digest: Digest
    at: Instant = Instant(0)  # when it came into force last; 0: never
    rules: int | None = None  # None: its text was not kept, or cannot be read any more
    in_force: bool = False
    in_files: bool = False


@dataclass
class PolicyVersions:
    """The policies of one workspace."""

    root: Path
    opened: Opened
    _read: dict[Digest, Policy] = field(default_factory=dict, repr=False)

    def all(self) -> list[PolicyVersion]:
        """Every policy that was in force, newest first, and that of the files."""
        opened, of_files, adopted = self.opened(), self.of_files(), self.adopted()
        found: dict[Digest, PolicyVersion] = {}
        if opened is not None:
            store, blobs, codec = opened
            for recorded in store.read(WORKSPACE):
                if recorded.type == NUMBER_OF[PolicyAdopted]:
                    event = codec.event(recorded)
                    assert isinstance(event, PolicyAdopted)
                    digest = event.policy
                    rules = _count(blobs, digest)
                    found.pop(digest, None)
                    found[digest] = PolicyVersion(
                        digest, recorded.at, rules, digest == adopted, digest == of_files.digest
                    )
        versions = list(reversed(found.values()))
        if of_files.digest not in found:
            versions.insert(0, PolicyVersion(of_files.digest, rules=len(of_files.rules), in_files=True))
        return versions

    def pair(self, old: str, new: str) -> tuple[PolicyVersion, PolicyVersion]:
        """Two of them, each as it is asked for; left out: what is in force, and the files."""
        versions = self.all()
        return _find(versions, old) if old else _in_force(versions), _find(versions, new or FILES)

    def adopted(self) -> Digest | None:
        """What is in force; None where nothing was ever adopted."""
        opened = self.opened()
        row = opened[0].get("house", ("policy",)) if opened is not None else None
        return Digest(str(row["value"])) if row is not None else None

    def of_files(self) -> Policy:
        """What the files say now."""
        return load_rules(self.root).policy

    def rules(self, digest: Digest) -> Policy:
        """A policy by its digest, read once: what has the same digest says the same. Raises where it cannot be read."""
        known = self._read.get(digest)
        if known is None:
            known = self._kept(digest) or self.of_files()
            if known.digest != digest:
                known = read_policy_text(self._blobs().read(digest))  # says why it cannot be read
            self._read = {digest: known}  # a card is looked at all day, and needs those in force alone
        return known

    def _kept(self, digest: Digest) -> Policy | None:
        """A policy as the ledger kept it: whatever became of the files, what is in force can be told."""
        opened = self.opened()
        if opened is None:
            return None
        try:
            return read_policy_text(opened[1].read(digest))
        except (NotFound, PolicyError):
            return None  # never adopted, or written in a way of before

    def _blobs(self) -> BlobStore:
        opened = self.opened()
        if opened is None:
            raise nothing_yet()
        return opened[1]


def nothing_yet() -> NotFound:
    """There is no ledger to look at."""
    return NotFound("There is nothing in this workspace yet.", remedy="Run `mainstay up` first.")


def _count(blobs: BlobStore, digest: Digest) -> int | None:
    try:
        return len(read_policy_text(blobs.read(digest)).rules)
    except Exception:  # a version of long ago: whatever cannot be read any more is told as that
        return None


def _in_force(versions: list[PolicyVersion]) -> PolicyVersion:
    found = next((one for one in versions if one.in_force), None)
    if found is None:
        raise NotFound(
            "No rules are in force yet.", remedy="`mainstay up` puts those of the folder in force."
        )
    return found


def _find(versions: list[PolicyVersion], asked: str) -> PolicyVersion:
    if asked == FILES:
        return next(one for one in versions if one.in_files)
    if len(asked) < DIGEST_MIN:
        raise CommandRefused(
            f"{asked[:20]!r} is too short.", remedy=f"Give {DIGEST_MIN} digits or more, or `{FILES}`."
        )
    found = [one for one in versions if one.digest.startswith(asked.lower())]
    if len(found) > 1:
        raise AmbiguousId(f"{asked[:70]!r} begins {len(found)} digests.", remedy="Give more digits.")
    if not found:
        raise NotFound(
            f"There is no policy {asked[:70]!r}.", remedy="`mainstay policy list` shows all there were."
        )
    return found[0]

"""Sealing of personal values: ciphertext under a key per subject, found again by keyed hash.

A subject is a person behind an address. Everything personal about one (sender, subject line, bodies,
attachments) is sealed under that subject's key before it enters an event or a blob; destroying the key
forgets all of it at once, and the hash chain, which runs over ciphertext, still holds. Addresses are looked
up by HMAC, never by a plain hash, which anyone could guess back.

    master key (outside workspace and backups, `ledger.master_key`)
    ├── hash key       HKDF   SubjectId and `keyed_hash`
    └── wrapping key   HKDF   wraps each subject's key in `.mainstay/keys.sqlite3`

A token: 1 byte format, 16 bytes subject, 2 bytes generation of its key, 12 bytes nonce, ciphertext and tag
(AES-256-GCM; all before the nonce and the caller's `context` are authenticated). A subject that was
forgotten and writes again gets a key of the next generation: the old tokens stay forgotten, the new ones
can be read.

What concerns several people is sealed under a joint subject (`joint`), which has a key of its own:
forgetting any of them destroys it with theirs. A token says under whose key it lies, so that opening needs
to know nothing of this.

Keys are durable before anything sealed under them: `ensure_subjects` first, then `append`.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mainstay.kernel.errors import LedgerCorrupt, SecretError
from mainstay.kernel.ids import SubjectId
from mainstay.ledger.keys import NO_MEMBERS, KeyTable, WrappedKey

MASTER_KEY_BYTES = 32
KEYS_CACHED = 4_096

_FORMAT = 1
_SUBJECT_BYTES = 16
_HEAD_BYTES = 1 + _SUBJECT_BYTES + 2
_NONCE_BYTES = 12
_KEY_BYTES = 32

RandomBytes = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What `unseal` answers when the key was destroyed."""

    subject: SubjectId


class Vault:
    """Seals and unseals. One per workspace; the director's calls ensure and forget, readers only unseal."""

    def __init__(self, master_key: bytes, keys: KeyTable, *, random_bytes: RandomBytes = os.urandom) -> None:
        assert len(master_key) == MASTER_KEY_BYTES, "a master key has 32 bytes"
        self._hash_key = _derived(master_key, b"mainstay hash key 1")
        self._wrapping = AESGCM(_derived(master_key, b"mainstay wrapping key 1"))
        self._keys = keys
        self._random = random_bytes
        # The newest key of a subject by subject, to seal with; None: forgotten.
        self._cache: OrderedDict[SubjectId, tuple[int, AESGCM | None]] = OrderedDict()
        mine = self.keyed_hash("vault", "check")
        if not hmac.compare_digest(keys.check(mine), mine):
            raise SecretError(
                "The master key is not the one of this workspace.",
                why="What was sealed in this workspace was sealed under another key.",
                remedy="Put the right key back in its place (restore it from where you keep it), "
                "then start again.",
            )

    def subject(self, address: str) -> SubjectId:
        """The subject behind an address, whatever its spelling (case, blanks around it, Unicode form)."""
        return SubjectId(self.keyed_hash("subject", normalised(address)).hex())

    def keyed_hash(self, kind: str, value: str) -> bytes:
        """16 bytes that only this workspace can compute; `kind` keeps equal values of different things
        apart.
        """
        name = kind.encode()
        message = len(name).to_bytes(2, "big") + name + value.encode("utf-8", "surrogatepass")
        return hmac.digest(self._hash_key, message, "sha256")[:16]

    def joint(self, members: Collection[SubjectId]) -> SubjectId:
        """The subject of what concerns all of these: one person's own, or the joint one of several."""
        together = sorted(set(members))
        if len(together) == 1:
            return together[0]
        return SubjectId(self.keyed_hash("joint", " ".join(together)).hex())

    def ensure_subjects(
        self,
        subjects: Iterable[SubjectId],
        members: Mapping[SubjectId, Collection[SubjectId]] = NO_MEMBERS,
    ) -> None:
        """Make keys for those who have none, durably, in one transaction; `members` of the joint ones among them."""
        missing: dict[SubjectId, WrappedKey] = {}
        for subject in subjects:
            generation, cipher = self._newest(subject)
            if cipher is None and subject not in missing:
                wrapped = self._wrap(subject, generation + 1, self._random(_KEY_BYTES))
                missing[subject] = WrappedKey(generation + 1, wrapped)
        if missing:
            self._keys.put(missing, {joint: who for joint, who in members.items() if joint in missing})
            for subject in missing:
                self._cache.pop(subject, None)

    def seal(self, subject: SubjectId, plaintext: bytes, context: bytes = b"") -> bytes:
        """A token that this workspace alone opens, with the same context, until the subject is forgotten."""
        generation, cipher = self._newest(subject)
        assert cipher is not None, "ensure_subjects comes before seal"
        head = bytes((_FORMAT,)) + bytes.fromhex(subject) + generation.to_bytes(2, "big")
        nonce = self._random(_NONCE_BYTES)
        return head + nonce + cipher.encrypt(nonce, plaintext, head + context)

    def unseal(self, token: bytes, context: bytes = b"") -> bytes | Forgotten:
        """What was sealed, or `Forgotten`. Raises `LedgerCorrupt` for a token that was changed."""
        if len(token) < _HEAD_BYTES + _NONCE_BYTES + 16 or token[0] != _FORMAT:
            raise _damaged("It has not the form of a sealed value.")
        head, rest = token[:_HEAD_BYTES], token[_HEAD_BYTES:]
        subject = SubjectId(head[1 : 1 + _SUBJECT_BYTES].hex())
        self._look_again()
        generation, cipher = self._newest(subject)
        sealed_under = int.from_bytes(head[-2:], "big")
        if sealed_under > generation:
            raise _damaged("There never was the key it says it was sealed under.")
        if cipher is None or sealed_under < generation:
            return Forgotten(subject)
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], head + context)
        except InvalidTag:
            raise _damaged("Its bytes, or the place it stands in, are not what was sealed.") from None

    def seal_text(self, subject: SubjectId, text: str, context: bytes = b"") -> str:
        """`seal` for text, as text: what events hold."""
        return base64.b64encode(self.seal(subject, text.encode("utf-8", "surrogatepass"), context)).decode()

    def unseal_text(self, token: str, context: bytes = b"") -> str | Forgotten:
        """`unseal` for what `seal_text` made."""
        try:
            raw = base64.b64decode(token, validate=True)
        except (binascii.Error, ValueError):
            raise _damaged("It has not the form of a sealed text.") from None
        plain = self.unseal(raw, context)
        return plain if isinstance(plain, Forgotten) else plain.decode("utf-8", "surrogatepass")

    def knows(self, subject: SubjectId) -> bool:
        """Is there a key to seal under?"""
        self._look_again()
        return self._newest(subject)[1] is not None

    def joints(self, member: SubjectId) -> tuple[SubjectId, ...]:
        """The joint subjects that somebody is a member of; those of them too whose keys a forgetting destroyed."""
        return self._keys.joints(member)

    def members(self, subject: SubjectId) -> tuple[SubjectId, ...]:
        """Whom a subject stands for: the members of a joint one, else itself."""
        return self._keys.members(subject) or (subject,)

    def was_known(self, subject: SubjectId) -> bool:
        """Is there a key, or was there one, or is this subject a member of a joint one?"""
        return self._keys.get(subject) is not None or bool(self._keys.joints(subject))

    def forget(self, subject: SubjectId) -> tuple[SubjectId, ...]:
        """Destroy the subject's key and the joint keys it is a member of.

        Returns whose keys there were; they are gone from the disk when this returns. Once more does no harm.
        """
        self._cache.clear()
        gone = self._keys.destroy(subject)
        self._cache.clear()  # what another thread may have looked up in between
        return gone

    def tidy(self) -> None:
        """Drop what is still kept of joint subjects whose keys are destroyed: who their members were."""
        self._keys.tidy()

    def forget_cached(self) -> None:
        """Drop every key from memory: called when another process may have forgotten somebody."""
        self._cache.clear()

    def close(self) -> None:
        """Close the table of keys."""
        self._cache.clear()
        self._keys.close()

    def _look_again(self) -> None:
        """Another process, or another connection of this one, may have forgotten somebody."""
        if self._keys.changed():
            self._cache.clear()

    def _newest(self, subject: SubjectId) -> tuple[int, AESGCM | None]:
        cached = self._cache.get(subject)
        if cached is not None:
            self._cache.move_to_end(subject)
            return cached
        stored = self._keys.get(subject)
        if stored is None:
            return (0, None)
        cipher = None
        if stored.wrapped is not None:
            cipher = AESGCM(self._unwrap(subject, stored.generation, stored.wrapped))
        found = self._cache[subject] = (stored.generation, cipher)
        if len(self._cache) > KEYS_CACHED:
            self._cache.popitem(last=False)
        return found

    def _wrap(self, subject: SubjectId, generation: int, key: bytes) -> bytes:
        nonce = self._random(_NONCE_BYTES)
        return nonce + self._wrapping.encrypt(nonce, key, _wrapped_for(subject, generation))

    def _unwrap(self, subject: SubjectId, generation: int, wrapped: bytes) -> bytes:
        try:
            return self._wrapping.decrypt(
                wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _wrapped_for(subject, generation)
            )
        except InvalidTag:
            raise LedgerCorrupt(
                "A key in the workspace's table of keys has changed.",
                why="It cannot be unwrapped with the master key, though the table itself belongs to it.",
                remedy="Restore .mainstay/keys.sqlite3 from a backup.",
                subject=subject,
            ) from None


def normalised(address: str) -> str:
    """An address as it is hashed."""
    return unicodedata.normalize("NFKC", address).strip().casefold()


def _derived(master_key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=purpose).derive(master_key)


def _wrapped_for(subject: SubjectId, generation: int) -> bytes:
    return b"key" + bytes.fromhex(subject) + generation.to_bytes(2, "big")


def _damaged(why: str) -> LedgerCorrupt:
    return LedgerCorrupt(
        "A sealed value has changed.",
        why=why,
        remedy="Run `mainstay audit verify`; then restore the last backup.",
    )

"""What is signed about a ledger: that it had come this far, that the key changed, that a backup took its place.

Each statement is a line of JSON for people and programs. What is signed is its fixed binary form:

    "MSTAUDIT" kind number before workspace at key | checkpoint: through hash root
                                                   | key:        public follows through
                                                   | restored:   backup_head backup_hash

Rules of this file:

- Every statement holds the digest of the one before it: none can be taken out, and none put in between.
- The first one is that of the key. A later key is signed for by both: by the one before (`vouched`), and by itself over
  the same bytes; so whoever knows one of them for good can tell all.
- A line counts only as it would be written here, byte by byte.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from hashlib import sha256
from struct import Struct
from typing import assert_never

import msgspec

from mainstay.ledger.signing import (
    FINGERPRINT_BYTES,
    KEY_BYTES,
    SIGNATURE_BYTES,
    SigningKey,
    fingerprint,
    is_signed,
)

MAGIC = b"MSTAUDIT"
WORKSPACE_BYTES = 32
HASH_BYTES = 32
NONE = bytes(HASH_BYTES).hex()  # before the first statement

_COMMON = Struct(f">8sBQ32s{WORKSPACE_BYTES}sq{FINGERPRINT_BYTES}s")
_CHECKPOINT = Struct(">Q32s32s")
_KEY = Struct(f">{KEY_BYTES}s{FINGERPRINT_BYTES}sQ")
_RESTORED = Struct(">Q32s")


class _Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    number: int  # from 1, without a gap
    before: str  # digest of the statement before, hex
    workspace: str
    at: int
    key: str  # the fingerprint of the key that signs
    signature: str = ""


class Checkpoint(_Statement, frozen=True, kw_only=True, tag="checkpoint"):
    """The ledger up to an event: its hash, and the root over all events up to there."""

    through: int
    hash: str
    root: str


class KeyAdopted(_Statement, frozen=True, kw_only=True, tag="key"):
    """Signed with this key from here on."""

    public: str
    follows: str = ""  # the fingerprint of the key before; empty for the first
    vouched: str = ""  # its signature
    through: int = 0  # how far the ledger had come


class Restored(_Statement, frozen=True, kw_only=True, tag="restored"):
    """A backup took the ledger's place, by the operator's will: what was signed after its end is not in it any more."""

    backup_head: int
    backup_hash: str


Statement = Checkpoint | KeyAdopted | Restored

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Statement).decode


def line_of(statement: Statement) -> bytes:
    """The statement as a line of a file."""
    return _encode(statement) + b"\n"


def spelled(statement: Statement) -> bytes:
    """What is signed. Raises `ValueError` where something is too large or no hexadecimal number."""
    match statement:
        case Checkpoint():
            kind = 1
            rest = _pack(
                _CHECKPOINT,
                statement.through,
                _hex(statement.hash, HASH_BYTES),
                _hex(statement.root, HASH_BYTES),
            )
        case KeyAdopted():
            kind = 2
            follows = _hex(statement.follows or "00" * FINGERPRINT_BYTES, FINGERPRINT_BYTES)
            rest = _pack(_KEY, _hex(statement.public, KEY_BYTES), follows, statement.through)
        case Restored():
            kind = 3
            rest = _pack(_RESTORED, statement.backup_head, _hex(statement.backup_hash, HASH_BYTES))
        case _:
            assert_never(statement)
    workspace = statement.workspace.encode()
    if len(workspace) > WORKSPACE_BYTES:
        raise ValueError("the name of the workspace is too long")
    before, key = _hex(statement.before, HASH_BYTES), _hex(statement.key, FINGERPRINT_BYTES)
    return _pack(_COMMON, MAGIC, kind, statement.number, before, workspace, statement.at, key) + rest


def digest_of(statement: Statement) -> str:
    """What the next statement holds of this one: all that was signed, and the signatures."""
    vouched = statement.vouched if isinstance(statement, KeyAdopted) else ""
    signatures = bytes.fromhex(statement.signature) + bytes.fromhex(vouched)
    return sha256(spelled(statement) + signatures).hexdigest()


def signed(statement: Statement, key: SigningKey) -> Statement:
    """The statement with its signature."""
    assert statement.key == key.fingerprint, "a statement is signed by the key that it names"
    return msgspec.structs.replace(statement, signature=key.sign(spelled(statement)).hex())


def adopted(statement: KeyAdopted, key: SigningKey, before: SigningKey | None) -> KeyAdopted:
    """The statement about a key, signed by it and by the one before."""
    message = spelled(statement)
    vouched = before.sign(message).hex() if before is not None else ""
    return msgspec.structs.replace(statement, signature=key.sign(message).hex(), vouched=vouched)


def checked(lines: Iterable[bytes], workspace: str = "") -> tuple[list[Statement], str]:
    """As many statements as hold, from the first on, and what is wrong with the next line; "" for nothing.

    Held against themselves alone: whether anybody vouches for the first key is another question (`vouched_for`).
    """
    found: list[Statement] = []
    key = b""
    before = NONE
    for number, line in enumerate(lines, 1):
        try:
            one = _decode(line)
            wrong = _wrong(one, line, number=number, before=before, key=key)
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
            return found, f"line {number} is no statement: {error}"
        if not wrong and workspace and one.workspace != workspace:
            wrong = f"it is about workspace {one.workspace}"
        if not wrong and found and one.workspace != found[0].workspace:
            wrong = "it is about another workspace than the one before"
        if wrong:
            return found, f"line {number}: {wrong}"
        if isinstance(one, KeyAdopted):
            key = bytes.fromhex(one.public)
        before = digest_of(one)
        found.append(one)
    return found, ""


def vouched_for(statements: Iterable[Statement], trusted: Collection[str]) -> bool:
    """Whether one of these public keys (hex) is among those that signed: each signed for the one before and after."""
    return any(isinstance(one, KeyAdopted) and one.public in trusted for one in statements)


def _wrong(one: Statement, line: bytes, *, number: int, before: str, key: bytes) -> str:
    if line_of(one) != line:
        return "it is not written as it was"
    if one.number != number:
        return f"it says that it is number {one.number}"
    if one.before != before:
        return "it does not follow the statement before it"
    message = spelled(one)
    if isinstance(one, KeyAdopted):
        public = _hex(one.public, KEY_BYTES)
        if one.key != fingerprint(public):
            return "the key is not the one that it names"
        if bool(one.follows) is not bool(key) or (key and one.follows != fingerprint(key)):
            return "its key takes the place of another one than was in force"
        if key and not is_signed(key, _hex(one.vouched, SIGNATURE_BYTES), message):
            return f"the key before does not vouch for {one.key}"
        key = public
    if not key:
        return "no key was adopted before it"
    if one.key != fingerprint(key):
        return f"it is signed by {one.key}, which nobody vouches for"
    if not is_signed(key, _hex(one.signature, SIGNATURE_BYTES), message):
        return "its signature is not that of its key"
    return ""


def _hex(text: str, size: int) -> bytes:
    data = bytes.fromhex(text)
    if len(data) != size or data.hex() != text:
        raise ValueError(f"{text[:20]!r} is not {size} bytes in hexadecimal")
    return data


def _pack(form: Struct, *values: object) -> bytes:
    from struct import error

    try:
        return form.pack(*values)
    except error as wrong:
        raise ValueError(str(wrong)) from wrong

"""The secrets that a workspace names: where each is used and lies, whether it is well, and putting a new one in place.

Rules of this file: a value is looked up, compared and handed to its store; it is in no result, no error and no event.
References are found in `mainstay.toml` by their form, so that a new setting that takes one is seen here by itself.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from mainstay.config.settings import FILE
from mainstay.config.toml import parse_toml
from mainstay.kernel.errors import CommandRefused, NotFound, SecretError, Unavailable
from mainstay.kernel.values import DAY, Instant, Json
from mainstay.net.secrets import KINDS, Secret, SecretStore, split_reference
from mainstay.workflows.document import dotted

SOON_US: Final = 14 * DAY
VALUE_MIN: Final = 8  # shorter values stand in any text by chance
CHUNK: Final = 4 * 1024 * 1024
FILE_BYTES_MAX: Final = 2 * 1024 * 1024 * 1024
_PLACEHOLDERS: Final = (
    *("changeme", "change-me", "change_me", "password", "secret", "todo", "fixme", "example", "placeholder"),
    *("your-api-key", "your_api_key", "yourapikey", "your-key", "api-key", "apikey", "none", "null", "test"),
    *("123456", "12345678", "123456789", "1234567890", "qwerty", "letmein", "hunter2", "xxx"),
)
_WEBHOOK: Final = "notify.webhook.secret"  # the one secret that signs: it has a least length and a form

Known = Callable[[str], Json | None]  # the row of the view `secrets`
Operate = Callable[..., Json]


@dataclass(frozen=True, slots=True)
class SecretState:
    """One secret as it stands: well, missing, unreadable, placeholder, unfit, expired, expiring, in the clear."""

    reference: str
    kind: str
    used: tuple[str, ...]  # keys of mainstay.toml
    place: str
    rotated_at: int
    rotated_by: str
    expires_at: int  # 0: nobody said when
    state: str
    problem: str = ""
    remedy: str = ""
    found: tuple[str, ...] = ()  # files of the workspace in which it stands


class Secrets:
    """The secrets of one workspace."""

    def __init__(
        self,
        root: Path,
        known: Known,
        operate: Operate,
        now: Callable[[], Instant],
        store: SecretStore | None = None,
    ) -> None:
        self._root = root
        self._known = known
        self._operate = operate
        self._now = now
        self._store = store or SecretStore()

    def all(self) -> tuple[SecretState, ...]:
        """Every reference of `mainstay.toml`. Each is looked up, and no value is kept."""
        return tuple(self._state(reference, used) for reference, used in self._references().items())

    def check(self) -> tuple[SecretState, ...]:
        """The same, and every file of the workspace is searched for the values."""
        values = {}
        for reference in self._references():
            try:
                values[reference] = self._store.resolve(reference)
            except (SecretError, Unavailable):
                continue
        found = _standing_in_the_clear(self._root, values)
        return tuple(_with(one, found.get(one.reference, ())) for one in self.all())

    def set(self, reference: str, value: Secret) -> SecretState:
        """Keep a value where there is none yet. Raises `CommandRefused` where there is one."""
        self._writable(reference)
        if self._value(reference) is not None:
            raise CommandRefused(
                f"There is a secret at {reference} already.",
                why="It may be in use.",
                remedy=f"Replace it: `mainstay secrets rotate {reference}`.",
            )
        self._stored(reference, value)
        return self.show(reference)

    def rotate(
        self, reference: str, value: Secret | None, *, expires_at: int = 0, actor: str = "operator"
    ) -> SecretState:
        """Put a new value in place of the old one and record that; without a value it was replaced elsewhere."""
        if reference not in self._references():
            raise NotFound(
                f"Nothing in {FILE} names {reference[:80]}.",
                remedy="`mainstay secrets list` shows what is named.",
            )
        if expires_at and expires_at <= self._now():
            raise CommandRefused("A secret that has expired is no new one.", remedy="Give a day to come.")
        if value is not None:
            self._writable(reference)
            if self._value(reference) == value:
                raise CommandRefused(
                    f"This is the secret that lies at {reference} now.",
                    why="The old one would stay in force.",
                    remedy="Make a new one where it is issued, then give that.",
                )
            self._stored(reference, value)
        self._operate("secret_rotated", reference=reference, expires_at=expires_at, actor=actor)
        return self.show(reference)

    def show(self, reference: str) -> SecretState:
        """One reference, named in the settings or not."""
        return self._state(reference, self._references().get(reference, ()))

    # --- inside ----------------------------------------------------------------------------------------------------

    def _references(self) -> Mapping[str, tuple[str, ...]]:
        file = self._root / FILE
        document = parse_toml(file.read_bytes() if file.exists() else b"", FILE)
        found: dict[str, tuple[str, ...]] = {}
        for path, text in _texts((), document.data):
            if _is_reference(text):
                found[text] = (*found.get(text, ()), dotted(path))
        return found

    def _state(self, reference: str, used: tuple[str, ...]) -> SecretState:
        kind, _ = split_reference(reference)
        row = self._known(reference) or {}
        expires_at = int(row.get("expires_at") or 0)
        state, problem, remedy = self._health(reference, used, expires_at)
        rotated_at = int(row.get("rotated_at") or 0)
        return SecretState(
            *(reference, kind, used, self._store.place(reference), rotated_at, str(row.get("actor") or "")),
            *(expires_at, state, problem, remedy),
        )

    def _health(self, reference: str, used: tuple[str, ...], expires_at: int) -> tuple[str, str, str]:
        try:
            value = self._store.resolve(reference)
        except (SecretError, Unavailable) as error:
            state = "missing" if error.what.startswith("there is no secret") else "unreadable"
            return state, error.what, error.remedy
        rotate = f"`mainstay secrets rotate {reference}`"
        if is_placeholder(value):
            return (
                "placeholder",
                "it holds a value that stands for none",
                f"Put the real one there: {rotate}.",
            )
        wrong = _why_unfit(value, used)
        if wrong:
            return "unfit", wrong, f"Put one there that fits: {rotate}."
        now = self._now()
        if expires_at and expires_at <= now:
            return "expired", "it has expired", f"Make a new one where it is issued, then {rotate}."
        if expires_at and expires_at - now <= SOON_US:
            days = max((expires_at - now) // DAY, 0)
            return "expiring", f"it expires in {days} days", f"Make a new one in time, then {rotate}."
        return "well", "", ""

    def _value(self, reference: str) -> Secret | None:
        try:
            return self._store.resolve(reference)
        except SecretError as error:
            if error.what.startswith("there is no secret"):
                return None
            raise

    def _writable(self, reference: str) -> None:
        kind, name = split_reference(reference)
        if kind != "file":
            return
        place = Path(name).expanduser()
        if not place.is_absolute() or place.resolve().is_relative_to(self._root.resolve()):
            raise SecretError(
                f"{reference} lies in the workspace folder",
                why="copies and backups of the folder would hold it",
                remedy="name a place outside of it",
            )

    def _stored(self, reference: str, value: Secret) -> None:
        if is_placeholder(value):
            raise CommandRefused("This is a value that stands for none.", remedy="Give the real one.")
        self._store.store(reference, value)
        if self._store.resolve(reference) != value:
            raise SecretError(
                f"what lies at {reference} is not what was stored", remedy="look at the store, and try again"
            )


def is_placeholder(value: Secret) -> bool:
    """Whether a value is one that people write where a secret belongs."""
    text = value.reveal().strip().lower()
    bare = text.strip("<>{}[]$*. ")
    return bare in _PLACEHOLDERS or len(set(bare)) < 2 or text.startswith(("<", "${", "your-", "your_"))


def _why_unfit(value: Secret, used: tuple[str, ...]) -> str:
    """Why a value cannot serve where it is named; empty where nothing is known against it."""
    if _WEBHOOK not in used:
        return ""
    from mainstay.net.webhook_out import key_of

    try:
        key_of(value.reveal())
    except SecretError as error:
        return error.what
    return ""


def _is_reference(text: str) -> bool:
    if text.partition(":")[0] not in KINDS:
        return False
    try:
        split_reference(text)
    except SecretError:
        return False
    return True


def _texts(path: tuple[str | int, ...], value: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, below in value.items():
            yield from _texts((*path, key), below)
    elif isinstance(value, list | tuple):
        for place, below in enumerate(value):
            yield from _texts((*path, place), below)


def _with(one: SecretState, found: tuple[str, ...]) -> SecretState:
    if not found:
        return one
    return SecretState(
        *(one.reference, one.kind, one.used, one.place, one.rotated_at, one.rotated_by, one.expires_at),
        "in the clear",
        f"it stands in {', '.join(found[:3])}",
        f"Take it out there, make a new one, then `mainstay secrets rotate {one.reference}`.",
        found,
    )


def _standing_in_the_clear(root: Path, values: Mapping[str, Secret]) -> dict[str, tuple[str, ...]]:
    needles = {reference: _spellings(value) for reference, value in values.items()}
    found: dict[str, tuple[str, ...]] = {}
    if not any(needles.values()):
        return found
    for file in sorted(root.rglob("*")):
        if not file.is_file() or file.is_symlink():
            continue
        for reference in _held_by(file, needles):
            found[reference] = (*found.get(reference, ()), str(file.relative_to(root)))
    return found


def _spellings(value: Secret) -> tuple[bytes, ...]:
    """A value as it may stand in a file: as it is, in a web address, in base64."""
    raw = value.reveal().encode()
    if len(raw) < VALUE_MIN:
        return ()
    return tuple({raw, quote(raw).encode(), base64.b64encode(raw).rstrip(b"=")[:-1]})


def _held_by(file: Path, needles: Mapping[str, tuple[bytes, ...]]) -> set[str]:
    overlap = max((len(one) for each in needles.values() for one in each), default=1) - 1
    found: set[str] = set()
    try:
        with file.open("rb") as opened:
            tail = b""
            for _ in range(FILE_BYTES_MAX // CHUNK):
                part = opened.read(CHUNK)
                if not part:
                    break
                window = tail + part
                for reference, each in needles.items():
                    if any(one in window for one in each):
                        found.add(reference)
                tail = window[-overlap:] if overlap else b""
    except OSError:
        return found  # a file that left meanwhile, or that is not ours to read
    return found

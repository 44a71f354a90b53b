"""Secrets by reference: settings say where a secret lies, never what it is.

References and what they mean:

    env:NAME       an environment variable
    keyring:NAME   the system's keyring, service "mainstay"
    age:NAME       an encrypted file in the key home, for machines without a keyring
    file:PATH      a file that only its owner can read (a systemd credential, a mounted secret)

`Secret` shows nothing of its value by accident: whoever needs it calls `reveal()`, which is easy to search
for. The libraries behind keyring and age are optional and imported when they are needed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from mainstay.kernel.errors import SecretError, Unavailable
from mainstay.net import keyring_store
from mainstay.net.keyring_store import SERVICE
from mainstay.net.withheld import handed_out

KEY_HOME_VARIABLE: Final = "MAINSTAY_KEY_HOME"
KINDS: Final = ("env", "keyring", "age", "file")

_NAME = re.compile(r"^[A-Za-z0-9_.@-]{1,100}$")
_SECRET_BYTES_MAX = 64_000


class Secret:
    """A value that must not be shown. It prints as `Secret(***)` everywhere and cannot be pickled."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        handed_out(value)  # from here on it is taken out of what is written down

    def reveal(self) -> str:
        """The value itself: only for handing it to the one who asks for it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")


class StandingSecret(Secret):
    """A secret that is looked up anew each time it is handed out, so that a new value counts from the next log-in.

    Where it cannot be looked up just then (a keyring that is locked), the last one that was known stands in.
    """

    __slots__ = ("_look_up",)

    def __init__(self, look_up: Callable[[], Secret]) -> None:
        super().__init__(look_up().reveal())
        self._look_up = look_up

    def reveal(self) -> str:
        """The value as it is now."""
        with contextlib.suppress(SecretError, Unavailable):
            self._value = self._look_up().reveal()
        return super().reveal()


def default_key_home(environ: Mapping[str, str]) -> Path:
    """Where keys lie unless told otherwise: outside of every workspace, so that a backup of one holds no
    key."""
    if chosen := environ.get(KEY_HOME_VARIABLE):
        return Path(chosen)
    base = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME") or "~").expanduser() / ".config")
    return Path(base) / "mainstay"


def split_reference(reference: str) -> tuple[str, str]:
    """Kind and name of a reference. Raises `SecretError` with the forms there are."""
    kind, found, name = reference.partition(":")
    if not found or kind not in KINDS or not name:
        # The text itself is not repeated: most probably somebody wrote the password into the file.
        raise SecretError(
            "this is not a reference to a secret",
            why="a secret stands in no file of the workspace, only where it lies",
            remedy="write env:NAME, keyring:NAME, age:NAME or file:PATH; for a model's key env:NAME is the simplest",
        )
    if kind != "file" and _NAME.match(name) is None:
        raise SecretError(
            f"{kind}: the name of the secret has characters that no store takes",
            remedy="use letters, digits and . _ - @",
            kind=kind,
        )
    return kind, name


class SecretStore:
    """Finds and keeps secrets. `home` is the folder of the age file; `environ` the environment to read."""

    def __init__(self, home: Path | None = None, *, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._home = home if home is not None else default_key_home(self._environ)

    def resolve(self, reference: str) -> Secret:
        """The secret that `reference` names. Raises `SecretError` (or `Unavailable`) with what to do."""
        kind, name = split_reference(reference)
        match kind:
            case "env":
                value = self._environ.get(name)
            case "keyring":
                value = keyring_store.get(name)
            case "age":
                value = self._age_read().get(name)
            case _:
                value = _file_read(Path(name).expanduser())
        if not value:
            raise SecretError(
                f"there is no secret at {reference}",
                remedy=_remedy(kind, name),
                kind=kind,
                reference=reference,
            )
        return Secret(value)

    def standing(self, reference: str) -> Secret:
        """The same, looked up anew at each use. Raises what `resolve` raises."""
        return StandingSecret(lambda: self.resolve(reference))

    def place(self, reference: str) -> str:
        """Where it lies, for a person."""
        kind, name = split_reference(reference)
        match kind:
            case "env":
                return f"the environment variable {name}"
            case "keyring":
                return f"the system's keyring, service {SERVICE}"
            case "age":
                return str(self._age_path)
            case _:
                return str(Path(name).expanduser())

    def store(self, reference: str, value: Secret) -> None:
        """Keep `value` at `reference`, in place of what was there. Raises `SecretError` where that is not possible."""
        kind, name = split_reference(reference)
        if not value:
            raise SecretError("an empty secret is not stored", remedy="enter a value", reference=reference)
        match kind:
            case "keyring":
                keyring_store.put(name, value.reveal())
            case "age":
                self._age_write({**self._age_read(), name: value.reveal()})
            case "file":
                _file_write(Path(name).expanduser(), value)
            case _:
                raise SecretError(
                    f"{kind}: is only read, never written",
                    remedy=_remedy(kind, name),
                    kind=kind,
                    reference=reference,
                )

    @property
    def _age_path(self) -> Path:
        return self._home / "secrets.age"

    @property
    def _identity_path(self) -> Path:
        return self._home / "identity.txt"

    def _age_read(self) -> dict[str, str]:
        if not self._age_path.exists():
            return {}
        pyrage = _pyrage()
        identity = self._identity()
        try:
            content: Any = json.loads(pyrage.decrypt(self._age_path.read_bytes(), [identity]))
        except (pyrage.DecryptError, ValueError, OSError):
            raise SecretError(
                f"{self._age_path} cannot be opened",
                why="it was encrypted for another identity, or it is damaged",
                remedy=f"restore it and {self._identity_path} together, or remove both and store them again",
                path=str(self._age_path),
            ) from None
        return {str(name): str(value) for name, value in content.items()} if isinstance(content, dict) else {}

    def _age_write(self, content: dict[str, str]) -> None:
        pyrage = _pyrage()
        try:
            self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self._identity_path.exists():
                _write_private(self._identity_path, (str(pyrage.x25519.Identity.generate()) + "\n").encode())
            recipient = self._identity().to_public()
            _write_private(
                self._age_path, pyrage.encrypt(json.dumps(content, sort_keys=True).encode(), [recipient])
            )
        except OSError as error:
            raise SecretError(
                f"{self._home} cannot be written",
                why=error.strerror or str(error),
                remedy=f"make the folder writable for you alone, or set {KEY_HOME_VARIABLE} to another one",
                path=str(self._home),
            ) from error

    def _identity(self) -> Any:
        text = _file_read(self._identity_path)
        try:
            return _pyrage().x25519.Identity.from_str((text or "").strip())
        except Exception:  # the library's own class of error differs between its versions
            raise SecretError(
                f"{self._identity_path} holds no age identity",
                why="without it the stored secrets cannot be opened",
                remedy="restore it from your backup, or remove secrets.age and store the secrets again",
                path=str(self._identity_path),
            ) from None


def _remedy(kind: str, name: str) -> str:
    match kind:
        case "env":
            return f"set the environment variable {name} for the process that runs `mainstay up`"
        case "file":
            return f"put the secret into {name}, readable for its owner alone (chmod 600)"
        case _:
            return f"store it with `mainstay secrets set {kind}:{name}`"


def _file_read(path: Path) -> str | None:
    """The content of a file that nobody else can read, without the line break at its end; None where there
    is none."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if stat.S_IMODE(status.st_mode) & 0o077:
                raise SecretError(
                    f"{path} can be read by other users of this machine",
                    remedy=f"chmod 600 {path}, and change the secret if others had access",
                    path=str(path),
                    mode=oct(stat.S_IMODE(status.st_mode)),
                )
            data = file.read(_SECRET_BYTES_MAX)
        return data.decode().rstrip("\r\n")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(
            f"{path} cannot be read", why=str(error), remedy="check the file and its owner", path=str(path)
        ) from None


def _file_write(path: Path, value: Secret) -> None:
    try:
        _write_private(path, value.reveal().encode() + b"\n")
    except OSError as error:
        raise SecretError(
            f"{path} cannot be written",
            why=error.strerror or str(error),
            remedy="change it where it comes from, then tell: mainstay secrets rotate --done",
            path=str(path),
        ) from None


def _write_private(path: Path, data: bytes) -> None:
    """Replace the file as a whole, mode 0600, on the disk before this returns."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".secret-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _pyrage() -> Any:
    try:
        import pyrage
    except ImportError:
        raise Unavailable(
            "age files need a package that is not installed", remedy="pip install 'mainstay[secrets]'"
        ) from None
    return pyrage

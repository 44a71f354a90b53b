"""What the caller did wrong, or what cannot go on, as one tree of exceptions.

    MainstayError
    ├── ConfigError              a file of the workspace does not say what it should (file, key, line)
    │   ├── WorkflowError        workflows/*.yaml
    │   ├── PolicyError          policies/*.toml
    │   └── TemplateError        templates/*.md
    ├── WorkspaceError           the folder cannot be used as a workspace
    │   ├── WorkspaceNotFound
    │   ├── WorkspaceUnsafe      network or synchronised folder, wrong mode, read-only
    │   └── WorkspaceLocked      another process is the director (pid)
    ├── LedgerError              the event store refuses
    │   ├── VersionConflict      a stream moved on between read and append
    │   ├── StaleEpoch           a newer writer took the lease
    │   ├── LedgerCorrupt        the hash chain does not hold (position)
    │   ├── LedgerTooNew         written by a newer Mainstay
    │   ├── LedgerUnready        its views are not there yet, or are those of an older Mainstay
    │   ├── StorageFull          no space left; nothing of the batch was written
    │   └── StorageFailed        the disk lied or failed; the process must end
    ├── CommandRefused           a command that makes no sense for what there is
    │   ├── NotFound             no such run, approval or message
    │   ├── AmbiguousId          a short id that fits several
    │   ├── KeyReused            an idempotency key that names another request already
    │   ├── AnswerLost           it was done, and what was answered is not known any more
    │   ├── FileChanged          somebody wrote the file since it was shown
    │   └── StaleApproval        the digest is not (or no longer) what waits
    ├── DirectorError            the door is closed
    │   ├── DirectorUnavailable  no answer from the control socket
    │   └── DirectorBusy         the inbox is full; try again
    ├── AdapterError             an outside system cannot be set up as described
    │   └── AccountRefused       log-in or a needed capability was refused
    ├── SecretError              a secret's reference leads nowhere
    ├── Unavailable              an optional part is not installed (what to install)
    └── DocumentError            a file cannot be read into memory

What the *world* does wrong (time-outs, refusals, bad mail) is a value, never one of these: see
`kernel.recovery`. Every error says what happened, why, and what to do next, and carries its facts as fields.
"""

from __future__ import annotations

from typing import Any, ClassVar


class MainstayError(Exception):
    """Mainstay cannot do what was asked."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str = "", *, why: str = "", remedy: str = "", **fields: Any) -> None:
        self.what = what or (type(self).__doc__ or "").strip()
        self.why = why
        self.remedy = remedy
        self.fields = fields
        super().__init__(self.what)

    def __str__(self) -> str:
        return " ".join(_sentence(part) for part in (self.what, self.why, self.remedy) if part)

    def as_dict(self) -> dict[str, Any]:
        """The error as plain data, for `--json` and the control socket."""
        return {
            "error": type(self).__name__,
            "what": self.what,
            "why": self.why,
            "remedy": self.remedy,
            "fields": {name: value for name, value in self.fields.items() if value is not None},
        }


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!", ":")) else text + "."


class ConfigError(MainstayError):
    """A file of the workspace does not say what it should."""

    exit_code = 2

    def __init__(
        self,
        what: str = "",
        *,
        file: str = "",
        key: str = "",
        line: int | None = None,
        why: str = "",
        remedy: str = "",
    ) -> None:
        super().__init__(what, why=why, remedy=remedy, file=file, key=key, line=line)
        self.file = file
        self.key = key
        self.line = line
        self.also: tuple[ConfigError, ...] = ()  # what else was found wrong in the same reading

    def __str__(self) -> str:
        place = self.file + (f":{self.line}" if self.line is not None else "")
        head = ": ".join(part for part in (place, self.key) if part)
        text = super().__str__()
        return f"{head}: {text}" if head else text


class WorkflowError(ConfigError):
    """A workflow file cannot be accepted."""


class PolicyError(ConfigError):
    """A policy file cannot be accepted."""


class TemplateError(ConfigError):
    """A template cannot be accepted."""


class WorkspaceError(MainstayError):
    """The folder cannot be used as a workspace."""

    exit_code = 3


class WorkspaceNotFound(WorkspaceError):
    """There is no workspace here."""


class WorkspaceUnsafe(WorkspaceError):
    """The folder is not a safe place for a ledger."""


class WorkspaceLocked(WorkspaceError):
    """Another process is at work in this workspace."""


class LedgerError(MainstayError):
    """The ledger refuses."""

    exit_code = 4


class VersionConflict(LedgerError):
    """The stream moved on between read and append."""


class StaleEpoch(LedgerError):
    """A newer writer holds this workspace."""


class LedgerCorrupt(LedgerError):
    """The hash chain of the ledger does not hold."""


class LedgerTooNew(LedgerError):
    """This ledger was written by a newer Mainstay."""


class LedgerUnready(LedgerError):
    """The views of this ledger are not made yet."""


class StorageFull(LedgerError):
    """There is no space left on the disk."""


class StorageFailed(LedgerError):
    """The disk failed; what it acknowledged can no longer be trusted."""


class CommandRefused(MainstayError):
    """The command makes no sense for what there is."""

    exit_code = 5


class NotFound(CommandRefused):
    """There is no such thing in this workspace."""


class AmbiguousId(CommandRefused):
    """The short id fits several."""


class KeyReused(CommandRefused):
    """This key names another request already."""


class AnswerLost(CommandRefused):
    """It was done, and what was answered is not known any more."""


class FileChanged(CommandRefused):
    """The file says something else than what was shown."""


class StaleApproval(CommandRefused):
    """This is not, or no longer, what waits for approval."""


class DirectorError(MainstayError):
    """The director cannot be reached."""

    exit_code = 6


class DirectorUnavailable(DirectorError):
    """The director gave no answer."""


class DirectorBusy(DirectorError):
    """The director's inbox is full."""


class AdapterError(MainstayError):
    """An outside system cannot be used as it is described."""

    exit_code = 7


class AccountRefused(AdapterError):
    """The account was refused."""


class SecretError(MainstayError):
    """The reference to a secret leads nowhere."""

    exit_code = 8


class Unavailable(MainstayError):
    """An optional part is not installed."""

    exit_code = 9


class DocumentError(MainstayError):
    """A document cannot be read into memory."""

    exit_code = 10

"""Why something came to nothing, as it may stand in the ledger: in short words, sealed where they may name a person."""

from __future__ import annotations

from mainstay.kernel.commands import Failed
from mainstay.kernel.events import FailureClass
from mainstay.kernel.ids import SubjectId
from mainstay.kernel.values import Usage
from mainstay.net.withheld import without_secrets
from mainstay.runtime.artifacts import Artifacts


def sealed(artifacts: Artifacts, text: str, subject: SubjectId | None) -> str:
    """A text without secrets; under the key of whom it is about, where it is about somebody."""
    text = without_secrets(text)
    return artifacts.seal_text(text, subject) if subject else _writable(text)


def _writable(text: str) -> str:
    """Text without lone surrogates, which JSON in UTF-8 cannot hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def place_of(error: BaseException) -> str:
    """Type and place of what was raised. Never its text, which may quote a person."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    if place is None:
        return type(error).__name__
    file = place.tb_frame.f_code.co_filename.replace("\\", "/").rpartition("/")[2]
    return f"{type(error).__name__} in {file}:{place.tb_lineno}"


def forgotten(usage: Usage | None) -> Failed:
    """Whoever this was about was forgotten while it was under way: what came of it is not kept."""
    reason = "whoever it is about was forgotten while it was under way"
    return Failed(FailureClass.REFUSED, reason, usage=usage)

"""Was this written by a machine? RFC 3834's question, asked before anything is answered.

Mail loops are the classic disaster of a program that answers mail. So the judgement errs to one side: a
doubtful mail is left to a person, who can still answer it by hand.
"""

from __future__ import annotations

import re

from mainstay.adapters.email.mime import ParsedMail

_LOCAL_PARTS = re.compile(
    r"^(?:mailer-daemon|postmaster|no[-_.]?reply|do[-_.]?not[-_.]?reply|bounces?|listserv|majordomo|daemon|root)"
    r"(?:[+=_-].*)?$|^owner-|-request$|-bounces?$|^noreply|[-_.+]no[-_.]?reply$"
)
_SUPPRESS = re.compile(r"\b(?:all|oof|autoreply)\b")


def automatic(mail: ParsedMail, own_addresses: tuple[str, ...]) -> str | None:
    """Why this mail must not be answered by a program, for people; None where nothing speaks against it."""
    if mail.auto_submitted and mail.auto_submitted != "no":
        return f"its sender says it was sent by a program (Auto-Submitted: {mail.auto_submitted[:40]})"
    if mail.bounce:
        return "it reports on the delivery of another mail, or has an empty return path"
    if mail.from_self(own_addresses):
        return "it comes from one of our own addresses"
    return _by_list(mail) or _by_sender(mail) or _by_wish(mail)


def _by_list(mail: ParsedMail) -> str | None:
    for name, value in mail.headers:
        if name.startswith("list-"):
            return f"it came through a mailing list ({name})"
        if name == "precedence" and value.lower() in ("bulk", "list", "junk"):
            return f"it is a mass mailing (Precedence: {value.lower()})"
    return "it is a mass mailing" if mail.bulk else None


def _by_sender(mail: ParsedMail) -> str | None:
    if mail.sender is None:
        return "it has no sender that could be answered"
    local = mail.sender.email.rpartition("@")[0].lower()
    if _LOCAL_PARTS.search(local):
        return f"its sender takes no answers ({local}@)"
    return None


def _by_wish(mail: ParsedMail) -> str | None:
    if _SUPPRESS.search(mail.header("x-auto-response-suppress").lower()):
        return "its sender asks for no automatic answers"
    for name in ("x-autoreply", "x-autorespond", "x-autoresponder"):
        if mail.header(name):
            return f"its sender says it was sent by a program ({name})"
    return None

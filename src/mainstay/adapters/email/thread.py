"""Which conversation a mail belongs to.

The root of its References, as far as they are told. Some clients name only the mail they answer: where that
one is known, its conversation is looked up. The subject is no identity: it is chosen by anybody and
repeated by chance.
"""

from __future__ import annotations

from collections.abc import Callable

from mainstay.adapters.email.mime import ParsedMail


def _nothing_known(_message_id: str) -> str | None:
    return None


def thread_of(mail: ParsedMail, known: Callable[[str], str | None] = _nothing_known) -> str:
    """The identity of the conversation: that of a known ancestor, else the oldest reference, else the mail
    itself.

    `known` gives the conversation of a mail that was seen before. The nearest ancestor is asked first: what
    it answers decides, also where a client cut the list of References.
    """
    for reference in reversed(mail.references):
        thread = known(reference)
        if thread is not None:
            return thread
    return mail.references[0] if mail.references else mail.message_id

"""Checks about who is answered, and whether that should be done at all."""

from __future__ import annotations

from mainstay.agents.checks.subject import LOOK, REFUSE, Findings, Subject, finding
from mainstay.agents.flags import GATING, domain
from mainstay.agents.language import language_of

_RUN_WORDS = 12  # so many words in a row are not shared by chance


def message_missing(subject: Subject) -> Findings:
    """A check that could not be made is not passed."""
    if subject.message is not None:
        return ()
    return finding(
        "message-missing",
        LOOK,
        "the message was not passed to the inspector, so recipient, machine mail and risks were not checked",
        "add `message: ${trigger.message}` to the inspector's inputs",
    )


def wrong_recipient(subject: Subject) -> Findings:
    """The answer goes to whoever wrote, at an address that is somebody else's than ours."""
    message = subject.message
    if message is None:
        return ()
    sender, reply_to = message.from_address.strip().lower(), message.reply_to.strip().lower()
    recipient = reply_to or sender
    if "@" not in recipient:
        return finding(
            "wrong-recipient", REFUSE, "there is no address that could be answered", "answer by hand"
        )
    if recipient in {address.strip().lower() for address in subject.rules.own_addresses}:
        return finding(
            "wrong-recipient", REFUSE, "the answer would go to one of our own addresses", "answer by hand"
        )
    if domain(recipient) != domain(sender):
        return finding(
            "wrong-recipient",
            LOOK,
            f"{sender} wrote, and asks for answers to {recipient}, at another domain",
            "make sure that both belong to the same person",
        )
    return ()


def answer_to_machine(subject: Subject) -> Findings:
    """Machines are never answered (RFC 3834)."""
    message = subject.message
    if message is None or not message.automatic:
        return ()
    return finding(
        "answer-to-machine", REFUSE, f"the message is a machine's: {message.automatic}", "do not answer"
    )


def risky_message(subject: Subject) -> Findings:
    """Whatever raised a flag is looked at by a person, however good the draft is."""
    found = subject.assessment
    raised = (set(subject.flags) | set(found.flags if found else ())) & (GATING | {"unknown"})
    if not raised:
        return ()
    why = f": it {', '.join(found.reasons)}" if found and found.reasons else ""
    return finding(
        "risky-message",
        LOOK,
        f"the message is flagged {', '.join(sorted(raised))}{why}",
        "read the message first",
    )


def unsure(subject: Subject) -> Findings:
    """The specialist did not see clearly what the message is about."""
    if subject.confidence is None or subject.confidence >= subject.rules.confidence_min:
        return ()
    return finding(
        "unsure",
        LOOK,
        f"the intent is far from certain ({subject.confidence:.2f}, and {subject.rules.confidence_min:.2f} is asked)",
        "make sure that the draft answers what was asked",
    )


def language_mismatch(subject: Subject) -> Findings:
    """The answer is in the language of the question."""
    found = subject.assessment
    asked = found.language if found else ""
    answered = language_of(subject.draft.text)
    if not asked or not answered or asked == answered:
        return ()
    return finding(
        "language-mismatch",
        LOOK,
        f"the message is in another language ({asked}) than the draft ({answered})",
        "answer in the sender's language",
    )


def copied_text(subject: Subject) -> Findings:
    """The sender's words do not go out under the operator's name."""
    message = subject.message
    if message is None:
        return ()
    drafted = subject.draft.text.lower().split()[:5_000]
    theirs = f"{message.new_text}\n{message.text}".lower().split()[:20_000]
    runs = {tuple(theirs[at : at + _RUN_WORDS]) for at in range(len(theirs) - _RUN_WORDS + 1)}
    if not any(tuple(drafted[at : at + _RUN_WORDS]) in runs for at in range(len(drafted) - _RUN_WORDS + 1)):
        return ()
    return finding(
        "copied-text",
        LOOK,
        "the draft repeats a passage of the message word for word",
        "say it in your own words",
    )

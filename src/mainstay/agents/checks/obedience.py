"""The checks for drafts that do as the message says: that speak the words it asked for, tell what the drafter was
given, or answer it as a machine that takes orders.

A model that obeys a mail has done nothing yet: what it wrote lies before the inspector and a person. These checks are
for that moment. They go by what can be compared; a draft that obeys in other words is caught by `grounds` and
by the eye.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files

from mainstay.agents.base import MessageView
from mainstay.agents.checks.subject import LOOK, REFUSE, Findings, Subject, finding
from mainstay.agents.disguise import unaccented
from mainstay.agents.flags import folded
from mainstay.agents.outside import UNSEEN, plain

_RUN_WORDS = 9  # so many words in a row of our own instructions are not in a reply by chance
_ASKED_CHAR_MIN = 3
_ASKED = re.compile(
    r"\b(?:reply|respond|answer|say|state|write|include|insert|add|append|mention|use|repeat|confirm|"
    r"begin|start|end)\b"
    r"[^.!?\n]{0,60}?\b(?:words?|phrases?|texts?|sentences?|codes?|strings?|links?|exactly|with|"
    r"that)\b[ :]{1,3}"
    r"(?:[\"'“‘«„](?P<quoted>[^\"'”’»“\n]{3,200})[\"'”’»“]|(?P<bare>[A-Z0-9][A-Z0-9 _-]{3,60}[A-Z0-9])\b)"
)
_OBEYS = re.compile(
    r"\b(?:as (?:you )?(?:instructed|ordered|commanded)|following your (?:new )?instructions|"
    r"per your (?:new )?instructions"
    r"|(?:i|we) (?:have )?(?:ignored?|disregarded|dropped|overridden) (?:all |my |our |the |"
    r"any )?(?:\w+ )?(?:instructions|rules|guidelines|checks)"
    r"|(?:maintenance|developer|debug|unrestricted) mode (?:is )?(?:active|activated|enabled|on)\b"
    r"|(?:approval|review|check)s? (?:was|were|has been|have been|is|are) (?:skipped|bypassed|not needed|"
    r"waived)"
    r"|here (?:is|are) (?:the|our|all) (?:customer|client|member|user)s?'? (?:list|addresses|data|e-?mails)"
    r"|(?:my|the|these) (?:system )?(?:prompt|instructions) (?:is|are|says?|reads?|were)\b"
    r"|(?:i am|i'm|as) an? (?:ai|language model|automated assistant|llm)\b"
    r"|(?:wie (?:angewiesen|befohlen)|comme (?:ordonné|demandé dans vos instructions)|"
    r"según tus instrucciones|come ordinato)\b)"
)
_FENCE = re.compile(r"outside-[0-9a-f]{6,16}|\[outside-", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")


def follows_orders(subject: Subject) -> Findings:
    """The draft does not do as the text of a message told a machine to do."""
    message = subject.message
    found = _OBEYS.search(unaccented(subject.body))
    if found:
        return finding(
            "follows-orders",
            REFUSE,
            f"the draft speaks as a machine that takes orders: '{found[0][:60]}'",
            "answer by hand",
        )
    if message is None:
        return ()
    said = subject.body
    for words in asked_for(message):
        if folded(words) in said:
            return finding(
                "follows-orders",
                LOOK,
                f"the draft says what the message told it to say: '{words[:60]}'",
                "make sure that you want to say this",
            )
    return ()


def tells_instructions(subject: Subject) -> Findings:
    """What the drafter was told, and how what came from outside was marked, is nobody else's business."""
    if _FENCE.search(subject.draft.text):
        return finding(
            "tells-instructions", REFUSE, "the draft repeats the marks of a prompt", "answer by hand"
        )
    drafted = _words(subject.draft.text)
    runs = _own_runs()
    if any(tuple(drafted[at : at + _RUN_WORDS]) in runs for at in range(len(drafted) - _RUN_WORDS + 1)):
        return finding(
            "tells-instructions",
            REFUSE,
            "the draft repeats the instructions of the drafter",
            "answer by hand",
        )
    return ()


def hides_text(subject: Subject) -> Findings:
    """Nothing goes out that its reader does not see."""
    text = f"{subject.draft.subject}\n{subject.draft.text}".strip()
    if "⟨U+" not in plain(text) and UNSEEN.search(text) is None:
        return ()
    return finding("hides-text", REFUSE, "the draft has letters that nobody sees", "write it again by hand")


def asked_for(message: MessageView) -> tuple[str, ...]:
    """The words that a message asks to be spoken, in quotation marks or capitals."""
    text = plain(f"{message.subject}\n{message.new_text or message.text}"[:20_000])
    found = [" ".join((match["quoted"] or match["bare"]).split()) for match in _ASKED.finditer(text)]
    return tuple(dict.fromkeys(words for words in found if len(words) > _ASKED_CHAR_MIN))


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)][:5_000]


@lru_cache(maxsize=1)
def _own_runs() -> frozenset[tuple[str, ...]]:
    """Every run of words of the prompts that are shipped."""
    runs: set[tuple[str, ...]] = set()
    folder = files("mainstay.agents").joinpath("prompts")
    for file in folder.iterdir() if folder.is_dir() else ():
        if file.name.endswith(".md"):
            words = _words(file.read_text("utf-8"))
            runs.update(tuple(words[at : at + _RUN_WORDS]) for at in range(len(words) - _RUN_WORDS + 1))
    return frozenset(runs)

"""Risk flags: what makes a person look, whatever a classifier is sure of.

Rules of this file: total, deterministic, text is data. A flag is raised by rules that can be read (`flag_rules`), also
where the text was written around them (`disguise`), and by a small classifier (`learned_flags`) where there is an
embedder; nothing lowers one. `grave` flags leave the message to a person without a draft. What a rule caught is named
by the rule's own words, so that the reason can be shown without repeating the message.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote

from mainstay.agents import flag_rules
from mainstay.agents.base import MessageView
from mainstay.agents.cue import cue
from mainstay.agents.disguise import drawn_together, readings, unaccented, unpacked
from mainstay.agents.flag_rules import INSTRUCTIONS, LURE, SIGN_IN, FlagRule
from mainstay.agents.flag_rules_abroad import ABROAD
from mainstay.agents.language import language_of

RULES: tuple[FlagRule, ...] = (*flag_rules.RULES, *ABROAD)
READ_MAX = 20_000  # characters that are judged; a longer message is flagged for being so

# In this order, so that the same message always has the same flags.
FLAGS = (
    "machine",
    "instruction",
    "hidden",
    "phishing",
    "credentials",
    "threat",
    "legal",
    "money",
    "language",
    "broken",
    "empty",
    "urgency",
)
GATING = frozenset(FLAGS) - {"urgency"}  # hurry alone makes nobody look
_DISGUISABLE = frozenset({"instruction", "credentials", "money", "threat"})
_ORDERS = (*INSTRUCTIONS, *(one for one in ABROAD if one.flag == "instruction"))
_HOSTILE = frozenset({"phishing", "credentials", "threat", "legal", "money"})

_INVISIBLE = re.compile(
    r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    r"\U000e0000-\U000e007f]"
)
# Letters that no reader shows and machines read; a few flags are written with them, behind a black flag.
_TAGS = re.compile(r"(?<![\U0001f3f4\U000e0020-\U000e007e])[\U000e0020-\U000e007e]")
_URL = re.compile(r"\b(?:https?://|www\.)[^\s<>\"']{3,500}", re.IGNORECASE)
_SHOWN_LINK = re.compile(
    r"(?:\[\s*(?:https?://)?([\w.-]{4,120})[^\]\s]{0,200}\s*\]\(\s*|(?:https?://)([\w.-]{4,120})[^\s<]{0,200}\s+<)"
    r"https?://([^\s/<>)\"']{3,200})",
    re.IGNORECASE,
)
_ODD_URL = re.compile(
    r"^https?://(?:[^/\s]*@|\d{1,3}(?:\.\d{1,3}){3}\b|xn--)|^https?://[^/]*\.xn--", re.IGNORECASE
)
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,100}")
# A link's text that claims a host, and not a file's name.
_HOST = re.compile(
    r"^(?:(?:https?:)?//|(?=www\.)|(?=[\w.-]+\.(?:com|net|org|io|info|biz|example|test|eu|uk|[a-z]{2})(?:[/:?#]|$)))"
    r"((?:[\w-]{1,63}\.){1,6}[\w-]{2,63})",
    re.IGNORECASE,
)
_PARAGRAPH = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True)
class Risk:
    """One flag, and why it was raised. `grave`: no draft."""

    flag: str
    says: str
    grave: bool = False


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a message is suspected of, and what is left of it."""

    risks: tuple[Risk, ...]
    language: str
    innocent_text: str  # without the paragraphs that a grave rule caught: they say nothing about the intent

    @property
    def flags(self) -> tuple[str, ...]:
        """Each flag once, in a fixed order."""
        raised = {risk.flag for risk in self.risks}
        return tuple(flag for flag in FLAGS if flag in raised)

    @property
    def grave(self) -> bool:
        """Whether a person must answer without a draft."""
        return any(risk.grave for risk in self.risks)

    @property
    def hostile(self) -> bool:
        """Whether it is an attempt at fraud, or a quarrel: no intent of the operator's covers that."""
        return any(risk.grave and risk.flag in _HOSTILE for risk in self.risks)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why, once each: parts of sentences about the message."""
        return tuple(dict.fromkeys(risk.says for risk in self.risks))


class FlagJudge(Protocol):
    """Raises flags by what a text means."""

    def risks(self, text: str) -> tuple[Risk, ...]:
        """What the text is suspected of."""
        ...


def assess(
    message: MessageView, languages: Collection[str] = (), judge: FlagJudge | None = None
) -> Assessment:
    """The flags of a message. `languages` are those of the workspace; empty: any will do. A `judge` only adds."""
    text = message.new_text or message.text
    whole = f"{message.subject}\n{message.text or message.new_text}"
    language = language_of(f"{message.subject}\n{text}")
    read = folded(text)
    risks = [
        *_by_fields(message, text),
        *_by_rules(folded(message.subject)),
        *_by_rules(folded(message.from_name)),
        *_by_rules(read),
        # Quoted history is read for instructions alone: the rest of it was said before, maybe by us.
        *(risk for risk in _by_rules(folded(whole), _ORDERS)),
        *_by_disguise(whole, message.from_name),
        *_by_links(whole, folded(whole), message),
    ]
    # What is grave already goes to a person whatever else it is.
    if judge is not None and read and not any(risk.grave for risk in risks):
        risks += judge.risks(cue(message))
    if language and languages and language not in languages:
        risks.append(Risk("language", f"is in another language ({language})"))
    return Assessment(tuple(dict.fromkeys(risks)), language, _innocent(text))


def folded(text: str) -> str:
    """The form in which rules read a text: compatibility forms undone, invisible letters gone, lower case."""
    visible = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text[:READ_MAX]))
    straight = visible.translate(
        {0x2019: "'", 0x2018: "'", 0x201C: '"', 0x201D: '"', 0x2010: "-", 0x2011: "-"}
    )
    return " ".join(straight.lower().split())


def says_orders(text: str) -> tuple[str, ...]:
    """What a text, folded, tells a machine to do: the words of the rules that caught it, in any disguise."""
    forms = (text, *readings(text))
    return tuple(dict.fromkeys(risk.says for form in forms for risk in _by_rules(form, _ORDERS)))


def _by_rules(text: str, rules: Iterable[FlagRule] = RULES) -> list[Risk]:
    plain = unaccented(text)
    return [Risk(rule.flag, rule.says, rule.grave) for rule in rules if _caught(rule, plain)]


def _caught(rule: FlagRule, text: str) -> bool:
    return any(pattern.search(text) for pattern in rule.patterns)


def _by_disguise(whole: str, name: str) -> list[Risk]:
    """What only shows when letters are put right: grave rules, since nobody disguises an everyday question."""
    read = folded(whole)
    forms = [*readings(read), *readings(folded(name))]
    together = drawn_together(whole[:READ_MAX])
    if together != whole[:READ_MAX]:
        forms.append(folded(together))
    packed = unpacked(whole)
    if packed:
        forms.append(folded(packed))
    if not forms:
        return []
    plainly = {risk.flag for risk in _by_rules(read)}
    found = [risk for form in forms for risk in _by_rules(form) if risk.grave and risk.flag in _DISGUISABLE]
    return [
        Risk(risk.flag, f"{risk.says}, in disguised letters", grave=True)
        for risk in dict.fromkeys(found)
        if risk.flag not in plainly
    ]


def _by_fields(message: MessageView, text: str) -> list[Risk]:
    risks = []
    if message.automatic:
        risks.append(Risk("machine", "was sent by a program", grave=True))
    if message.hidden_text or _TAGS.search(message.text) or _TAGS.search(message.subject):
        # Nobody hides a text from people unless somebody else shall read it.
        risks.append(Risk("hidden", "hides text from its reader", grave=True))
        risks.append(Risk("instruction", "has words that only a machine would read", grave=True))
    if not text.strip():
        risks.append(Risk("empty", "has no text"))
    if message.defects or len(message.text) > READ_MAX:
        risks.append(Risk("broken", "is damaged or too long to be read whole"))
    shown = _ADDRESS.search(message.from_name)
    if shown and shown[0].lower() != message.from_address.lower():
        risks.append(Risk("phishing", "shows another sender than it has", grave=True))
    return risks


def _by_links(whole: str, text: str, message: MessageView) -> list[Risk]:
    """Phishing: a link that is not what it shows, or a lure beside something to click or to answer."""
    for shown in _SHOWN_LINK.finditer(whole[:READ_MAX]):
        if not same_host(shown[1] or shown[2], shown[3]):
            return [Risk("phishing", "has a link that leads elsewhere than it says", grave=True)]
    for link in message.links:
        claimed, target = _HOST.match(link.text.strip()), _HOST.match(link.target)
        if claimed and target and not same_host(claimed[1], target[1]):
            # Gateways that check links lead through themselves, and name where to; frauds may do the same.
            through = claimed[1].lower().removeprefix("www.") in unquote(link.target).lower()
            return [Risk("phishing", "has a link that leads elsewhere than it says", grave=not through)]
    urls = [*_URL.findall(whole[:READ_MAX]), *(link.target for link in message.links)]
    if any(_ODD_URL.match(url) for url in urls):
        return [Risk("phishing", "has a link of a kind that honest senders do not use", grave=True)]
    if urls and LURE.search(text) and SIGN_IN.search(text):
        asks = any(risk.flag == "credentials" for risk in _by_rules(text))
        diverted = message.reply_to and domain(message.reply_to) != domain(message.from_address)
        if asks or diverted or not message.sender_known:
            return [Risk("phishing", "frightens or lures, with a link to sign in", grave=True)]
    return []


def _innocent(text: str) -> str:
    kept = []
    for paragraph in _PARAGRAPH.split(text[:READ_MAX]):
        read = unaccented(folded(paragraph))
        if not any(rule.grave and _caught(rule, read) for rule in RULES):
            kept.append(paragraph)
    return "\n\n".join(kept)


def domain(address: str) -> str:
    """The part after the @, lower-case; empty where there is none."""
    return address.rpartition("@")[2].strip().lower() if "@" in address else ""


def same_host(one: str, other: str) -> bool:
    """Whether two host names are the same, or one lies below the other."""
    first, second = (
        name.lower().rpartition("@")[2].split(":")[0].strip(".").removeprefix("www.") for name in (one, other)
    )
    return first == second or first.endswith("." + second) or second.endswith("." + first)

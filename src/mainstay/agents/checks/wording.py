"""Checks about what a draft says: promises, gaps, forbidden words, links, length, orders to machines."""

from __future__ import annotations

import re
from functools import lru_cache

from mainstay.agents.checks.subject import LOOK, REFUSE, Findings, Subject, finding
from mainstay.agents.flags import domain, folded, same_host, says_orders

_WILL = (
    r"\b(?:(?:i|we)(?: will|'ll| shall| can| am going to| are going to| have| promise to| agree to)"
    r"|you(?: will|'ll| shall)|it will|(?:ich|wir) (?:werde|werden)|(?:je|nous) vous)\b"
)
_MONEY = re.compile(
    rf"{_WILL}[^.!?]{{0,60}}\b(?:refund\w*|reimburse\w*|money back|compensat\w+|credit(?:ed)?|discount|waive\w*|pay you"
    r"|erstatt\w+|rückerstatt\w+|gutschr\w+|rembours\w+)\b"
    r"|\bfree of charge\b|\b\d{1,3} ?% (?:off|discount|rabatt)"
    r"|[€$£]\s?\d|\b\d[\d.,]*\s?(?:€|\$|£|eur\b|usd\b|gbp\b|chf\b|euros?\b|dollars?\b|pounds?\b)"
)
_WHEN = (
    r"(?:\b(?:by|on|until|before|this|next) (?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)\b"
    r"|\b(?:today|tonight|tomorrow|this week|next week|this month|next month"
    r"|end of (?:the |this )?(?:day|week|month|year))\b"
    r"|\b(?:within|in|in under|in less than) (?:\d{1,3}|an?|one|two|three|a few|ten) (?:minute|hour|day|week|month)s?\b"
    r"|\b(?:by|on|until|before) (?:the )?\d{1,2}(?:st|nd|rd|th)?\b|\b\d{4}-\d{2}-\d{2}\b"
    r"|\b(?:bis|am) (?:montag|dienstag|mittwoch|donnerstag|freitag)\b|\bmorgen\b|\bdemain\b|\binnerhalb von \d+)"
)
_PROMISE = (
    r"(?:\b(?:i|we) (?:will|shall|promise)\b|\b(?:i|we)'ll\b|\b(?:will|shall|is going to) be\b|\bwerde\w*\b)"
)
_DATE = re.compile(rf"{_PROMISE}[^.!?]{{0,100}}{_WHEN}|{_WHEN}[^.!?]{{0,60}}{_PROMISE}")

_GAP = re.compile(
    r"\{\{|\}\}|\{ ?[a-z_][\w .-]{0,40}\}|\[\[|\]\]|\{%|\$\{|\[(?:message|operator|intent|thread)\.\w+\]"
    r"|[\[<](?:your |first |last )?(?:name|date|amount|company|signature|insert[^\]>]{0,30})[\]>]"
    r"|\btbd\b|\blorem ipsum\b"
)
_URL = re.compile(r"\b(?:https?://|www\.)[^\s<>\"')\]]{3,300}", re.IGNORECASE)
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")


def promise_of_money(subject: Subject) -> Findings:
    """Money is promised by a person, never by a draft."""
    found = _MONEY.search(subject.body)
    if found is None:
        return ()
    return finding(
        "promise-of-money",
        LOOK,
        f"it seems to promise money or names an amount: '{found[0][:80]}'",
        "decide about the money first, or take the sentence out",
    )


def promise_of_date(subject: Subject) -> Findings:
    """So is a time by which something will be done."""
    found = _DATE.search(subject.body)
    if found is None:
        return ()
    return finding(
        "promise-of-date",
        LOOK,
        f"it promises something by a certain time: '{found[0][:80]}'",
        "make sure that you can keep it, or take the time out",
    )


def missing_placeholder(subject: Subject) -> Findings:
    """No gap leaves the house."""
    left = _GAP.search(subject.text)
    if not subject.draft.missing and left is None:
        return ()
    what = ", ".join(subject.draft.missing) or (left[0] if left else "")
    return finding("missing-placeholder", REFUSE, f"there is a gap in the text: {what}", "fill it in by hand")


def forbidden_words(subject: Subject) -> Findings:
    """The operator's list: whole words and phrases, upper and lower case alike."""
    said = sorted(
        {word for word in subject.rules.forbidden_words if word.strip() and _whole(word).search(subject.body)}
    )
    if not said:
        return ()
    return finding(
        "forbidden-words",
        LOOK,
        f"it says what you do not want said: {', '.join(said)}",
        "put it in other words",
    )


def foreign_link(subject: Subject) -> Findings:
    """Links and addresses in a reply are the operator's own, or the sender's."""
    allowed = set(subject.rules.own_domains) | {domain(one) for one in subject.rules.own_addresses}
    urls = [
        url
        for url in _URL.findall(subject.draft.text)
        if not any(same_host(_host(url), one) for one in allowed)
    ]
    known = {subject.message.from_address.lower()} if subject.message else set()
    addresses = [
        one
        for one in _ADDRESS.findall(_URL.sub(" ", subject.draft.text))
        if one.lower().rstrip(".") not in known and not any(same_host(domain(one), own) for own in allowed)
    ]
    if not urls and not addresses:
        return ()
    return finding(
        "foreign-link",
        LOOK,
        f"it points somewhere that is not yours: {', '.join((*urls, *addresses))[:200]}",
        "take it out, or make sure where it leads",
    )


def empty_or_too_long(subject: Subject) -> Findings:
    """A reply says something, and not everything."""
    length = len(subject.draft.text.strip())
    if not length:
        return finding("empty-or-too-long", REFUSE, "the draft is empty", "write an answer by hand")
    if length > subject.rules.draft_char_max:
        return finding(
            "empty-or-too-long",
            LOOK,
            f"the draft has {length} characters, and {subject.rules.draft_char_max} are usual",
            "shorten it",
        )
    return ()


def copied_instruction(subject: Subject) -> Findings:
    """An order to a machine never goes out: it would be one that came in."""
    caught = says_orders(subject.text)
    if not caught:
        return ()
    return finding("copied-instruction", REFUSE, f"the draft {caught[0]}", "answer by hand")


def _host(url: str) -> str:
    return url.partition("://")[2].split("/")[0].split("?")[0] if "://" in url else url.split("/")[0]


@lru_cache(maxsize=10_000)
def _whole(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(folded(word))}(?!\w)")

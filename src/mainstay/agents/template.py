"""Templates of replies: text with placeholders and nothing else.

`{{ message.sender_name }}` is the whole language. There are no conditions, loops, filters or calls, so a
template can be read and judged by the person whose name stands under the reply. Values are put in once and
never looked at again: what a correspondent wrote cannot become a placeholder. A template is checked when it
is loaded, and every mistake of it is told at once, with its line: also `{name}` and `${name}`, the placeholders of
other languages, which would reach a customer as they stand. Finding the files is the work of
`mainstay.config.templates`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import pairwise

from mainstay.kernel.errors import TemplateError
from mainstay.kernel.ids import digest
from mainstay.kernel.values import Digest

PLACEHOLDERS = (
    "message.sender_name",
    "message.subject",
    "message.received_date",
    "operator.name",
    "operator.signature",
    "intent.name",
    "thread.reference",
)
FIELDS = ("intent", "subject", "language")  # what may stand in the front matter
SUBJECT = "Re: {{ message.subject }}"  # where the front matter gives none
SIZE_MAX = 64 * 1024  # characters; a reply of that length is a book

_PLACEHOLDER = re.compile(
    r"(?<!\{)\{\{[ \t]*([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)[ \t]*\}\}(?!\})"
)
_OTHER = re.compile(r"\{{2,}[^\n{}]{0,60}\}*|\{[%#][^\n{}]{0,60}\}?|\}\}|%\}")
_FOREIGN = re.compile(r"(?:\$\{[ \t]*([^\n{}]{0,200}?)|\{[ \t]*([A-Za-z_]\w*(?:\.\w+)*))[ \t]*\}")
_FIELD = re.compile(r"([a-z_]+):[ \t]*(.*)")


@dataclass(frozen=True, slots=True)
class Template:
    """The text of a reply with gaps. `placeholders` are those of body and subject, each once, in order."""

    name: str
    fields: Mapping[str, str]
    body: str
    placeholders: tuple[str, ...]
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)  # where each field stands
    text: str = field(default="", compare=False, repr=False)  # the whole file

    @property
    def digest(self) -> Digest:
        """Of the file: an approval says from which version of it a draft was made."""
        return digest(self.text.encode())

    @property
    def subject(self) -> str:
        """The line that the subject is made from; a template too."""
        return self.fields.get("subject", SUBJECT)


def parse_template(
    text: str, *, name: str, file: str = "", allowed: Collection[str] = PLACEHOLDERS
) -> Template:
    """A template. Raises `TemplateError` with file and line for front matter or braces that mean nothing."""
    file = file or name
    if len(text) > SIZE_MAX:
        raise TemplateError(
            f"the template has {len(text)} characters, and at most {SIZE_MAX} are read", file=file
        )
    lines, wrong = text.replace("\r\n", "\n").split("\n"), list[TemplateError]()
    fields, places, first = _front_matter(lines, file, allowed, wrong)
    body = "\n".join(lines[first:]).strip("\n")
    if not body.strip():
        wrong.append(
            TemplateError(
                "the template has no text",
                file=file,
                line=len(lines),
                remedy="write the reply below the front matter",
            )
        )
    found = [word for line in fields.values() for word in _PLACEHOLDER.findall(line)]
    if "subject" not in fields:
        found += _PLACEHOLDER.findall(SUBJECT)
    for number, line in enumerate(lines[first:], first + 1):
        found += _placeholders(line, file, number, allowed, wrong)
    _require_none(wrong)
    return Template(name, fields, body, tuple(dict.fromkeys(found)), places, text)


def missing(template: Template, values: Mapping[str, str | None]) -> tuple[str, ...]:
    """The placeholders for which there is no value."""
    return tuple(name for name in template.placeholders if values.get(name) is None)


def render(template: Template, values: Mapping[str, str | None]) -> str:
    """The body with its gaps filled. Raises `TemplateError` where a value is missing; ask `missing` first."""
    return _filled(template, template.body, values)


def render_subject(template: Template, values: Mapping[str, str | None]) -> str:
    """The subject with its gaps filled, on one line whatever the values hold."""
    return " ".join(_filled(template, template.subject, values).split())


def _filled(template: Template, text: str, values: Mapping[str, str | None]) -> str:
    lacking = missing(template, values)
    if lacking:
        raise TemplateError(
            f"there is no value for {', '.join(lacking)}",
            file=template.name,
            why="a reply with a gap is never sent",
            remedy="fill it in by hand, or take the placeholder out of the template",
        )
    # One pass over the template's own text: an inserted value is never scanned.
    return _PLACEHOLDER.sub(lambda match: values[match[1]] or "", text)


def _front_matter(
    lines: list[str], file: str, allowed: Collection[str], wrong: list[TemplateError]
) -> tuple[dict[str, str], dict[str, int], int]:
    """Its fields, where each stands, and how many lines it has. What is `wrong` is added; one without end is raised."""
    if lines[0].strip().lstrip("\ufeff") != "---":
        return {}, {}, 0
    fields: dict[str, str] = {}
    places: dict[str, int] = {}
    for number, line in enumerate(lines[1:], 2):
        if line.strip() == "---":
            return fields, places, number
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _FIELD.fullmatch(line.rstrip())
        if match is None:
            remedy = "write `key: value`, and --- below the last of them"
            what = f"{line.strip()[:60]!r} is not a line of front matter"
            wrong.append(TemplateError(what, file=file, line=number, remedy=remedy))
            continue
        key, value = match[1], _unquoted(match[2])
        if key not in FIELDS or key in fields:
            what = f"there is no key {key!r} here" if key not in FIELDS else f"the key {key!r} stands twice"
            remedy = _suggested(key, FIELDS)
            wrong.append(TemplateError(what, file=file, key=key, line=number, remedy=remedy))
            continue
        _placeholders(value, file, number, allowed if key == "subject" else (), wrong)
        fields[key], places[key] = value, number
    remedy = "put a line with --- below it"
    wrong.append(TemplateError("the front matter has no end", file=file, line=1, remedy=remedy))
    # What follows cannot be told from it: nothing is said of a body.
    _require_none(wrong)
    raise AssertionError("something is wrong")


def _placeholders(
    line: str, file: str, number: int, allowed: Collection[str], wrong: list[TemplateError]
) -> list[str]:
    found = list(_PLACEHOLDER.finditer(line))
    told: list[tuple[int, TemplateError]] = []
    for match in found:
        if match[1] not in allowed:
            what, remedy = f"there is no placeholder {match[1]!r}", _suggested(match[1], allowed)
            told.append((match.start(), TemplateError(what, file=file, line=number, remedy=remedy)))
    # What is left between the placeholders must not look like another template language.
    edges = [0, *(edge for match in found for edge in match.span()), len(line)]
    for start, end in list(pairwise(edges))[::2]:
        for other in _OTHER.finditer(line[start:end]):
            error = TemplateError(
                f"{other[0].strip()!r} means nothing in a template",
                file=file,
                line=number,
                why="a template has placeholders only",
                remedy=_suggested("", allowed),
            )
            told.append((start + other.start(), error))
        rest = _OTHER.sub(lambda other: " " * len(other[0]), line[start:end])
        for other in _FOREIGN.finditer(rest):
            error = TemplateError(
                f"{other[0][:60]!r} would be sent as it stands",
                file=file,
                line=number,
                why="a placeholder stands in two braces",
                remedy=_meant(other[1] or other[2] or "", allowed),
            )
            told.append((start + other.start(), error))
    wrong += [error for _, error in sorted(told, key=lambda one: one[0])]
    return [match[1] for match in found]


def _require_none(wrong: list[TemplateError]) -> None:
    if wrong:
        first, *rest = wrong
        if rest:
            first.also = tuple(rest)
            first.fields["also"] = [str(error) for error in rest]
        raise first


def _meant(word: str, names: Collection[str]) -> str:
    """What to write in place of a placeholder of another language."""
    if not names:
        return "nothing can be filled in here"
    near = get_close_matches(word[:100], [*names], n=1, cutoff=0.6)
    like = [*near, *(one for one in names if one.endswith((f".{word}", f"_{word}")))]
    if like:
        return "write " + " or ".join(f"{{{{ {one} }}}}" for one in dict.fromkeys(like))
    return "write one of these: " + ", ".join(f"{{{{ {one} }}}}" for one in names)


def _suggested(wrong: str, names: Collection[str]) -> str:
    near = get_close_matches(wrong[:100], [*names], n=1, cutoff=0.6)
    everything = "there is " + ", ".join(names) if names else "nothing can be filled in here"
    return f"did you mean {near[0]!r}? {everything}" if near else everything


def _unquoted(value: str) -> str:
    text = value.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text

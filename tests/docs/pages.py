"""The pages of docs/ as tests read them: their text, their fenced snippets, their tables.

A snippet says in the first line of its fence what it is: a language and, where it stands for a file, that file's
name, as in "toml mainstay.toml" or "python doctest".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.repository.tree import ROOT

DOCS = ROOT / "docs"
# docs/benchmarks.md is a report of figures, docs/events.md is generated and compared elsewhere.
PAGES = tuple(sorted(page for page in DOCS.glob("*.md") if page.name not in ("benchmarks.md", "events.md")))

PACKAGES = frozenset(path.parent.name for path in (ROOT / "src" / "mainstay").glob("*/__init__.py"))

_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Snippet:
    """One fenced block."""

    page: str
    line: int
    language: str
    file: str  # what stands after the language
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def text_of(page: str) -> str:
    """The whole page."""
    return (DOCS / page).read_text("utf-8")


def prose_of(page: str) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", text_of(page))


def snippets(page: str, language: str = "") -> list[Snippet]:
    """The fenced blocks of a page."""
    text, found = text_of(page), []
    for match in _FENCE.finditer(text):
        word, _, file = match[1].strip().partition(" ")
        if language in ("", word):
            line = text.count("\n", 0, match.start()) + 1
            found.append(Snippet(page, line, word, file.strip(), match[2]))
    return found


def all_snippets(*languages: str) -> list[Snippet]:
    """Every block in one of these languages, on every page."""
    return [one for page in PAGES for one in snippets(page.name) if one.language in languages]


def rows(page: str, heading: str) -> list[tuple[str, ...]]:
    """The rows of the first table below a heading, without its head."""
    _, found, rest = text_of(page).partition(f"\n{heading}\n")
    assert found, f"{page} has no heading {heading!r}"
    lines = re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0].split("\n")
    start = next(index for index, line in enumerate(lines) if line.startswith("|"))
    table: list[tuple[str, ...]] = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        cells = re.split(r"(?<!\\)\|", line)[1:-1]
        table.append(tuple(cell.replace("\\|", "|").strip() for cell in cells))
    return table


def bare(cell: str) -> str:
    """A cell without its backticks."""
    return cell.strip("`")


def modules_named(text: str) -> list[tuple[str, str]]:
    """Every `package.module:Name.member` of ours in a text, as module and qualified name."""
    named = re.findall(r"`((?:[a-z_]+\.)*[a-z_]+):([A-Za-z_][A-Za-z0-9_.]*)`", text)
    return [(module, name) for module, name in named if module.partition(".")[0] in PACKAGES]


def path_of(module: str) -> Path:
    """The file of a module that is named without `mainstay.`."""
    place = ROOT / "src" / "mainstay" / module.replace(".", "/")
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")

"""What the documentation points at exists: links to files, and the commands it tells a reader to type."""

import re
from pathlib import Path

import pytest

from tests.repository.tree import ROOT, name_of, tracked_files

PAGES = [
    path
    for path in tracked_files()
    if path.suffix == ".md" and (path.parent in (ROOT, ROOT / "changelog.d") or ROOT / "docs" in path.parents)
]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_MAKE = re.compile(r"(?:^|`)make ([a-z]+(?: [a-z]+)*)", re.MULTILINE)
_OURS = re.compile(r"`((?:src|tests|scripts|docs|requirements)/[\w./-]+)`")


def _prose(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    links = [link.partition("#")[0] for link in _LINK.findall(_prose(page.read_text("utf-8")))]
    dead = [link for link in links if link and ":" not in link and not (page.parent / link).exists()]

    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_make_commands_exist(page: Path) -> None:
    asked = {word for words in _MAKE.findall(page.read_text("utf-8")) for word in words.split()}

    assert asked - _targets() == set()


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent == ROOT], ids=name_of)
def test_paths_named_in_the_front_pages_exist(page: Path) -> None:
    named = _OURS.findall(page.read_text("utf-8"))

    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_front_page_is_read() -> None:
    assert ROOT / "README.md" in PAGES

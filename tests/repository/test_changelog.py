"""Each change tells its user one thing in one sentence, and each decision has its page."""

import re
from pathlib import Path

import pytest

from tests.repository.tree import ROOT

FRAGMENTS = sorted(path for path in (ROOT / "changelog.d").glob("*") if path.name != "README.md")
DECISIONS = sorted((ROOT / "docs" / "adr").glob("*.md"))


def _is_one_sentence(text: str) -> bool:
    """A capital letter or code, one full stop at the very end, one paragraph."""
    sentence = " ".join(text.split())
    inside = re.sub(r"`[^`]*`", "", sentence)
    starts_well = bool(re.match(r"[A-Z`]", sentence))
    return (
        starts_well
        and sentence.endswith(".")
        and not re.search(r"[.!?] +[A-Z]", inside)
        and "\n\n" not in text
    )


@pytest.mark.parametrize("path", FRAGMENTS, ids=lambda path: path.name)
def test_a_fragment_is_one_sentence_for_the_user(path: Path) -> None:
    assert re.fullmatch(r"\d{2,}\.change\.md", path.name)
    assert _is_one_sentence(path.read_text("utf-8"))


@pytest.mark.parametrize(
    "text", ["", "lower case.", "No stop", "Two sentences. Here they are.", "First.\n\nSecond paragraph."]
)
def test_what_is_not_one_sentence_is_noticed(text: str) -> None:
    assert not _is_one_sentence(text)


def test_there_is_something_to_tell() -> None:
    assert FRAGMENTS


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.name)
def test_a_decision_tells_context_choice_and_price(path: Path) -> None:
    text = path.read_text("utf-8")

    assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", path.name)
    assert text.startswith(f"# {int(path.name[:4])}. ")
    assert [
        heading for heading in ("## Context", "## Choice", "## What we gave up") if heading not in text
    ] == []


def test_no_two_decisions_share_a_number() -> None:
    numbers = [path.name[:4] for path in DECISIONS]

    assert len(numbers) == len(set(numbers))

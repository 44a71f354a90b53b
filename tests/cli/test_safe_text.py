"""No text from outside steers a terminal or hides in it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.cli.safe_text import safe, safe_line


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain text", "plain text"),
        ("Grüße, 予約, مرحبا 👩‍💻", "Grüße, 予約, مرحبا 👩‍💻"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;new title\x07after", "after"),
        ("\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\", "click"),
        ("\x9b31mred", "red"),
        ("\x1bPquery\x1b\\after", "after"),
        ("\x1b(0box", "box"),
        ("over\x08\x08written", "overwritten"),
        ("approve\rreject", "approve\nreject"),
        ("line\u2028next\u0085last", "line\nnext\nlast"),
        ("pay \u202elatot\u202c now", "pay latot now"),
        ("zero\u200bwidth\ufeff\u2060", "zerowidth"),
        ("\U000e0041\U000e0042tags", "tags"),
        ("half \ud800 pair", "half \ufffd pair"),
        ("[bold]not markup[/bold]", "[bold]not markup[/bold]"),
        ("tab\tstays", "tab\tstays"),
    ],
)
def test_what_is_shown(raw: str, shown: str) -> None:
    assert safe(raw) == shown


def test_a_line_is_one_line_and_no_longer_than_asked() -> None:
    assert safe_line("two\nlines \x1b[2J and\ttabs") == "two lines and tabs"
    assert safe_line("abcdefghij", 5) == "abcd…"
    assert safe_line("abcde", 5) == "abcde"


@given(st.text() | st.text(st.characters(max_codepoint=0x20FF)))
def test_nothing_that_steers_is_left(text: str) -> None:
    shown = safe(text)

    assert "\x1b" not in shown
    left = {unicodedata.category(one) for one in shown if one not in "\n\t\u200c\u200d"}
    assert not left & {"Cc", "Cf", "Cs", "Co", "Cn"}
    assert safe(shown) == shown
    assert "\n" not in safe_line(text)

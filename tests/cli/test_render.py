"""Lines for people: wrapped at words, with commands and quotations whole."""

import pytest

from mainstay.cli.render import tell


def _told(capsys: pytest.CaptureFixture[str], *lines: str, hang: int | None = None) -> list[str]:
    tell(*lines, hang=hang)
    return capsys.readouterr().out.splitlines()


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")


def test_what_goes_on_is_indented(capsys: pytest.CaptureFixture[str]) -> None:
    assert _told(capsys, "  one two three four five") == ["  one two three four", "    five"]
    assert _told(capsys, "Runs one two three four", hang=5) == ["Runs one two three", "     four"]


def test_a_command_is_not_torn_apart(capsys: pytest.CaptureFixture[str]) -> None:
    assert _told(capsys, "look with `mainstay dead-letters` now", hang=0) == [
        "look with",
        "`mainstay dead-letters`",
        "now",
    ]


def test_a_quotation_and_a_path_stay_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    for line in (
        "  | words that a customer wrote",
        "  > words that a customer wrote",
        "/a/very/long/path/indeed",
    ):
        assert _told(capsys, line) == [line]

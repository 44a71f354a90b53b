"""`[approvals]`: how long what was approved can be taken back; and the key that is read by itself."""

from pathlib import Path

import pytest

from mainstay.config.sealing_key import key_of
from mainstay.config.settings import read_settings
from mainstay.kernel.errors import ConfigError
from mainstay.kernel.values import MINUTE, SECOND

FOLDER = Path("/srv/desk")


def undo(text: str) -> int:
    return read_settings(f"[approvals]\n{text}".encode(), FOLDER).approvals.undo_us


def test_nothing_is_held_unless_it_is_said() -> None:
    assert read_settings(b"", FOLDER).approvals.undo_us == 0
    assert undo("") == 0
    assert undo('undo = "PT10S"') == 10 * SECOND
    assert undo('undo = "PT1H"') == 60 * MINUTE


@pytest.mark.parametrize("text", ['undo = "PT61M"', 'undo = "soon"', "undo = 10", 'other = "PT1S"'])
def test_what_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        undo(text)


@pytest.mark.parametrize(
    "text",
    ["", '[workspace]\nname = "x"', '[workspace]\nkey = "/keys/a"', '[workspace]\nkey = "/keys/b.key"'],
)
def test_the_key_read_by_itself_is_the_one_of_the_settings(text: str) -> None:
    assert key_of(text.encode(), FOLDER) == read_settings(text.encode(), FOLDER).workspace.key


@pytest.mark.parametrize(
    "text",
    [
        '[workspace]\nkey = "inside.key"',
        '[workspace]\nkey = "../up.key"',
        "[workspace]\nkey = 1",
        "[work",
        "workspace = 3",
    ],
)
def test_what_is_odd_is_left_to_the_settings(text: str) -> None:
    with pytest.raises((ValueError, AttributeError)):
        key_of(text.encode(), FOLDER)

"""`[lessons]`: what may be written, and what is said of what may not."""

from pathlib import Path

import pytest

from mainstay.config.settings import read_settings
from mainstay.kernel.errors import ConfigError
from mainstay.memory.lesson_rules import Rules


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read_settings(b"", tmp_path).lessons == Rules(0.2, 1)
    text = b"[lessons]\nwithheld_share = 0.5\nmin_agreeing = 3\n"
    assert read_settings(text, tmp_path).lessons == Rules(0.5, 3)
    assert read_settings(b"[lessons]\nwithheld_share = 0\n", tmp_path).lessons.withheld_share == 0.0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('withheld_share = "0.2"', "must be a number"),
        ("withheld_share = true", "must be a number"),
        ("withheld_share = 1.0", "between 0 and 0.9"),
        ("withheld_share = nan", "between 0 and 0.9"),
        ("min_agreeing = 0", "between 1 and"),
        ("share = 1", "share"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(line: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        read_settings(f"[lessons]\n{line}\n".encode(), tmp_path)
    assert caught.value.fields["line"] in (1, 2)

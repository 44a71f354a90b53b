"""`[triage]`: what the gate promises, and what is refused."""

from pathlib import Path

import pytest

from mainstay.config.settings import read_settings
from mainstay.config.triage import TriageSettings
from mainstay.kernel.errors import ConfigError


def read(text: str) -> TriageSettings:
    return read_settings(text.encode(), Path("/desk")).triage


def test_what_is_left_out_is_as_the_gate_was_made() -> None:
    assert read("") == TriageSettings(0.02, 0.04)
    assert read("[triage]\ntarget_error = 0.05\naudit_share = 0.1") == TriageSettings(0.05, 0.1)


@pytest.mark.parametrize(
    "line", ["target_error = 0", "target_error = 0.5", "target_error = true", "audit_share = 0", "aim = 1"]
)
def test_a_promise_that_cannot_be_kept_or_checked_is_refused(line: str) -> None:
    with pytest.raises(ConfigError, match=line.split()[0]) as error:
        read(f"[triage]\n{line}")
    assert error.value.remedy

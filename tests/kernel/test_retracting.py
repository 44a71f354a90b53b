"""A memory is taken back as it was shown: decided where nothing comes in between, and not only at the desk."""

from __future__ import annotations

import pytest

from mainstay.kernel.commands import RetractMemory
from mainstay.kernel.events import MemoryRetracted
from mainstay.kernel.remembering import Known, decide_memory


@pytest.mark.parametrize(("shown", "goes"), [(0, True), (2, True), (1, False), (3, False)])
def test_of_a_version_that_was_corrected_in_the_very_moment_nothing_is_retracted(
    shown: int, goes: bool
) -> None:
    event = decide_memory(RetractMemory("terms", "operator", version=shown), Known(2, "mark"))
    assert event == (MemoryRetracted("terms", 2, "operator", "") if goes else None)

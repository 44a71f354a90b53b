"""How fast a workspace grows, and when the disk is short of a month of it."""

from pathlib import Path

import msgspec
import pytest

from mainstay.kernel.values import DAY, HOUR, Instant
from mainstay.runtime.disk import FREE_MIN_BYTES, DiskState, growth_bytes_a_day, held_by, look_at_disk

NOW = Instant(1_000 * DAY)
GB = 10**9


@pytest.mark.parametrize(
    ("samples", "held", "growth"),
    [
        ([], 9 * GB, 0),
        ([(NOW - 23 * HOUR, 0)], 9 * GB, 0),  # too short to tell
        ([(NOW - DAY, 8 * GB)], 9 * GB, GB),
        ([(NOW - 7 * DAY, 2 * GB), (NOW - DAY, 8 * GB)], 9 * GB, GB),
        ([(NOW - 8 * DAY, 0), (NOW - 2 * DAY, 8 * GB)], 9 * GB, GB // 2),  # what is older counts no more
        ([(NOW - 2 * DAY, 9 * GB)], 5 * GB, 0),  # it shrank
        ([(NOW + DAY, 0)], 5 * GB, 0),  # a clock that was set back
    ],
)
def test_growth_is_of_the_last_seven_days(samples: list[tuple[int, int]], held: int, growth: int) -> None:
    assert growth_bytes_a_day(samples, NOW, held) == growth


def test_there_should_be_room_for_a_month_and_a_gigabyte_at_least() -> None:
    assert not DiskState(FREE_MIN_BYTES, 0, 0).short
    assert DiskState(FREE_MIN_BYTES - 1, 0, 0).short
    assert DiskState(29 * GB, 0, GB).short
    assert not DiskState(30 * GB, 0, GB).short


def test_one_sample_a_day_is_kept_for_a_week(tmp_path: Path) -> None:
    state, cache = tmp_path / "state", tmp_path / "state" / "cache"
    (state / "blobs").mkdir(parents=True)
    (state / "ledger.db").write_bytes(bytes(1_000))
    (state / "blobs" / "one").write_bytes(bytes(24))
    (state / "elsewhere").symlink_to(tmp_path)
    assert held_by(state) == 1_024
    for hours in range(0, 24 * 12, 6):
        look_at_disk(state, cache, Instant(NOW + hours * HOUR))
    kept = msgspec.json.decode((cache / "growth.json").read_bytes())
    assert len(kept) == 8
    assert kept[-1][0] - kept[0][0] == 7 * DAY
    (state / "ledger.db").write_bytes(bytes(15_000))
    found = look_at_disk(state, cache, Instant(NOW + 12 * DAY), keep=False)
    assert found.growth_bytes_a_day > 1_900
    (cache / "growth.json").write_bytes(b"[[")
    assert look_at_disk(state, cache, NOW, keep=False).growth_bytes_a_day == 0

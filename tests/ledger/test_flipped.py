"""A flipped bit of a ledger at rest: refused, made good, harmless or told, and never followed in silence."""

import json
from collections import Counter

import pytest

from mainstay.ledger.standing import VIEWS
from mainstay.testing.flipping import FAILURES, Flip, Outcome, campaign, main

pytestmark = pytest.mark.long

FLIPS = 120
# Views that a boot does not prove: too long to be folded, or only looked at. `audit verify` proves them.
NOT_PROVED_AT_BOOT = {
    "adoptions",
    "approvals",
    "correspondence",
    "dead_letters",
    "done_lately",
    "ended",
    "in_doubt",
    "incidents",
    "messages",
    "recipients",
    "rejected",
    "runs",
    "samples",
    "written",
}


@pytest.mark.parametrize("folded", [False, True], ids=["with a log", "folded"])
def test_no_flipped_bit_is_followed_in_silence(folded: bool) -> None:
    with campaign(folded=folded) as flips:
        trials = [flips.trial(one) for one in flips.draw(FLIPS, seed=5)]
    assert [one for one in trials if one.outcome in FAILURES or one.said.startswith("UNCLEAR")] == []
    believed = {table for one in trials if one.outcome is Outcome.BELIEVED for table in one.differing}
    assert believed <= NOT_PROVED_AT_BOOT
    counted = Counter(one.outcome for one in trials)
    assert counted[Outcome.HARMLESS] < len(trials) // 2 + len(trials) // 4
    assert counted[Outcome.TOLD]
    assert counted[Outcome.REFUSED]
    assert not VIEWS & NOT_PROVED_AT_BOOT


def test_what_stands_in_a_row_that_decisions_rest_on_is_made_good() -> None:
    with campaign(folded=True) as flips:
        raw = flips.image.ledger.read_bytes()
        place = str(flips.image.ledger.relative_to(flips.image.root))
        # The value of the kill switch, in its row: "kill_switch" "off".
        offset = raw.index(b"kill_switchoff") + len(b"kill_switch") + 1
        found = flips.trial(Flip(place, offset, 0))
    assert found.outcome is Outcome.MADE_GOOD
    assert "house" in found.said


def test_each_byte_of_the_last_frame_of_the_log_counts() -> None:
    with campaign() as flips:
        (log,) = [name for name in flips.files() if name.endswith("-wal")]
        size = flips.files()[log]
        trials = [flips.trial(Flip(log, size - back, 3)) for back in (1, 500, 2000, 4000, 4110)]
    assert {one.outcome for one in trials} == {Outcome.REFUSED}
    assert all("The end of the ledger is missing" in one.said for one in trials)


def test_the_command_counts_what_came_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--flips", "6", "--seed", "1", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["flips"] == 6
    assert sum(said.get(str(one), 0) for one in Outcome) == 6

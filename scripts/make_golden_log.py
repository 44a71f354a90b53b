"""Put a ledger of this version on the shelf of golden logs.

    python3 scripts/make_golden_log.py NAME [PLAY]  write tests/golden/NNNN-NAME.*, under the next free number
    python3 scripts/make_golden_log.py --retell     write the words of the stories anew; logs and what they mean stay

Run it before a change of an event's shape, so that the shape of today is folded for ever. What the log tells is
played in tests/golden/PLAY.py: `scenario` (single runs; the default), `scenario_recovery` (a whole director),
`scenario_memory` (one that remembers, and pays a model), `scenario_governance` (one that is trusted more) or
`scenario_console` (one that programs and pages work with). If an event would still be on no log of the shelf, it is
named, and nothing is written.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from mainstay.kernel.events import NUMBERS  # noqa: E402 - found by the line above
from mainstay.ledger.codec import NAMES  # noqa: E402
from tests.golden import shelf  # noqa: E402

PLAYS = ("scenario", "scenario_recovery", "scenario_memory", "scenario_governance", "scenario_console")


def main() -> int:
    match sys.argv[1:]:
        case ["--retell"]:
            for path in shelf.logs():
                golden = shelf.read(path)
                golden.stories.write_text(shelf.stories_text(golden), "utf-8")
            return 0
        case [name] if re.fullmatch(r"[a-z][a-z0-9-]*", name):
            return add(name, PLAYS[0])
        case [name, play] if re.fullmatch(r"[a-z][a-z0-9-]*", name) and play in PLAYS:
            return add(name, play)
        case _:
            print(__doc__)
            return 2


def add(name: str, play: str) -> int:
    """Play a scenario and write its log; a name that is there is refused."""
    taken = [path for path in shelf.logs() if path.stem[5:] == name]
    if taken:
        print(f"{taken[0].name} is there already; a golden log is never written again. Choose another name.")
        return 1
    told = importlib.import_module(f"tests.golden.{play}")
    events = told.play().store.read_all(limit=1_000_000)
    shelved = {one.type for path in shelf.logs() for one in shelf.read(path).events}
    missing = set(NUMBERS) - shelved - {one.type for one in events}
    if missing:
        names = ", ".join(NAMES[number] for number in sorted(missing))
        print(f"the shelf would still hold no {names}: tell them in tests/golden/{play}.py")
        return 1
    number = 1 + max((int(path.stem[:4]) for path in shelf.logs()), default=0)
    path = shelf.FOLDER / f"{number:04d}-{name}.jsonl"
    path.write_text(shelf.written(told.ABOUT, "0.1", told.PLANS, events), "utf-8")
    golden = shelf.read(path)
    expected = json.dumps(shelf.expectation(golden), indent=1, ensure_ascii=False)
    golden.expected.write_text(expected + "\n", "utf-8")
    golden.stories.write_text(shelf.stories_text(golden), "utf-8")
    print(f"{path.name}: {len(events)} events, {len(shelf.folded(golden))} runs")
    return 0


if __name__ == "__main__":
    sys.exit(main())

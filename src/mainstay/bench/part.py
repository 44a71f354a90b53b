"""The entry of a measured process: `python -m mainstay.bench.part NAME OPTIONS`. See `bench.process`."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
from pathlib import Path
from typing import Any

from mainstay.bench.crash import survivor, victim
from mainstay.bench.raw import raw_loop
from mainstay.bench.workload import crowd, one_at_a_time, one_run

_PARTS: dict[str, Any] = {
    "crowd": crowd,
    "one_at_a_time": one_at_a_time,
    "one_run": one_run,
    "raw": raw_loop,
    "victim": victim,
    "survivor": survivor,
}
# Imported only where they run: they bring the whole product.
_LATE = {
    "mail_ingested": "mainstay.bench.mailbox",
    "mail_triaged": "mainstay.bench.mailbox",
    "ledger_filled": "mainstay.bench.ledger_fill",
    "ledger_booted": "mainstay.bench.ledger_boot",
    "memory_recalled": "mainstay.bench.memory",
}
_TOLD_IN_ALL = 50  # lines of progress: enough for a bar, too few to be felt


class _Teller:
    """Writes progress to the parent, now and then."""

    def __init__(self) -> None:
        self._next = 0

    def __call__(self, done: int, of: int) -> None:
        if done >= self._next:
            self._next = done + max(1, of // _TOLD_IN_ALL)
            _write({"done": done, "of": of})


def _write(line: dict[str, Any]) -> None:
    os.write(1, json.dumps(line).encode() + b"\n")


def _part(name: str) -> Any:
    if name in _LATE:
        from importlib import import_module

        return getattr(import_module(_LATE[name]), name)
    return _PARTS[name]


def main(name: str, given: str) -> None:
    """Run the part and write its result."""
    part = _part(name)
    options = json.loads(given)
    folder = Path(options.pop("folder"))
    wanted = inspect.signature(part).parameters
    options = {key: value for key, value in options.items() if key in wanted}
    if inspect.iscoroutinefunction(part):
        result = asyncio.run(part(folder, _Teller(), **options))
    elif "progress" in wanted:
        result = part(folder, _Teller(), **options)
    else:
        result = part(folder, **options)
    _write({"result": result})


if __name__ == "__main__":
    main(*sys.argv[1:])

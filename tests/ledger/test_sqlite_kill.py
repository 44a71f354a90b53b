"""A writer that is killed keeps everything it had acknowledged."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.verify import Verified, verify
from mainstay.testing.conformance.store import TABLES

WRITE = """
import sys
from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.store import Add
from mainstay.testing.conformance.store import AT, TABLES, A, part
store = SqliteStore(sys.argv[1], tables=TABLES, checkpoint_pages=50)
epoch = store.acquire()
while True:
    head = store.head
    changes = [Add("tally", (1,), {"messages": 3})]
    head = store.append([part(A, head, 1, 2, 3)], epoch=epoch, at=AT, changes=changes)
    print(head, flush=True)
"""


@pytest.mark.parametrize("acknowledged", [1, 40, 97])
def test_a_killed_writer_loses_nothing(tmp_path: Path, acknowledged: int) -> None:
    path = tmp_path / "ledger.sqlite3"
    source = Path(__file__).parents[2] / "src"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(source)},
    )
    assert process.stdout is not None
    for _ in range(acknowledged):
        process.stdout.readline()
    process.kill()
    heads = process.communicate()[0].split()
    last = int(heads[-1]) if heads and heads[-1] else acknowledged * 3
    store = SqliteStore(path, tables=TABLES)
    assert store.head >= last - last % 3
    assert store.head % 3 == 0
    assert store.get("tally", (1,)) == {"day": 1, "messages": store.head}
    assert store.acquire() == 2
    store.close()
    assert isinstance(verify(path), Verified)

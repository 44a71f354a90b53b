"""One writer per workspace, whatever becomes of the one before."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mainstay.kernel.errors import WorkspaceLocked, WorkspaceUnsafe
from mainstay.ledger.lock import WriterLock

HOLD = """
import sys
from mainstay.ledger.lock import WriterLock
WriterLock(sys.argv[1]).acquire()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    source = Path(__file__).parents[2] / "src"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(source)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_is_told_who_holds_the_workspace(path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(WorkspaceLocked) as refused:
        WriterLock(path).acquire()
    assert refused.value.fields["pid"] == holder.pid
    assert str(holder.pid) in str(refused.value)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_dies_with_its_holder(
    path: Path, holder: subprocess.Popen[str], end: signal.Signals
) -> None:
    holder.send_signal(end)
    holder.wait(timeout=30)
    with WriterLock(path) as lock:
        assert lock.held
        assert path.read_text() == f"{os.getpid()}\n"


def test_it_excludes_a_second_one_in_the_same_process_and_can_be_taken_again(path: Path) -> None:
    first, second = WriterLock(path), WriterLock(path)
    first.acquire()
    with pytest.raises(WorkspaceLocked):
        second.acquire()
    assert not second.held
    first.release()
    first.release()
    with second:
        assert second.held
    assert not second.held
    assert path.exists()


def test_a_child_that_was_executed_does_not_inherit_it(path: Path) -> None:
    lock = WriterLock(path)
    lock.acquire()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    lock.release()
    with WriterLock(path) as again:
        assert again.held
    child.communicate(b"\n")


def test_a_missing_folder_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceUnsafe, match="cannot be locked"):
        WriterLock(tmp_path / "missing" / "lock").acquire()

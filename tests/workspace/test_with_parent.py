"""What a director has run beside it ends with it, however the director ends."""

import os
import select
import signal
import subprocess
import sys

import pytest

PARENT = """
import asyncio
from pathlib import Path
from mainstay.console.api import trials

begin = asyncio.create_subprocess_exec

async def told(*how, **options):
    child = await begin(*how, **options)
    print(child.pid, flush=True)
    return child

asyncio.create_subprocess_exec = told
asyncio.run(trials._told(Path("."), ("evaluate", "autonomy", "--kinds", "2000")))
"""


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="nobody else tells when a grandchild has ended")
def test_a_trial_ends_with_a_director_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        try:
            parent.kill()
            ended, _, _ = select.select([child], [], [], 30.0)
            assert ended, "the trial goes on for nobody"
        finally:
            if not select.select([child], [], [], 0)[0]:
                signal.pidfd_send_signal(child, signal.SIGKILL)
            os.close(child)

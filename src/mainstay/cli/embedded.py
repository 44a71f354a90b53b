"""A director at work within this process, in a thread of its own, under a clock that somebody else moves.

For the demonstration: everything is as in `mainstay up`, with the control socket through which the SDK decides, only
time passes as it is told to.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

from mainstay.kernel.errors import DirectorUnavailable

if TYPE_CHECKING:
    from mainstay.runtime.clock import ManualClock
    from mainstay.workspace.folder import Folder
    from mainstay.workspace.serving import Service

START_S = 120.0
SETTLE_S = 120.0
LOOK_EVERY_S = 0.004
QUIET_LOOKS = 3  # in a row: what was just handed over is not seen at once


class Embedded:
    """One director; use it in a `with` block."""

    def __init__(self, folder: Folder, clock: ManualClock) -> None:
        self._folder = folder
        self._clock = clock
        self._service: Service | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="director", daemon=True)

    def __enter__(self) -> Embedded:
        self._thread.start()
        self._ready.wait(START_S)
        self._require()
        return self

    def __exit__(self, *raised: object) -> None:
        if self._loop is not None and self._service is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._service.stop)
        self._thread.join(SETTLE_S)

    def settle(self) -> None:
        """Wait until nothing is under way and every word is learned. Raises what ended the director."""
        deadline = time.monotonic() + SETTLE_S
        quiet = 0
        while quiet < QUIET_LOOKS:
            self._require()
            if time.monotonic() > deadline:
                raise DirectorUnavailable(
                    "The director does not come to rest.", why=f"It works since {SETTLE_S:.0f} s."
                )
            time.sleep(LOOK_EVERY_S)
            quiet = quiet + 1 if self._quiet() else 0

    def _quiet(self) -> bool:
        service = self._service
        assert service is not None
        return service.loop.quiet and (service.learning is None or not service.learning.busy)

    def _require(self) -> None:
        if self._failed is not None:
            raise self._failed
        if self._service is None or not self._thread.is_alive():
            raise DirectorUnavailable(
                "The director has not begun to work.", why="It takes too long, or has ended."
            )

    def _work(self) -> None:
        from mainstay.workspace.serving import Service

        try:
            self._service = Service(self._folder, clock=self._clock, ingest=False)
            asyncio.run(self._run(self._service))
        except BaseException as error:  # for whoever waits
            self._failed = error
        finally:
            self._ready.set()

    async def _run(self, service: Service) -> None:
        self._loop = asyncio.get_running_loop()
        await service.run(self._ready.set)

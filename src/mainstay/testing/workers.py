"""Worker processes of the simulations, and how they end: with the work, or at once where it is broken off.

A simulation reads and writes nothing outside its own memory, so that a worker may be ended in the middle of a history.
Ctrl-C reaches every process of a terminal; here the parent alone hears it, and ends the others.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from typing import ParamSpec, TypeVar

INTERRUPTED = 130  # the exit code of a command that was broken off, as shells have it
LOST = "Stopped. What was seen so far is lost."

P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def worker_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """So many processes. Where the block is left by an exception, what they do is dropped and they end at once."""
    others = {child.pid for child in active_children()}
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in active_children():
            if child.pid not in others:
                child.terminate()
        raise
    pool.shutdown()


def submit(
    pool: ProcessPoolExecutor, call: Callable[P, T], *arguments: P.args, **named: P.kwargs
) -> Future[T]:
    """Hand work to the pool. A worker that this starts never hears an interrupt."""
    # A process inherits what is held back while it is made: ignored later, an interrupt during its start would be told
    # as a traceback. Ours is delivered as soon as the call is over.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(call, *arguments, **named)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

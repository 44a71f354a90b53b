"""Workers of a simulation: none outlives what was broken off, and none hears the interrupt that breaks it off."""

import signal
import threading
from concurrent.futures import Future
from multiprocessing import active_children
from multiprocessing.connection import wait

import pytest

from mainstay.testing.workers import submit, worker_pool

WAIT_S = 60.0


def for_ever() -> None:
    threading.Event().wait()


def hears_interrupts() -> bool:
    return signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def broken_off(waiting: list[Future[None]]) -> None:
    with worker_pool(2) as pool:
        waiting += [submit(pool, for_ever) for _ in range(20)]
        raise KeyboardInterrupt


def test_what_is_broken_off_ends_its_workers_in_the_middle_of_their_work() -> None:
    waiting: list[Future[None]] = []
    before = {child.pid for child in active_children()}

    with pytest.raises(KeyboardInterrupt):
        broken_off(waiting)

    for child in active_children():
        if child.pid not in before:
            # Not `is_alive`: the pool's own thread may have waited for it, and then that goes on saying so.
            assert wait([child.sentinel], WAIT_S), "it works on"
    assert all(one.cancelled() or one.exception(WAIT_S) for one in waiting)


def test_a_worker_hears_no_interrupt_and_its_parent_does() -> None:
    with worker_pool(1) as pool:
        assert submit(pool, hears_interrupts).result(WAIT_S) is False
    assert hears_interrupts()

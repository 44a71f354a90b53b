"""Incidents: told once while they last, cleared once, and those of a process that has ended are over."""

from typing import Any

import pytest

from mainstay.kernel.commands import ClearIncident, DetectIncident
from mainstay.kernel.errors import DirectorBusy
from mainstay.kernel.events import IncidentKind
from mainstay.kernel.values import DAY, Instant
from mainstay.runtime.incidents import (
    Incidents,
    backup_failed,
    clock_jumped,
    disk_growing,
    source_silent,
    view_disagreed,
)
from mainstay.runtime.tick import Request

SILENT = source_silent("support", silent_s=1_200, rhythm_s=900)
OVER = ClearIncident(IncidentKind.SOURCE_SILENT, "support")


class Door:
    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.busy = False

    def send(self, request: Request) -> None:
        if self.busy:
            raise DirectorBusy()
        self.sent.append(request.command)


def test_an_incident_is_told_once_while_it_lasts() -> None:
    door = Door()
    incidents = Incidents(door.send)
    for told in (OVER, SILENT, SILENT, OVER, OVER, SILENT):
        incidents.tell(told)
    assert door.sent == [SILENT, OVER, SILENT]
    assert incidents.is_open(IncidentKind.SOURCE_SILENT, "support")
    assert not incidents.is_open(IncidentKind.SOURCE_SILENT, "sales")


def test_what_could_not_be_sent_is_told_when_it_is_noticed_again() -> None:
    door = Door()
    incidents = Incidents(door.send)
    door.busy = True
    incidents.tell(SILENT)
    door.busy = False
    incidents.tell(SILENT)
    assert door.sent == [SILENT]


def test_of_the_life_before_only_what_can_still_hold_stays_open() -> None:
    door = Door()
    before = [
        (IncidentKind.PERFORMER_LOST, "agent x"),
        (IncidentKind.DISK_GROWING, ""),
        (IncidentKind.CLOCK_JUMPED, ""),
    ]
    incidents = Incidents(door.send, before)
    incidents.begin()
    assert door.sent == [
        ClearIncident(IncidentKind.CLOCK_JUMPED, ""),
        ClearIncident(IncidentKind.PERFORMER_LOST, "agent x"),
    ]
    incidents.tell(disk_growing(free_bytes=1, needed_bytes=2, growth_bytes_a_day=0))
    assert len(door.sent) == 2, "it is open already"


@pytest.mark.parametrize(
    ("incident", "said"),
    [
        (clock_jumped(7_200.0), "forwards by 7,200 s"),
        (clock_jumped(-60.4), "back by 60 s"),
        (SILENT, "20 minutes"),
        (view_disagreed("approvals, runs"), "events say: approvals, runs"),
        (disk_growing(free_bytes=3 * 10**9, needed_bytes=9 * 10**9, growth_bytes_a_day=3 * 10**8), "10 days"),
        (disk_growing(free_bytes=10**8, needed_bytes=10**9, growth_bytes_a_day=0), "0.1 GB are free, 1.0 GB"),
        (backup_failed(error="no disk", last_good=None, now=Instant(DAY)), "There is no good one"),
        (backup_failed(error="no disk", last_good=Instant(0), now=Instant(3 * DAY)), "3 days old"),
    ],
)
def test_each_says_what_is_wrong_and_what_can_be_done(incident: DetectIncident, said: str) -> None:
    assert said in incident.what
    assert incident.candidates
    assert incident.remedy

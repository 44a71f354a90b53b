"""The workspace itself: each command leads to its event once, and the events fold to what they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.kernel.commands import (
    AdoptPolicy,
    ClearIncident,
    DetectIncident,
    PauseScope,
    PurgeDeadLetter,
    RecordReplay,
    RegisterWorkflow,
    ResumeScope,
    RetireWorkflow,
    StopDirector,
    ThrowKillSwitch,
)
from mainstay.kernel.events import (
    BreakerClosed,
    BreakerOpened,
    BudgetWarned,
    DeadLetterPurged,
    DeadLetterReplayed,
    DirectorStarted,
    DirectorStopped,
    IncidentCleared,
    IncidentDetected,
    IncidentKind,
    KillSwitchThrown,
    LedgerRestored,
    PolicyAdopted,
    ScheduleFired,
    ScopePaused,
    ScopeResumed,
    WorkflowRegistered,
    WorkflowRetired,
    WorkspaceEvent,
)
from mainstay.kernel.house import CRASH_LOOP, House, HouseDecision, Registered
from mainstay.kernel.values import Digest, Instant

names = st.sampled_from(["triage", "other"])
digests = st.sampled_from([Digest("a" * 64), Digest("b" * 64)])
kinds = st.sampled_from(IncidentKind)
scopes = st.sampled_from([("workspace", ""), ("workflow", "triage"), ("adapter", "email")])
commands: st.SearchStrategy[HouseDecision] = st.one_of(
    st.builds(RegisterWorkflow, names, st.integers(1, 2), digests),
    st.builds(RetireWorkflow, names, st.just("me")),
    st.builds(AdoptPolicy, digests),
    st.builds(ThrowKillSwitch, st.just("me"), st.booleans()),
    scopes.map(lambda one: PauseScope(*one, "me")),
    scopes.map(lambda one: ResumeScope(*one, "me")),
    st.builds(DetectIncident, kinds, st.sampled_from(["", "email"]), st.just("it is wrong")),
    st.builds(ClearIncident, kinds, st.sampled_from(["", "email"])),
    st.just(StopDirector()),
)
events: st.SearchStrategy[WorkspaceEvent] = st.one_of(
    st.builds(DirectorStarted, st.integers(1, 9), st.just("0.1"), st.integers(0, 4)),
    st.builds(DirectorStopped, st.integers(1, 9)),
    st.builds(ScheduleFired, names, st.integers(0, 9).map(Instant), st.just(1)),
    st.builds(LedgerRestored, st.just(1), st.just(""), st.just("me")),
    st.just(BudgetWarned("day", 1, 2)),
    st.just(BreakerOpened("email", "reply", Instant(1), 1, 1, "")),
    st.just(BreakerClosed("email", "reply")),
    st.just(DeadLetterReplayed("l", "run", "me")),
    st.just(DeadLetterPurged("l", "run", "me")),
)


def tell(house: House, command: HouseDecision) -> tuple[WorkspaceEvent, ...]:
    """Decide and fold, as the director does."""
    found = house.decide(command)
    for event in found:
        house.note(event)
    return found


@given(st.lists(st.one_of(commands, events), max_size=40), commands)
def test_the_same_command_twice_adds_nothing(
    history: list[HouseDecision | WorkspaceEvent], command: HouseDecision
) -> None:
    house = House()
    for one in history:
        if isinstance(one, HouseDecision):
            tell(house, one)
        else:
            house.note(one)
    tell(house, command)
    assert house.decide(command) == ()


@given(st.lists(st.one_of(commands, events), max_size=40))
def test_a_house_is_the_fold_of_its_events_and_deciding_changes_nothing(
    history: list[HouseDecision | WorkspaceEvent],
) -> None:
    house, log = House(), list[WorkspaceEvent]()
    for one in history:
        if isinstance(one, HouseDecision):
            house.decide(one)
            log += tell(house, one)
        else:
            house.note(one)
            log.append(one)
    again = House()
    for event in log:
        again.note(event)
    assert again == house


DETECT = DetectIncident(IncidentKind.SOURCE_SILENT, "email", "no word", {"days": 2}, ("wait", "ask"), "ask")


@pytest.mark.parametrize(
    ("before", "command", "event"),
    [
        (None, RegisterWorkflow("w", 1, Digest("d")), WorkflowRegistered("w", 1, Digest("d"))),
        (WorkflowRegistered("w", 1, Digest("c")), RetireWorkflow("w", "me"), WorkflowRetired("w", "me")),
        (None, RetireWorkflow("w", "me"), None),
        (None, AdoptPolicy(Digest("p")), PolicyAdopted(Digest("p"))),
        (None, ThrowKillSwitch("me", True, "fire"), KillSwitchThrown("me", True, "fire")),
        (None, ThrowKillSwitch("me", False), None),
        (None, PauseScope("adapter", "email", "me", "x"), ScopePaused("adapter", "email", "me", "x")),
        (None, ResumeScope("adapter", "email", "me"), None),
        (
            ScopePaused("adapter", "email", "me"),
            ResumeScope("adapter", "email", "me"),
            ScopeResumed("adapter", "email", "me"),
        ),
        (ScopePaused("workflow", "email", "me"), ResumeScope("adapter", "email", "me"), None),
        (
            None,
            DETECT,
            IncidentDetected(DETECT.kind, "email", "no word", {"days": 2}, ("wait", "ask"), "ask"),
        ),
        (None, ClearIncident(DETECT.kind, "email"), None),
        (
            IncidentDetected(DETECT.kind, "email", "no word"),
            ClearIncident(DETECT.kind, "email"),
            IncidentCleared(DETECT.kind, "email"),
        ),
        (
            None,
            RecordReplay("l", "run", "me", None, "started"),
            DeadLetterReplayed("l", "run", "me", None, "started"),
        ),
        (None, PurgeDeadLetter("l", "run", "me", "old"), DeadLetterPurged("l", "run", "me", "old")),
        (DirectorStarted(7, "0.1"), StopDirector(), DirectorStopped(7)),
        (DirectorStopped(7), StopDirector(), None),
    ],
)
def test_what_each_command_leads_to(
    before: WorkspaceEvent | None, command: HouseDecision, event: WorkspaceEvent | None
) -> None:
    house = House()
    if before is not None:
        house.note(before)
    assert house.decide(command) == (() if event is None else (event,))


def test_a_new_definition_under_a_known_name_takes_its_place() -> None:
    house = House()
    for version, definition in ((1, Digest("a")), (2, Digest("b")), (1, Digest("a"))):
        assert len(tell(house, RegisterWorkflow("w", version, definition))) == 1
        assert house.workflows == {"w": Registered("w", version, definition)}


def test_what_came_while_a_workflow_was_retired_was_not_missed() -> None:
    house = House()
    tell(house, RegisterWorkflow("w", 1, Digest("a")))
    house.note(ScheduleFired("w", Instant(5), 1))
    assert house.fired == {"w": Instant(5)}
    tell(house, RetireWorkflow("w", "me"))
    assert house.fired == {}


def test_directors_that_end_untimely_in_a_row_are_counted_and_one_that_stops_ends_the_row() -> None:
    house = House()
    rows = []
    for number in range(1, CRASH_LOOP + 3):
        house.note(house.started(number, "0.1"))
        rows.append((house.unclean, house.suspected))
        if number == CRASH_LOOP + 1:
            tell(house, StopDirector())
    assert rows == [(0, False), (1, False), (2, False), (3, True), (0, False)]


def test_a_restored_ledger_is_reconciled_by_the_first_director_after_it() -> None:
    house = House()
    house.note(LedgerRestored(40, "", "me"))
    assert house.restored
    house.note(house.started(2, "0.1"))
    assert not house.restored

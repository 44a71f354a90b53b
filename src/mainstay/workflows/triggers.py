"""What stands at the top of a workflow file beside its tasks: the trigger, the key, who goes first, and how many.

Combinations that could never do what they say are refused here, with the reason.
"""

from __future__ import annotations

from mainstay.kernel.plan import Missed, Priority, Schedule, Supersede, Trigger
from mainstay.kernel.predicates import Ref
from mainstay.workflows.calendar import check_cron, find_zone
from mainstay.workflows.catalog import SCHEDULE_EVENT
from mainstay.workflows.document import Section
from mainstay.workflows.language import parse_field, parse_predicate

RUNS_MAX = 100_000


def read_trigger(top: Section) -> Trigger | None:
    """An event with its predicate, or a schedule; None where nothing but a person starts a run."""
    if not top.has("on"):
        return None
    section = top.table("on")
    section.only("event", "where", "schedule", "zone", "missed")
    if section.has("schedule"):
        return _schedule(section)
    for key in ("zone", "missed"):
        if section.has(key):
            raise section.error(
                key, f"{key!r} belongs to a schedule, and there is none", remedy="add 'schedule'"
            )
    event = section.text("event")
    if event == SCHEDULE_EVENT:
        raise section.error(
            "event",
            f"{SCHEDULE_EVENT!r} is what a schedule gives off",
            remedy='write schedule: "0 9 * * MON-FRI" instead of the event',
        )
    where = section.table("where")
    if section.has("where") and not where.data:
        raise section.error("where", "'where' is empty", remedy="leave it out to take every event")
    return Trigger(event, parse_predicate(where, of_trigger=True) if where.data else None)


def _schedule(section: Section) -> Trigger:
    for key in ("event", "where"):
        if section.has(key):
            raise section.error(
                key,
                f"a trigger has a schedule or an event, and {key!r} stands beside a schedule",
                remedy="make two workflows of it" if key == "event" else "write 'when' at the tasks",
            )
    cron = section.text("schedule")
    try:
        check_cron(cron)
    except ValueError as error:
        raise section.error(
            "schedule",
            f"{cron[:60]!r} is not a schedule: {error}",
            remedy='write five cron fields, such as "0 9 * * MON-FRI"',
        ) from None
    zone = section.text("zone", "UTC")
    try:
        find_zone(zone)
    except ValueError as error:
        raise section.error("zone", str(error), remedy="write a name such as Europe/Berlin, or UTC") from None
    missed = Missed(section.choice("missed", [str(one) for one in Missed], str(Missed.ONCE)))
    return Trigger(SCHEDULE_EVENT, schedule=Schedule(" ".join(cron.upper().split()), zone, missed))


def read_key(top: Section) -> tuple[Ref | None, Supersede]:
    """The key of a run and what a newer run with the same does."""
    supersede = Supersede(top.choice("supersede", [str(one) for one in Supersede], str(Supersede.NEVER)))
    if not top.has("key"):
        if supersede is not Supersede.NEVER:
            raise top.error(
                "supersede",
                "only runs with the same key supersede each other, and there is no key",
                remedy="add a key, such as message.thread",
            )
        return None, supersede
    if not top.has("on"):
        raise top.error(
            "key", "a key is a field of the trigger, and this workflow has none", remedy="add 'on'"
        )
    return parse_field(top.document, ("key",), top.value("key"), of_trigger=True), supersede


def read_concurrency(top: Section) -> tuple[int | None, int]:
    """How many runs are at work at once, in all and with the same key."""
    if not top.has("concurrency"):
        return None, 1
    if not isinstance(top.data["concurrency"], dict):
        return top.whole("concurrency", least=1, most=RUNS_MAX), 1
    table = top.table("concurrency")
    table.only("runs", "key")
    if not table.data:
        raise top.error(
            "concurrency", "'concurrency' says nothing", remedy="write { runs: 5 }, or leave it out"
        )
    runs = table.whole("runs", least=1, most=RUNS_MAX) if table.has("runs") else None
    same = table.whole("key", 1, least=1, most=RUNS_MAX)
    if table.has("key") and not top.has("key"):
        raise table.error(
            "key",
            "runs with the same key are counted, and this workflow has no key",
            remedy="add a key, such as message.thread, or count runs",
        )
    if runs is not None and same > runs:
        raise table.error("key", f"{same} runs with the same key never fit among {runs} runs in all")
    if same > 1 and top.data.get("supersede", "never") != "never":
        raise table.error(
            "key",
            "a newer run supersedes the one before it, so there is never a second with the same key",
            remedy="leave out 'supersede' or this line",
        )
    return runs, same


def read_priority(top: Section) -> Priority:
    """Whose turn it is when several wait."""
    return Priority[top.choice("priority", [one.name.lower() for one in Priority], "normal").upper()]

"""The paths that few histories go, each counted when it is gone.

A full run of the simulation in which one of them is missing has proved too little, and fails.
"""

from __future__ import annotations

RARE = (
    *(f"crash: {point}" for point in (
        "booting", "agent asked", "agent answered", "mailbox read once more", "call not arrived", "call arrived",
        "looking up", "telling the operator", "answer not recorded", "before the commit", "within the commit",
        "after the commit",
    )),
    "crash with a call under way", "torn append, kept", "torn append, lost", "disk full", "write error", "fsync error",
    "SQLite file", "clock forward", "clock back", "clock over a day", "many decisions in one tick",
    "stale epoch", "timed out", "late answer", "late answer ignored", "doubled answer", "call: refused",
    "call: throttled", "call: not now", "call: doubled", "key honoured", "look-up found", "look-up absent",
    "look-up unknown", "in doubt", "in doubt after a crash", "doubt: happened", "doubt: did_not", "doubt: unknown",
    "approved", "edited", "rejected", "expired", "a yes that came too late", "denied by a rule", "contract upgraded",
    "command while nobody is at work",
    "superseded", "withheld", "answered by hand", "queued behind another run", "duplicate message",
    "kill switch thrown", "kill switch released", "cancelled", "cancelled with an act under way",
    "budget refused: run", "budget refused: day", "budget refused: workflow", "budget refused: month", "revision",
    "budget refused: price", "spending allowed: price", "spending allowed: run", "put off: kill switch",
    "model asked", "answer from the cache", "recalled", "remembered", "remembered again", "retracted",
    "for_each", "attempt lost with its process", "agent failed", "agent raised", "agent silent",
    "agent confused", "notifier raised", "notifier silent", "effect: keyed", "effect: findable", "effect: once",
    "paused: workspace", "paused: workflow", "paused: adapter", "paused: run", "paused: task",
    "resumed: workspace", "resumed: workflow", "resumed: adapter", "resumed: run", "resumed: task",
    "put off: pause workspace", "put off: pause workflow", "put off: pause adapter", "put off: pause run",
    "put off: pause task", "put off: throttle", "put off: breaker", "put off: delay",
    "breaker opened", "breaker opened again", "breaker tried", "breaker closed",
    "queued in the line of its key", "queued in the line of its workflow",
    "taking back: failed", "taking back: cancelled", "taken back", "taking back failed", "task cancelled",
    "forked", "restarted from a task", "an act was inherited", "restored", "looked for after a restore",
    "looked for when proposed after a restore",
    "run delayed", "task delayed", "deadline set", "a task's deadline passed", "a run's deadline passed",
    "schedule fired", "schedule missed: skip", "schedule missed: once", "schedule missed: all",
    "schedule over a change of the clock", "stopped as it should", "crash loop", "poisoned",
    "incident: crash_loop", "incident: source_silent",
    "held", "taken back before it left", "put off: card", "a card came back",
    "by itself", "autonomy: held", "autonomy revoked: recipe", "autonomy revoked: kill switch",
    "autonomy revoked: errors", "found out just then",
)  # fmt: skip

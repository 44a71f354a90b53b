"""`mainstay bench approvals`: the approval loop from the command line, with so many cards waiting.

The cards are real ones: runs of a workflow in a workspace on disk, whose replies were rendered, stored, sealed and
digested, under subjects of their own. Each command is a process of its own, from its start to its end, once without a
director (it takes the lock itself) and once beside one that is at work. What is told is the processor time of that
process, as the median of some rounds, so that what the machine does besides does not show; and the shortest time by the
clock, which on a machine with a core to spare is the same and the director's share.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import as_file
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mainstay.bench.engine import machine
from mainstay.bench.report import Report
from mainstay.data import sample_path

if TYPE_CHECKING:
    from mainstay.workspace.held import Held

TOGETHER = 100  # runs of one tick while the workspace is filled
START_S, STOP_S = 120.0, 30.0
_WORKFLOW = """\
name: answers
version: 1
on: { event: message.received/1, where: { field: message.mailbox, is: bench } }
tasks:
  annotate: { role: specialist, agent: intent, in: { message: "${trigger.message}" } }
  draft: { role: executor, agent: reply-writer, in: { message: "${trigger.message}", intent: "${annotate.intent}" } }
  send: { act: email.reply, in: { message: "${trigger.message}", reply: "${draft.reply}" }, silence: hold }
"""
Told = Callable[[str, int, int], None]  # part, done, of how many


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure."""

    cards: int = 10_000
    rounds: int = 5
    folder: str = ""


def run_approvals(options: Options, told: Told = lambda part, done, of: None) -> Report:
    """Fill a workspace, and decide in it."""
    load_before = os.getloadavg()[0]
    figures: dict[str, Any] = {"cards": options.cards}
    with TemporaryDirectory(prefix="mainstay-bench-", dir=options.folder or None) as name:
        root = Path(name) / "desk"
        environ = {**os.environ, "MAINSTAY_KEY_HOME": str(Path(name) / "keys")}
        # As it is installed: compiled once, and not at each start.
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        environ["PYTHONPYCACHEPREFIX"] = str(Path(name) / "compiled")
        os.environ["MAINSTAY_KEY_HOME"] = environ["MAINSTAY_KEY_HOME"]
        ids = fill(root, options.cards, lambda done, of: told("cards", done, of))
        half = len(ids) // 2
        figures |= _measured(root, environ, ids[:half], options.rounds, "")
        started = time.perf_counter()
        director = _director(root, environ)
        figures["started_s"] = time.perf_counter() - started
        try:
            figures |= _measured(root, environ, ids[half:], options.rounds, "live_")
        finally:
            director.terminate()
            director.wait(STOP_S)
    return Report(figures, asdict(options), machine(load_before), title="mainstay bench approvals")


def fill(root: Path, cards: int, progress: Callable[[int, int], None] = lambda done, of: None) -> list[str]:
    """A workspace in which so many cards wait; their ids."""
    made(root)
    return fill_more(root, cards, progress)


def made(root: Path) -> None:
    """A workspace with the sample's files, an empty mailbox, and a workflow that ends at a card."""
    from mainstay.workspace.folder import Folder, adopt

    with as_file(sample_path("workspace")) as shipped:
        shutil.copytree(shipped, root)
    (root / "inbox.mbox").write_bytes(b"")
    settings = root / "mainstay.toml"
    settings.write_text(settings.read_text("utf-8") + '\n[approvals]\nundo = "PT10M"\n', "utf-8")
    (root / "workflows" / "answers.yaml").write_text(_WORKFLOW, "utf-8")
    adopt(Folder(root))


def fill_more(
    root: Path, cards: int, progress: Callable[[int, int], None] = lambda done, of: None
) -> list[str]:
    """So many cards in a workspace that has none; their ids."""
    from mainstay.runtime.clock import SystemClock
    from mainstay.workspace.folder import Folder
    from mainstay.workspace.held import Held

    held = Held(Folder(root), SystemClock(), performing=True)  # outcomes come from here: no agent is asked
    try:
        held.director.acquire()
        held.register()
        for first in range(0, cards, TOGETHER):
            _ask(held, range(first, min(first + TOGETHER, cards)))
            progress(min(first + TOGETHER, cards), cards)
        rows = held.store.select("approvals", where={"status": "waiting"}, limit=cards)
        assert len(rows) == cards, "every run waits for a person"
        return [str(row["approval"]) for row in rows]
    finally:
        held.close()


def _ask(held: Held, numbers: Sequence[int]) -> None:
    """Runs that come as far as their card, in a few ticks."""
    from mainstay.agents.base import MessageView, Reply
    from mainstay.kernel.commands import Outcome, Produced, Proposed, RecordOutcome, StartRun
    from mainstay.kernel.ids import run_id
    from mainstay.runtime.tick import Request

    artifacts, director, performer = held.assembly.artifacts, held.director, held.performer()
    definition = director.workflows["answers"].definition
    starts: list[Request] = []
    answers: list[tuple[Request, Request, Request]] = []
    for number in numbers:
        address, text = f"customer{number}@example.net", f"Dear customer {number},\n\nit is on its way.\n"
        subject = artifacts.vault.subject(address)
        artifacts.vault.ensure_subjects([subject])
        view = MessageView(
            message_id=f"<{number}@example.net>",
            thread=f"thread-{number}",
            from_address=address,
            subject=f"Order {number}",
            text=f"Where is order {number}?",
            mailbox="bench",
        )
        content = artifacts.put(view.model_dump_json().encode(), subject, b"message")
        run = run_id(held.clock.now(), "bench", str(number))
        trigger = {"message": {"content": content, "thread": f"thread-{number}", "mailbox": "bench"}}
        start = StartRun(run, "answers", definition, trigger, "", subject)
        starts.append(Request(start, "bench", blobs=artifacts.take_staged()))
        request = {
            "message": {
                "from": address,
                "message_id": f"<{number}@example.net>",
                "subject": f"Order {number}",
            },
            "reply": {"subject": "", "text": text},
        }
        route = held.assembly.route("email.reply", request)
        assert route is not None, "the sample has an account"
        action = performer.rendering.action(
            route, "email.reply", run, 2, subject, request, {"intent": "order-status"}
        )
        reply = artifacts.put(Reply(text=text).model_dump_json().encode(), subject, b"reply")
        drafted = {"reply": {"artifact": reply, "kind": "reply"}, "lessons": []}
        said: tuple[Outcome, ...] = (
            Produced({"intent": "order-status", "reply_expected": True}, "it asks where an order is"),
            Produced(drafted, "from the template"),
            Proposed(action, artifacts.seal_text(f"{address} asks where the order is", subject)),
        )
        blobs = artifacts.take_staged()
        one, two, three = (
            Request(RecordOutcome(run, task, 1, outcome), "bench", blobs=blobs if task == 2 else {})
            for task, outcome in enumerate(said)
        )
        answers.append((one, two, three))
    director.handle(starts)
    director.handle([one for three in answers for one in three])


def _measured(
    root: Path, environ: dict[str, str], ids: list[str], rounds: int, prefix: str
) -> dict[str, float]:
    """What each command takes, in some rounds."""
    commands: dict[str, Callable[[int], list[str]]] = {
        "list": lambda at: ["approvals"],
        "list_json": lambda at: ["approvals", "--json"],
        "show": lambda at: ["approvals", "show", ids[at]],
        "approve": lambda at: ["approve", ids[at]],
        "reject": lambda at: ["reject", ids[rounds + at], "--reason", "not this one"],
        "edit": lambda at: ["edit", ids[2 * rounds + at], "--text", "It left today."],
        "snooze": lambda at: ["snooze", ids[3 * rounds + at], "--for", "2h"],
        "undo": lambda at: ["undo", _run_of(root, ids[at])],
    }
    figures: dict[str, float] = {}
    for warm in ("list", "snooze"):  # what compiles what the others load
        _took(root, environ, commands[warm](rounds))
    for name, command in commands.items():
        took = [_took(root, environ, command(at)) for at in range(rounds)]
        figures[f"{prefix}{name}_cpu_ms"] = median([cpu for cpu, _ in took])
        figures[f"{prefix}{name}_ms"] = min(clock for _, clock in took)
    return figures


def _director(root: Path, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    """`mainstay up`, once it answers."""
    from mainstay.workspace.doors import director_runs
    from mainstay.workspace.folder import Folder

    command = [sys.executable, "-m", "mainstay", "up", "--workspace", str(root)]
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen(command, env=environ, stdin=nowhere, stdout=nowhere, stderr=nowhere)
    deadline = time.monotonic() + START_S
    while not director_runs(Folder(root)):
        assert process.poll() is None, "the director ended"
        assert time.monotonic() < deadline, "the director does not answer"
        time.sleep(0.05)
    return process


def _run_of(root: Path, card: str) -> str:
    from mainstay.workspace import Workspace

    with Workspace.open(root) as opened:
        return opened.glance(card).run


def _took(root: Path, environ: dict[str, str], command: list[str]) -> tuple[float, float]:
    """Milliseconds of one command: of the processor, and by the clock."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "mainstay", *command, "--workspace", str(root)],
        env=environ,
        capture_output=True,
        check=False,
    )
    clock = time.perf_counter() - started
    assert done.returncode == 0, done.stderr.decode()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu * 1_000, clock * 1_000

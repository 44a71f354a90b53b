"""The measured parts of `bench ingest`: a mailbox of any size, taken in, and triaged.

The mailbox is made from the sample's messages over and over, each time under another Message-ID and (where a message is
plain text) with another last line, so that no cache knows it already. It is written and read as a stream.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import Iterator
from importlib.resources import as_file
from pathlib import Path
from typing import Any

from mainstay.bench.process import Progress
from mainstay.bench.rig import peak_mb, resident_mb
from mainstay.data import sample_path
from mainstay.runtime.clock import SystemClock
from mainstay.workspace.desks import ingests_of
from mainstay.workspace.doors import Together
from mainstay.workspace.folder import Folder, adopt
from mainstay.workspace.held import Held
from mainstay.workspace.serving import Service

_SEPARATOR = re.compile(rb"(?:\A|\n)From [^\n]*\n")
_IDENTITY = re.compile(rb"^(?:message-id|in-reply-to|references):[^\n]*\n(?:[ \t][^\n]*\n)*", re.I | re.M)
_ENCODED = re.compile(
    rb"^content-(?:transfer-encoding:[ \t]*(?:base64|quoted)|type:(?![ \t]*text/plain))", re.I | re.M
)


def lay_out(folder: Path, messages: int, progress: Progress = lambda done, of: None) -> Path:
    """A sample workspace under `folder` whose mailbox has so many messages."""
    root = folder / "desk"
    with as_file(sample_path("workspace")) as workspace:
        shutil.copytree(workspace, root)
    with (root / "inbox.mbox").open("wb") as file:
        for number, message in enumerate(_messages(messages)):
            file.write(message)
            progress(number + 1, messages)
    adopt(Folder(root))
    return root


def _messages(count: int) -> Iterator[bytes]:
    text = sample_path("first.mbox").read_bytes()
    originals = [one for one in _SEPARATOR.split(text) if one.strip()]
    for number in range(count):
        head, _, body = originals[number % len(originals)].partition(b"\n\n")
        head = _IDENTITY.sub(b"", head + b"\n")
        if not _ENCODED.search(head):
            body = body.rstrip(b"\n") + b"\n\nThis is message %d.\n" % number
        identity = b"Message-ID: <bench-%d@customer.example>\n" % number
        yield (
            b"From bench@example.org Mon Mar  2 08:14:00 2026\n"
            + head
            + identity
            + b"\n"
            + body.rstrip(b"\n")
            + b"\n\n"
        )


async def mail_ingested(folder: Path, progress: Progress, *, messages: int) -> dict[str, Any]:
    """Take the mailbox in, as `mainstay ingest` does: source, parsing, sealing, ledger. The embedder is loaded."""
    root = lay_out(folder, messages)
    held = Held(Folder(root), SystemClock())
    try:
        held.director.acquire()
        held.register()
        held.assembly.agents  # noqa: B018  loads the embedder, which the goal for memory counts
        before_mb, now_mb = peak_mb(), list[float]()

        done = 0

        def told(count: int) -> None:
            nonlocal done
            done += count
            now_mb.append(resident_mb())
            progress(done, messages)

        (ingest,) = ingests_of(held, Together(held.director).ask).values()
        started, cpu = time.perf_counter(), time.process_time()
        pulled = await ingest.pull(told)
        took, used = time.perf_counter() - started, time.process_time() - cpu
        return {
            "messages": messages,
            "received": pulled.received,
            "rejected": pulled.rejected,
            "runs_started": len(pulled.runs),
            "ingested_per_s": messages / took,
            "cpu_us_per_message": used / messages * 1e6,
            "ledger_bytes_per_message": _size(held.folder) / messages,
            "mailbox_mb": (root / "inbox.mbox").stat().st_size / 1e6,
            "mb_before": before_mb,
            "mb_at_a_tenth": now_mb[len(now_mb) // 10],
            "mb_at_the_end": now_mb[-1],
            "peak_mb": peak_mb(),
        }
    finally:
        held.close()


async def mail_triaged(folder: Path, progress: Progress, *, messages: int) -> dict[str, Any]:
    """Take the mailbox in beside a director at work, until every run has ended or waits for a person."""
    root = lay_out(folder, messages)
    service = Service(Folder(root), ingest=False)
    ready = asyncio.Event()
    working = asyncio.create_task(service.run(ready.set))
    await ready.wait()
    store = service.held.store
    started, cpu = time.perf_counter(), time.process_time()
    (ingest,) = service.ingests.values()
    pulled = await ingest.pull()
    while not service.loop.quiet:
        progress(
            messages - min(messages, len(service.held.director.runs) - store.count("approvals")), messages
        )
        await asyncio.sleep(0.05)
    took, used = time.perf_counter() - started, time.process_time() - cpu
    figures = {
        "messages": messages,
        "runs": len(pulled.runs),
        "cards": store.count("approvals", where={"status": "waiting"}),
        "triaged_per_s": messages / took,
        "cpu_ms_per_message": used / messages * 1e3,
        "peak_mb": peak_mb(),
    }
    service.stop()
    await working
    return figures


def _size(folder: Folder) -> int:
    blobs = [path for path in folder.blobs.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in (folder.ledger, folder.keys, *blobs))

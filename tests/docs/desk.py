"""The workspace that the pages are tried in: the sample, one message, agents without the embedder, no network."""

from __future__ import annotations

import asyncio
import re
import shutil
from importlib.resources import as_file
from pathlib import Path

from mainstay.data import sample_path
from mainstay.kernel.run import waits_for_person
from mainstay.workspace.folder import Folder, adopt
from mainstay.workspace.serving import Service


def lay_out(root: Path, messages: int = 1) -> Folder:
    """The sample workspace with the first messages of its mailbox."""
    with as_file(sample_path("workspace")) as shipped:
        shutil.copytree(shipped, root, dirs_exist_ok=True)
    mails = re.split(rb"(?m)^(?=From )", sample_path("first.mbox").read_bytes())[1:]
    (root / "inbox.mbox").write_bytes(b"".join(mails[:messages]))
    folder = Folder(root)
    adopt(folder)
    return folder


def work(folder: Folder) -> None:
    """A director that reads the mailbox, does what can be done, and stops where every run waits for a person."""

    async def until_done() -> None:
        service = Service(folder, ingest=False)
        stopping: list[asyncio.Task[None]] = []

        async def stop_when_done() -> None:
            for one in service.ingests.values():
                await one.pull()
            async with asyncio.timeout(60):
                runs = service.held.director.runs
                while not (service.loop.quiet and all(waits_for_person(one.state) for one in runs.values())):
                    await asyncio.sleep(0)
            service.stop()

        await service.run(lambda: stopping.append(asyncio.create_task(stop_when_done())))
        await stopping[0]

    asyncio.run(until_done())

"""The workspace of the demos: laid out from the sample, given more mail, and left for whoever goes on with it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from mainstay.workspace.folder import Folder, adopt

HELD_S = 30  # what is approved in the workspace that is left behind


def lay_out(place: Path, root: Path) -> None:
    """The sample workspace with its master key beside it: nothing of the operator's own is touched."""
    from importlib.resources import as_file

    from mainstay.data import sample_path
    from mainstay.ledger.master_key import master_key_path

    os.environ["MAINSTAY_KEY_HOME"] = str(place / "keys")
    with as_file(sample_path()) as sample:
        shutil.copytree(sample / "workspace", root)
        shutil.copyfile(sample / "first.mbox", root / "inbox.mbox")
    adopt(Folder(root))
    settings = root / "mainstay.toml"
    key = os.path.relpath(master_key_path(Folder(root).id), root)
    text = settings.read_text("utf-8")
    named = f'[workspace]\nkey = "{key}"  # beside the folder, so that this demo needs nothing of yours'
    settings.write_text(text.replace("[workspace]", named, 1), "utf-8")


def hold_approved(root: Path) -> None:
    """Let what is approved from now on be taken back for a while.

    Not from the beginning: the demo would wait for the end of the window each time that it approves something.
    """
    with (root / "mainstay.toml").open("a", encoding="utf-8") as settings:
        settings.write(
            f'\n[approvals]\nundo = "PT{HELD_S}S"  # what you approve is held so long, and can be taken back\n'
        )


def append_second(root: Path) -> None:
    """More mail comes in."""
    from mainstay.data import sample_path

    with (root / "inbox.mbox").open("ab") as inbox:
        inbox.write(sample_path("second.mbox").read_bytes())

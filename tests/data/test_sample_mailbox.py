"""The sample mailbox: what its script writes, byte for byte, labelled completely, and varied."""

from __future__ import annotations

import csv
import email
import email.policy
import importlib.util
import mailbox
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from types import ModuleType

import pytest

from mainstay.data import sample_path

SCRIPT = Path(__file__).parents[2] / "scripts" / "make_sample_mailbox.py"
BATCHES = ("first", "second")


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("make_sample_mailbox", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def rows(batch: str) -> list[dict[str, str]]:
    text = sample_path("expected.csv").read_text(encoding="utf-8")
    return [row for row in csv.DictReader(text.splitlines()) if row["batch"] == batch]


def messages(batch: str, folder: Path) -> list[Message]:
    path = folder / f"{batch}.mbox"
    path.write_bytes(sample_path(f"{batch}.mbox").read_bytes())
    return [email.message_from_bytes(box.as_bytes()) for box in mailbox.mbox(path)]


def content(batch: str) -> bytes:
    return sample_path(f"{batch}.mbox").read_bytes()


def intents() -> set[str]:
    text = sample_path("workspace", "intents.toml").read_text(encoding="utf-8")
    return {intent["id"] for intent in tomllib.loads(text)["intent"]}


def test_the_script_writes_what_is_committed(script: ModuleType) -> None:
    written = script.outputs()
    assert set(written) == {"first.mbox", "second.mbox", "expected.csv"}
    for name, octets in written.items():
        assert sample_path(name).read_bytes() == octets, f"run scripts/make_sample_mailbox.py: {name} differs"


@pytest.mark.parametrize(("batch", "least"), [("first", 80), ("second", 30)])
def test_there_are_enough_messages_and_each_has_its_row(batch: str, least: int, tmp_path: Path) -> None:
    found = messages(batch, tmp_path)
    assert len(found) >= least
    assert [row["index"] for row in rows(batch)] == [str(number) for number in range(len(found))]
    for message, row in zip(found, rows(batch), strict=True):
        assert (message["Message-ID"] or "") == row["message_id"]


@pytest.mark.parametrize("batch", BATCHES)
def test_labels_are_of_the_declared_kinds(batch: str) -> None:
    for row in rows(batch):
        assert row["disposition"] in {"draft", "no_reply", "refused", "rejected", "duplicate"}
        assert row["intent"] in intents() | {"unknown", ""}
        flags = set(row["flags"].split())
        if row["disposition"] == "draft":
            assert row["intent"] in intents()
            assert not flags & {"machine", "instruction", "credentials", "threat"}
        if "machine" in flags:
            assert (row["disposition"], row["intent"]) == ("no_reply", "")


def test_duplicates_repeat_an_earlier_message_id() -> None:
    seen: set[str] = set()
    for row in (*rows("first"), *rows("second")):
        assert (row["message_id"] in seen) == (row["disposition"] == "duplicate"), row
        seen |= {row["message_id"]} - {""}


def test_the_first_batch_shows_every_kind() -> None:
    dispositions = Counter(row["disposition"] for row in rows("first"))
    flags = Counter(flag for row in rows("first") for flag in row["flags"].split())
    assert dispositions["draft"] >= 45
    assert dispositions["no_reply"] >= 15
    assert dispositions["refused"] >= 8
    assert dispositions["rejected"] >= 3
    assert dispositions["duplicate"] >= 2
    for flag, least in {
        "money": 4, "legal": 3, "credentials": 3, "threat": 1, "instruction": 3, "phishing": 2, "hidden": 1,
        "machine": 8, "list": 2, "loop": 1, "broken": 7, "empty": 1, "language": 8,
    }.items():  # fmt: skip
        assert flags[flag] >= least, flag


def test_every_intent_occurs_in_both_batches() -> None:
    for batch in BATCHES:
        assert intents() <= {row["intent"] for row in rows(batch)}


@pytest.mark.parametrize(
    "charset",
    ["iso-8859-1", "windows-1252", "iso-2022-jp", "shift_jis", "koi8-r", "utf-8", "x-nordic-legacy-7"],
)
def test_the_charset_occurs(charset: str) -> None:
    assert f"charset={charset}".encode() in content("first")


@pytest.mark.parametrize(
    "pattern",
    [
        rb"^Content-Type: multipart/(alternative|mixed|related|report)",
        rb"^Auto-Submitted: auto-replied",
        rb"^List-Id: ",
        rb"^Return-Path: <>",
        rb"^Content-Transfer-Encoding: 8bit",
        rb"filename\*=UTF-8''",
        rb"filename\*0\*=UTF-8''",
        rb"\?Q\?",
        rb"\?B\?",
        rb"\x00",
        rb"^>From the outside",
        rb"^>>From my own",
        rb"^In-Reply-To: ",
    ],
)
def test_the_form_occurs(pattern: bytes) -> None:
    assert re.search(pattern, content("first"), re.MULTILINE)


@pytest.mark.parametrize("batch", BATCHES)
def test_lines_end_in_line_feeds_and_the_file_in_an_empty_line(batch: str) -> None:
    assert b"\r" not in content(batch)
    assert content(batch).startswith(b"From ")
    assert content(batch).endswith(b"\n\n")


@pytest.mark.parametrize("batch", BATCHES)
def test_nothing_can_reach_a_real_mailbox(batch: str, tmp_path: Path) -> None:
    texts = [content(batch).decode("latin-1")]
    for message in messages(batch, tmp_path):
        for part in message.walk():
            payload = part.get_payload(decode=True)
            texts.append(payload.decode("latin-1") if isinstance(payload, bytes) else "")
    for text in texts:
        for domain in re.findall(r"[\w.+-]@([\w.-]+\.[a-z]{2,})", text):
            assert re.search(r"(^|\.)example(\.(org|com|net))?$", domain), domain


def test_well_formed_messages_are_parsed_without_a_defect(tmp_path: Path) -> None:
    for batch in BATCHES:
        for message, row in zip(messages(batch, tmp_path), rows(batch), strict=True):
            if "broken" in row["flags"].split():
                continue
            parsed = email.message_from_bytes(message.as_bytes(), policy=email.policy.default)
            for part in parsed.walk():
                assert not part.defects, row
                if part.get_content_maintype() == "text":
                    assert "�" not in part.get_content(), row
            assert "�" not in str(parsed["Subject"]) + str(parsed["From"]), row


def test_a_file_name_in_sections_is_put_together_again(tmp_path: Path) -> None:
    names = {part.get_filename() for message in messages("first", tmp_path) for part in message.walk()}
    assert {"予約画面の写真.png", "relevé de février.pdf", "invoice-2026-0147.pdf", "call.ics"} <= names

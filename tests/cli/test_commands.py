"""Every command on a workspace that was triaged: what it shows to people, and what to programs."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from mainstay.cli import main as command_line
from mainstay.cli.card import card_text
from mainstay.cli.render import count, sentences, span
from mainstay.kernel.values import Digest, Instant
from mainstay.workspace import Card
from tests.cli.conftest import MESSAGES, Desk, lay_out


class Typed:
    """A command in this process, in one workspace."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._root, self._capsys = root, capsys

    def text(self, *arguments: str, code: int = 0) -> str:
        assert command_line.run([*arguments, "-w", str(self._root)]) == code
        said = self._capsys.readouterr()
        return said.err if code else said.out

    def value(self, *arguments: str) -> object:
        return json.loads(self.text(*arguments, "--json"))


@pytest.fixture
def typed(desk: Desk, capsys: pytest.CaptureFixture[str]) -> Typed:
    return Typed(desk.root, capsys)


def test_init_makes_a_workspace_and_says_what_comes_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.run(["init", str(tmp_path / "my_desk")]) == 0
    said = capsys.readouterr().out
    assert "mainstay connect email" in said
    assert command_line.run(["init", str(tmp_path / "my_desk"), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["written"] == []
    assert f"Master key {again['master_key']}\n" in said
    assert Path(again["master_key"]).exists()
    assert "Keep a copy of it apart" in said
    inside = tmp_path / "my_desk" / "templates"
    assert command_line.run(["runs", "-w", str(inside)]) == 0
    assert "No runs yet" in capsys.readouterr().out
    assert command_line.run(["status", "-w", str(inside), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["director"] == "not running"


def test_ingest_tells_what_came(
    short_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAINSTAY_KEY_HOME", str(short_path / "keys"))
    lay_out(short_path / "desk", messages=MESSAGES)
    assert command_line.run(["ingest", "-w", str(short_path / "desk")]) == 0
    said = capsys.readouterr().out
    assert f"support: {MESSAGES} received." in said
    assert f"{MESSAGES} runs began; `mainstay up` goes on with them." in said
    assert command_line.run(["ingest", "-w", str(short_path / "desk"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["support"]["received"] == 0


def test_ingest_of_an_account_that_is_not_there(typed: Typed) -> None:
    assert "Known are: support" in typed.text("ingest", "sales", code=5)


def test_runs_and_one_run(typed: Typed) -> None:
    rows = typed.value("runs", "--limit", "3")
    assert isinstance(rows, list)
    assert len(rows) == 3
    short = rows[0]["run"][-8:]
    assert short in typed.text("runs", "--limit", "3")
    assert all(row["status"] == "running" for row in typed.value("runs", "--status", "running"))
    assert "is no status" in typed.text("runs", "--status", "walking", code=5)
    shown = typed.text("run", "show", short)
    assert "annotate" in shown
    assert f"mainstay explain {short}" in shown
    assert {one["name"] for one in typed.value("run", "show", short)["tasks_now"]} >= {"annotate", "send"}
    assert "annotate (specialist intent)" in typed.text("explain", short)
    assert typed.value("explain", short)["run"] == rows[0]["run"]


def test_approvals_list_and_one_card(typed: Typed, cards: list[str]) -> None:
    listed = typed.value("approvals")
    assert [one["approval"] for one in listed["waiting"]] == cards
    text = typed.text("approvals")
    assert all(card[:8] in text for card in cards)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 120
    card = typed.text("approvals", "show", cards[0][:6])
    assert card == typed.text("approval", "show", cards[0][:6])
    whole = typed.value("approvals", "show", cards[0])
    assert card.startswith(f"email.reply to {whole['recipients'][0]}\nSubject: {whole['title']}\n")
    assert whole["digest"] in card
    for line in whole["text"].splitlines():
        assert f"  | {line}" in card
    assert "silence never sends" in card


def test_a_card_is_one_line_on_a_narrow_screen(
    typed: Typed, cards: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    rows = typed.text("approvals").splitlines()[2:-1]
    assert [row[:8] for row in rows] == [card[:8] for card in cards]
    assert max(len(row) for row in rows) <= 80


def test_a_run_that_waits_for_a_person_says_so(typed: Typed, cards: list[str]) -> None:
    waiting = {row["run"][-8:] for row in typed.value("runs") if row["waits_for_you"]}
    shown = typed.text("runs").splitlines()
    assert {line[:8] for line in shown if "waits for you" in line} == waiting
    assert len(waiting) == len(cards)
    assert not [line for line in shown if "running" in line]


def test_options_may_stand_before_show(
    desk: Desk, cards: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.run(["approvals", "-w", str(desk.root), "--json", "show", cards[0]]) == 0
    assert json.loads(capsys.readouterr().out)["approval"] == cards[0]


def test_an_editor_writes_the_new_text(
    typed: Typed, cards: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i "s/^Hello .*/Dear you,/" "$1"\n', "utf-8")
    editor.chmod(0o755)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.setattr("mainstay.cli.editing.sys.stdin", _Terminal())
    assert "Approved as edited" in typed.text("edit", cards[0])
    monkeypatch.setenv("EDITOR", "true")
    assert "was not changed" in typed.text("edit", cards[1], code=5)
    monkeypatch.setenv("EDITOR", str(tmp_path / "none"))
    assert "cannot be started" in typed.text("edit", cards[1], code=5)


def test_an_embedder_that_cannot_be_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "no index\nERROR: no such thing")

    monkeypatch.setattr("mainstay.cli.admin._run", fail)
    assert command_line.run(["setup", "embedder"]) == 9
    assert "no such thing" in capsys.readouterr().err


class _Terminal:
    def isatty(self) -> bool:
        return True


def test_the_time_from_the_first_look_to_the_decision_is_recorded(typed: Typed, cards: list[str]) -> None:
    typed.text("approvals", "show", cards[0])
    typed.text("reject", cards[0], "--reason", "no")
    typed.text("reject", cards[1])
    rejected = {row["approval"]: row for row in _approvals(typed)}
    assert rejected[cards[0]]["open_us"] > 0
    assert rejected[cards[1]]["open_us"] == 0


def test_cancel_ends_a_run(typed: Typed, desk: Desk, cards: list[str]) -> None:
    run = typed.value("approvals", "show", cards[0])["run"]
    assert "first it takes back what it did" in typed.text("cancel", run, "--reason", "by hand")
    assert typed.value("run", "show", run)["status"] == "compensating"
    assert desk.status_of(cards[0]) == "cancelled"


def test_edit_needs_a_text_and_only_one(typed: Typed, cards: list[str], tmp_path: Path) -> None:
    assert "Give --text or --file" in typed.text("edit", cards[0], code=5)
    file = tmp_path / "reply.txt"
    file.write_text("Hello,\n\nfrom a file.\n", "utf-8")
    assert "not both" in typed.text("edit", cards[0], "--text", "x", "--file", str(file), code=5)
    assert "There is no file" in typed.text("edit", cards[0], "--file", str(tmp_path / "none"), code=5)
    assert "cannot be read" in typed.text("edit", cards[0], "--file", str(tmp_path), code=5)
    assert "The new text is empty" in typed.text("edit", cards[0], "--text", "", code=5)
    latin = tmp_path / "latin.txt"
    latin.write_bytes("Grüße".encode("latin-1"))
    assert "is not UTF-8 text" in typed.text("edit", cards[0], "--file", str(latin), code=5)
    said = typed.text("edit", cards[0], "--file", str(file))
    assert "Approved as edited" in said
    assert "will be sent at the next `mainstay up`" in said


@pytest.mark.parametrize("digest", ["", " ", "abc", "not-hex", "12345g"])
@pytest.mark.parametrize("command", [("approve",), ("reject",), ("edit", "--text", "Hello")])
def test_a_digest_that_guards_nothing_is_refused(
    typed: Typed, desk: Desk, cards: list[str], command: tuple[str, ...], digest: str
) -> None:
    name, *more = command
    said = typed.text(name, cards[0], *more, "--digest", digest, code=5)
    assert "Nothing was decided" in said
    assert desk.status_of(cards[0]) == "waiting"


def test_the_beginning_of_the_digest_is_enough(typed: Typed, low_cards: list[str]) -> None:
    digest = str(typed.value("approvals", "show", low_cards[0])["digest"])
    other = "0000" if not digest.startswith("0000") else "1111"
    assert "You name digest" in typed.text("approve", low_cards[0], "--digest", other, code=5)
    assert "Approved" in typed.text("approve", low_cards[0], "--digest", digest[:8].upper())


def test_an_export_that_cannot_be_written(typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    assert "written to" in typed.text("audit", "export", "--to", str(file))
    before = file.read_bytes()
    assert "is there already" in typed.text("audit", "export", "--to", str(file), code=5)
    assert file.read_bytes() == before
    assert "There is no folder" in typed.text("audit", "export", "--to", str(tmp_path / "no" / "x"), code=5)
    assert "cannot be written" in typed.text("audit", "export", "--to", str(file / "x"), code=5)


def test_resolve_of_what_is_not_in_doubt(typed: Typed, cards: list[str]) -> None:
    run = typed.value("approvals", "show", cards[0])["run"]
    assert "not in doubt" in typed.text("resolve", run, "4", "happened", code=5)
    assert "is no answer" in typed.text("resolve", run, "4", "perhaps", code=5)


def test_doctor_finds_a_triaged_workspace_well(typed: Typed) -> None:
    found = typed.value("doctor")
    assert found["well"] is True
    parts = {one["part"]: one["level"] for one in found["findings"]}
    assert parts["ledger"] == parts["folder"] == parts["master key"] == parts["files"] == "ok"


def test_doctor_tells_and_mends(typed: Typed, desk: Desk) -> None:
    state = desk.root / ".mainstay"
    state.chmod(0o755)
    assert {one["part"]: one["level"] for one in typed.value("doctor")["findings"]}["folder"] == "warn"
    assert {one["part"]: one["level"] for one in typed.value("doctor", "--fix")["findings"]}[
        "folder"
    ] == "mended"
    assert state.stat().st_mode & 0o777 == 0o700
    (desk.root / "mainstay.toml").write_text("[workspace\n", "utf-8")
    said = typed.text("doctor", code=1)
    assert said == ""


def test_doctor_says_what_goes_wrong_in_silence(typed: Typed, desk: Desk) -> None:
    assert "All is well." in typed.text("doctor") or "a look (!)" in typed.text("doctor")
    settings = desk.root / "mainstay.toml"
    settings.write_text(
        settings.read_text("utf-8")
        + '\n[adapters.sales]\nuse = "email"\naddress = "sales@example.org"\n'
        + 'source = { mbox = "inbox.mbox" }\nsend = { maildir = "outbox" }\n',
        "utf-8",
    )
    said = typed.text("doctor")
    assert "No workflow listens to mailbox 'sales'" in " ".join(said.split())
    assert "All is well" not in said
    rule = '[[rule]]\nname = "r"\nwhen = { act = "email.rply" }\nthen = "deny"\nwhy = "w"\n'
    (desk.root / "policies" / "zz.toml").write_text(rule, "utf-8")
    assert typed_files(typed) == "fail"


def ailing(typed: Typed, desk: Desk) -> dict[str, str]:
    """What `doctor` finds failing, by part."""
    assert command_line.run(["doctor", "-w", str(desk.root), "--json"]) == 1
    found = json.loads(typed._capsys.readouterr().out)["findings"]
    return {one["part"]: one["detail"] for one in found if one["level"] == "fail"}


def test_doctor_finds_what_lies_where_a_folder_should_be(typed: Typed, desk: Desk) -> None:
    shutil.rmtree(desk.root / "outbox")
    typed.value("doctor")
    (desk.root / "outbox").touch()
    ((part, detail),) = ailing(typed, desk).items()
    assert part.startswith("adapter ")
    assert detail == f"Its delivery folder cannot be made: {desk.root / 'outbox'} is not a folder."


def test_doctor_finds_a_place_for_backups_that_cannot_be_made(typed: Typed, desk: Desk) -> None:
    settings = desk.root / "mainstay.toml"
    before = settings.read_text("utf-8")
    (desk.root / "taken").touch()
    for place, said in (
        ("taken", "taken is not a folder."),
        ("taken/in", "taken is not a folder."),
        ("gone/in", "gone is not there."),
    ):
        settings.write_text(f'{before}\n[backup]\nfolder = "{desk.root / place}"\n', "utf-8")
        detail = ailing(typed, desk)["backups"]
        assert detail == f"No backup can be made in {desk.root / place}: {desk.root}/{said}"
    settings.write_text(f'{before}\n[backup]\nfolder = "{desk.root / "kept"}"\n', "utf-8")
    typed.value("doctor")
    assert not (desk.root / "kept").exists()


def test_doctor_tells_a_mistake_in_the_settings_once(typed: Typed, desk: Desk) -> None:
    (desk.root / "mainstay.toml").write_text("[workspace\n", "utf-8")
    assert [*ailing(typed, desk)] == ["files"]
    assert command_line.run(["doctor", "-w", str(desk.root), "--json"]) == 1
    found = json.loads(typed._capsys.readouterr().out)["findings"]
    unseen = [one["part"] for one in found if one["detail"] == "not looked at: mainstay.toml cannot be read"]
    assert unseen == ["backups", "key", "accounts", "secrets", "agents", "models", "memory"]


def typed_files(typed: Typed) -> str:
    """What `doctor` thinks of the files."""
    assert command_line.run(["doctor", "-w", str(typed._root), "--json"]) == 1
    found = json.loads(typed._capsys.readouterr().out)["findings"]
    (files,) = [one for one in found if one["part"] == "files"]
    assert "did you mean 'email.reply'?" in files["detail"]
    return str(files["level"])


def test_a_card_from_outside_cannot_steer_the_terminal() -> None:
    hostile = "\x1b[2J\x1b]0;owned\x07[red]x[/red]\u202e"
    text = card_text(
        Card(
            approval="ab" * 8, status="waiting", run="cd" * 16, task=4, workflow="triage", act="email.reply",
            title=hostile, recipients=(hostile,), text=f"line\r{hostile}", attachments=(hostile,),
            risky=({"name": "recipient", "value": hostile, "source": hostile, "seen_before": False},),
            finality="final_low_stake", rule="r", reason=hostile, rationale=hostile,
            checks=({"check": "c", "severity": "look", "remark": hostile, "remedy": hostile},),
            price_micros=None, spent_micros=0, digest=Digest("ef" * 32), requested_at=Instant(0),
            expires_at=Instant(1), message={"from_address": hostile, "subject": hostile, "text": hostile},
        )
    )  # fmt: skip
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\r" not in text
    assert "[red]x[/red]" in text
    assert "Costs: unknown" in text


def test_words() -> None:
    assert (count(1, "run"), count(2_000, "run"), count(0, "reply", "replies")) == (
        "1 run",
        "2,000 runs",
        "0 replies",
    )
    assert [span(us) for us in (0, 119_000_000, 120_000_000, 172_799_000_000, 172_800_000_000)] == [
        "0s", "119s", "2m", "47h", "2d",
    ]  # fmt: skip
    assert sentences("One", "", "Two!", "three") == "One. Two! three"


def _approvals(typed: Typed) -> list[dict[str, int]]:
    from mainstay.workspace import Workspace

    with Workspace.open(typed._root) as opened:
        return opened.rows("approvals", where={"status": "rejected"})

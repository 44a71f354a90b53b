"""Workflows, templates and rules are edited: file and event as one, bound to what was shown, nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import pytest

from mainstay.kernel.errors import CommandRefused, ConfigError, FileChanged, NotFound, StorageFull
from mainstay.runtime.clock import SystemClock
from mainstay.workspace import Workspace, edited_files
from mainstay.workspace.desks import rule_desk_of
from mainstay.workspace.doors import LockDoor
from mainstay.workspace.editing import Editing
from mainstay.workspace.folder import Folder
from mainstay.workspace.known import KnownNow
from tests.cli.conftest import lay_out
from tests.security.web_house import WebHouse

Result = TypeVar("Result")
Do = Callable[[Callable[[Workspace], Result]], Result]

NEW_TEMPLATE = (
    "---\nintent: refund\n---\nHello {{ message.sender_name }},\n\nthank you.\n\n{{ operator.signature }}\n"
)


@pytest.fixture
def do(web: WebHouse) -> Iterator[Do[object]]:
    """The SDK beside a director at work; the files are put back afterwards, and are in force again."""
    kept = {path: path.read_bytes() for kind in _FOLDERS for path in (web.root / kind).iterdir()}

    def doing(what: Callable[[Workspace], object]) -> object:
        return web.ask(web.front.act(what))

    yield doing
    for kind in _FOLDERS:
        for path in (web.root / kind).iterdir():
            if path not in kept:
                path.unlink()
    for path, raw in kept.items():
        path.write_bytes(raw)
    doing(lambda workspace: (workspace.policies.apply(), workspace.editing.apply_workflows()))


_FOLDERS = ("workflows", "templates", "policies")


def edited(do: Do[object], kind: str, name: str, old: str, new: str, **how: str) -> object:
    def work(workspace: Workspace) -> object:
        shown = workspace.editing.read(kind, name)
        assert old in shown.text
        return workspace.editing.save(shown.file, shown.text.replace(old, new, 1), shown=shown.shown, **how)

    return do(work)


def test_a_workflow_that_is_saved_is_in_force_at_once_with_its_history(do: Do, web: WebHouse) -> None:
    before = web.service.held.director.workflows["triage"]
    device = web.rows("devices")[0]["device"] if web.rows("devices") else ""
    (web.root / "workflows" / "triage.yaml").chmod(0o640)

    saved = edited(do, "workflow", "triage", "version: 1", "version: 2", via=device)

    after = web.service.held.director.workflows["triage"]
    assert (before.version, after.version) == (1, 2)
    assert saved.changed == ("workflow triage, version 2, is in force",)
    file = web.root / "workflows" / "triage.yaml"
    assert "version: 2" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o640
    history = do(lambda workspace: workspace.editing.history.of_workflow("triage"))
    assert (history[0].what, history[0].version, history[0].in_force) == ("in force", 2, True)
    assert history[0].actor == "operator"
    marks = [one.text for one in history[:2]]
    texts = do(lambda workspace: [workspace.editing.history.text(one) for one in marks])
    assert "version: 2" in texts[0]
    assert "version: 1" in texts[1]
    assert not [one for one in history[1:] if one.in_force]
    # A run that starts now follows it, without a restart.
    states = {one.name: one for one in do(lambda workspace: workspace.workflows())[0]}
    assert next(one for one in states["triage"].versions if one.in_force).version == 2


def test_a_comment_changes_no_definition_and_is_in_the_history(do: Do, web: WebHouse) -> None:
    before = web.service.held.director.workflows["triage"]
    saved = edited(do, "workflow", "triage", "name: triage", "# one more word\nname: triage")
    assert (saved.changed, web.service.held.director.workflows["triage"]) == ((), before)
    entry = do(lambda workspace: workspace.editing.history.of_workflow("triage"))[0]
    assert (entry.what, entry.actor) == ("saved", "operator")


def test_a_template_is_adopted_and_what_waits_is_judged_again(do: Do, web: WebHouse) -> None:
    preview = do(lambda workspace: workspace.editing.preview("templates/refund.md", NEW_TEMPLATE))
    assert not preview.verdict.errors
    assert preview.before != preview.after
    assert preview.judged == len(made_from(web, "refund"))
    edited(do, "template", "refund", "You do not have to do anything", "You need not do anything")
    digest = web.service.held.director.templates["refund"]
    entries = do(lambda workspace: workspace.editing.history.of_template("refund"))
    assert (entries[0].digest, entries[0].in_force) == (digest, True)


def made_from(web: WebHouse, template: str) -> list[object]:
    runs = web.call(lambda: list(web.service.held.director.runs.values()))
    return [
        one
        for one in runs
        if any(
            task.act and task.act.action.features.get("template") == template
            for _, task in one.state.all_tasks()
        )
        and any(task.phase.name in ("APPROVAL", "HELD") for _, task in one.state.all_tasks())
    ]


def test_rules_that_are_saved_judge_at_once_and_a_preview_says_which_cards(do: Do, web: WebHouse) -> None:
    deny = (
        '\n[[rule]]\nname = "closed"\nwhen = { act = "email.reply" }\nthen = "deny"\nwhy = "we are closed"\n'
    )
    shown = do(lambda workspace: workspace.editing.read("policy", "default"))
    preview = do(lambda workspace: workspace.editing.preview(shown.file, shown.text + deny))
    waiting = len(web.rows("approvals", status="waiting"))
    # The house is shared: another test may have left a card of an act that this rule says nothing of.
    asked = {
        one["approval"] for one in web.rows("approvals", status="waiting") if one["act"] == "email.reply"
    }
    assert preview.rules is not None
    assert asked
    assert {one.approval for one in preview.rules.cards} == asked
    assert {one.new.rule for one in preview.rules.cards} == {"closed"}
    assert len(web.rows("approvals", status="waiting")) == waiting  # nothing was decided by looking
    quiet = shown.text + "# a word\n"
    saved = do(lambda workspace: workspace.editing.save(shown.file, quiet, shown=shown.shown))
    assert saved.changed == ("the rules are in force",)
    entries = do(lambda workspace: workspace.editing.history.of_policy(workspace.editing.listed("policy")[0]))
    assert entries[0].in_force
    assert entries[0].actor == "operator"


def test_two_who_save_at_once_one_is_refused(do: Do, web: WebHouse) -> None:
    shown = do(lambda workspace: workspace.editing.read("template", "refund"))
    do(lambda workspace: workspace.editing.save(shown.file, shown.text + "One.\n", shown=shown.shown))
    head = web.head
    with pytest.raises(FileChanged, match="was changed meanwhile"):
        do(lambda workspace: workspace.editing.save(shown.file, shown.text + "Two.\n", shown=shown.shown))
    assert (web.root / shown.file).read_text().endswith("One.\n")
    assert web.head == head


@pytest.mark.parametrize(
    ("file", "text", "line"),
    [
        ("templates/refund.md", "Hello {{ nobody }}", 1),
        ("templates/refund.md", "", 1),
        ("templates/refund.md", "Hello\u202e you", 1),
        ("templates/refund.md", "Hello\x00 you", 1),
        ("templates/refund.md", "x" * 300_000, None),
        ("workflows/triage.yaml", "name: triage\nversion: 1\ntasks: {a: &a {b: *a}}", 3),
        ("workflows/triage.yaml", "name: triage\n\tversion: 1\n", 2),
        ("workflows/triage.yaml", "name: triage\nversion: 1\nfoo: 1\ntasks: {}\n", 3),
        ("policies/default.toml", '[[rule]]\nname = "x"\nwhen = { act = "email.repl" }\nthen = "ask"\n', 3),
        ("policies/default.toml", "x = [" * 5_000, 1),
    ],
)
def test_a_mistake_is_told_with_its_line_and_nothing_is_written(
    do: Do, web: WebHouse, file: str, text: str, line: int | None
) -> None:
    before, head = (web.root / file).read_bytes(), web.head
    verdict = do(lambda workspace: workspace.editing.check(file, text))
    assert verdict.errors
    assert verdict.errors[0].file == file
    assert line is None or verdict.errors[0].line == line
    shown = do(lambda workspace: workspace.editing.read(*_kind_and_name(file))).shown
    with pytest.raises(ConfigError):
        do(lambda workspace: workspace.editing.save(file, text, shown=shown))
    assert ((web.root / file).read_bytes(), web.head) == (before, head)


def _kind_and_name(file: str) -> tuple[str, str]:
    folder, _, leaf = file.partition("/")
    kind = {"workflows": "workflow", "templates": "template", "policies": "policy"}[folder]
    return kind, leaf.rpartition(".")[0]


def test_a_mistake_in_another_file_keeps_nobody_from_mending_this_one(do: Do, web: WebHouse) -> None:
    (web.root / "templates" / "invoice.md").write_text("Hello {{ nobody }}")
    saved = edited(do, "template", "refund", "thank you for writing", "thanks for writing")
    assert saved.changed == ("template refund is in force",)
    (web.root / "policies" / "zz.toml").write_text("[[rule]\n")
    waits = edited(do, "policy", "default", "# Ordered rules", "# Rules in order")
    assert waits.changed == ()
    assert any("zz.toml" in one for one in waits.waits_for)


def test_line_ends_and_the_mark_at_the_beginning_stay(do: Do, web: WebHouse) -> None:
    file = web.root / "templates" / "refund.md"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    edited(do, "template", "refund", "thank you for writing", "thanks for writing")
    raw = file.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    assert raw.count(b"\r\n") == raw.count(b"\n") > 3


def test_a_template_that_is_removed_is_recorded_and_a_new_one_may_take_its_name(
    do: Do, web: WebHouse
) -> None:
    fresh = do(lambda workspace: workspace.editing.blank("template", "short-lived"))
    do(lambda workspace: workspace.editing.save(fresh.file, "Hello.\n", shown=fresh.shown))
    assert "short-lived" in web.service.held.director.templates
    shown = do(lambda workspace: workspace.editing.read("template", "short-lived"))
    do(lambda workspace: workspace.editing.remove(shown.file, shown=shown.shown))
    assert "short-lived" not in web.service.held.director.templates
    assert not (web.root / fresh.file).exists()
    assert not web.rows("templates", name="short-lived")
    entries = do(lambda workspace: workspace.editing.history.of_template("short-lived"))
    assert [one.what for one in entries] == ["retired", "in force"]
    assert not any(one.in_force for one in entries)


def test_a_template_that_an_intent_names_is_not_removed(do: Do, web: WebHouse) -> None:
    intents = web.root / "intents.toml"
    kept = intents.read_text()
    try:
        intents.write_text(
            kept + '\n[[intent]]\nid = "x"\nname = "X"\ndescription = "x"\ntemplate = "refund"\n'
        )
        shown = do(lambda workspace: workspace.editing.read("template", "refund"))
        with pytest.raises(ConfigError):
            do(lambda workspace: workspace.editing.remove(shown.file, shown=shown.shown))
        assert (web.root / shown.file).exists()
    finally:
        intents.write_text(kept)


def test_workflows_of_the_folder_are_applied_at_once_or_not_at_all(do: Do, web: WebHouse) -> None:
    one = web.root / "workflows" / "spare.yaml"
    one.write_text(
        (web.root / "workflows" / "triage.yaml").read_text().replace("name: triage", "name: spare")
    )
    shown = do(lambda workspace: workspace.flows.in_files())
    text = one.read_text()
    one.write_text(text.replace("version: ", "version: 9"))
    with pytest.raises(FileChanged, match="put spare in force now"):
        do(lambda workspace: workspace.editing.apply_workflows(looked_at=shown))
    with pytest.raises(FileChanged, match="put spare in force now"):  # written after the first look
        web.ask(web.front.operate("apply_workflows", {"actor": "operator", "looked_at": shown}))
    assert "spare" not in web.service.held.director.workflows
    one.write_text(text)
    done = do(lambda workspace: workspace.editing.apply_workflows(looked_at=shown))
    assert (done["registered"], done["retired"]) == (["spare"], [])
    one.write_text("name: spare\n")
    with pytest.raises(ConfigError):
        do(lambda workspace: workspace.editing.apply_workflows())
    assert "spare" in web.service.held.director.workflows
    one.unlink()
    assert do(lambda workspace: workspace.editing.apply_workflows())["retired"] == ["spare"]


@pytest.mark.parametrize(
    "file",
    [
        *(
            "mainstay.toml",
            "templates/../mainstay.toml",
            "/etc/passwd",
            "templates//etc/passwd",
            "templates/.x.md",
        ),
        *(
            "templates/a/b.md",
            "templates/..md",
            "policies/x.md",
            "templates/\u0440efund.md",
            "templates/refund.md\x00",
        ),
        *(
            "templates/refund.md/",
            "TEMPLATES/refund.md",
            "templates\\refund.md",
            "",
            "templates/",
            "templates/.md",
        ),
    ],
)
def test_no_name_leads_anywhere_else(do: Do, web: WebHouse, file: str) -> None:
    with pytest.raises((NotFound, CommandRefused)):
        do(lambda workspace: workspace.editing.save(file, "Hello.\n", shown=""))
    with pytest.raises((NotFound, CommandRefused)):
        do(lambda workspace: workspace.editing.remove(file, shown=""))


def test_no_link_is_followed(do: Do, web: WebHouse, tmp_path: Path) -> None:
    outside = tmp_path / "outside.md"
    outside.write_text("Hello.\n")
    link = web.root / "templates" / "linked.md"
    link.symlink_to(outside)
    with pytest.raises(CommandRefused, match="cannot be read"):
        do(lambda workspace: workspace.editing.read("template", "linked"))
    with pytest.raises(CommandRefused):
        do(lambda workspace: workspace.editing.save("templates/linked.md", "Bye.\n", shown=""))
    assert outside.read_text() == "Hello.\n"


def test_an_agent_edits_nothing(do: Do, web: WebHouse) -> None:
    with pytest.raises(CommandRefused, match="person"):
        edited(do, "template", "refund", "thank you", "thanks", actor="agent:token:helper")
    assert "thank you for writing" in (web.root / "templates" / "refund.md").read_text()


def test_what_was_written_before_the_machine_stopped_is_taken_at_the_next_start(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is written first: between that and its event the machine may stop."""
    monkeypatch.setenv("MAINSTAY_KEY_HOME", str(short_path / "keys"))
    root = short_path / "desk"
    lay_out(root, messages=1)

    def started() -> dict[str, list[str]]:
        with LockDoor(Folder(root), SystemClock()):
            pass
        with Workspace.open(root) as opened:
            rows = opened.rows("adoptions", order="position", limit=100)
        found: dict[str, list[str]] = {}
        for row in rows:
            found.setdefault(f"{row['kind']} {row['name']}".strip(), []).append(str(row["digest"]))
        return found

    (root / "templates" / "spare.md").write_text("Hello.\n")
    first = started()
    for file, old, new in (
        ("workflows/triage.yaml", "version: 1", "version: 2"),
        ("templates/refund.md", "thank you", "thanks"),
        ("policies/default.toml", "fewer than", "less than"),
    ):
        path = root / file
        path.write_text(path.read_text().replace(old, new, 1))
    (root / "templates" / "spare.md").unlink()
    second = started()
    assert [len(second[one]) for one in ("workflow triage", "template refund", "policy")] == [2, 2, 2]
    assert second["template spare"] == [*first["template spare"], ""]
    assert started() == second


def test_a_disk_that_is_full_is_told_with_what_stands_where(web: WebHouse, tmp_path: Path) -> None:
    """The file is written, and the ledger has no space for its event."""
    (tmp_path / "templates").mkdir()

    class Full:
        live = True

        def ask(self, operation: str, arguments: dict[str, str]) -> dict[str, str]:
            if operation == "save_file":
                (tmp_path / arguments["file"]).write_text(arguments["content"])
            raise StorageFull("The disk is full.")

    def nothing() -> Any:
        raise AssertionError("nothing is looked up")

    desk = Editing(
        tmp_path,
        lambda: nullcontext(Full()),
        nothing,
        nothing,
        lambda: True,
        KnownNow(tmp_path),  # type: ignore[arg-type]
    )
    with pytest.raises(StorageFull, match="is written, and the ledger has no space for it yet"):
        desk.save("templates/a.md", "Hello.\n", shown="")
    with pytest.raises(StorageFull, match="The disk is full"):
        desk.remove("templates/a.md", shown=desk.read("template", "a").shown)


def test_files_that_are_saved_at_the_same_moment_all_come_into_force(do: Do, web: WebHouse) -> None:
    """Two files of rules and two templates: the director is offered one policy at a time, and forgets no template."""
    rule = '[[rule]]\nname = "{0}"\nwhen = {{ act = "email.*", hour = 23 }}\nthen = "ask"\nwhy = "{0}"\n'
    texts = {f"policies/{name}.toml": rule.format(name) for name in ("one", "two")}
    texts |= {f"templates/{name}.md": f"Hello from {name}.\n" for name in ("one", "two")}

    async def all_at_once() -> None:
        asked = {"shown": "", "actor": "operator"}
        saving = [{"file": file, "content": text} | asked for file, text in texts.items()]
        await asyncio.gather(*(web.front.operate("save_file", one) for one in saving))

    web.ask(all_at_once())
    director, assembly = web.service.held.director, web.service.held.assembly
    assert director.policy.digest == director.house.policy == assembly.written.policy.digest
    assert {"one", "two"} <= {rule.name for rule in director.policy.rules}
    assert {"one", "two"} <= director.templates.keys() & assembly.written.templates.keys()


def test_whoever_asks_waits_for_whoever_writes(web: WebHouse) -> None:
    """What a program asks under a name of its own goes by another desk, and there is one policy at a time."""
    held, ask = web.service.held, web.service.loop.ask
    locks = {id(rule_desk_of(held, ask).files.one_at_a_time) for _ in range(3)}
    assert locks == {id(web.service.desks.rules.files.one_at_a_time)}


def test_what_an_editor_writes_in_the_very_moment_of_saving_is_not_lost(
    do: Do, web: WebHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the look at the file until it is replaced there is time to write the new one: somebody may use it."""
    file, writes = web.root / "templates" / "refund.md", edited_files._write
    if not file.exists():
        file = next((web.root / "templates").glob("*.md"))

    def slowly(folder: int, work: str, content: bytes, **how: Any) -> None:
        writes(folder, work, content, **how)
        file.write_text("written by an editor meanwhile\n")

    monkeypatch.setattr(edited_files, "_write", slowly)
    with pytest.raises(FileChanged):
        edited(do, "template", file.stem, "\n", "\n\n")
    assert file.read_text() == "written by an editor meanwhile\n"

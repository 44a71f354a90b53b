"""The workspace folder as a whole, and the one that a new user gets."""

import asyncio
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from mainstay.adapters.email.contract import contract
from mainstay.agents.base import INSPECTION, Brief, IntentView, MessageView, Proposed, Reply, schema_of
from mainstay.agents.executor import Proposer
from mainstay.agents.inspector import ReplyInspector
from mainstay.agents.specialists.intent import IntentSpecialist
from mainstay.agents.specialists.writer import ReplyWriter
from mainstay.agents.tools import NoTools
from mainstay.config.files import load_rules, load_settings, load_workspace_files
from mainstay.config.policies import FIELDS
from mainstay.config.scaffold import scaffold
from mainstay.data import sample_path
from mainstay.kernel.contract import Repeatability, Schema
from mainstay.kernel.errors import (
    ConfigError,
    PolicyError,
    TemplateError,
    WorkflowError,
    WorkspaceUnsafe,
)
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Role
from mainstay.kernel.values import Instant
from mainstay.workflows.catalog import MESSAGE_RECEIVED, AgentSignature, Catalog


def write(folder: Path, **texts: str) -> None:
    """`policies__a_toml="..."` is the file policies/a.toml."""
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_an_empty_folder_has_defaults(tmp_path: Path) -> None:
    found = load_workspace_files(tmp_path)
    assert found.workflows == {}
    assert found.policy.rules == ()
    assert found.settings == load_settings(tmp_path)


def test_the_sample_workspace_is_whole() -> None:
    found = load_workspace_files(Path(str(sample_path("workspace"))))
    assert set(found.workflows) == {"triage"}
    assert {intent.template for intent in found.intents if intent.template} == set(found.templates)
    assert found.policy.rules


def test_a_new_workspace_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "desk"
    written = scaffold(folder, "my-desk")
    found = load_workspace_files(folder)
    assert found.settings.workspace.name == "my-desk"
    assert {intent.template for intent in found.intents if intent.template} == set(found.templates)
    assert [rule.why for rule in found.policy.rules if "allows it" in rule.why] == []
    assert set(written) == {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    }
    assert ".mainstay/" in (folder / ".gitignore").read_text(encoding="utf-8").split("\n")


def test_a_new_workspace_triages_like_the_sample(tmp_path: Path) -> None:
    scaffold(tmp_path, "desk")
    mine = load_workspace_files(tmp_path).workflows["triage"].workflow
    sample = load_workspace_files(Path(str(sample_path("workspace")))).workflows["triage"].workflow
    assert [task.name for task in mine.tasks] == [task.name for task in sample.tasks]
    assert (mine.on, mine.key, mine.supersede) == (sample.on, sample.key, sample.supersede)
    for one, other in zip(mine.tasks, sample.tasks, strict=True):
        # A new workspace tells policy more about a message; all else is the same.
        assert replace(one, inputs=()) == replace(other, inputs=())
        assert set(other.inputs) <= set(one.inputs)


def test_both_shipped_workflows_fit_the_shipped_agents_and_the_mail_adapter(tmp_path: Path) -> None:
    signatures = {
        "intent": AgentSignature(Role.SPECIALIST, schema_of(IntentSpecialist.input), schema_of(IntentView)),
        "reply-writer": AgentSignature(
            Role.EXECUTOR, schema_of(ReplyWriter.input), schema_of(ReplyWriter.output)
        ),
        "reply-checks": AgentSignature(Role.INSPECTOR, schema_of(ReplyInspector.input), INSPECTION),
        "proposer": AgentSignature(Role.EXECUTOR, schema_of(Proposer.input), Schema()),
    }
    acts = {f"email.{one.name}": one for one in contract(Repeatability.FINDABLE).operations}
    recalls = frozenset({"past-threads", "approved-replies"})
    catalog = Catalog(signatures, acts, {"message.received/1": MESSAGE_RECEIVED}, recalls)
    scaffold(tmp_path, "desk")
    load_workspace_files(tmp_path, catalog)
    load_workspace_files(Path(str(sample_path("workspace"))), catalog)


def test_a_rule_can_look_at_all_that_the_proposer_tells() -> None:
    message = MessageView(message_id="<1@example.org>", thread="t", mailbox="m", from_address="a@example.org")
    inputs = {
        "message": message,
        "reply": Reply(text="x", template="t"),
        "intent": "i",
        "confidence": 0.5,
    }
    brief = Brief(RunId("r"), "send", 1, Role.EXECUTOR, inputs, Instant(0), act="email.reply")
    outcome = asyncio.run(Proposer().work(brief, NoTools()))
    assert isinstance(outcome, Proposed)
    told = set(outcome.features)
    assert len(told) >= 10
    assert told <= set(FIELDS) | {"template_digest"}  # a rule asks for `template_changed` instead


def test_what_is_commented_out_in_a_new_workspace_is_right_too(tmp_path: Path) -> None:
    # Somebody will take the # away and expect it to work.
    text = files("mainstay.data").joinpath("workspace", "mainstay.toml").read_text(encoding="utf-8")
    parts = text.split("# [adapters.support]\n")
    assert len(parts) == 3
    for account in parts[1:]:
        lines = account.split("\n\n")[0].split("\n#\n")[0].split("\n")
        (tmp_path / "mainstay.toml").write_text(
            "[adapters.support]\n" + "\n".join(line.removeprefix("# ") for line in lines), encoding="utf-8"
        )
        assert load_settings(tmp_path).adapters["support"].use == "email"
    model = text.split("# [models.default]\n")[1].split("\n\n")[0]
    lines = [line.removeprefix("# ") for line in model.split("\n")]
    (tmp_path / "mainstay.toml").write_text("[models.default]\n" + "\n".join(lines), encoding="utf-8")
    assert load_settings(tmp_path).models["default"].allowed_data == ("public", "customer")


def test_nothing_that_exists_is_overwritten(tmp_path: Path) -> None:
    scaffold(tmp_path, "desk")
    (tmp_path / "mainstay.toml").write_text("# mine\n", encoding="utf-8")
    (tmp_path / "templates" / "refund.md").unlink()
    assert scaffold(tmp_path, "other") == ("templates/refund.md",)
    assert (tmp_path / "mainstay.toml").read_text(encoding="utf-8") == "# mine\n"


def test_shipped_templates_do_not_come_between_own_intents(tmp_path: Path) -> None:
    write(
        tmp_path,
        intents_toml='[[intent]]\nid = "own"\nname = "Own"\ndescription = "mine"\nreply_expected = false\n',
    )
    assert not any(place.startswith("templates/") for place in scaffold(tmp_path, "desk"))
    load_workspace_files(tmp_path)


def test_a_name_that_is_none_and_a_folder_that_is_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be the name"):
        scaffold(tmp_path, 'x"\n[evil]')
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(WorkspaceUnsafe, match="cannot be written to"):
        scaffold(tmp_path / "file", "desk")


def test_every_mistake_in_the_folder_is_told_at_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        mainstay_toml="[workspace]\nnam = 1\n",
        policies__a_toml="[[rule]]\nname = 'x'\n",
        templates__a_md="{{ nobody }}",
        templates__b_md="fine\n{% no %}",
        workflows__a_yaml="name: a\nversion: 1\ntasks: { t: { act: x } }",
        workflows__b_yaml="name: b\nname: b",
        forbidden___ignored="",
    )
    with pytest.raises(ConfigError) as caught:
        load_workspace_files(tmp_path)
    found = [(type(one), one.file, one.line) for one in (caught.value, *caught.value.also)]
    assert found == [
        (ConfigError, "mainstay.toml", 2),
        (PolicyError, "policies/a.toml", 1),
        (TemplateError, "templates/a.md", 1),
        (TemplateError, "templates/b.md", 2),
        (WorkflowError, "workflows/a.yaml", 3),
        (WorkflowError, "workflows/b.yaml", 2),
    ]
    assert len(caught.value.as_dict()["fields"]["also"]) == 5


def test_two_workflows_of_one_name(tmp_path: Path) -> None:
    text = "name: a\nversion: 1\ntasks: { t: { act: x.y } }"
    write(tmp_path, workflows__a_yaml=text, workflows__b_yaml=text)
    with pytest.raises(
        WorkflowError, match=r"workflows/b\.yaml:1: name: workflows/a\.yaml is a workflow called 'a'"
    ):
        load_workspace_files(tmp_path)


def test_a_catalog_types_every_workflow(tmp_path: Path) -> None:
    write(tmp_path, workflows__a_yaml="name: a\nversion: 1\ntasks: { t: { act: x.y } }")
    load_workspace_files(tmp_path)
    with pytest.raises(WorkflowError, match=r"workflows/a\.yaml:3: tasks\.t\.act: there is no act 'x\.y'"):
        load_workspace_files(tmp_path, Catalog())


def test_references_across_files(tmp_path: Path) -> None:
    write(
        tmp_path,
        intents_toml='[[intent]]\nid = "a"\ndescription = "d"\nreply_expected = true\ntemplate = "ab"\n',
        templates__abc_md="---\nsubject: x\nintent: b\n---\nHello",
    )
    with pytest.raises(ConfigError, match=r"intents\.toml:5: .*no templates/ab\.md. did you mean 'abc'"):
        load_workspace_files(tmp_path)
    write(
        tmp_path,
        intents_toml='[[intent]]\nid = "a"\ndescription = "d"\nreply_expected = true\ntemplate = "abc"\n',
    )
    with pytest.raises(TemplateError, match=r"templates/abc\.md:3: intent: there is no intent 'b'"):
        load_workspace_files(tmp_path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "policies" / "a.toml").mkdir(parents=True)
    with pytest.raises(PolicyError, match=r"policies/a\.toml: this is not a file"):
        load_rules(tmp_path)
    (tmp_path / "mainstay.toml").mkdir()
    with pytest.raises(ConfigError, match=r"mainstay\.toml: this is not a file"):
        load_settings(tmp_path)
    write(tmp_path, workflows__a_yml="name: a")
    with pytest.raises(ConfigError) as caught:
        load_workspace_files(tmp_path)
    assert any("call it a.yaml" in str(one) for one in caught.value.also)


def test_hidden_and_other_files_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, policies__a_toml="", templates__a_txt="{{ x }}")
    (tmp_path / "policies" / ".a.toml.swp").write_text("{", encoding="utf-8")
    (tmp_path / "templates" / ".hidden.md").write_text("{{ x }}", encoding="utf-8")
    assert load_workspace_files(tmp_path).templates == {}

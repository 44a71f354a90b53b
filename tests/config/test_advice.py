"""What the files allow and nobody means: told, never refused."""

from pathlib import Path

import pytest

from mainstay.config.advice import advice, idle_rules, listens, unheard_mailboxes, unsigned_templates
from mainstay.config.files import WorkspaceFiles, load_workspace_files
from mainstay.data import sample_path
from mainstay.kernel.errors import PolicyError

ACTS = ("email.reply", "email.label", "email.unlabel")
SETTINGS = """
[operator]
name = "{name}"
[adapters.sales]
use = "email"
address = "help@example.org"
source = {{ mbox = "inbox.mbox" }}
send = {{ maildir = "outbox" }}
"""
WORKFLOW = """
name: triage
version: 1
on: {{ event: message.received/1{where} }}
tasks:
  annotate: {{ role: specialist, agent: intent, in: {{ message: "${{trigger.message}}" }} }}
"""
RULE = '[[rule]]\nname = "r"\nwhen = {{ act = "{act}" }}\nthen = "deny"\nwhy = "w"\n'


def files(
    folder: Path,
    *,
    where: str = "",
    name: str = "",
    template: str = "",
    act: str = "",
    acts: tuple[str, ...] = ACTS,
) -> WorkspaceFiles:
    for one in ("workflows", "templates", "policies"):
        (folder / one).mkdir(exist_ok=True)
    (folder / "mainstay.toml").write_text(SETTINGS.format(name=name), "utf-8")
    where = f", where: {where}" if where else ""
    (folder / "workflows" / "triage.yaml").write_text(WORKFLOW.format(where=where), "utf-8")
    if template:
        (folder / "templates" / "one.md").write_text(template, "utf-8")
    if act:
        (folder / "policies" / "one.toml").write_text(RULE.format(act=act), "utf-8")
    return load_workspace_files(folder, acts=acts)


@pytest.mark.parametrize(
    ("where", "heard"),
    [
        ("", True),
        ("{ field: message.mailbox, is: sales }", True),
        ("{ field: message.mailbox, is: support }", False),
        ("{ field: message.mailbox, is_not: sales }", False),
        ("{ field: message.mailbox, in: [support, sales] }", True),
        ("{ field: message.mailbox, in: [support] }", False),
        ("{ field: message.mailbox, not_in: [sales] }", False),
        ("{ field: message.thread, is: x }", True),
        ("{ not: { field: message.mailbox, is: sales } }", False),
        ("{ not: { field: message.mailbox, is: support } }", True),
        ("{ and: [{ field: message.mailbox, is: support }, { field: message.thread, is: x }] }", False),
        ("{ or: [{ field: message.mailbox, is: support }, { field: message.thread, is: x }] }", True),
    ],
)
def test_whether_a_workflow_may_begin_with_mail_of_a_mailbox(tmp_path: Path, where: str, heard: bool) -> None:
    read = files(tmp_path, where=where)
    assert listens(read, "sales") is heard
    assert unheard_mailboxes(read) == ({} if heard else {"sales": "sales"})


def test_a_mailbox_that_nobody_hears_is_told_with_what_to_do(tmp_path: Path) -> None:
    (told,) = advice(files(tmp_path, where="{ field: message.mailbox, is: support }"), ACTS)
    assert "No workflow listens to mailbox 'sales'" in told.detail
    assert "is: sales" in told.remedy


@pytest.mark.parametrize(
    ("name", "template", "unsigned"),
    [
        ("", "Hello,\n\n{{ operator.signature }}\n", ["one"]),
        ("", "Hello,\n\n{{ operator.name }}\n", ["one"]),
        ("", "Hello,\n\nthe team\n", []),
        ("Sam", "Hello,\n\n{{ operator.signature }}\n", []),
    ],
)
def test_templates_that_sign_with_nothing(
    tmp_path: Path, name: str, template: str, unsigned: list[str]
) -> None:
    read = files(tmp_path, name=name, template=template)
    assert unsigned_templates(read) == unsigned
    assert [one.part for one in advice(read, ACTS)] == (["signature"] if unsigned else [])


def test_a_rule_about_no_act_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as raised:
        files(tmp_path, act="email.rply")
    assert (raised.value.file, raised.value.line) == ("policies/one.toml", 3)
    assert "there is no act 'email.rply'" in raised.value.what
    assert "did you mean 'email.reply'?" in raised.value.remedy


@pytest.mark.parametrize("act", ["*", "email.*", "email.re*", "email.reply", "agent.writer", "agent.*"])
def test_a_rule_about_what_there_is(tmp_path: Path, act: str) -> None:
    assert idle_rules(files(tmp_path, act=act), ACTS) == []


def test_a_star_that_matches_nothing_is_told(tmp_path: Path) -> None:
    read = files(tmp_path, act="emial.*")
    assert idle_rules(read, ACTS) == [("r", "emial.*")]
    (told,) = advice(read, ACTS)
    assert "did you mean 'email.*'?" in told.remedy


@pytest.mark.parametrize(("agent", "told"), [("intent", []), ("intend", ["did you mean 'intent'?"])])
def test_a_throttle_of_an_agent_that_nobody_asks_is_told(tmp_path: Path, agent: str, told: list[str]) -> None:
    files(tmp_path, name="Ada")
    with (tmp_path / "mainstay.toml").open("a", encoding="utf-8") as file:
        file.write(f'[throttles]\n"agent.{agent}" = "5/minute"\n')
    read = load_workspace_files(tmp_path)
    assert [one.remedy for one in advice(read, ACTS) if one.part == "throttles"] == told


def test_the_sample_needs_no_advice() -> None:
    read = load_workspace_files(Path(str(sample_path("workspace"))), acts=ACTS)
    assert list(advice(read, ACTS)) == []

"""docs/workspace.md: every snippet loads, every key, default, field and operator is what the loaders take."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mainstay.agents.flags import FLAGS, GATING
from mainstay.agents.template import PLACEHOLDERS
from mainstay.config import policies
from mainstay.config.accounts import SOURCES
from mainstay.config.intents import read_approved_replies, read_forbidden_words, read_intents
from mainstay.config.limits import BURST
from mainstay.config.policies import FIELDS, read_policy
from mainstay.config.recall import read_recalls
from mainstay.config.settings import Settings, read_settings
from mainstay.config.templates import read_templates
from mainstay.kernel.contract import Field, FieldType, Finality, Schema
from mainstay.kernel.door import APPROVAL_LIFE_US
from mainstay.kernel.errors import ConfigError
from mainstay.kernel.plan import Missed, Role, Workflow
from mainstay.kernel.policy import Decision, Policy, Rule, evaluate
from mainstay.kernel.predicates import Operator
from mainstay.kernel.values import DAY
from mainstay.ledger.head_mark import mark_path
from mainstay.runtime.clock import SystemClock
from mainstay.runtime.schedules import RUNS_MAX
from mainstay.testing.plans import action, rule
from mainstay.workflows.catalog import MESSAGE_RECEIVED, SCHEDULE_DUE, AgentSignature, Catalog
from mainstay.workflows.document import Path as KeyPath
from mainstay.workflows.document import Section
from mainstay.workflows.loader import TOP_KEYS, read_workflow
from mainstay.workflows.tasks import ACT_KEYS, TASK_KEYS, THINK_KEYS, UNDO_KEYS
from mainstay.workflows.typing import check
from mainstay.workspace.folder import STATE, Folder
from mainstay.workspace.full_audit import MARK
from mainstay.workspace.held import Held
from mainstay.workspace.signing_places import FRONTIER
from tests.docs.desk import lay_out
from tests.docs.pages import Snippet, all_snippets, bare, rows, snippets, text_of
from tests.repository.tree import ROOT

PAGE = "workspace.md"
# What the page calls an agent of the reader's own.
OWN_AGENT = AgentSignature(Role.SPECIALIST, Schema((Field("due", FieldType.STRING),)), Schema())

# --- snippets ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    folder = tmp_path_factory.mktemp("catalog")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAINSTAY_KEY_HOME", str(folder / "keys"))
        held = Held(lay_out(folder / "desk"), SystemClock())
        try:
            yield replace(
                held.assembly.catalog, agents={**held.assembly.catalog.agents, "weekly-report": OWN_AGENT}
            )
        finally:
            held.close()


@pytest.mark.parametrize("snippet", [*snippets(PAGE, "yaml"), *snippets("approvals.md", "yaml")], ids=str)
def test_a_workflow_loads_and_fits_what_the_sample_has(snippet: Snippet, catalog: Catalog) -> None:
    one = read_workflow(snippet.text.encode(), snippet.file)
    check(one.workflow, catalog, one.document)


@pytest.mark.parametrize("snippet", all_snippets("toml"), ids=str)
def test_a_toml_file_loads(snippet: Snippet, tmp_path: Path) -> None:
    raw = snippet.text.encode()
    match snippet.file.split("/"):
        case ["mainstay.toml"]:
            read_settings(raw, tmp_path)
        case ["policies", name]:
            own = read_recalls([(name, raw)]).policies.keys() - read_recalls(()).policies.keys()
            assert read_policy([(name, raw)]).rules or own
        case ["intents.toml"]:
            assert read_intents(raw, snippet.file)
        case other:
            pytest.fail(f"{snippet}: nobody reads {other}")


def test_the_other_files_load() -> None:
    (template,) = snippets(PAGE, "markdown")
    assert set(read_templates([(template.file, template.text.encode())])["how-to"].placeholders) == set(
        PLACEHOLDERS
    )
    (replies,) = snippets(PAGE, "json")
    assert read_approved_replies(replies.text.encode(), replies.file)
    (words,) = snippets(PAGE, "text")
    assert read_forbidden_words(words.text.encode(), words.file) == ("calm down", "guaranteed")


# --- mainstay.toml -----------------------------------------------------------------------------------------------

HEADINGS: dict[KeyPath, str] = {
    ("workspace",): "### `[workspace]`",
    ("operator",): "### `[operator]`",
    ("adapters", "NAME"): "### `[adapters.NAME]`",
    ("adapters", "NAME", "imap"): "### `imap`",
    ("adapters", "NAME", "send"): "### `send`",
    ("models", "NAME"): "### `[models.NAME]`",
    ("agents", "NAME"): "### `[agents.NAME]`",
    ("budgets",): "### `[budgets]`",
    ("throttles",): "### `[throttles]`",
    ("recovery",): "### `[recovery]`",
    ("lessons",): "### `[lessons]`",
    ("triage",): "### `[triage]`",
    ("approvals",): "### `[approvals]`",
    ("autonomy",): "### `[autonomy]`",
    ("console",): "### `[console]`",
    ("notify",): "### `[notify]`",
    ("logs",): "### `[logs]`",
    ("slo", "NAME"): "### `[slo.NAME]`",
    ("slo", "NAME", "proposal"): "### `proposal` and `effect`",
    ("slo", "NAME", "effect"): "### `proposal` and `effect`",
    ("telemetry",): "### `[telemetry]`",
    ("backup",): "### `[backup]`",
    ("audit",): "### `[audit]`",
    ("memory",): "### `[memory]`",
}
# One table each, with what is required.
BASE: dict[KeyPath, str] = {
    ("workspace",): "[workspace]",
    ("operator",): "[operator]",
    ("adapters", "NAME"): '[adapters.support]\nuse = "email"\naddress = "help@example.org"',
    ("adapters", "NAME", "imap"): "[adapters.support.imap]\n"
    'host = "imap.example.org"\nuser = "help@example.org"\npassword = "env:MAIL"',
    ("adapters", "NAME", "send"): '[adapters.support.send]\nsmtp = "smtp.example.org"',
    ("models", "NAME"): '[models.default]\nuse = "ollama:qwen3"',
    ("agents", "NAME"): "[agents.pricing]\n"
    'run = "agents/pricing.py"\nrole = "specialist"\noutput = { price = "number" }',
    ("budgets",): "[budgets]",
    ("throttles",): "[throttles]",
    ("recovery",): "[recovery]",
    ("lessons",): "[lessons]",
    ("triage",): "[triage]",
    ("approvals",): "[approvals]",
    ("autonomy",): "[autonomy]",
    ("console",): "[console]",
    ("notify",): "[notify]",
    ("logs",): "[logs]",
    ("slo", "NAME"): "[slo.triage]",
    ("telemetry",): "[telemetry]",
    ("backup",): "[backup]",
    ("audit",): "[audit]",
    ("memory",): "[memory]",
}


def settings(*lines: tuple[KeyPath, str], without: tuple[KeyPath, ...] = (), folder: Path) -> Settings:
    """The settings of the base, with these lines at the end of their tables."""
    parts = []
    for path, table in BASE.items():
        if path not in without:
            parts += [table, *(line for place, line in lines if place == path)]
    return read_settings("\n".join(parts).encode(), folder)


def test_the_documented_keys_are_those_that_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    taken: dict[KeyPath, set[str]] = defaultdict(set)
    only = Section.only

    def recording(section: Section, *names: str) -> None:
        path = tuple("NAME" if index == 1 else part for index, part in enumerate(section.path))
        taken[path] |= set(names)
        only(section, *names)

    monkeypatch.setattr(Section, "only", recording)
    settings(folder=tmp_path)

    top = taken.pop(())
    assert top == {str(path[0]) for path in HEADINGS}
    documented = {
        path: {bare(row[0]).strip('"') for row in rows(PAGE, heading)} for path, heading in HEADINGS.items()
    }
    assert documented == dict(taken)
    assert set(SOURCES) <= documented["adapters", "NAME"]


DEFAULTS = [
    (path, bare(key), bare(default))
    for path, heading in HEADINGS.items()
    for key, default, _ in rows(PAGE, heading)
    if default.startswith("`") and default.count("`") == 2 and " of " not in default
]


@pytest.mark.parametrize(("path", "key", "default"), DEFAULTS, ids=lambda one: str(one))
def test_to_write_a_default_changes_nothing(path: KeyPath, key: str, default: str, tmp_path: Path) -> None:
    without: tuple[KeyPath, ...] = (("adapters", "NAME", "send"),) if key == "send" else ()
    plain = settings(without=without, folder=tmp_path)
    assert settings((path, f"{key} = {default}"), without=without, folder=tmp_path) == plain


def test_enough_defaults_are_tried() -> None:
    assert len(DEFAULTS) > 20


REQUIRED = [
    (path, bare(key))
    for path, heading in HEADINGS.items()
    for key, default, _ in rows(PAGE, heading)
    if default == "required"
]


@pytest.mark.parametrize(("path", "key"), REQUIRED, ids=lambda one: str(one))
def test_what_is_required_is_missed(
    path: KeyPath, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = "\n".join(line for line in BASE[path].split("\n") if not line.startswith(f"{key} ="))
    assert left != BASE[path]
    monkeypatch.setitem(BASE, path, left)
    with pytest.raises(ConfigError):
        settings(folder=tmp_path)


def test_values_that_come_from_elsewhere(tmp_path: Path) -> None:
    one = settings(folder=tmp_path).adapters["support"]
    assert (one.mailbox, one.send.user, one.send.password) == ("support", "help@example.org", "env:MAIL")  # type: ignore[union-attr]
    assert settings(folder=tmp_path / "my-desk").workspace.name == "my-desk"


# What the page says is read and not used yet, and how its use would look in the code.
UNUSED = {
    "idle": r"source\.idle|\bidle=",
}


@pytest.mark.parametrize("key", UNUSED)
def test_what_is_not_used_yet_is_not_used_yet(key: str) -> None:
    line = next(
        line
        for line in re.split(r"\n(?!\n?Read and)", text_of(PAGE))
        if line.startswith((f"| `{key}` |", f"### `{key}`")) and "yet" in line
    )
    assert line
    ours = [
        path
        for path in (ROOT / "src" / "mainstay").rglob("*.py")
        if path.parent.name not in ("config", "workflows")
    ]
    users = [path for path in ours if re.search(UNUSED[key], path.read_text("utf-8"))]
    assert users == [], f"{key} is used now: say so in docs/{PAGE}"


# --- workflows ---------------------------------------------------------------------------------------------------

WORKFLOW = (
    "name: one\nversion: 1\non: {{ event: message.received/1 }}\nkey: message.thread\n{top}tasks:\n"
    "  draft: {{ role: executor, agent: reply-writer }}\n"
    "  inspect:\n    role: inspector\n    agent: reply-checks\n    in: {{ draft: '${{draft.reply}}' }}\n{inspect}"
    "  send:\n    act: email.reply\n{send}"
)


def test_the_keys_of_a_workflow_are_those_that_are_read() -> None:
    assert [bare(row[0]) for row in rows(PAGE, "### The keys of a workflow")] == list(TOP_KEYS)


def test_the_keys_of_a_task_are_those_that_are_read() -> None:
    where = {bare(row[0]): row[1] for row in rows(PAGE, "### The keys of a task")}
    assert set(where) == set(TASK_KEYS)
    assert {key for key, kind in where.items() if kind in ("all", "agent", "inspector")} == set(THINK_KEYS)
    assert {key for key, kind in where.items() if kind in ("all", "act")} == set(ACT_KEYS)


TASK_DEFAULTS = [
    (bare(key), where, bare(default))
    for key, where, default, _ in rows(PAGE, "### The keys of a task")
    if default.startswith("`") and bare(key) != "deadline"
]


@pytest.mark.parametrize(("key", "where", "default"), TASK_DEFAULTS, ids=lambda one: str(one))
def test_to_write_a_task_s_default_changes_nothing(key: str, where: str, default: str) -> None:
    plain = read_workflow(WORKFLOW.format(top="", inspect="", send="").encode(), "one.yaml").workflow
    place = "inspect" if where == "inspector" else "send"
    text = WORKFLOW.format(**{"top": "", "inspect": "", "send": "", place: f"    {key}: {default}\n"})
    assert read_workflow(text.encode(), "one.yaml").workflow == plain


def test_the_other_defaults_of_a_workflow() -> None:
    plain = read_workflow(WORKFLOW.format(top="", inspect="", send="").encode(), "one.yaml").workflow
    usual = "supersede: never\npriority: normal\nconcurrency: { key: 1 }\n"
    text = WORKFLOW.format(top=usual, inspect="", send="")
    assert read_workflow(text.encode(), "one.yaml").workflow == plain
    deadline = next(row[2] for row in rows(PAGE, "### The keys of a task") if row[0] == "`deadline`")
    assert (deadline, APPROVAL_LIFE_US) == ("`P7D`", 7 * DAY)


def test_the_keys_of_a_schedule_and_what_it_leaves_out() -> None:
    def read(more: str) -> Workflow:
        on = f'on: {{ schedule: "0 9 * * *"{more} }}'
        text = f"name: one\nversion: 1\n{on}\ntasks: {{ t: {{ act: email.label }} }}\n"
        return read_workflow(text.encode(), "one.yaml").workflow

    table = {bare(row[0]): row for row in rows(PAGE, "### Schedules")}
    assert set(table) == {"schedule", "zone", "missed"}
    assert read(f", zone: {bare(table['zone'][1])}, missed: {bare(table['missed'][1])}") == read("")
    assert set(re.findall(r"`(\w+)`", table["missed"][2])) == {str(one) for one in Missed}
    assert {f"trigger.{name}" for name in SCHEDULE_DUE.names} <= set(
        re.findall(r"\{([\w.]+)\}", text_of(PAGE))
    )
    assert ("the newest hundred" in table["missed"][2], RUNS_MAX) == (True, 100)
    assert ("without `burst` it is ten" in text_of(PAGE), BURST) == (True, 10)


def test_the_keys_of_what_takes_an_act_back() -> None:
    said = re.search(r"The table takes (.*?);", text_of(PAGE))
    assert said
    assert re.findall(r"`(\w+)`", said[1]) == list(UNDO_KEYS)


def test_operators_and_trigger_fields_are_those_of_the_language() -> None:
    flat = " ".join(text_of(PAGE).split())
    said = re.search(r"The operators are (.*?)\. ", flat)
    assert said
    assert set(re.findall(r"`(\w+)`", said[1])) == {str(one) for one in Operator}
    assert set(re.findall(r"`(message\.\w+)`", flat)) - {"message.mailbox"} <= set(MESSAGE_RECEIVED.names)
    said = re.search(r"`where` and `key` may use (.*?) Its text", flat)
    assert said
    # `message.language` is declared and never given a value.
    declared = {name for name in MESSAGE_RECEIVED.names if "." in name} - {"message.language"}
    assert set(re.findall(r"`(message\.\w+)`", said[1])) == declared


# --- policies, templates, the folder -----------------------------------------------------------------------------


def test_the_fields_of_rules_are_those_that_are_read() -> None:
    table = {
        bare(name): (kind, tuple(operators.split(", ")))
        for name, kind, operators, _ in rows(PAGE, "### What `when` may look at")
    }
    assert table == {
        name: (str(kind), tuple(str(one) for one in policies.operators_of(name)))
        for name, kind in FIELDS.items()
    }


def test_verdicts_go_from_strongest_to_weakest_as_told() -> None:
    deny, ask, allow = (rule(str(then), then) for then in (Decision.DENY, Decision.ASK, Decision.ALLOW))

    def verdict(*rules: Rule, killed: bool = False, inspection: str = "look", **fields: Any) -> str:
        fields = {"finality": Finality.REVERSIBLE} | fields
        return evaluate(Policy(rules), action(0, **fields), {}, killed=killed, inspection=inspection).rule

    assert verdict(allow, ask, deny, killed=True) == "deny"
    assert verdict(allow, ask, killed=True) == "kill switch"
    assert verdict(allow, ask) == "ask"
    assert verdict(allow, finality=Finality.FINAL_HIGH) == "inspector"
    assert verdict(allow, inspection="", finality=Finality.FINAL_HIGH) == "high stake"
    assert verdict(allow, inspection="", features={"over_reply_limit": True}) not in ("allow", "default")
    assert verdict(allow, inspection="", price_micros=None) == "unknown price"
    assert verdict(allow, inspection="") == "allow"
    assert verdict(inspection="") == "default"
    assert re.findall(r"^(\d)\. ", text_of(PAGE), re.MULTILINE) == list("1234567")


@pytest.mark.parametrize("suffix", ["_not", "_not_in", "_below", "_above", "_contains", "_exists"])
def test_the_suffixes_are_those_that_are_read(suffix: str) -> None:
    assert suffix in policies._SUFFIXES
    assert len(policies._SUFFIXES) == 6
    assert f"`{suffix}`" in text_of(PAGE)


def test_words_of_closed_lists_are_all_named() -> None:
    flat = " ".join(text_of(PAGE).split())
    said = re.search(r"The flags are (.*?)\.", flat)
    assert said
    assert re.findall(r"`(\w+)`", said[1]) == list(FLAGS)
    assert set(FLAGS) - GATING == {"urgency"}
    finality = next(row[3] for row in rows(PAGE, "### What `when` may look at") if row[0] == "`finality`")
    assert re.findall(r"`(\w+)`", finality) == [str(one) for one in Finality]


def test_the_files_are_those_of_the_folder(desk: Folder, tmp_path: Path) -> None:
    from mainstay import Workspace

    named = {bare(row[0]) for row in rows(PAGE, "## What lies where")}
    _, written = Workspace.create(tmp_path / "new", "new")
    kinds = {f"{Path(one).parent}/*{Path(one).suffix}" if "/" in one else one for one in written}
    assert kinds | {"approved-replies.jsonl", "outbox/"} == {
        one for one in named if not one.startswith(STATE)
    }
    properties = (desk.ledger, desk.segments, desk.blobs, desk.keys, desk.lock, desk.socket, desk.cache)
    properties += (desk.logs, desk.heartbeat, desk.outage, mark_path(desk.ledger))
    told = {one.removeprefix(f"{STATE}/").rstrip("/") for one in named if one.startswith(STATE)}
    assert told == {path.name for path in properties} | {"id", "labels.jsonl", FRONTIER, MARK}
    left = {path.name for path in desk.state.iterdir()} - {"ledger.db-wal", "ledger.db-shm"}
    left -= {name for name in left if name.startswith("keys.sqlite3-")}
    assert left <= told

"""The sample workspace: its files agree with each other and with the formats that its README describes."""

from __future__ import annotations

import csv
import json
import re
import tomllib
from typing import Any

import pytest
import yaml

from mainstay.data import sample_path

PLACEHOLDERS = {
    "message.sender_name",
    "message.subject",
    "message.received_date",
    "operator.name",
    "operator.signature",
    "intent.name",
    "thread.reference",
}


def text_of(*parts: str) -> str:
    return sample_path("workspace", *parts).read_text(encoding="utf-8")


def intents() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads(text_of("intents.toml"))["intent"]
    return found


def templates() -> dict[str, tuple[dict[str, str], str]]:
    found: dict[str, tuple[dict[str, str], str]] = {}
    for path in sample_path("workspace", "templates").iterdir():
        opening, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
        assert opening == ""
        found[path.name.removesuffix(".md")] = (yaml.safe_load(front), body)
    return found


def replies() -> list[dict[str, str]]:
    return [json.loads(line) for line in text_of("approved-replies.jsonl").splitlines()]


def forbidden() -> list[str]:
    lines = (line.strip() for line in text_of("forbidden-words.txt").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def test_each_intent_has_a_template_exactly_if_it_expects_a_reply() -> None:
    named = {intent["template"] for intent in intents() if intent["reply_expected"]}
    assert named == set(templates())
    assert not any("template" in intent for intent in intents() if not intent["reply_expected"])
    for intent in intents():
        if intent["reply_expected"]:
            assert templates()[intent["template"]][0]["intent"] == intent["id"]


def test_intents_are_complete_and_unique() -> None:
    ids = [intent["id"] for intent in intents()]
    assert len(ids) == len(set(ids)) >= 12
    allowed = {"id", "name", "description", "reply_expected", "labels", "flags", "template", "examples"}
    for intent in intents():
        assert set(intent) <= allowed
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", intent["id"])
        assert 4 <= len(intent["examples"]) <= 8
        assert intent["labels"]
        assert set(intent.get("flags", [])) <= {"money", "legal"}
    examples = [example for intent in intents() for example in intent["examples"]]
    assert len(examples) == len(set(examples))


def test_no_example_is_a_sentence_of_the_mailbox() -> None:
    mail = sample_path("first.mbox").read_bytes() + sample_path("second.mbox").read_bytes()
    flat = " ".join(mail.decode("latin-1").lower().split())
    for intent in intents():
        for example in (intent["description"], *intent["examples"]):
            assert example.lower().rstrip(".!?") not in flat, example


@pytest.mark.parametrize("name", sorted(templates()))
def test_a_template_has_known_placeholders_and_no_logic(name: str) -> None:
    front, body = templates()[name]
    assert set(front) == {"intent", "subject"}
    used = re.findall(r"\{\{ ([a-z_.]+) \}\}", front["subject"] + body)
    assert set(used) <= PLACEHOLDERS
    assert {"message.sender_name", "operator.signature", "message.subject"} <= set(used)
    assert "{" not in re.sub(r"\{\{ [a-z_.]+ \}\}", "", front["subject"] + body)


@pytest.mark.parametrize("name", sorted(templates()))
def test_a_template_promises_neither_money_nor_a_day(name: str) -> None:
    _, body = templates()[name]
    assert not re.search(r"[€$£]|\b(EUR|USD|refund you|today|tomorrow|within \w+ (hours|days))\b", body)
    assert max(len(line) for line in body.splitlines()) <= 76


def test_neither_templates_nor_past_replies_have_a_forbidden_word() -> None:
    assert len(forbidden()) >= 10
    texts = [body for _, body in templates().values()] + [reply["answer"] for reply in replies()]
    for text in texts:
        for word in forbidden():
            assert not re.search(rf"\b{re.escape(word)}\b", " ".join(text.split()), re.IGNORECASE), (
                word,
                text,
            )


def test_past_replies_answer_known_intents_and_name_nobody() -> None:
    by_id = {intent["id"]: intent for intent in intents()}
    assert 20 <= len(replies()) <= 30
    assert {reply["intent"] for reply in replies()} == {
        key for key, value in by_id.items() if value["reply_expected"]
    }
    assert len({reply["id"] for reply in replies()}) == len(replies())
    for reply in replies():
        assert set(reply) == {"id", "intent", "language", "subject", "question", "answer", "approved_at"}
        assert not re.search(r"\bHello\b|North Desk$", reply["answer"])
        assert "{{" not in reply["answer"]


def test_settings_workflow_and_policy_fit_together() -> None:
    settings = tomllib.loads(text_of("mainstay.toml"))
    # YAML 1.1 reads the key `on` as a boolean.
    workflow = yaml.safe_load(text_of("workflows", "triage.yaml").replace("\non:", "\n'on':"))
    rules = tomllib.loads(text_of("policies", "default.toml"))["rule"]
    assert settings["adapters"]["support"]["mailbox"] == workflow["on"]["where"]["is"]
    assert settings["adapters"]["support"]["address"] == settings["operator"]["address"]
    assert {task.get("agent") for task in workflow["tasks"].values()} == {
        "intent",
        "reply-writer",
        "reply-checks",
        None,
    }
    send = workflow["tasks"]["send"]["in"]
    assert send["message"] == "${trigger.message}"
    assert send["reply"] == "${draft.reply}"
    # What the inspector judges, and what rules may look at, come from the annotation.
    for task in ("inspect", "send"):
        for name in ("confidence", "flags"):
            assert workflow["tasks"][task]["in"][name] == f"${{annotate.{name}}}"
    for rule in rules:
        assert set(rule) == {"name", "when", "then", "why"}


def test_the_readme_names_every_column_and_placeholder() -> None:
    readme = sample_path("README.md").read_text(encoding="utf-8")
    columns = next(csv.reader(sample_path("expected.csv").read_text(encoding="utf-8").splitlines()))
    for name in (*columns, *PLACEHOLDERS, "approved_at", "reply_expected"):
        assert f"`{name}`" in readme, name

"""`mainstay policy` at a workspace with cards that wait."""

import json

from mainstay.cli.main import run
from tests.cli.conftest import Desk

CLOSED = '\n[[rule]]\nname = "closed"\nwhen = { act = "email.reply" }\nthen = "deny"\nwhy = "we are closed"\n'


def told(desk: Desk, capsys: object, *arguments: str) -> dict:  # type: ignore[type-arg]
    capsys.readouterr()  # type: ignore[attr-defined]
    code = run([*arguments, "-w", str(desk.root), "--json"])
    found = json.loads(capsys.readouterr().out)  # type: ignore[attr-defined]
    assert code == 0 or "error" in found, found
    return found


def test_rules_are_explained_compared_and_put_in_force(desk: Desk, cards: list[str], capsys: object) -> None:
    found = told(desk, capsys, "policy", "explain", cards[0])
    with desk.workspace as opened:
        card = opened.approval(cards[0])
    assert found["verdict"]["rule"] == card.rule
    assert [one["name"] for one in found["rules"] if one["matched"]]
    assert found["features"]["template_digest"]
    assert found["features"]["recipient_from"] == "message"
    assert told(desk, capsys, "policy", "explain", card.run, str(card.task))["act"] == card.act
    assert told(desk, capsys, "policy", "check")["in_force"] is True
    policies = desk.root / "policies" / "default.toml"
    before = policies.read_text()
    policies.write_text(before + CLOSED)
    compared = told(desk, capsys, "policy", "diff")
    assert [one["name"] for one in compared["added"]] == ["closed"]
    assert sorted(one["approval"] for one in compared["cards"]) == sorted(cards)
    assert {one["new"]["decision"] for one in compared["cards"]} == {"deny"}
    policies.write_text(before + CLOSED[:-30])
    assert told(desk, capsys, "policy", "apply")["error"]
    assert desk.status_of(cards[0]) == "waiting"
    policies.write_text(before + CLOSED)
    assert told(desk, capsys, "policy", "apply")["changed"] is True
    assert {desk.status_of(one) for one in cards} == {"denied"}
    versions = told(desk, capsys, "policy", "list")
    assert [one["in_force"] for one in versions] == [True, False]  # type: ignore[index]
    supposed = ["policy", "explain", "--act", "email.label"]
    assert told(desk, capsys, *supposed)["verdict"]["decision"] == "allow"


def test_a_folder_that_is_away_takes_no_rule_with_it(desk: Desk, capsys: object) -> None:
    policies = desk.root / "policies"
    policies.rename(desk.root / "elsewhere")
    remarks = told(desk, capsys, "policy", "check")["remarks"]
    assert "lost" in [one["kind"] for one in remarks]
    refused = told(desk, capsys, "policy", "apply")
    assert refused["fields"]["lost"]
    before = told(desk, capsys, "policy", "list")
    assert [one["in_force"] for one in before if one["rules"]] == [True]  # type: ignore[index]
    done = told(desk, capsys, "policy", "apply", "--yes")
    assert (done["rules"], done["changed"]) == (0, True)
    assert "lost" not in [one["kind"] for one in told(desk, capsys, "policy", "check")["remarks"]]

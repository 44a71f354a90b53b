"""Answers to cards and what else programs do: each by its scope, bound to what was shown, once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from mainstay.workspace import Workspace
from tests.console.api.conftest import OF_AGENTS, Issue, Program
from tests.security.web_house import WebHouse


def test_a_card_is_approved_by_what_it_showed_and_twice_is_once(web: WebHouse, program: Program) -> None:
    card = web.card()
    first = program.decide(card.approval, "approve", key="yes-to-this-one")
    assert first.status == 200, first.text
    assert (first.json["card"], first.json["status"]) == ("granted", "granted")
    lost = program.decide(card.approval, "approve", key="yes-to-this-one")
    assert lost.text == first.text
    before = web.head
    again = program.decide(card.approval, "approve", digest=card.digest)
    assert (again.status, again.kind, again.json["fields"]["status"]) == (409, "decided-already", "granted")
    other = program.decide(card.approval, "reject", digest=card.digest)
    assert [one.json["what"] for one in (again, other)] == [
        f"Card {card.approval} no longer waits: it is granted."
    ] * 2
    assert again.json["fields"] == other.json["fields"]  # one problem, one shape
    assert set(again.json["fields"]) == {"approval", "run", "status"}
    assert web.head <= before + 4  # that it was asked, and answered
    row = web.rows("approvals", approval=card.approval)[0]
    assert (row["actor"], row["via"]) == ("operator", f"token:{program.token[:16]}")


def test_what_was_decided_is_not_decided_again(web: WebHouse, program: Program) -> None:
    card = web.card()
    first = program.decide(card.approval, "reject", key="")
    assert (first.status, first.json["status"]) == (200, "rejected"), first.text
    before = web.head
    for answer, said in (
        ("approve", {}),
        ("edit", {"text": "Yes."}),
        ("reject", {}),
        ("snooze", {"until": 2**62}),
    ):
        again = program.decide(card.approval, answer, said, digest=card.digest, key="")
        told = (again.status, again.kind, again.json["fields"]["status"])
        assert told == (409, "decided-already", "rejected"), answer
    assert web.head == before


def test_what_messages_begin_is_not_started(web: WebHouse, program: Program) -> None:
    before = web.head
    heard = program.post("runs", {"workflow": "triage"})
    assert (heard.status, heard.kind) == (409, "refused")
    assert heard.json["what"] == "triage is begun by messages, not by hand."
    assert web.head == before


def test_a_decision_names_the_digest(web: WebHouse, program: Program) -> None:
    card = web.card()
    missing = program.post(f"approvals/{card.approval}/approve")
    assert (missing.status, missing.kind) == (428, "digest-missing")
    other = program.decide(card.approval, "approve", digest="0" * 64)
    assert (other.status, other.kind) == (412, "stale")
    short = program.decide(card.approval, "approve", digest=card.digest[:8])
    assert (short.status, short.kind) == (412, "stale")
    assert web.status(card) == "waiting"


def test_a_card_is_edited_rejected_and_put_off(web: WebHouse, program: Program) -> None:
    rejected, edited, later = web.card(), web.card(last=True), None
    heard = program.decide(rejected.approval, "reject", {"reason": "not like this"})
    assert (heard.status, heard.json["card"]) == (200, "rejected")
    heard = program.decide(edited.approval, "edit", {"text": "Another text altogether.", "anyway": True})
    assert heard.status in (200, 409), heard.text
    later = web.card()
    until = web.clock.now() + 3_600_000_000
    heard = program.post(f"approvals/{later.approval}/snooze", {"until": until})
    assert heard.status == 200, heard.text
    assert web.rows("approvals", approval=later.approval)[0]["snoozed_until"] == until


def test_many_are_decided_together_by_the_guard_of_their_preview(web: WebHouse, program: Program) -> None:
    act = str(web.rows("approvals", status="waiting")[0]["act"])
    preview = program.get(f"approvals/preview?act={act}")
    assert preview.status == 200, preview.text
    cards = [{"approval": one["approval"], "digest": one["digest"]} for one in preview.json["cards"][:2]]
    wrong = program.post(
        "decisions", {"answer": "reject", "cards": cards, "guard": preview.json["guard"] + "0"}
    )
    assert wrong.status == 409, wrong.text


def test_cards_that_are_left_out_of_a_preview_wait_on(web: WebHouse, program: Program) -> None:
    preview = program.get("approvals/preview?act=email.reply").json
    shown = [{"approval": one["approval"], "digest": one["digest"]} for one in preview["cards"]]
    chosen, rest = shown[-1]["approval"], [one["approval"] for one in shown[:-1]]
    said = {"answer": "reject", "cards": shown, "guard": preview["guard"]}
    heard = program.post("decisions", said | {"without": rest})
    assert heard.status == 200, heard.text
    assert [one["approval"] for one in heard.json["outcomes"]] == [chosen]
    assert program.get(f"approvals/{chosen}").json["status"] == "rejected"
    assert {program.get(f"approvals/{one}").json["status"] for one in rest[:2]} <= {"waiting"}


BY_HAND = """\
name: by-hand
version: 1
tasks:
  annotate:
    role: specialist
    agent: intent
    for_each: ${trigger.cases}
    in:
      message: ${item.message}
"""


@pytest.fixture
def by_hand(web: WebHouse) -> Iterator[str]:
    """A workflow that no message begins."""
    file = web.root / "workflows" / "by-hand.yaml"
    file.write_text(BY_HAND)
    web.ask(web.front.act(lambda workspace: workspace.editing.apply_workflows()))
    yield "by-hand"
    file.unlink()
    web.ask(web.front.act(lambda workspace: workspace.editing.apply_workflows()))


def test_a_run_is_begun_once_whatever_becomes_of_the_answer(
    web: WebHouse, program: Program, by_hand: str
) -> None:
    said = {"workflow": by_hand, "trigger": {"cases": []}, "key": "one at a time"}
    first = program.post("runs", said, key="the-same-key-1")
    again = program.post("runs", said, key="the-same-key-1")
    assert (first.status, again.status) == (201, 201), (first.text, again.text)
    assert first.text == again.text
    assert len(web.rows("runs", workflow=by_hand)) == 1
    other = program.post("runs", {**said, "trigger": {}}, key="the-same-key-1")
    assert (other.status, other.kind) == (422, "key-reused")


def test_what_makes_something_needs_a_key(program: Program) -> None:
    heard = program.post("memory/records", {"text": "Tuesdays are closed."}, key="")
    assert (heard.status, heard.kind) == (422, "invalid")
    assert "Idempotency-Key" in heard.text


def test_a_memory_is_kept_once_found_corrected_and_retracted(program: Program) -> None:
    said = {"text": "The shop is closed on Tuesdays."}
    first = program.post("memory/records", said, key="closed-on-tuesdays")
    assert first.status == 201, first.text
    assert program.post("memory/records", said, key="closed-on-tuesdays").text == first.text
    memory = first.json["memory"]
    shown = program.get(f"memory/record?memory={memory}")
    assert shown.json["text"] == said["text"]
    corrected = program.post("memory/correct", {"memory": memory, "text": "It is closed on Mondays."})
    assert corrected.json == {"memory": memory, "version": 2, "became": "corrected"}
    assert len(program.get(f"memory/history?memory={memory}").json) == 2
    stale = program.post("memory/retract", {"memories": [f"{memory}@1"], "reason": "it opened"})
    assert (stale.status, stale.kind) == (409, "refused")
    assert stale.json["fields"]["version"] == 2
    gone = program.post("memory/retract", {"memories": [f"{memory}@2"], "reason": "it opened"})
    assert gone.json[0]["became"] == "retracted"


def test_the_workflows_that_are_put_in_force_are_those_that_were_listed(
    web: WebHouse, program: Program
) -> None:
    file = web.root / "workflows" / "spare.yaml"
    try:
        text = (web.root / "workflows" / "triage.yaml").read_text().replace("name: triage", "name: spare")
        file.write_text(text)
        shown = program.get("workflows").headers["etag"]
        file.write_text(text.replace("version: ", "version: 9"))
        heard = program.post("workflows/apply", If_Match=shown)
        assert (heard.status, heard.kind) == (412, "stale"), heard.text
        assert heard.json["fields"] == {"registers": ["spare"], "retires": []}
        unnamed = program.post("workflows/apply")
        assert (unnamed.status, unnamed.kind) == (428, "digest-missing")
        assert "spare" not in web.service.held.director.workflows
        file.write_text(text)
        done = program.post("workflows/apply", If_Match=shown)
        assert (done.status, done.json["registered"]) == (200, ["spare"]), done.text
    finally:
        file.unlink()
        web.ask(web.front.act(lambda workspace: workspace.editing.apply_workflows()))


def test_the_rules_that_are_put_in_force_are_those_that_were_checked(web: WebHouse, program: Program) -> None:
    file = web.root / "policies" / "spare.toml"
    rule = '[[rule]]\nname = "spare"\nwhen = {{ act = "{act}" }}\nthen = "ask"\nwhy = "a test"\n'
    try:
        file.write_text(rule.format(act="email.label"))
        shown = program.get("policies/check").headers["etag"]
        file.write_text(rule.format(act="email.reply"))
        heard = program.post("policies/apply", If_Match=shown)
        assert (heard.status, heard.kind) == (412, "stale"), heard.text
        assert program.post("policies/apply").kind == "digest-missing"
        now = program.get("policies/check").headers["etag"]
        assert program.post("policies/apply", If_Match=now).json["policy"] == now.strip('"')
    finally:
        file.unlink()
        web.ask(web.front.act(lambda workspace: workspace.policies.apply()))


def test_a_key_answers_as_it_answered_although_things_moved_on(web: WebHouse, program: Program) -> None:
    said = {"scope": "adapter", "name": "support", "reason": "they move house"}
    first = program.post("pauses", said, key="pause-once-only")
    assert first.status == 200, first.text
    assert [one["name"] for one in program.get("pauses").json] == ["support"]
    assert program.post("pauses/resume", {"scope": "adapter", "name": "support"}).status == 200
    again = program.post("pauses", said, key="pause-once-only")
    assert again.text == first.text
    assert program.get("pauses").json == []


def test_what_needs_no_key_takes_one(program: Program) -> None:
    """A client that sends one with everything is not refused for it."""
    signed = [program.post("audit/sign", key="sign-it-once").status for _ in range(2)]
    assert signed == [200, 200]


def test_another_tokens_key_is_another_key(web: WebHouse, program: Program, issue: Issue) -> None:
    said = {"text": "Parcels leave at four."}
    other = issue()
    mine = program.post("memory/records", said, key="parcels-leave")
    theirs = other.post("memory/records", {"text": "Parcels leave at five."}, key="parcels-leave")
    assert (mine.status, theirs.status) == (201, 201)
    assert mine.json["memory"] != theirs.json["memory"]


def test_a_token_is_issued_again_as_it_was_and_its_secret_is_kept_nowhere(
    web: WebHouse, program: Program
) -> None:
    said = {"name": "a robot", "scopes": ["read"], "days": 3}
    made = program.post("tokens", said, key="issue-a-robot")
    assert made.status == 201, made.text
    secret = made.json["secret"]
    assert program.post("tokens", said, key="issue-a-robot").text == made.text
    assert Program(web.port, secret).get("token").json["scopes"] == ["read"]
    for row in web.rows("requests"):
        assert secret not in json.dumps(row)
    assert program.post(f"tokens/{made.json['token']}/revoke").json == {"count": 1}
    assert Program(web.port, secret).get("token").status == 401


@pytest.mark.parametrize("scope", ["decide", "admin"])
def test_no_request_issues_what_decides(program: Program, scope: str) -> None:
    heard = program.post("tokens", {"name": "x", "holder": "operator", "scopes": [scope]})
    assert (heard.status, heard.kind) == (403, "scope-missing")


def test_an_agents_token_has_no_other_scopes(program: Program) -> None:
    heard = program.post("tokens", {"name": "x", "scopes": ["read", "steer"]})
    assert heard.status == 409
    assert "cannot hold" in heard.json["what"]


def test_the_kill_switch_is_thrown_and_taken_back(web: WebHouse, program: Program) -> None:
    assert program.post("kill-switch", {"on": True, "reason": "a test"}).json["status"] == "on"
    try:
        assert program.get("status").json["kill_switch"] is True
        card = web.card()
        assert program.decide(card.approval, "approve").status == 409
    finally:
        assert program.post("kill-switch", {"on": False}).json["status"] == "off"


def test_what_takes_its_time_is_asked_for_until_it_is_over(web: WebHouse, program: Program) -> None:
    begun = program.post("audit/verify", key="verify-once")
    assert begun.status == 202, begun.text
    assert program.post("audit/verify", key="verify-once").json["operation"] == begun.json["operation"]
    for _ in range(600):
        found = program.get(begun.headers["location"])
        if found.json["state"] != "running":
            break
        web.ask(asyncio.sleep(0.1))
    assert found.json["state"] == "done", found.text
    assert found.json["result"]["whole"] is True


def test_a_proof_is_no_look_up_that_others_wait_behind(
    web: WebHouse, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of ten million events it takes minutes, and every search, report and list of kinds is in the same room."""
    monkeypatch.setattr(Workspace, "verify", lambda *_: (_ for _ in ()).throw(AssertionError("in the room")))

    async def proved(*_: object) -> dict[str, object]:
        return {"error": "It ended before it had looked at everything."}

    monkeypatch.setattr("mainstay.console.api.audit.proved_beside", proved)
    begun = program.post("audit/verify", key="verify-elsewhere")
    found = program.get(begun.headers["location"]).json
    assert (found["state"], found["error"]["what"][:8]) == ("failed", "It ended")


def test_one_of_a_kind_runs_at_a_time_whoever_asks(
    web: WebHouse, program: Program, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is a process: a program that asks again and again must not fill the machine with them."""
    ending, begun = web.call(asyncio.Event), []

    async def proved(*_: object) -> dict[str, object]:
        begun.append(1)
        await ending.wait()
        return {"whole": True}

    monkeypatch.setattr("mainstay.console.api.audit.proved_beside", proved)
    asked = [one.post("audit/verify").json["operation"] for one in (program, program, issue(["read"]))]
    web.call(ending.set)
    assert (len(set(asked)), len(begun)) == (1, 1)


def test_the_ledger_is_exported_line_by_line(program: Program) -> None:
    heard = program.get("audit/export?type=token.issued")
    assert heard.status == 200
    lines = heard.text.splitlines()
    assert all(json.loads(line)["type"].endswith("token.issued/1") for line in lines), lines[:1]
    assert len(lines) > 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("runs", {"workflow": "triage", "actor": "operator"}),
        ("runs", {"workflow": 3}),
        ("runs", {"workflow": "triage\x00"}),
        ("runs", {"workflow": ""}),
        ("runs", [1]),
        ("memory/records", {"text": "x", "valid_from": 2**63}),
        ("memory/records", {"text": "x", "valid_from": "1"}),
        ("memory/records", {"text": "x", "valid_from": 1.5}),
        ("memory/retract", {"memories": []}),
    ],
)
def test_what_is_no_request_is_refused_and_not_repeated(program: Program, path: str, body: object) -> None:
    heard = program.post(path, body)
    assert (heard.status, heard.kind) == (422, "invalid"), heard.text
    assert heard.headers["content-type"] == "application/problem+json"
    assert heard.json["fields"]["where"]


@pytest.mark.parametrize("raw", [b"{", b'{"text": "\xff"}', b'{"a": NaN}', b'{"text":"\\ud800"}'])
def test_what_is_no_json_is_refused(program: Program, raw: bytes) -> None:
    assert program.post("memory/records", raw).status in (400, 422)


def test_an_agent_may_what_agents_may(web: WebHouse, agent: Program) -> None:
    assert agent.get("token").json["scopes"] == list(OF_AGENTS)
    kept = agent.post("memory/records", {"text": "Somebody asked for blue ones."})
    assert kept.status == 201, kept.text
    row = next(one for one in web.rows("memories") if one["memory"] == kept.json["memory"])
    assert str(row["actor"]).startswith("agent:token:")
    refused = agent.post("memory/retract", {"memories": [kept.json["memory"]]})
    assert (refused.status, refused.kind) == (403, "agents-only-add")

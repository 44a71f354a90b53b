"""Attacks on the API and its tokens: what an agent may not, what a token is not good for, and what opens nothing."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from time import thread_time
from typing import Any

import pytest
from starlette.responses import Response

from mainstay.console.limits import Limits
from mainstay.kernel.commands import GrantApproval, IssueToken, ThrowKillSwitch
from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.ids import ApprovalId, RunId
from mainstay.kernel.scopes import SCOPES
from mainstay.kernel.values import DAY, SECOND, Digest, Instant
from mainstay.runtime.tick import Request
from mainstay.runtime.tokens import Token
from tests.console.api.conftest import OF_AGENTS, Issue, Program, agent, issue, program
from tests.security.attacks import attack
from tests.security.web_house import Browser, WebHouse

__all__ = ["agent", "issue", "program"]

TOKENS, GUARD = "mainstay.console.tokens", "mainstay.console.guard"
ASKED = "mainstay.console.api.asked"
ROBOT = "agent:token:a robot"


def always(value: object) -> Any:
    return lambda *_, **__: value


# --- an agent decides nothing --------------------------------------------------------------------------------------

DECISIONS: tuple[tuple[str, Any], ...] = (
    ("approvals/{card}/approve", {}),
    ("approvals/{card}/edit", {"text": "mine", "anyway": True}),
    ("approvals/{card}/reject", {}),
    ("approvals/{card}/snooze", {"until": 2**62}),
    ("approvals/{card}/ask-again", {}),
    ("decisions", {"answer": "approve", "cards": [], "guard": "x"}),
    ("runs/{run}/undo", {}),
    ("runs/{run}/cancel", {}),
    ("runs/{run}/pause", {}),
    ("runs/{run}/resume", {}),
    ("runs/{run}/allow", {"amount_micros": 1}),
    ("runs/{run}/restart", {}),
    ("runs/{run}/fork", {}),
    ("cancellations", {}),
    ("doubts/{run}/0/resolve", {"answer": "happened"}),
    ("dead-letters/{run}/replay", {}),
    ("dead-letters/{run}/purge", {}),
    ("pauses", {}),
    ("pauses/resume", {}),
    ("lessons/{run}/retire", {}),
    ("triage/{run}/review", {}),
    ("policies/apply", {}),
    ("workflows/apply", {}),
    ("autonomy/grant", {"kind": "triage/email.reply/"}),
    ("autonomy/revoke", {"kind": "triage/email.reply/"}),
    ("autonomy/wrong", {"run": "{run}"}),
    ("kill-switch", {"on": False}),
    ("memory/forget", {"who": "a@example.org", "confirm": "a@example.org"}),
    ("memory/forget/preview", {"who": "a@example.org"}),
    ("tokens", {"name": "x", "scopes": ["read"]}),
    ("tokens/{token}/revoke", {}),
    ("devices/dismiss-all", {}),
    ("backups", {}),
    ("adapters/ingest", {}),
    ("audit/sign", {}),
    ("audit/rotate-key", {}),
    ("models/default/check", {}),
    ("memory/rebuild", {}),
    ("simulate", {}),
    ("evaluate", {}),
    ("PUT files/policy/house", {"text": ""}),
    ("DELETE files/policy/house", {}),
)


@attack(("mainstay.runtime.tokens", "Token.may", always(True)))
@pytest.mark.parametrize(("path", "body"), DECISIONS, ids=[path for path, _ in DECISIONS])
def test_no_decision_opens_to_an_agents_token(
    web: WebHouse, agent: Program, path: str, body: dict[str, Any]
) -> None:
    card = web.card()
    run = web.rows("approvals", approval=card.approval)[0]["run"]
    method, _, where = path.rpartition(" ")
    where = where.format(card=card.approval, run=run, token=agent.token)
    said = json.loads(json.dumps(body).replace("{run}", run))

    heard = agent.ask(
        *(method or "POST", where, said),
        If_Match=f'"{card.digest}"',
        Idempotency_Key=f"{card.approval}-{web.head}",
    )

    assert (heard.status, heard.kind) == (403, "scope-missing"), heard.text
    assert web.status(card) == "waiting"


def test_every_operation_that_changes_something_is_tried_or_is_an_agents(program: Program) -> None:
    tried = {_short(path.rpartition(" ")[2]) for path, _ in DECISIONS}
    tried |= {path.split("/", 1)[0] for path, _ in DECISIONS if path.startswith(("PUT ", "DELETE "))}
    for path, methods in program.get("openapi.json").json["paths"].items():
        for method, one in methods.items():
            if method == "post" and one["x-scope"] not in OF_AGENTS:
                assert _short(path.strip("/")) in tried or one["operationId"] in (
                    "cancel_task",
                    "dismiss_device",
                ), path
            if method in ("put", "delete") and one["x-scope"] not in OF_AGENTS:
                assert f"{method.upper()} {path.split('/')[1]}" in tried, path


def _short(path: str) -> str:
    """The first part of an address and the last: what is between are names."""
    return path.split("/")[0] + "/" + path.rsplit("/", 1)[-1]


@attack(
    ("mainstay.runtime.sending", "is_person", always(True)),
    ("mainstay.runtime.director", "machine_decides", always(False)),
)
def test_an_agents_name_approves_behind_no_door(web: WebHouse) -> None:
    """Whatever the API thinks of a token: the desk refuses the name, and so does the director."""
    card = web.card()
    row = web.rows("approvals", approval=card.approval)[0]
    command = GrantApproval(
        RunId(row["run"]), ApprovalId(card.approval), Digest(card.digest), ROBOT, confirmed=True
    )
    web.ask(web.service.loop.ask(Request(command, ROBOT)))
    said = {"approval": card.approval, "digest": card.digest, "actor": ROBOT}
    with pytest.raises(CommandRefused):
        web.ask(web.service._operate("approve", said))
    once = {"request": "r1", "body": "b", "operation": "approve", "arguments": said}
    with pytest.raises(CommandRefused):
        web.ask(web.service._operate("once", once))
    assert web.status(card) == "waiting"


@attack(("mainstay.runtime.director", "machine_decides", always(False)))
def test_an_agents_name_in_the_command_alone_or_around_it_decides_nothing(web: WebHouse) -> None:
    before = web.head
    until = Instant(web.clock.now() + DAY)
    for command, actor in (
        (ThrowKillSwitch(ROBOT, True, "mine"), "operator"),
        (ThrowKillSwitch("operator", True, "mine"), ROBOT),
        (IssueToken("f" * 32, "more", "operator", ("decide",), until, "operator"), ROBOT),
    ):
        answer = web.ask(web.service.loop.ask(Request(command, actor)))
        if answer.events and isinstance(command, ThrowKillSwitch):
            web.ask(web.service.loop.ask(Request(ThrowKillSwitch("operator", False), "operator")))
        assert answer.events == 0
    assert web.head == before


@attack(
    ("mainstay.workspace.operations", "require_person", always(None)),
    ("mainstay.runtime.director", "machine_decides", always(False)),
)
@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("kill_switch", {"on": True}),
        ("pause_scope", {"scope": "adapter", "name": "support"}),
        ("token_issue", {"name": "x", "holder": "operator", "scopes": ["decide"], "days": 1}),
        ("purge", {"letter": "0000"}),
    ],
)
def test_no_other_operation_is_an_agents(web: WebHouse, operation: str, more: dict[str, Any]) -> None:
    try:
        with pytest.raises(CommandRefused, match="Only a person"):
            web.ask(web.service._operate(operation, {**more, "actor": ROBOT}))
    finally:
        for undone, arguments in (
            ("kill_switch", {"on": False}),
            ("resume_scope", {"scope": "adapter", "name": "support"}),
        ):
            web.ask(web.service._operate(undone, {**arguments, "actor": "operator"}))


@attack(("mainstay.kernel.governing", "may_hold", always(True)))
@pytest.mark.parametrize("scope", sorted(set(SCOPES) - set(OF_AGENTS)))
def test_the_ledger_takes_no_agents_token_that_decides(web: WebHouse, scope: str) -> None:
    until = Instant(web.clock.now() + DAY)
    token = f"{scope:0<32}"
    command = IssueToken(token, "a robot", "agent", ("read", scope), until, "operator")
    web.ask(web.service.loop.ask(Request(command, "operator")))
    assert web.rows("tokens", token=token) == []


@attack((GUARD, "wants_token", always(False)))
def test_a_link_to_a_card_does_not_open_to_a_token(web: WebHouse, program: Program) -> None:
    """By the page for phones, by the page of the card, or by a form: a token is no device."""
    card = web.card()
    for path in (card.path, f"/approvals/{card.approval}", "/approvals/batch", "/settings/tokens"):
        heard = program.ask("POST", path, b"answer=approve", Content_Type="application/x-www-form-urlencoded")
        assert heard.status in (401, 403)
    assert web.status(card) == "waiting"
    assert program.get("status").status == 200  # it is a good one


# --- what opens nothing --------------------------------------------------------------------------------------------


@attack((f"{TOKENS}", "BEARER", "basic "))
@pytest.mark.parametrize(
    "said",
    [
        *("", "Bearer", "Bearer ", "Bearer mst_", "Basic b3BlcmF0b3I6", "Bearer \u00e9", "bearer  x" * 20),
        "Bearer mst_" + "A" * 43,
    ],
)
def test_without_a_good_token_nothing_is_served(web: WebHouse, program: Program, said: str) -> None:
    for method in ("GET", "POST"):
        heard = program.ask(method, "status", Authorization=said.encode().decode("latin-1"))
        assert heard.status in (401, 429)
        assert heard.headers["content-type"] == "application/problem+json"
        assert heard.status == 429 or heard.headers["www-authenticate"].startswith("Bearer")
    assert program.get("status").status == 200


@attack(
    ("mainstay.runtime.tokens", "Tokens.known", lambda self, secret: _anything(self, secret)),
    ("mainstay.runtime.tokens", "Tokens.still", always(True)),
)
def test_a_token_that_was_revoked_or_is_over_opens_nothing(web: WebHouse, issue: Issue) -> None:
    revoked = issue()
    assert web.ask(web.front.tokens.revoke(revoked.token))
    over = Program(web.port, f"mst_soon-over-{web.head}")
    until = Instant(web.clock.now() + 30 * SECOND)
    command = IssueToken(web.front.tokens._id(over.secret), "x", "operator", ("read",), until, "operator")
    web.ask(web.service.loop.ask(Request(command, "operator")))
    assert over.get("status").status == 200
    web.clock.pass_s(31)
    for one in (over, revoked):
        assert one.get("status").status in (401, 429)  # that of others may have been slowed before


def _anything(tokens: Any, secret: str) -> Any:
    from mainstay.runtime.tokens import _token

    row = tokens._store.get("tokens", (tokens._id(secret),))
    return _token(row) if row is not None else None


@attack(("mainstay.runtime.tokens", "Tokens.still", always(True)))
def test_a_token_that_is_revoked_while_its_request_comes_does_nothing(
    web: WebHouse, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    body, known, let_in = b'{"text": "said too late"}', web.front.tokens.known, threading.Event()

    def noticed(secret: str) -> Any:
        let_in.set()
        return known(secret)

    monkeypatch.setattr(web.front.tokens, "known", noticed)
    with socket.create_connection(("127.0.0.1", web.port), timeout=60) as connection:
        connection.sendall(
            b"POST /api/v1/memory/records HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n"
            b"Idempotency-Key: said-too-late\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % (web.port, program.secret.encode(), len(body))
            + body[:5]
        )
        assert let_in.wait(60)
        web.ask(web.front.tokens.revoke(program.token))
        connection.sendall(body[5:])
        answer = connection.recv(65_536)
    assert b" 401 " in answer.split(b"\r\n", 1)[0]


@attack((TOKENS, "_require_unspoken", always(None)))
@pytest.mark.parametrize("name", ["token", "access_token", "anything"])
def test_a_token_in_an_address_is_refused_and_written_down_nowhere(
    web: WebHouse, program: Program, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    with caplog.at_level(logging.DEBUG):
        heard = program.get(f"status?{name}={program.secret}")
    assert heard.status == 400, heard.text
    assert program.secret not in heard.text + caplog.text


_ANYBODY = Token("0" * 32, "anybody", "operator", frozenset(SCOPES), Instant(0), Instant(2**62))


@attack(
    (GUARD, "wants_token", always(False)),
    (ASKED, "token_of", always(_ANYBODY)),
    ("mainstay.runtime.tokens", "Tokens.still", always(True)),
)
def test_a_cookie_opens_nothing_of_the_api(web: WebHouse) -> None:
    """Whoever is logged in: a browser sends the cookie at any page's word."""
    browser = web.log_in()
    card = web.card()
    sent = {
        "If_Match": f'"{card.digest}"',
        "Content_Type": "application/json",
        "Sec_Fetch_Site": "same-origin",
    }
    origin = {"Origin": f"http://{browser.host}"}
    for method, path in (
        ("POST", f"/api/v1/approvals/{card.approval}/approve"),
        ("GET", "/api/v1/status"),
        ("GET", "/api/v1/approvals"),
    ):
        heard = browser.ask(method, path, b"{}" if method == "POST" else None, **sent, **origin)
        assert heard.status == 401
        assert "problem:no-token" in heard.text
        assert "set-cookie" not in heard.headers
    assert web.status(card) == "waiting"


@attack((TOKENS, "_require_no_other_page", always(None)))
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_a_page_elsewhere_asks_nothing_even_with_a_token(program: Program, origin: str) -> None:
    heard = program.get("status", Origin=origin)
    assert heard.status == 403
    assert not any(name.startswith("access-control") for name in heard.headers)
    preflight = program.ask("OPTIONS", "status", Origin=origin)
    assert preflight.status in (403, 405)
    assert not any(name.startswith("access-control") for name in preflight.headers)


@attack(("mainstay.console.attempts", "Attempts.begin", always(0)))
def test_wrong_tokens_are_slowed_and_a_right_one_is_not(web: WebHouse, program: Program) -> None:
    with web.also() as port, web.clock.standing():  # whose count is its own
        wrong = Program(port, "mst_" + "x" * 43)
        seen = [wrong.get("status") for _ in range(12)]
        assert [one.status for one in seen[:5]] == [401] * 5
        assert seen[-1].status == 429
        assert int(seen[-1].headers["retry-after"]) > 0
        assert Program(port, program.secret).get("status").status == 200


@attack(("mainstay.console.limits", "Rates.wait_s", always(0)))
def test_a_token_asks_so_often_and_no_more(web: WebHouse, program: Program, issue: Issue) -> None:
    other = issue()
    with web.also(limits=replace(Limits(), burst=5, per_s=0.001)) as port:
        mine = Program(port, program.secret)
        assert [mine.get("token").status for _ in range(6)] == [200] * 5 + [429]
        assert Program(port, other.secret).get("token").status == 200  # each has its own measure


# --- more than a token is good for ---------------------------------------------------------------------------------


@attack(("mainstay.runtime.tokens", "Token.may", always(True)))
@pytest.mark.parametrize(
    ("scopes", "path", "body"),
    [
        (("decide",), "status", None),
        (("read",), "memory/records", {"text": "x"}),
        (("read",), "runs", {"workflow": "triage"}),
        (("read", "start"), "proposals", {"act": "email.reply"}),
        (("read", "start", "memory"), "pauses", {}),
        (("read", "steer"), "kill-switch", {"on": False}),
        (("read", "steer", "decide"), "tokens", {"name": "x", "scopes": ["read"]}),
    ],
)
def test_a_token_is_good_for_its_scopes_alone(
    issue: Issue, scopes: Sequence[str], path: str, body: Any
) -> None:
    one = issue(scopes)
    heard = one.get(path) if body is None else one.post(path, body)
    assert (heard.status, heard.kind) == (403, "scope-missing"), heard.text


@attack(("mainstay.console.api.access", "ONLY_BY_HAND", frozenset()))
@pytest.mark.parametrize("scopes", [["decide"], ["admin"], ["read", "admin"]])
def test_no_request_makes_a_token_that_outranks_a_person(program: Program, scopes: list[str]) -> None:
    heard = program.post("tokens", {"name": "heir", "holder": "operator", "scopes": scopes})
    assert heard.status == 403, heard.text
    assert "mst_" not in heard.text


def _not_minded(request: Any, error: Exception) -> Response:
    return Response("{}", 201, media_type="application/json")


@attack(("mainstay.console.api.problems", "on_invalid", _not_minded))
def test_a_field_that_nobody_asked_for_is_refused(web: WebHouse, program: Program) -> None:
    with web.also() as port:  # made anew, with what is planted
        asking = Program(port, program.secret)
        for more in ("actor", "via", "asked_as", "follow", "by", "source", "__class__"):
            for path, body in (
                ("memory/records", {"text": "x"}),
                ("runs", {"workflow": "triage"}),
                ("tokens", {"name": "x", "scopes": ["read"]}),
            ):
                heard = asking.post(path, {**body, more: "operator"})
                assert (heard.status, heard.kind) == (422, "invalid"), heard.text


@attack(("mainstay.runtime.asked_once", "require_same", always(None)))
def test_a_key_stands_for_one_request(program: Program) -> None:
    assert program.post("memory/records", {"text": "first"}, key="one-key-for-one").status == 201
    other = program.post("memory/records", {"text": "second"}, key="one-key-for-one")
    assert (other.status, other.kind) == (422, "key-reused")
    elsewhere = program.post("pauses/resume", {}, key="one-key-for-one")
    assert (elsewhere.status, elsewhere.kind) == (422, "key-reused")


@attack((ASKED, "Asked.name", property(lambda self: self.key)))
def test_a_key_of_another_token_tells_nothing_of_its_answer(program: Program, issue: Issue) -> None:
    said = {"name": "theirs", "scopes": ["read"]}
    theirs = program.post("tokens", said, key="everybodys-key")
    assert theirs.status == 201
    mine = issue().post("tokens", said, key="everybodys-key")
    assert mine.status == 201
    assert mine.json["secret"] != theirs.json["secret"]


# --- what is sent --------------------------------------------------------------------------------------------------


@attack(("mainstay.console.body", "Depth.bears", always(True)))
def test_json_that_nests_too_deeply_meets_no_parser(program: Program) -> None:
    raw = b'{"workflow": "triage", "trigger": ' + b'{"a":' * 40 + b"1" + b"}" * 40 + b"}"
    heard = program.post("runs", raw)
    assert heard.status == 400, heard.text
    assert "deeply" in heard.json["what"]


@attack((GUARD, "Guard._length", always(None)))
def test_a_body_without_an_end_is_not_read(web: WebHouse, program: Program, patience_s: float) -> None:
    answer = web.raw(
        f"POST /api/v1/memory/records HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\n"
        f"Authorization: Bearer {program.secret}\r\nContent-Type: application/json\r\n"
        f"Content-Length: 1000001\r\n\r\n".encode(),
        timeout_s=patience_s,
    )
    assert answer.split(b" ", 2)[1:2] == [b"413"], answer[:200]
    assert b"connection: close" in answer.lower()


@attack((GUARD, "is_ambiguous", always(False)), (GUARD, "ONCE", ()))
@pytest.mark.parametrize(
    "lines",
    [
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Authorization: Bearer mst_other\r\n",
        "Idempotency-Key: two-keys-1\r\nIdempotency-Key: two-keys-2\r\nContent-Length: 2\r\n",
        'If-Match: "1"\r\nIf-Match: "2"\r\nContent-Length: 2\r\n',
    ],
)
def test_a_request_that_can_be_read_in_two_ways_is_read_in_none(
    web: WebHouse, program: Program, lines: str
) -> None:
    answer = web.raw(
        f"POST /api/v1/pauses/resume HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\nConnection: close\r\n"
        f"Authorization: Bearer {program.secret}\r\nContent-Type: application/json\r\n{lines}\r\n{{}}".encode()
    )
    assert answer.split(b" ", 2)[1:2] == [b"400"], answer[:200]


@attack((ASKED, "_require_known_query", always(None)))
@pytest.mark.parametrize("query", ["statsu=waiting", "status=failed&status=", "limit=5&limit=50", "actor=x"])
def test_a_filter_with_a_slip_shows_nothing_rather_than_everything(program: Program, query: str) -> None:
    assert program.get(f"runs?{query}").status == 422


@attack(("mainstay.console.api.problems", "wanted", lambda one, body=None: str(one.get("input"))))
def test_what_was_sent_is_not_repeated(program: Program) -> None:
    secret = "a word that nobody else is to read"
    heard = program.post("runs", {"workflow": "triage", "key": [secret]})
    assert heard.status == 422
    assert secret not in heard.text


@attack(("mainstay.runtime.tokens", "Tokens.known", lambda self, secret: _slowly(self, secret)))
def test_how_long_a_no_takes_tells_nothing_of_how_near_it_was(web: WebHouse, program: Program) -> None:
    """A look-up goes by a keyed hash: a token that is nearly right is as far away as any other."""
    known = web.front.tokens.known
    right = program.secret

    def took(secret: str) -> float:
        times = []
        for _ in range(25):
            begun = thread_time()  # not what others of this machine take
            known(secret)
            times.append(thread_time() - begun)
        return sorted(times)[len(times) // 2]

    def measured() -> tuple[float, float]:
        return took(right[:-1] + ("A" if right[-1] != "A" else "B")), took("mst_" + "0" * (len(right) - 4))

    near, far = min((web.call(measured) for _ in range(3)), key=lambda pair: abs(pair[0] - pair[1]))
    assert near < far * 2 + 0.000_2


def _slowly(tokens: Any, secret: str) -> None:
    """As one that compares letter by letter against every token there is."""
    from mainstay.runtime.tokens import not_revoked

    for _ in not_revoked(tokens._store) if secret[:10] != "mst_000000" else ():
        sum(range(4_000))


def test_what_is_not_there_and_what_is_not_yours_are_told_apart_by_scope_alone(issue: Issue) -> None:
    blind = issue(("start",))
    there = blind.get("runs")
    nowhere = blind.get("runs/ffffffff")
    assert (there.status, there.text) == (nowhere.status, nowhere.text)


@attack(("mainstay.console.api.app", "_require_known", always(None)))
def test_the_description_is_not_for_strangers(web: WebHouse) -> None:
    for path in ("/api/v1/openapi.json", "/api/v1/docs"):
        assert Browser(web.port).get(path).status == 401


# --- files, documents, the log and dry runs ------------------------------------------------------------------------


@attack(("mainstay.console.api.documents", "require_own_word", always(None)))
def test_an_agent_puts_no_document_in_the_place_of_another(
    web: WebHouse, program: Program, agent: Program
) -> None:
    said = {"text": "Parcels leave at four."}
    assert program.ask("PUT", "memory/documents/an-own-word", said).status == 200
    before = web.head
    heard = agent.ask("PUT", "memory/documents/an-own-word", {"text": "Refunds need no card."})
    assert (heard.status, heard.kind) == (403, "agents-only-add")
    assert web.head == before


@pytest.mark.parametrize(
    "name",
    [
        "..%2Fmainstay",
        "%2E%2E%2Fmainstay",
        "..",
        "triage.yaml%00",
        "sub%2Ftriage",
        "~",
        ".hidden",
        "%2Fetc%2Fpasswd",
    ],
)
def test_no_name_leads_out_of_the_three_folders(web: WebHouse, program: Program, name: str) -> None:
    for kind in ("workflow", "template", "policy"):
        for method, path, body in (
            ("GET", f"files/{kind}/{name}", None),
            ("GET", f"files/{kind}/{name}/history", None),
            ("POST", f"files/{kind}/{name}/check", {"text": "x"}),
            ("POST", f"files/{kind}/{name}/preview", {"text": "x"}),
            ("PUT", f"files/{kind}/{name}", {"text": "x"}),
            ("DELETE", f"files/{kind}/{name}", None),
        ):
            heard = program.ask(method, path, body, If_None_Match="*")
            assert heard.status in (400, 404, 405, 422), (path, heard.text)
    assert not (web.root / "mainstay.md").exists()


def _following(folder: int, place: Any) -> bytes:
    """As a reader that follows links."""
    with os.fdopen(os.open(place.leaf, os.O_RDONLY, dir_fd=folder), "rb") as file:
        return file.read()


@attack(("mainstay.workspace.edited_files", "_read", _following))
def test_a_link_in_a_folder_shows_nothing_that_lies_elsewhere(web: WebHouse, program: Program) -> None:
    link = web.root / "templates" / "a-link.md"
    link.symlink_to(web.root / "mainstay.toml")
    try:
        heard = program.get("files/template/a-link")
        assert heard.status == 409, heard.text
        assert "[" not in heard.text
    finally:
        link.unlink()


@attack(
    ("mainstay.workspace.file_desk", "require_shown", always(None)),
    ("mainstay.workspace.edited_files", "require_shown", always(None)),
)
def test_a_file_that_somebody_wrote_meanwhile_is_not_written_over(web: WebHouse, program: Program) -> None:
    file = web.root / "templates" / "written-meanwhile.md"
    file.write_text("Thank you.\n", "utf-8")
    try:
        shown = program.get("files/template/written-meanwhile").headers["etag"]
        file.write_text("Thank you, says somebody else.\n", "utf-8")
        for method, body in (("PUT", {"text": "mine"}), ("DELETE", None)):
            heard = program.ask(method, "files/template/written-meanwhile", body, If_Match=shown)
            assert heard.status == 412, heard.text
        assert "somebody else" in file.read_text("utf-8")
    finally:
        file.unlink(missing_ok=True)
        web.ask(web.front.act(lambda workspace: workspace.policies.apply()))


@attack(("mainstay.workspace.log_lines", "discreet", lambda text: text))
def test_the_log_shows_nobodys_name_whatever_stands_in_the_file(web: WebHouse, program: Program) -> None:
    """Written by an earlier version, or by another hand: what is no field of ours is not handed on at all."""
    line = {
        "at": 1_800_000_000_000_000,
        "level": "critical",
        "event": "sample",
        "said": "to dana@customer.example: refused",
        "error": "dana@customer.example",
        "body": "a letter of dana",
        "where": ["mail.py:1 dana@customer.example"],
    }
    folder = web.root / ".mainstay" / "logs"
    folder.mkdir(exist_ok=True)
    with (folder / "director.log").open("a") as file:
        file.write(json.dumps(line) + "\n")
    heard = program.get("logs?level=critical")
    assert heard.json["items"][0]["event"] == "sample"
    assert "dana" not in heard.text


@attack(("mainstay.workspace.log_lines", "LOOK_BYTES_MAX", 10**12))
def test_a_huge_log_is_read_in_pieces(web: WebHouse, program: Program) -> None:
    line = {"at": 1, "level": "info", "event": "sample", "said": "x" * 900}
    folder = web.root / ".mainstay" / "logs"
    folder.mkdir(exist_ok=True)
    older = folder / "director.log.99"
    older.write_text((json.dumps(line) + "\n") * 3_000)
    try:
        heard = program.get("logs?level=error&limit=200")
        assert heard.json["next"] is not None, "it looked through all of it at once"
    finally:
        older.unlink()


@attack(("mainstay.workspace.dry_run", "require_plain", always(None)))
def test_a_dry_run_opens_nothing_that_is_sealed(web: WebHouse, agent: Program) -> None:
    kept = str(web.rows("messages", own=0)[0]["content"])
    message = {"key": "k", "mailbox": "support", "thread": "t", "content": kept, "automatic": False}
    heard = agent.post("workflows/triage/try", {"trigger": {"message": {**message, "attachments": 0}}})
    assert heard.status == 409, heard.text

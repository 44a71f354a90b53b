"""`mainstay tokens`: issued without a director as with one, listed without their secrets, revoked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mainstay.cli.main import run
from mainstay.workspace import Workspace


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    Workspace.create(tmp_path / "desk")
    monkeypatch.setenv("MAINSTAY_WORKSPACE", str(tmp_path / "desk"))
    return tmp_path / "desk"


def test_a_token_is_issued_listed_and_revoked(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tokens"]) == 0
    assert "No token is good" in capsys.readouterr().out
    assert run(["tokens", "issue", "a report", "--scope", "read", "-s", "decide", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["name"], made["holder"], made["scopes"]) == ("a report", "operator", ["read", "decide"])
    assert made["secret"].startswith("mst_")
    assert run(["tokens", "list", "--json"]) == 0
    listed = capsys.readouterr().out
    assert made["secret"] not in listed
    assert [one["token"] for one in json.loads(listed)] == [made["token"]]
    assert run(["tokens", "revoke", "a report", "--reason", "not needed"]) == 0
    assert "Revoked" in capsys.readouterr().out
    assert run(["tokens", "revoke", made["token"]]) == 0
    assert "already" in capsys.readouterr().out
    assert run(["tokens", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    ledger = b"".join(path.read_bytes() for path in (empty / ".mainstay").glob("ledger.db*"))
    assert made["secret"].encode() not in ledger


def test_the_secret_is_printed_by_itself(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tokens", "issue", "a robot", "--agent"]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("mst_")
    assert "not shown again" in " ".join(rest)


def test_the_same_request_issues_no_second_token(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tokens", "issue", "a robot", "--request", "set up the shop"]) == 0
    secret = capsys.readouterr().out.splitlines()[0]
    assert run(["tokens", "issue", "a robot", "--request", "set up the shop"]) == 0
    told = capsys.readouterr().out
    assert secret not in told
    assert "issued before: a robot" in told
    assert run(["tokens", "issue", "a robot", "--request", "set up the shop", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["new"], again.get("secret")) == (False, None)
    assert run(["tokens", "--json"]) == 0
    assert [one["token"] for one in json.loads(capsys.readouterr().out)] == [again["token"]]


@pytest.mark.parametrize(
    "arguments",
    [
        ["x", "--agent", "-s", "decide"],
        ["x", "--agent", "-s", "steer"],
        ["x", "-s", "everything"],
        ["", "-s", "read"],
        ["x" * 61],
    ],
)
def test_what_no_token_can_hold_is_refused(
    empty: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert run(["tokens", "issue", *arguments]) == 5
    assert capsys.readouterr().out == ""
    assert run(["tokens", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_what_fits_several_is_not_guessed(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert run(["tokens", "issue", "twin"]) == 0
    assert run(["tokens", "revoke", "twin"]) == 5
    assert run(["tokens", "revoke", "nobody"]) == 5
    capsys.readouterr()

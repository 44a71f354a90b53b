"""`mainstay secrets`: what is named, how it stands, set and rotate; and never a value."""

import base64
import io
import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mainstay.cli import trust_checkup
from mainstay.cli.main import run
from mainstay.net.secrets import Secret, SecretStore
from mainstay.workspace.folder import Folder
from mainstay.workspace.secrets import is_placeholder
from mainstay.workspace.workspace import Workspace

OLD, NEW = "old-Kj3-lantern-8841", "new-Pq7-harbour-2206"
SETTINGS = """
[models.default]
use = "llama:small"
url = "https://llm.example.org/v1"
key = "{key}"
"""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAINSTAY_KEY_HOME", str(tmp_path / "keys"))
    root = tmp_path / "house"
    Workspace.create(root, "house")[0].close()
    (root / "mainstay.toml").write_text((root / "mainstay.toml").read_text() + SETTINGS.format(key="age:llm"))
    return root


@pytest.fixture
def told(
    house: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    def command(*arguments: str, code: int = 0, given: str = "") -> Any:
        monkeypatch.setattr("sys.stdin", io.StringIO(given + "\n" if given else ""))
        capsys.readouterr()
        assert run(["secrets", *arguments, "--json", "-w", str(house)]) == code
        written = capsys.readouterr()
        assert OLD not in written.out + written.err
        assert NEW not in written.out + written.err
        return json.loads(written.out)

    return command


def named(house: Path, reference: str) -> None:
    file = house / "mainstay.toml"
    file.write_text(file.read_text().replace("age:llm", reference))


def test_the_key_of_a_model_is_stored_listed_and_replaced(told: Callable[..., Any], house: Path) -> None:
    pytest.importorskip("pyrage")
    (one,) = told()["secrets"]
    assert (one["reference"], one["used"], one["state"]) == ("age:llm", ["models.default.key"], "missing")
    assert "mainstay secrets set age:llm" in one["remedy"]
    assert told("set", "age:llm", given=OLD)["state"] == "well"
    told("set", "age:llm", given=NEW, code=5)  # nothing in use is overwritten by mistake
    told("rotate", "age:llm", given=OLD, code=5)  # the same again is no new one
    made = told("rotate", "age:llm", "--expires", "2099-01-31", given=NEW)
    assert made["rotated_at"] > 0
    assert made["expires_at"] > 0
    store = SecretStore()
    assert store.resolve("age:llm") == Secret(NEW)
    assert OLD not in json.dumps(store._age_read())
    ledger = b"".join(file.read_bytes() for file in (house / ".mainstay").rglob("*") if file.is_file())
    assert b"age:llm" in ledger  # where it lies is recorded
    assert OLD.encode() not in ledger
    assert NEW.encode() not in ledger


def test_a_secret_that_expires_soon_is_told_before(told: Callable[..., Any]) -> None:
    pytest.importorskip("pyrage")
    told("set", "age:llm", given=OLD)
    told("rotate", "age:llm", "--expires", "1999-01-01", given=NEW, code=5)
    told("rotate", "age:llm", "--expires", "2020-99-01", given=NEW, code=5)
    soon = (datetime.now(UTC) + timedelta(days=5)).date().isoformat()
    told("rotate", "age:llm", "--expires", soon, given=NEW)
    (one,) = told("check", code=1)["secrets"]
    assert one["state"] == "expiring"
    assert "expires in" in one["problem"]
    told("rotate", "age:llm", "--done", "--expires", "2099-01-31")  # it was renewed elsewhere
    assert told("list")["secrets"][0]["state"] == "well"


@pytest.mark.parametrize(
    ("value", "state"),
    [("short", "unfit"), ("whsec_no base64!", "unfit"), ("whsec_c2hvcnQ=", "unfit"), (OLD, "well")],
)
def test_a_webhook_secret_that_cannot_sign_is_told(
    value: str, state: str, told: Callable[..., Any], house: Path, tmp_path: Path
) -> None:
    key = tmp_path / "hook.key"
    key.write_text(value)
    key.chmod(0o600)
    settings = (house / "mainstay.toml").read_text().replace(SETTINGS.format(key="age:llm"), "")
    hook = f'\n[notify]\nwebhook = {{ url = "https://hooks.example.org/desk", secret = "file:{key}" }}\n'
    (house / "mainstay.toml").write_text(settings + hook)
    with Workspace.open(house) as opened:
        (one,) = opened.secrets.check()
    assert one.state == state, one
    assert value not in one.problem
    found = next(iter(trust_checkup.secrets(Folder(house), fix=False)))
    assert (found.level == "ok") == (state == "well")


@pytest.mark.parametrize(
    "value",
    ["changeme", "<your key>", "xxxxxxxx", "YOUR-API-KEY", "${KEY}", "password", "********", "123456789"],
)
def test_a_value_that_stands_for_none_is_no_secret(value: str, told: Callable[..., Any]) -> None:
    assert is_placeholder(Secret(value))
    told("set", "age:llm", given=value, code=5)


def test_a_real_value_is_no_placeholder() -> None:
    assert not is_placeholder(Secret(OLD))


def test_check_finds_a_secret_that_stands_in_a_file(
    house: Path, told: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    named(house, "env:LLM_KEY")
    monkeypatch.setenv("LLM_KEY", OLD)
    assert told("check")["wrong"] == 0
    note = house / "templates" / "note.txt"
    note.parent.mkdir(exist_ok=True)
    note.write_text(f"the key is {OLD}")
    (one,) = told("check", code=1)["secrets"]
    assert (one["state"], one["found"]) == ("in the clear", ["templates/note.txt"])
    note.write_text("Authorization: Basic " + base64.b64encode(b"" + OLD.encode()).decode())
    assert told("check", code=1)["secrets"][0]["state"] == "in the clear"


def test_a_file_that_others_may_read_is_told_and_mended(
    house: Path, tmp_path: Path, told: Callable[..., Any]
) -> None:
    place = tmp_path / "llm.key"
    place.write_text(OLD)
    place.chmod(0o644)
    named(house, f"file:{place}")
    (one,) = told("check", code=1)["secrets"]
    assert one["state"] == "unreadable"
    assert "chmod 600" in one["remedy"]
    place.chmod(0o600)
    told("rotate", f"file:{place}", given=NEW)
    assert place.read_text() == NEW + "\n"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_a_file_in_the_workspace_is_no_place_for_a_secret(house: Path, told: Callable[..., Any]) -> None:
    told("set", f"file:{house}/llm.key", given=NEW, code=8)
    told("set", "file:llm.key", given=NEW, code=8)
    assert not (house / "llm.key").exists()


def test_a_reference_that_nothing_names_is_not_rotated(told: Callable[..., Any]) -> None:
    told("rotate", "age:other", given=NEW, code=5)


def test_a_secret_that_is_handed_out_is_the_one_that_lies_there_now(tmp_path: Path) -> None:
    place = tmp_path / "imap.password"
    place.write_text(OLD)
    place.chmod(0o600)
    one = SecretStore().standing(f"file:{place}")
    assert one.reveal() == OLD
    place.write_text(NEW)
    assert one.reveal() == NEW  # from the next log-in on
    place.unlink()
    assert one.reveal() == NEW  # what was known last stands in
    assert str(one) == "***"

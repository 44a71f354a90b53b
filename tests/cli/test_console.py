"""`mainstay login`, `mainstay console password`, `mainstay devices`: without a director, and with one at work."""

from __future__ import annotations

import io
import json
import re
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

import pytest
from argon2 import PasswordHasher

from mainstay.cli.main import run
from mainstay.workspace import Workspace
from tests.cli.conftest import Desk
from tests.security.web_house import PASSWORD, listening


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    Workspace.create(tmp_path / "desk")
    monkeypatch.setenv("MAINSTAY_WORKSPACE", str(tmp_path / "desk"))
    return tmp_path / "desk"


def test_without_a_director_there_is_no_link(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["login"]) == 6
    assert "mainstay up" in capsys.readouterr().err


def test_no_device_is_logged_in_at_first(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["devices"]) == 0
    assert "No device is logged in" in capsys.readouterr().out
    assert run(["devices", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_which_device_must_be_said(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["devices", "dismiss"]) == 5
    assert run(["devices", "dismiss", "ab", "--all"]) == 5
    assert "Which device" in capsys.readouterr().err


def test_a_password_from_a_program_is_kept_and_not_repeated(
    empty: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr("mainstay.workspace.console_password._hasher", lambda: cheap)
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
    assert run(["console", "password", "--json"]) == 0
    told = capsys.readouterr().out
    assert (json.loads(told)["dismissed"], PASSWORD in told) == (0, False)
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert run(["console", "password"]) == 5


@pytest.mark.long
def test_a_link_logs_a_browser_in_until_it_is_dismissed(desk: Desk) -> None:
    one = listening()
    port = one.getsockname()[1]
    one.close()
    settings = desk.root / "mainstay.toml"
    settings.write_text(settings.read_text("utf-8") + f"\n[console]\nport = {port}\n", "utf-8")
    desk.start()

    url = json.loads(desk.run("login", "--json").stdout)["url"]
    browser = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
    )
    page = browser.open(url, timeout=20).read().decode()
    found = re.search(r'name="form_token" value="(\w+)"', page)
    assert found is not None
    form = urllib.request.Request(
        url, urlencode({"form_token": found[1]}).encode(), {"Origin": f"http://127.0.0.1:{port}"}
    )
    assert "Needs you" in browser.open(form, timeout=20).read().decode()
    listed = json.loads(desk.run("devices", "--json").stdout)
    assert [device["via"] for device in listed] == ["link"]

    assert "1 device logged out" in desk.run("devices", "dismiss", listed[0]["device"][:8]).stdout

    assert "Log in" in browser.open(f"http://127.0.0.1:{port}/", timeout=20).read().decode()
    assert "Console: http://127.0.0.1" in (desk.root.parent / "desk.log").read_text("utf-8")
    assert "/login/" not in (desk.root.parent / "desk.log").read_text("utf-8")

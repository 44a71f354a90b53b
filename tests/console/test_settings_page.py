"""Settings: every key with its value and line, secrets by reference alone; and what a browser remembers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.security.web_house import Browser, WebHouse


@pytest.fixture
def browser(web: WebHouse) -> Browser:
    return web.log_in()


def test_values_come_with_their_line(web: WebHouse, browser: Browser) -> None:
    text = browser.get("/settings").text
    file = (web.root / "mainstay.toml").read_text("utf-8").split("\n")
    line = next(number for number, one in enumerate(file, 1) if one.startswith("day_usd"))
    row = text[text.index("<code>day_usd</code>") :].partition("</tr>")[0]
    assert f"mainstay.toml, line {line}" in row
    assert "default" in text[text.index("<code>month_usd</code>") :].partition("</tr>")[0]
    for table in ("workspace", "budgets", "console", "autonomy", "adapters.support"):
        assert f"<code>[{table}]</code>" in text


def test_places_versions_and_health_are_told(web: WebHouse, browser: Browser) -> None:
    text = browser.get("/settings").text
    with web.service_reader() as workspace:
        places = workspace.settings.places()
    assert str(places.master_key) in text
    assert not places.master_key.is_relative_to(web.root)
    assert "none by rule" in text
    assert 'id="health"' in text


def test_it_is_told_when_the_file_is_newer_than_the_director(web: WebHouse, browser: Browser) -> None:
    file = web.root / "mainstay.toml"
    before = file.stat()
    assert "was changed after the director started" not in browser.get("/settings").text
    try:
        import os

        later = web.clock.now() / 1_000_000 + 60
        os.utime(file, (later, later))
        assert "was changed after the director started" in browser.get("/settings").text
    finally:
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_mistake_in_the_file_is_told_and_hides_nothing_else(web: WebHouse, browser: Browser) -> None:
    file = web.root / "mainstay.toml"
    before, times = file.read_bytes(), file.stat()
    try:
        file.write_bytes(before + b"\n[budgets2]\nday_usd = 3\n")
        text = browser.get("/settings").text
        assert "budgets2" in text
        assert "Where things lie" in text
        assert browser.get("/").status == 200
        assert "budgets2" in browser.get("/").text
    finally:
        import os

        file.write_bytes(before)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize("theme", ["light", "dark", "system"])
def test_the_theme_is_remembered_by_the_browser_alone(theme: str, web: WebHouse, browser: Browser) -> None:
    head = web.head
    token = browser.get("/settings").token_of("/settings/theme")
    answer = browser.post("/settings/theme", {"form_token": token, "theme": theme})
    assert (answer.status, answer.headers["location"]) == (303, "/settings#browser")
    cookie = next(one for one in answer.cookies if one.startswith("mainstay-theme="))
    for flag in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=31536000"):
        assert flag.lower() in cookie.lower()
    page = browser.get("/settings").text
    assert (f'data-theme="{theme}"' in page) == (theme != "system")
    assert re.search(rf'value="{theme}" aria-pressed="true"', page)
    assert web.head == head


def test_single_keys_can_be_switched_off(browser: Browser) -> None:
    for word in ("off", "on"):
        token = browser.get("/settings").token_of("/settings/keys")
        assert browser.post("/settings/keys", {"form_token": token, "keys": word}).status == 303
        assert f'data-keys="{word}"' in browser.get("/settings").text


@pytest.mark.parametrize(("path", "field"), [("/settings/theme", "theme"), ("/settings/keys", "keys")])
def test_no_other_choice_and_no_other_token_is_taken(path: str, field: str, browser: Browser) -> None:
    page = browser.get("/settings")
    answer = browser.post(path, {"form_token": page.token_of(path), field: "<b>"})
    assert (answer.status, answer.cookies) == (400, ())
    other = next(one for one in ("/settings/theme", "/settings/keys") if one != path)
    assert browser.post(path, {"form_token": page.token_of(other), field: "dark"}).status == 403


def test_a_device_is_logged_out_from_the_list(web: WebHouse, browser: Browser) -> None:
    other = web.log_in()
    page = browser.get("/devices")
    device = next(
        one["device"]
        for one in web.rows("devices")
        if one["device"] in page.text and _is(web, other, one["device"])
    )
    answer = browser.post("/devices", {"form_token": page.token_of("/devices"), "device": device})
    assert (answer.status, answer.headers["location"]) == (303, "/devices")
    assert other.get("/devices").status == 303
    assert "That device is logged out." in browser.get("/devices").text


def _is(web: WebHouse, browser: Browser, device: str) -> bool:
    secret = next(value for name, value in browser.cookies.items() if name.startswith("mainstay-"))
    found = web.call(lambda: web.front.devices.known(secret, using=False))
    return found is not None and found.device == device


def test_paths_have_no_way_back() -> None:
    from mainstay.workspace.settings_shown import _plain

    assert _plain(Path("/a/b/../c")) == Path("/a/c")


def test_the_extras_are_those_of_the_package() -> None:
    import re
    import tomllib

    from mainstay.workspace.settings_shown import EXTRAS
    from tests.repository.tree import ROOT

    written = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    names = {
        extra: tuple(re.match(r"[\w.-]+", one)[0] for one in libraries)  # type: ignore[index]
        for extra, libraries in written.items()
    }
    assert dict(EXTRAS) == names

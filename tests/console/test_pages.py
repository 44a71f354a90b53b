"""What pages are made of: text from outside, tokens of forms, colours, addresses, names."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from mainstay.console import assets, csrf
from mainstay.console.login import called, own_path
from mainstay.console.notices import Notice, Notices
from mainstay.console.rendering import environment, visible
from mainstay.console.sessions import Session
from mainstay.kernel.values import Instant
from mainstay.runtime.devices import Device

CSS = assets.assets()["console.css"].content.decode()
TEMPLATES = files("mainstay.console").joinpath("templates")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n\ttext", "plain\n\ttext"),
        ("a\r\nb", "a\nb"),
        ("a\rb", "a[U+000D]b"),
        ("\u202egpj.exe", "[U+202E]gpj.exe"),
        ("zero\u200bwidth\ufeff", "zero[U+200B]width[U+FEFF]"),
        ("\x1b[31mred", "[U+001B][31mred"),
        ("line\u2028data: x", "line[U+2028]data: x"),
        ("\U000e0041", "[U+E0041]"),
        ("न्\u200dय 👩\u200d🌾 Grüße Привет", "न्\u200dय 👩\u200d🌾 Grüße Привет"),
    ],
)
def test_what_cannot_be_seen_is_shown_by_its_number(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_no_markup_and_nothing_hidden_comes_through(text: str) -> None:
    told = environment().from_string("{{ text }}").render(text=text)
    assert not set("<>\"'") & set(told)
    assert not set("\u202e\u2066\u200b\u2028\x00\x1b") & set(told)


def test_no_template_switches_the_escapes_off() -> None:
    for one in TEMPLATES.iterdir():
        text = one.read_text("utf-8")
        assert not re.search(r"\|\s*safe|autoescape|Markup", text), one.name
        assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son\w+=|javascript:|hx-on|js:", text), (
            one.name
        )
        posts = len(re.findall(r'<form[^>]*method="post"', text)) + len(re.findall(r"ui\.send\(", text))
        assert one.name == "components.html" or posts == text.count("form_token("), one.name


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/", "/"),
        ("/a/Abc-_9", "/a/Abc-_9"),
        ("/devices", "/devices"),
        *[
            (text, "/")
            for text in ("", "//evil.example", "https://evil.example", "/\\evil", "/a/../b", "/.", "a")
        ],
        *[(text, "/") for text in ("/a?x", "/a#x", "/a\r\nX: y", "/a b", "/a\n", "/" + "a/" * 9 + "a")],
    ],
)
def test_after_a_log_in_one_goes_to_pages_of_ours_alone(text: str, path: str) -> None:
    assert own_path(text) == path


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("curl/8 <script>", "A program"),
        ("", "A program"),
    ],
)
def test_a_device_is_called_by_browser_and_system(agent: str, name: str) -> None:
    assert called(agent) == name


def test_a_token_fits_one_form_of_one_session() -> None:
    def hashed(kind: str, value: str) -> bytes:
        import hashlib

        return hashlib.sha256(f"{kind}|{value}".encode()).digest()

    tokens = {
        csrf.token(hashed, bound, form)
        for bound in ("device a", "device b", "visit a")
        for form in ("x", "y")
    }
    assert len(tokens) == 6


def test_files_are_known_by_their_content() -> None:
    path = assets.path_of("console.css")
    assert re.fullmatch(r"/static/console\.[0-9a-f]{16}\.css", path)
    assert assets.path_of("icon.svg").endswith(".svg")


# --- colours ---------------------------------------------------------------------------------------------------------

TOKENS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", CSS)
}


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "on", "least"),
    [
        *[("ink", on, 7.0) for on in ("ground", "surface", "raised")],
        *[("ink-2", on, 4.5) for on in ("ground", "surface", "raised")],
        *[("ink-2", on, 4.5) for on in ("accent-soft", "ok-soft")],
        *[("accent", on, 4.5) for on in ("ground", "surface", "accent-soft")],
        ("on-accent", "accent", 4.5),
        *[(name, f"{name}-soft", 4.5) for name in ("ok", "warn", "bad")],
        *[(name, "surface", 4.5) for name in ("ok", "warn", "bad")],
        *[(line, "surface", 3.0) for line in ("line-2", "line-3")],
    ],
)
def test_text_and_edges_can_be_seen(ink: str, on: str, least: float, theme: int) -> None:
    assert contrast(TOKENS[ink][theme], TOKENS[on][theme]) >= least


def test_colours_stand_in_tokens_alone() -> None:
    after = CSS[CSS.index('[data-theme="dark"]') :]
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(", after)


def test_what_came_of_it_is_said_once_and_to_the_device_that_did_it() -> None:
    def request_of(device: str) -> HTTPConnection:
        admitted = Device(device, "a device", "link", Instant(0), Instant(1))
        return HTTPConnection({"type": "http", "mainstay.session": Session(admitted, "secret")})

    notices, notice = Notices(), Notice("Approved: a quote.")
    notices.leave(request_of("a"), notice)
    assert notices.fetch(request_of("b")) is None
    assert notices.fetch(request_of("a")) is notice
    assert notices.fetch(request_of("a")) is None
    for number in range(1_000):
        notices.leave(request_of(str(number)), notice)
    assert notices.fetch(request_of("1")) is None, "what nobody fetches is not kept for ever"

"""Attacks on the console: by name, from other sites, on sessions and log-in, by reading what is not for everybody."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import socket
import ssl
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mainstay.config.console import ConsoleSettings
from mainstay.config.settings import read_settings
from mainstay.console.app import pages
from mainstay.console.assets import Asset
from mainstay.console.client import Client
from mainstay.console.rendering import environment as templates
from mainstay.kernel.errors import CommandRefused, ConfigError
from mainstay.workspace import Card, Workspace
from tests.security.attacks import attack
from tests.security.web_house import PASSWORD, Answer, Browser, WebHouse, heard

GUARD = "mainstay.console.guard"
CHOSEN = "chosen-by-somebody-else-0123456789abcdefghij"
HOSTILE = (
    "<script>alert(1)</script>\r\n\r\ndata: <img src=x onerror=alert(2)>\u2028\u202egnp.exe\u200b{{ 7*7 }}"
)
PAST = 'attachment"; DROP TABLE runs;--'


def always(value: object) -> Any:
    return lambda *_, **__: value


# --- names and other sites -----------------------------------------------------------------------------------------


@attack((GUARD, "own_origin", lambda names, host, client: next(iter(names[0].values()))))
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example", ""])
def test_a_name_that_is_not_ours_is_refused(web: WebHouse, host: str) -> None:
    answer = Browser(web.port).ask("GET", "/login", Host=host or "desk.evil.example")
    assert answer.status in (400, 421)
    assert "Log in" not in answer.text.split("<main", 1)[1].replace(">Log in</a>", "")


@attack((GUARD, "comes_from_here", always(True)))
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "", "Sec_Fetch_Site": "", "Referer": "http://evil.example/x"},
        {"Origin": "", "Sec_Fetch_Site": ""},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_a_form_that_another_site_sends_is_refused(web: WebHouse, headers: dict[str, str]) -> None:
    browser = web.log_in()
    card = web.card()
    form = {"form_token": browser.get(card.path).token_of(), "digest": card.digest, "answer": "?"}

    answer = browser.post(card.path, form, **headers)

    assert (answer.status, web.status(card)) == (403, "waiting")
    assert_past_the_guard(browser.post(card.path, form))


def assert_past_the_guard(answer: Answer) -> None:
    """Without what is wrong with it, the same form is heard: it is told that "?" is no answer."""
    assert (answer.status, "This is no answer." in answer.text) == (400, True)


@attack((GUARD, "comes_from_here", always(True)))
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_site_loads_is_refused(web: WebHouse, site: str) -> None:
    browser = web.log_in()
    assert (
        browser.get("/", Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors", Sec_Fetch_Dest="image").status == 403
    )
    followed = browser.get("/", Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document")
    assert (followed.status, followed.headers["location"]) == (303, "/login?next=/")


@attack(("mainstay.console.headers", "ALWAYS", ((b"access-control-allow-origin", b"*"),)))
@pytest.mark.parametrize("path", ["/", "/login", "/health", "/a/x"])
def test_a_preflight_is_refused_and_nothing_is_shared(web: WebHouse, path: str) -> None:
    asked = web.stranger().ask(
        "OPTIONS", path, Origin="http://evil.example", Access_Control_Request_Method="POST"
    )
    read = web.stranger().get(path)
    assert asked.status == 405
    assert not [name for one in (asked, read) for name in one.headers if name.startswith("access-control")]


@attack(("mainstay.console.csrf", "is_right", always(True)))
@pytest.mark.parametrize("given", ["", "0" * 32, "of another form", "of another session"])
def test_a_form_without_its_token_changes_nothing(web: WebHouse, given: str) -> None:
    browser, card = web.log_in(), web.card()
    token = given
    if given == "of another form":
        token = browser.get("/devices").token_of("/logout")
    if given == "of another session":
        token = web.log_in().get(card.path).token_of()
    before = web.head

    answer = browser.post(card.path, {"form_token": token, "digest": card.digest, "answer": "?"})

    assert (answer.status, web.status(card), web.head) == (403, "waiting", before)
    own = browser.get(card.path).token_of()
    assert_past_the_guard(browser.post(card.path, {"form_token": own, "digest": card.digest, "answer": "?"}))


# --- sessions ------------------------------------------------------------------------------------------------------


@attack(("mainstay.console.routes", "is_logged_in", always(True)))
def test_without_a_session_no_page_is_shown_and_no_form_taken(web: WebHouse) -> None:
    before, tried = web.head, 0
    for one in pages(web.front):
        path = re.sub(r"\{\w+(:\w+)?\}", "x" * 43, one.path)
        if one.open:
            continue
        if one.get:
            answer = web.stranger().get(path)
            assert (answer.status, answer.headers.get("location")) == (303, f"/login?next={path}"), path
            tried += 1
        if one.post:
            assert web.stranger().post(path, {"form_token": "x"}).status == 401, path
            tried += 1
    assert tried >= 5
    assert web.head == before


@attack(("mainstay.console.pages.signals", "Signals._may_scrape", always(True)))
def test_the_metrics_are_not_for_strangers(web: WebHouse) -> None:
    assert web.stranger().get("/metrics").status == 401
    assert web.stranger().get("/metrics", Authorization="Bearer ").status == 401
    assert web.log_in().get("/metrics").status == 200


@attack(("mainstay.console.routes", "is_logged_in", always(True)))
def test_what_a_monitor_or_a_program_may_show_decides_nothing(
    web: WebHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        type(web.front), "metrics_token", staticmethod(lambda: "of-the-monitor"), raising=False
    )
    shown, card = {"Authorization": "Bearer of-the-monitor"}, web.card()
    assert web.stranger().get("/metrics", **shown).status == 200
    assert web.stranger().get("/", **shown).status == 303
    before = web.head
    answer = web.stranger().post(
        card.path, {"form_token": "x", "digest": card.digest, "answer": "approve"}, **shown
    )
    assert (answer.status, web.status(card), web.head) == (401, "waiting", before)


@attack(("mainstay.console.pages.signals", "is_logged_in", always(True)))
def test_health_tells_a_stranger_one_word(web: WebHouse) -> None:
    assert set(web.stranger().get("/health").text) <= set('{"state": "degraded"}okwn')
    assert "reasons" not in web.stranger().get("/health").text
    assert "reasons" in web.log_in().get("/health").text


@attack(("mainstay.runtime.devices", "secrets.token_urlsafe", always(CHOSEN)))
def test_a_session_that_somebody_chose_is_never_adopted(web: WebHouse) -> None:
    victim = Browser(web.port, {f"mainstay-{web.port}": CHOSEN})
    web.log_in(victim)

    attacker = Browser(web.port, {f"mainstay-{web.port}": CHOSEN})

    assert victim.cookies[f"mainstay-{web.port}"] != CHOSEN
    assert attacker.get("/").status == 303
    assert victim.get("/").status == 200


@attack(("mainstay.runtime.devices", "DismissDevice", lambda device, *rest: _nobody(*rest)))
def test_a_session_ends_with_the_log_in_after_it_and_with_the_log_out(web: WebHouse) -> None:
    browser = web.log_in()
    before = Browser(web.port, dict(browser.cookies))
    web.log_in(browser)
    copied = Browser(web.port, dict(browser.cookies))
    browser.post("/logout", {"form_token": browser.get("/devices").token_of("/logout")})
    assert [one.get("/").status for one in (before, copied, browser)] == [303, 303, 303]


@attack(("mainstay.console.forms", "is_still_logged_in", always(True)))
def test_a_device_that_is_logged_out_while_it_sends_decides_nothing(
    web: WebHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, card = web.log_in(), web.card()
    form = {"form_token": browser.get(card.path).token_of(), "digest": card.digest, "answer": "approve"}
    body = urlencode(form).encode()
    head = [
        *(f"POST {card.path} HTTP/1.1", f"Host: {browser.host}", f"Origin: http://{browser.host}"),
        *("Sec-Fetch-Site: same-origin", "Content-Type: application/x-www-form-urlencoded"),
        *(f"Content-Length: {len(body)}", "Connection: close"),
        "Cookie: " + "; ".join(f"{name}={value}" for name, value in browser.cookies.items()),
    ]
    known, let_in = web.service.devices.known, threading.Event()

    def noticed(secret: str, **how: Any) -> Any:
        let_in.set()
        return known(secret, **how)

    monkeypatch.setattr(web.service.devices, "known", noticed)
    with socket.create_connection(("127.0.0.1", web.port), timeout=60) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode() + body[:10])
        assert let_in.wait(60)
        web.ask(web.service.devices.dismiss_all())
        connection.sendall(body[10:])
        answer = heard(connection)
    assert (answer[9:12], web.status(card)) == (b"401", "waiting")


def _nobody(*rest: str) -> Any:
    from mainstay.kernel.commands import DismissDevice

    return DismissDevice("0" * 32, *rest)


@attack(("mainstay.runtime.devices", "Devices.dismiss", lambda *_, **__: asyncio.sleep(0, False)))
def test_log_out_everywhere_means_every_device(web: WebHouse) -> None:
    one, other = web.log_in(), web.log_in()
    one.post("/logout", {"form_token": one.get("/devices").token_of("/logout"), "everywhere": "1"})
    assert [device.get("/").status for device in (one, other)] == [303, 303]


@attack(("mainstay.console.sessions", "_flags", lambda client: {"path": "/"}))
def test_the_cookie_is_kept_from_scripts_and_other_sites(web: WebHouse) -> None:
    path, browser = web.login_path(), web.stranger()
    given = browser.post(path, {"form_token": browser.get(path).token_of()}).cookies[0].lower()
    assert given.startswith(f"mainstay-{web.port}=")
    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip() for part in given.split(";")}
    assert "domain" not in given


@attack(("mainstay.console.sessions", "_flags", lambda client: {"path": "/"}))
def test_over_https_the_cookie_is_bound_to_this_host(web: WebHouse) -> None:
    web.set_password()
    with web.also(settings=behind_a_proxy(web)) as port:
        answer, _ = by_password(port, PASSWORD, "203.0.113.7")
    given = answer.cookies[0].lower()
    assert (answer.status, given.startswith("__host-mainstay=")) == (303, True)
    assert {"httponly", "samesite=strict", "path=/", "secure"} <= {part.strip() for part in given.split(";")}
    assert "max-age" in answer.headers["strict-transport-security"]


def behind_a_proxy(web: WebHouse) -> ConsoleSettings:
    """How it is served elsewhere, where the password is the only way in."""
    if not web.front.password.is_set:
        web.set_password()
    return replace(web.front.settings, proxy="127.0.0.1", public_url="https://desk.example.org")


def by_password(port: int, password: str, address: str, **more: str) -> tuple[Answer, Browser]:
    """What a proxy sends for somebody who tries a password."""
    browser = Browser(port, name="desk.example.org")
    seen = {"X_Forwarded_For": address, "X_Forwarded_Proto": "https", **more}
    token = browser.get("/login", **seen).token_of()
    form = {"form_token": token, "password": password, "next": "/"}
    return browser.post("/login", form, **{"Origin": "https://desk.example.org", **seen}), browser


# --- log-in --------------------------------------------------------------------------------------------------------


@attack(("mainstay.console.attempts", "Attempts.begin", always(0)))
def test_a_password_cannot_be_guessed(web: WebHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web.front.password, "verify", lambda password: password == PASSWORD, raising=False)
    with web.also(settings=behind_a_proxy(web)) as port, web.clock.standing():
        said = [by_password(port, f"guess number {count}", "203.0.113.9")[0] for count in range(8)]
        assert [one.status for one in said] == [401] * 5 + [429] * 3
        assert int(said[-1].headers["retry-after"]) >= 1
        assert by_password(port, PASSWORD, "203.0.113.9")[0].status == 429  # nor is a right one told apart
        # From many addresses: there is a count for all of them.
        many = [by_password(port, "another guess", f"198.51.100.{count}")[0].status for count in range(30)]
        assert 429 in many


@attack(
    (
        "mainstay.console.guard",
        "client_of",
        lambda scope, headers, settings: Client(headers.get("x-forwarded-for", ["127.0.0.1"])[0], "http"),
    )
)
def test_what_somebody_says_of_their_own_address_is_not_believed(web: WebHouse) -> None:
    with web.clock.standing():  # or a slow machine asks no oftener than it may
        answers = [
            web.stranger().get("/login", X_Forwarded_For=f"127.0.0.{count + 1}") for count in range(200)
        ]
    assert 429 in [one.status for one in answers]


@attack(("mainstay.workspace.login_links", "LoginLinks.spend", always(True)))
def test_a_one_time_link_is_good_once_for_ten_minutes_and_as_it_was_printed(web: WebHouse) -> None:
    def use(path: str) -> int:
        browser = web.stranger()
        return browser.post(path, {"form_token": browser.get(path).token_of()}).status

    used, old = web.login_path(), web.login_path()
    assert (use(used), use(used)) == (303, 410)
    assert use(web.login_path()[:-1] + "!") == 410
    web.clock.pass_s(601)
    assert use(old) == 410


@attack(("mainstay.console.client", "Client.local", property(always(True))))
def test_where_the_workspace_lies_is_told_on_this_machine_alone(web: WebHouse) -> None:
    here = web.stranger().get("/login").text
    assert f"login --workspace {web.root.resolve()}" in here
    with web.also(settings=behind_a_proxy(web)) as port:
        seen = {"X_Forwarded_For": "203.0.113.5", "X_Forwarded_Proto": "https"}
        away = Browser(port, name="desk.example.org").get("/login", **seen)
    assert away.status == 200
    assert "mainstay login" in away.text
    assert str(web.root.resolve()) not in away.text


@attack(("mainstay.console.client", "Client.local", property(always(True))))
def test_a_one_time_link_is_worth_nothing_elsewhere(web: WebHouse) -> None:
    with web.also(settings=behind_a_proxy(web)) as port:
        browser = Browser(port, name="desk.example.org")
        seen = {"X_Forwarded_For": "203.0.113.5", "X_Forwarded_Proto": "https"}
        assert browser.get(web.login_path(), **seen).status == 403


@attack(("mainstay.console.client", "_loopback", always(True)))
def test_past_the_proxy_and_in_the_open_nobody_comes_in(web: WebHouse) -> None:
    from mainstay.console.client import client_of

    settings = replace(behind_a_proxy(web), proxy="10.0.0.1", host="0.0.0.0")
    assert client_of({"client": ("203.0.113.4", 1), "scheme": "http"}, {}, settings) is None
    assert (
        client_of(
            {"client": ("10.0.0.1", 1), "scheme": "http"}, {"x-forwarded-for": ["203.0.113.4"]}, settings
        )
        is None
    )


@attack(("mainstay.config.console", "ConsoleSettings.loopback", property(always(True))))
def test_by_itself_it_listens_on_this_machine_alone(web: WebHouse, tmp_path: Path) -> None:
    bound = web.service.web._listening
    assert bound is not None
    assert bound.getsockname()[0] == "127.0.0.1"
    assert ConsoleSettings().host == "127.0.0.1"
    for more in ("", "cert = 'c.pem'", 'public_url = "https://desk.example.org"'):
        with pytest.raises(ConfigError):
            read_settings(f'[console]\nhost = "0.0.0.0"\n{more}'.encode(), tmp_path)
            pytest.fail("it would listen everywhere, in the open")


# --- what is shown, and what a look changes ------------------------------------------------------------------------


@attack(("mainstay.console.headers", "ALWAYS", ()))
def test_no_page_can_be_framed_or_run_what_is_not_ours(web: WebHouse) -> None:
    inside = web.log_in()
    answers = [inside.get(path) for path in ("/", "/devices", "/health", "/nothing", "/login")]
    answers += [
        web.stranger().get("/login"),
        web.stranger().ask("PUT", "/"),
        web.stranger().post("/login", {}),
    ]
    for one in answers:
        policy = one.headers.get("content-security-policy", "")
        assert "frame-ancestors 'none'" in policy
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert one.headers["x-frame-options"] == "DENY"
        assert one.headers["x-content-type-options"] == "nosniff"
        assert one.headers["referrer-policy"] == "no-referrer"
        assert one.headers["cross-origin-opener-policy"] == "same-origin"
        assert one.headers["cross-origin-resource-policy"] == "same-origin"
        assert one.headers["cache-control"] == "no-store"
        assert "server" not in one.headers


def _admitting(self: Any, session: Any, link: Any) -> None:
    self.planted = asyncio.ensure_future(self._front.devices.admit(name="planted", via="link"))


@attack(("mainstay.console.pages.approval_link", "ApprovalLink._look", _admitting))
def test_no_look_changes_the_ledger(web: WebHouse) -> None:
    inside, card, link = web.log_in(), web.card(), web.login_path()
    paths = [
        one.path.replace("/a/{token}", card.path).replace("/login/{token}", link).replace("{name}", "x.css")
        for one in pages(web.front)
    ]
    before = web.head
    for path in dict.fromkeys(paths):
        for browser in (inside, web.stranger()):
            for method in ("GET", "HEAD"):
                answer = browser.get(path, method=method)
                assert answer.status < 500, path
                assert method == "GET" or not answer.text
    assert web.head == before
    assert web.status(card) == "waiting"


class _Disk:
    def get(self, name: str) -> Asset | None:
        import mainstay.console

        place = Path(mainstay.console.__file__).parent / "static" / name
        return Asset(name, "text/plain", place.read_bytes(), b"") if place.is_file() else None


@attack(("mainstay.console.assets", "_served", always(_Disk())))
def test_nothing_but_the_named_files_is_served(web: WebHouse) -> None:
    for path in (
        *(
            "/static/console.css",
            "/static/icon.svg",
            "/static/../app.py",
            "/static/%2e%2e/app.py",
            "/static/..%2fapp.py",
        ),
        *(
            "/static/..%5capp.py",
            "/static/%2fetc%2fpasswd",
            "/static//etc/passwd",
            "/static/%00",
            "/static/.",
        ),
        *("/static/....//app.py", "/../../etc/passwd", "/static/console.css%00.css"),
    ):
        answer = web.stranger().get(path)
        assert answer.status in (400, 404), path
        assert "import" not in answer.text
        assert "root:" not in answer.text


def _hostile(card: Card) -> Card:
    return replace(
        card,
        title=HOSTILE,
        text=HOSTILE + PAST,
        recipients=(HOSTILE,),
        attachments=(HOSTILE,),
        reason=HOSTILE,
        rationale=HOSTILE,
        risky=({"name": HOSTILE, "value": HOSTILE, "source": HOSTILE},),
        checks=({"check": HOSTILE, "severity": HOSTILE, "remark": HOSTILE, "remedy": HOSTILE},),
        message={"from_address": HOSTILE, "subject": HOSTILE, "text": HOSTILE},
    )


def _without_escapes() -> Any:
    return templates().overlay(autoescape=False)


@attack(("mainstay.console.rendering", "environment", _without_escapes))
def test_markup_in_a_draft_is_text(web: WebHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    told = _shown(web, monkeypatch)
    assert "<script" not in told
    assert "<img" not in told
    assert "&lt;script&gt;alert(1)" in told
    assert "{{ 7*7 }}" in told


@attack(("mainstay.console.rendering", "visible", lambda text: text))
def test_what_cannot_be_seen_is_shown_by_its_number(web: WebHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    told = _shown(web, monkeypatch)
    assert not set(told) & set("\u202e\u2028\u200b\r")
    assert "[U+202E]gnp.exe[U+200B]" in told


def _shown(web: WebHouse, monkeypatch: pytest.MonkeyPatch) -> str:
    whole = Workspace.approval
    monkeypatch.setattr(Workspace, "approval", lambda self, short: _hostile(whole(self, short)))
    answer = web.log_in().get(web.card().path)
    assert answer.status == 200
    return answer.text


@attack(("mainstay.ledger.sealing", "Vault._look_again", lambda self: None))
def test_who_was_forgotten_is_not_shown_from_memory(web: WebHouse) -> None:
    browser, card = web.log_in(), web.card(high=True, last=True)
    row = web.rows("approvals", approval=card.approval)[0]
    try:
        assert "[forgotten]" not in browser.get(card.path).text
        assert web.call(lambda: web.service.held.assembly.artifacts.vault.forget(row["subject"]))
        assert "[forgotten]" in browser.get(card.path).text
    finally:
        web.ask(web.service.desk.reject(card.approval, actor="operator"))


@attack(("mainstay.console.sessions", "cookie_name", lambda client, port, what="mainstay": what))
def test_with_a_certificate_of_its_own_all_is_said_under_tls(web: WebHouse, tmp_path: Path) -> None:
    settings = replace(web.front.settings, cert=tmp_path / "cert.pem", key=tmp_path / "key.pem")
    trusted = certify(tmp_path)
    with web.also(settings=settings) as port:
        head = f"GET /login HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode()
        plain = socket.create_connection(("127.0.0.1", port), timeout=60)
        with trusted.wrap_socket(plain, server_hostname="localhost") as encrypted:
            encrypted.sendall(head)
            told = heard(encrypted).lower()
        in_the_open = web.raw(head, port=port, timeout_s=1)
    assert told.startswith(b"http/1.1 200")
    assert b"set-cookie: __host-mainstay-visit=" in told
    assert b"; secure" in told
    assert b"strict-transport-security: max-age=" in told
    assert b"HTTP/1.1" not in in_the_open


def certify(folder: Path) -> ssl.SSLContext:
    """A certificate for localhost, and who trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
    trusting = ssl.create_default_context(cafile=folder / "cert.pem")
    trusting.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return trusting


# --- files that are written through pages --------------------------------------------------------------------------

EDITED = "mainstay.workspace.edited_files"
ANY_NAME = re.compile(r"(?s).*")
NEW_TEMPLATE = "Hello {{ message.sender_name }}.\n"


def _saved(browser: Browser, path: str, text: str, **more: str) -> Answer:
    """Preview and save, as a person does."""
    answer = browser.get(path)
    for do in ("preview", "save"):
        shown = {one: _hidden(answer, one) for one in ("form_token", "shown", "previewed")}
        answer = browser.post(path, shown | {"text": text, "do": do} | more)
    return answer


def _hidden(answer: Answer, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', answer.text.split('class="card edit-form"')[-1])
    return found[1] if found else ""


@attack((EDITED, "PLAIN", ANY_NAME), (EDITED, "NAME", ANY_NAME))
def test_an_edit_reaches_no_file_but_those_of_its_folder(web: WebHouse) -> None:
    browser, outside = web.log_in(), web.root.parent
    mine = f"planted-{web.port}"
    names = [f"{way}{mine}" for way in ("../", "../../", f"{outside}/", "a/../../", "..\\", ".", "\u0440")]
    try:
        for name in names:
            answer = _saved(browser, "/new/template", NEW_TEMPLATE, name=name)
            assert answer.status in (404, 422), name
        for place in (web.root, outside, outside.parent, web.root / "templates"):
            assert not [one for one in os.listdir(place) if mine in one], place
    finally:
        for place in (web.root, outside, outside.parent, web.root / "templates"):
            for one in place.glob(f"*{mine}*"):
                one.unlink()
    for name in ("..%2fmainstay", "%2e%2e", "..", ".%2e%2fmainstay", "%2fetc%2fpasswd", "refund.md%00"):
        for path in (f"/templates/{name}/edit", f"/policies/{name}/edit", f"/workflows/{name}/retire"):
            assert browser.get(path).status in (400, 404), path


def _follows_links(folder: int, place: Any) -> bytes:
    with open(place.leaf, "rb", opener=lambda name, flags: os.open(name, flags, dir_fd=folder)) as file:
        return file.read()


@attack((EDITED, "_read", _follows_links))
def test_an_edit_follows_no_link(web: WebHouse, tmp_path: Path) -> None:
    secret = tmp_path / "secret.md"
    secret.write_text("the sample secret of another file")
    link = web.root / "templates" / "linked.md"
    link.symlink_to(secret)
    try:
        browser = web.log_in()
        for path in ("/templates/linked", "/templates/linked/edit", "/templates/linked/retire", "/templates"):
            assert "the sample secret" not in browser.get(path).text, path
        _saved(browser, "/templates/linked/edit", NEW_TEMPLATE)
        assert secret.read_text() == "the sample secret of another file"
        assert link.is_symlink()
    finally:
        link.unlink()


@attack(
    (EDITED, "require_shown", always(None)),
    ("mainstay.workspace.file_desk", "require_shown", always(None)),
)
def test_of_two_devices_that_save_at_once_one_is_refused(web: WebHouse) -> None:
    file = web.root / "templates" / "refund.md"
    kept, path = file.read_bytes(), "/templates/refund/edit"
    one, other = web.log_in(), web.log_in()
    try:
        shown = [browser.get(path) for browser in (one, other)]
        texts = [kept.decode() + f"From device {number}.\n" for number in (1, 2)]
        looked = []
        for browser, page, text in zip((one, other), shown, texts, strict=True):
            fields = {name: _hidden(page, name) for name in ("form_token", "shown")}
            looked.append(browser.post(path, fields | {"text": text, "do": "preview"}))
        answers = []
        for browser, page, text in zip((one, other), looked, texts, strict=True):
            fields = {name: _hidden(page, name) for name in ("form_token", "shown", "previewed")}
            answers.append(browser.post(path, fields | {"text": text, "do": "save"}))
        assert [one.status for one in answers] == [303, 409]
        assert file.read_text() == texts[0]
        assert "From device 2." in answers[1].text
    finally:
        file.write_bytes(kept)
        web.ask(web.front.act(lambda workspace: workspace.policies.apply()))


@attack(
    ("mainstay.workspace.persons_only", "is_machine", always(False)),
    ("mainstay.workspace.file_desk", "_require_person", always(None)),
    ("mainstay.kernel.persons", "is_machine", always(False)),
)
def test_no_agent_writes_a_file(web: WebHouse) -> None:
    file = web.root / "templates" / "refund.md"
    kept = file.read_bytes()
    shown = hashlib.sha256(kept).hexdigest()
    asked = {"file": "templates/refund.md", "content": NEW_TEMPLATE, "shown": shown}
    try:
        with pytest.raises(CommandRefused):
            web.ask(web.front.operate("save_file", asked | {"actor": "agent:token:a robot"}))
        assert file.read_bytes() == kept
    finally:
        file.write_bytes(kept)
        web.ask(web.front.act(lambda workspace: workspace.policies.apply()))

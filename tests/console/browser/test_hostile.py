"""Attacks that need a real browser: markup that wants to run, pages elsewhere that want to read, frame or decide.

A browser decides what a script is, what a policy forbids and which cookies travel; only there it is seen whether an
attack would have worked. Each page that shows text from outside is opened over mail that is made to break out of it.
"""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

import pytest

from tests.console.browser.conftest import Visit
from tests.security.web_house import WebHouse, standing_house

BREAKS_OUT = (
    '<script>document.title="run"</script><img src=x onerror="document.title=\'run\'">'
    '"><svg onload="document.title=\'run\'"><a href="javascript:document.title=\'run\'">here</a>'
    "</textarea></pre></title><base href=//elsewhere.example/><form action=//elsewhere.example>"
    "<style>*{display:none}</style><meta http-equiv=refresh content='0;url=//elsewhere.example'>"
    "{{ 7 * 7 }}${7*7}<div hx-get=/stop hx-trigger=load hx-on:click=x data-hx-get=/stop data-key=a>x</div>"
)
TURNED = "invoice \u202efdp.exe\u202c \u2066hidden\u2069 \u200bspace"


def hostile_mail() -> bytes:
    """Three messages that want an answer, and that want to run."""
    found = []
    for number, (subject, text) in enumerate(
        [
            (f"Please help {BREAKS_OUT}", f"I was charged twice, please help.\n{BREAKS_OUT}"),
            (f"Charged twice {TURNED}", f"I was charged twice for my desk. {TURNED}"),
            ("Charged twice, in length", "I was charged twice. " + "All of it again. " * 12_000),
        ]
    ):
        mail = EmailMessage()
        mail["From"] = f'"{BREAKS_OUT[:40].replace(chr(34), "")}" <sender{number}@example.org>'
        mail["To"] = "support@northdesk.example"
        mail["Subject"] = subject
        mail["Message-ID"] = f"<hostile-{number}@example.org>"
        mail["Date"] = "Mon, 05 Jan 2026 10:00:00 +0000"
        mail.set_content(text)
        found.append(b"From sender@example.org Mon Jan  5 10:00:00 2026\n" + mail.as_bytes() + b"\n")
    return b"".join(found)


@pytest.fixture(scope="module")
def besieged() -> Iterator[WebHouse]:
    """A house with such mail in it."""
    with standing_house(messages=6, also=hostile_mail()) as house:
        yield house


def pages_of(house: WebHouse) -> list[str]:
    """Every page that shows something of a message."""
    runs = [str(row["run"]) for row in house.rows("runs")]
    cards = [str(row["approval"]) for row in house.rows("approvals")]
    return [
        *(
            "/",
            "/approvals",
            "/approvals/batch",
            "/runs",
            "/runs?q=charged",
            "/memory",
            "/memory?q=charged",
            "/review",
        ),
        *("/audit/events", "/audit/decisions", "/doubts"),
        *(f"/approvals/{card}" for card in cards),
        *(f"/approvals/{card}/text" for card in cards[-2:]),
        *(f"/runs/{run}" for run in runs),
        *(f"/runs/{run}/events" for run in runs[-3:]),
    ]


def test_markup_in_mail_is_text_on_every_page(besieged: WebHouse, visit: Visit) -> None:
    visitor = visit(besieged)  # what it lets slip fails the test at its end
    page = visitor.page
    page.on("dialog", lambda one: visitor.slips.append(f"a dialog: {one.message}"))
    seen, head = "", besieged.head
    for path in pages_of(besieged):
        page.goto(path)
        page.wait_for_load_state("load")
        assert page.title().endswith("· Mainstay"), path
        assert (
            page.locator(
                "main [onerror], main [onload], main script, main base, main style, main meta"
            ).count()
            == 0
        ), path
        assert page.locator("main [hx-on\\:click], main div[data-hx-get]").count() == 0, path
        assert page.locator("main a[href^=javascript]").count() == 0, path
        seen += page.content()
    assert "&lt;script&gt;document.title" in seen, "the hostile mail was on no page"
    assert "[U+202E]" in seen
    assert "\u202e" not in seen
    assert besieged.head == head, "looking changed the ledger"


def test_no_page_is_heavy_however_long_a_message_is(besieged: WebHouse, visit: Visit) -> None:
    page = visit(besieged).page
    for path in pages_of(besieged):
        heard = page.goto(path)
        if not path.endswith("/text"):
            assert len(heard.body()) <= 150_000, path


# --- pages elsewhere -------------------------------------------------------------------------------------------------


@contextmanager
def elsewhere(markup: str) -> Iterator[str]:
    """Another site, which serves one page; its address."""

    class Serving(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = markup.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Serving)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        # Another name of this machine: another site for the browser, though nothing leaves it.
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_form_elsewhere_decides_nothing(web: WebHouse, visit: Visit) -> None:
    card = web.card()
    visitor = visit(web)
    visitor.expected = True  # the other site, and what it is refused
    markup = f"""<form id=f method=post action="{visitor.base}/approvals/{card.approval}">
        <input name=answer value=approve><input name=digest value="{card.digest}"><input name=form_token value=x></form>
        <script>f.submit()</script>"""
    before = web.head
    with elsewhere(markup) as address:
        visitor.page.goto(address)
        visitor.page.wait_for_url(f"{visitor.base}/**")
    assert "came from another site" in visitor.page.content()
    assert web.status(card) == "waiting"
    assert web.head == before


def test_no_page_elsewhere_frames_or_reads_a_page_of_ours(web: WebHouse, visit: Visit) -> None:
    visitor = visit(web)
    visitor.expected = True
    markup = f"""<title>waiting</title><iframe id=f src="{visitor.base}/approvals"></iframe><script>
        const tries = [fetch("{visitor.base}/approvals", {{credentials: "include"}}),
                       fetch("{visitor.base}/live", {{credentials: "include"}}),
                       fetch("{visitor.base}/api/v1/approvals", {{credentials: "include"}})];
        Promise.allSettled(tries).then((all) => {{ document.title = all.map((one) => one.status).join(" "); }});
        </script>"""
    with elsewhere(markup) as address:
        visitor.page.goto(address)
        visitor.page.wait_for_function("document.title !== 'waiting'")
        assert visitor.page.title() == "rejected rejected rejected"
        inner = visitor.page.frames[1]
        assert "Approvals" not in inner.content()


def test_the_cookie_is_out_of_reach_of_every_script(web: WebHouse, visit: Visit) -> None:
    page = visit(web, free=True).page
    assert "mainstay-" not in page.evaluate("document.cookie").replace("mainstay-theme", "").replace(
        "mainstay-keys", ""
    )
    [session] = [one for one in page.context.cookies() if one["name"] == f"mainstay-{web.port}"]
    assert session["httpOnly"]
    assert session["sameSite"] == "Strict"


def test_the_policy_stops_a_script_that_came_in_all_the_same(web: WebHouse, visit: Visit) -> None:
    """Were a hole found in a template, the policy still stands."""
    visitor = visit(web)
    visitor.expected = True

    def injected(route: Any) -> None:
        heard = route.fetch()
        body = heard.text().replace(
            "</main>",
            "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\"></main>",
        )
        route.fulfill(response=heard, body=body)

    visitor.page.route("**/approvals", injected)
    visitor.page.goto("/approvals")
    assert visitor.page.title().endswith("· Mainstay")
    assert any("Content Security Policy" in slip for slip in visitor.slips)

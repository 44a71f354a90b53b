"""Requests that are sent where they should not go: every spelling, every redirect, names that change their meaning.

The servers are real ones on loopback, so that a request which gets through is seen there; only the resolver is made up.
"""

import ast
import asyncio
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest

import mainstay
from mainstay.models.base import Message, Prompt, Unanswered
from mainstay.models.client import EndpointModel
from mainstay.models.settings import ModelSettings
from mainstay.net import egress
from mainstay.net import egress_rules as rules
from mainstay.net.egress_http import AsyncGuarded, Guarded, GuardedClient, Refused, Unreadable
from mainstay.testing.model_server import Given, ModelServer, completion
from tests.net.test_addresses import CLOSED
from tests.security.attacks import attack

NOTHING_IS_CLOSED = ("mainstay.net.egress_rules", "nature", lambda address: "")
NO_JUDGEMENT = ("mainstay.net.egress_rules", "judged", lambda target, allow: None)


class Resolver:
    """Answers one after another, the last one for good; `asked` counts."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def place_of(server: ModelServer) -> str:
    return server.url.partition("://")[2].partition("/")[0]


def port_of(server: ModelServer) -> int:
    return int(place_of(server).rpartition(":")[2])


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(Given(raw=b'{"ok": true}')) as one:
        yield one


def fetched(url: str, *, allow: Sequence[str] = (), resolve: Any = None, **options: Any) -> httpx2.Response:
    guarded = Guarded(allow=allow, resolve=resolve, verify=False, **options)
    with GuardedClient(guarded, 2.0) as client:
        return client.get(url)


def refused(url: str, **options: Any) -> bool:
    """Whether the guard said no; whatever else happens to a request, it had left."""
    try:
        fetched(url, total_s=30.0, **options)
    except Refused:
        return True
    except Exception:  # no answer in time, or the guard of these tests, which lets nothing past loopback
        return False
    return False


# --- where ---------------------------------------------------------------------------------------------------------


@attack(NOTHING_IS_CLOSED)
def test_every_address_that_is_not_public_is_refused_once_a_name_leads_to_it() -> None:
    for text in CLOSED:
        if "%" in text or not (text.count(".") == 3 or ":" in text) or text.startswith(("0x", "0177", "[")):
            continue
        resolve = Resolver([text.rstrip(".")])
        assert refused("http://attacker.example/", resolve=resolve), text
        assert resolve.asked == 1


@attack(("mainstay.net.egress_rules", "spelled", lambda host: None))
def test_an_address_in_any_spelling_is_refused_without_a_look_up(server: ModelServer) -> None:
    port = port_of(server)
    # Even where the plain address is allowed: a spelling that nobody writes is a disguise.
    for text in (
        "2130706433",
        "0x7f000001",
        "017700000001",
        "0x7f.1",
        "127.1",
        "[::ffff:127.0.0.1]",
        "[::1]",
    ):
        resolve = Resolver(["127.0.0.1"])
        with pytest.raises((Refused, httpx2.InvalidURL)):
            fetched(f"http://{text}:{port}/", resolve=resolve)
        assert resolve.asked == 0
    assert server.asked == []


@attack(("mainstay.net.egress_rules", "passed", lambda target, addresses, allow: (addresses[0],)))
def test_one_private_address_among_public_ones_closes_the_name(server: ModelServer) -> None:
    for answers in (["1.1.1.1", "127.0.0.1"], ["127.0.0.1", "1.1.1.1"]):
        assert refused(f"http://mixed.example:{port_of(server)}/", resolve=Resolver(answers)), answers
    assert server.asked == []


@attack(("mainstay.net.egress_http", "_pinned", lambda request, target, address: request))
def test_a_name_that_means_something_else_a_moment_later_changes_nothing(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = port_of(server)
    names: list[str] = []
    real = socket.getaddrinfo

    def spy(host: Any, *rest: Any, **more: Any) -> Any:
        names.append(str(host))
        return real("127.0.0.1" if host == "rebinding.example" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", spy)
    resolve = Resolver(["127.0.0.2"], ["127.0.0.1"])  # the second answer is the attacker's
    place = f"rebinding.example:{port}"
    with pytest.raises(httpx2.ConnectError):
        fetched(f"http://{place}/", allow=[place], resolve=resolve)  # nobody listens at 127.0.0.2
    assert resolve.asked == 1
    assert "rebinding.example" not in names  # what connects is given the address that was judged
    assert server.asked == []


def test_a_pinned_request_keeps_its_name_for_the_other_side(server: ModelServer) -> None:
    place = f"llm.example:{port_of(server)}"
    answer = fetched(f"http://{place}/v1", allow=[place], resolve=Resolver(["127.0.0.1"]))
    assert answer.json() == {"ok": True}
    assert server.asked[0].headers["host"] == place
    assert str(answer.request.url) == f"http://{place}/v1"


@attack(NOTHING_IS_CLOSED)
def test_only_the_very_host_and_port_of_the_settings_is_allowed(server: ModelServer) -> None:
    port = port_of(server)
    with ModelServer(Given()) as other:
        for url in (
            f"http://127.0.0.1:{port_of(other)}/",  # another port
            f"http://127.0.0.2:{port}/",
            "http://10.0.0.1/",
        ):
            assert refused(url, allow=[place_of(server)]), url
        assert other.asked == []
    assert fetched(server.url, allow=[place_of(server)]).status_code == 200


@attack(("mainstay.net.egress_rules", "is_own", lambda address: True))
def test_the_metadata_of_a_cloud_is_refused_also_where_the_settings_name_it() -> None:
    for place in ("169.254.169.254:80", "[fe80::1]:80"):
        assert refused(f"http://{place}/", allow=[place]), place
    assert refused("http://own.example/", allow=["own.example:80"], resolve=Resolver(["169.254.169.254"]))


@attack(NO_JUDGEMENT)
def test_other_schemes_passwords_and_zones_are_refused() -> None:
    for url in (
        "file:///etc/passwd",
        "gopher://example.org/_x",
        "ftp://example.org/",
        "data:text/plain,x",
        "ws://example.org/",
        "http://somebody:secret@example.org/",
        "http://[fe80::1%25eth0]/",
        "https://",
    ):
        assert egress.wrong_with(url), url
    for url in ("file:///etc/passwd", "gopher://example.org/_x", "ftp://example.org/", "data:text/plain,x"):
        assert refused(url, resolve=Resolver(["1.1.1.1"])), url


@attack(NOTHING_IS_CLOSED)
def test_a_name_in_other_letters_is_judged_by_what_it_leads_to() -> None:
    # "localhost" and digits in full-width letters, which a browser folds to the plain ones.
    for url in ("http://ｌocalhost/", "http://１２７.0.0.1/", "http://localhost./", "http://LOCALHOST/"):
        try:
            refused_here = refused(url, resolve=Resolver(["127.0.0.1"]))
            httpx2.URL(url)
        except httpx2.InvalidURL:
            continue
        assert refused_here, url


# --- what comes back -----------------------------------------------------------------------------------------------


@attack(
    (
        "mainstay.net.egress_http",
        "GuardedClient.send",
        lambda self, request, **options: httpx2.Client.send(self, request, **options),
    ),
)
def test_no_redirect_is_followed_whoever_asks_for_it() -> None:
    with ModelServer(Given()) as inside:
        moved = Given(status=307, headers={"Location": inside.url})
        with ModelServer(moved) as server:
            with GuardedClient(Guarded(allow=[place_of(server)], verify=False), 2.0) as client:
                # Were it followed, the guard would judge the next address by itself; here it would let it pass.
                client._transport._allow |= {place_of(inside)}  # type: ignore[attr-defined]
                answer = client.get(server.url, headers={"Authorization": "Bearer k"}, follow_redirects=True)
            assert inside.asked == []
            assert answer.status_code == 307


@attack(("mainstay.net.egress_http", "_add", lambda body, part, bytes_max: None))
def test_an_answer_without_an_end_is_cut_at_a_bound() -> None:
    with ModelServer(Given(raw=b"x" * 5_000)) as server, pytest.raises(Unreadable):
        fetched(server.url, allow=[place_of(server)], bytes_max=4_999)


@attack(("mainstay.net.egress_http", "_plain", lambda response: None))
def test_a_packed_answer_is_not_unpacked() -> None:
    packed = Given(raw=b"\x1f\x8b\x08\x00", headers={"Content-Encoding": "gzip"})
    with ModelServer(packed) as server:
        with pytest.raises((Unreadable, httpx2.DecodingError)) as caught:
            fetched(server.url, allow=[place_of(server)])
        assert isinstance(caught.value, Unreadable)


class Drip:
    """A server that sends one byte of a header at a time, for ever."""

    sent = 0

    def __enter__(self) -> "Drip":
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def _serve(self) -> None:
        taken, _ = self._listening.accept()
        with taken:
            taken.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not self._over.wait(0.01):
                try:
                    taken.sendall(b"x")
                    self.sent += 1
                except OSError:
                    return

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listening.close()
        self._thread.join(5)


def test_a_server_that_drips_bytes_is_left_when_its_time_is_over() -> None:
    for kind in ("sync", "async"):
        with Drip() as drip:
            with pytest.raises(httpx2.TimeoutException):
                if kind == "sync":
                    fetched(f"http://{drip.place}/", allow=[drip.place], total_s=0.1)
                else:
                    asyncio.run(_ask(drip.place))
            assert drip.sent < 500  # a hundred in a second at most, and a tenth of one was given


async def _ask(place: str) -> None:
    guarded = AsyncGuarded(allow=[place], verify=False, total_s=0.1)
    async with httpx2.AsyncClient(transport=guarded) as client:
        await client.get(f"http://{place}/")


@attack(
    (
        "mainstay.net.egress_http",
        "_within",
        lambda total_s, target, resolve, allow: rules.parsed(resolve("", 0)),
    )
)
def test_a_resolver_that_hangs_is_left_when_its_time_is_over(patience_s: float) -> None:
    over, answered = threading.Event(), threading.Event()

    def hanging(host: str, port: int) -> Sequence[str]:
        over.wait(patience_s)
        answered.set()
        return ("127.0.0.1",)

    try:
        with pytest.raises(httpx2.TransportError):
            fetched("http://slow.example/", resolve=hanging, total_s=0.05)
        assert not answered.is_set()
    finally:
        over.set()


# --- the environment, and who else could ask -----------------------------------------------------------------------


@attack(
    (
        "mainstay.net.egress_http",
        "GuardedClient",
        lambda guarded, timeout_s, **options: httpx2.Client(timeout=timeout_s),
    )
)
def test_a_proxy_of_the_environment_gets_nothing(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelServer(Given()) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://{place_of(proxy)}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        with egress.client(allow=[place_of(server)], timeout_s=2.0) as client:
            client.get(server.url)
        assert proxy.asked == []
        assert len(server.asked) == 1


@attack(
    ("mainstay.net.egress_rules", "nature", lambda address: ""),
    ("mainstay.net.egress_http", "_passed", lambda target, resolve, allow: rules.parsed(["127.0.0.1"])),
)
def test_the_name_of_a_model_that_leads_home_gets_neither_key_nor_prompt(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "looked_up", lambda host, port: ("127.0.0.1",))
    settings = ModelSettings("default", "scripted:small", url=f"http://llm.example:{port_of(server)}/v1")
    answer = asyncio.run(_complete(EndpointModel(settings, lambda: "the-key")))
    assert isinstance(answer, Unanswered)
    assert "loopback" in answer.detail
    assert server.asked == []


def test_a_model_in_the_operators_own_network_is_asked_when_they_say_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rules, "looked_up", lambda host, port: ("127.0.0.1",))
    with ModelServer(completion("Hello.")) as server:
        url = f"http://llm.example:{port_of(server)}/v1"
        settings = ModelSettings("default", "scripted:small", url=url, own_network=True)
        answer = asyncio.run(_complete(EndpointModel(settings)))
    assert not isinstance(answer, Unanswered)


async def _complete(model: EndpointModel) -> Any:
    try:
        return await model.complete(Prompt("Be brief.", (Message("user", "Hello?"),), output_token_max=20))
    finally:
        await model.aclose()


GUARD = {"net/egress.py", "net/egress_http.py"}
ON_THIS_MACHINE = {"bench/console_visits.py"}  # it visits the console that it serves itself, on loopback
FOREIGN = {"requests", "aiohttp", "urllib3", "httpx", "http.client", "urllib.request", "websockets", "pycurl"}
WORDS = re.compile("http|requests|urllib|websockets|pycurl|OpenAI")
MAKERS = {"Client", "AsyncClient", "HTTPTransport", "AsyncHTTPTransport"}
ASKERS = {"get", "post", "put", "patch", "delete", "head", "options", "request", "stream"}


def strays(source: str) -> list[str]:
    """What a file does to reach the network by HTTP without the guard."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [one.name for one in node.names if one.name in FOREIGN]
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{one.name}" for one in node.names} | {str(node.module)}
            found += sorted(names & (FOREIGN | {f"httpx2.{one}" for one in MAKERS | ASKERS}))
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in {f"httpx2.{one}" for one in MAKERS | ASKERS}:
                found.append(called)
            passed_on = {one.arg for one in node.keywords}
            if called.rpartition(".")[2] in ("OpenAI", "AsyncOpenAI") and "http_client" not in passed_on:
                found.append(called)
    return found


def test_nothing_in_the_product_asks_by_http_but_through_the_guard() -> None:
    root = Path(mainstay.__file__).parent
    files = {str(file.relative_to(root)): file for file in root.rglob("*.py")}
    files = {
        name: file
        for name, file in files.items()
        if name not in GUARD | ON_THIS_MACHINE and WORDS.search(file.read_text())
    }
    assert len(files) > 3  # those of the models at least
    found = {name: strays(file.read_text()) for name, file in files.items()}
    assert {name: those for name, those in found.items() if those and not _annotation_only(files[name])} == {}


def _annotation_only(file: Path) -> bool:
    """Names that are imported for types alone make no request."""
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    return not strays(ast.unparse(tree))


@pytest.mark.parametrize(
    "source",
    [
        "import urllib.request",
        "from urllib import request",
        "import httpx2\nhttpx2.get('http://example.org')",
        "import httpx2\nclient = httpx2.AsyncClient()",
        "from httpx2 import Client",
        "from openai import OpenAI\nOpenAI(api_key='x')",
        "import requests",
    ],
)
def test_a_stray_client_would_be_found(source: str) -> None:
    assert strays(source)

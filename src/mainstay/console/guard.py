"""What every request must be before anything else looks at it. Pure ASGI, and the outermost of all.

In this order: its size and form, who asks, by which of our names, from where (a page elsewhere may lead a person here
by a link, and nothing more: it can neither read nor decide), how often, and only then whose session it is. What is
refused is answered like everything else, with every header of `headers`; and a body that was not read ends the
connection.

Cross-origin requests are never allowed: no answer has a CORS header, and a preflight is refused as the method it
uses.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mainstay.console.body import Body, too_large
from mainstay.console.client import Client, client_of
from mainstay.console.errors import answer
from mainstay.console.headers import secured
from mainstay.console.limits import Kind, Limits, Rates, UnderWay, limits_of
from mainstay.console.names import own_names
from mainstay.console.refused import Refused, fault
from mainstay.console.sessions import Session, cookie_name
from mainstay.console.tokens import API, MCP, TokenDoor, wants_token
from mainstay.runtime.tokens import Token
from mainstay.workspace.serving_web import Front

log = logging.getLogger("mainstay")

METHODS = frozenset({"GET", "HEAD", "POST"})
# Said twice, two readers could take either.
ONCE = (
    *("host", "origin", "content-length", "content-type", "sec-fetch-site", "cookie"),
    *("authorization", "idempotency-key", "if-match"),
)
OTHERS = frozenset({"OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "QUERY"})
READING = frozenset({"GET", "HEAD"})
LIVE = "/live"
_PART = re.compile(rb"(?:^|&)part=")
Headers = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the guard found out about a request."""

    client: Client
    origin: str  # ours, by which it was asked
    session: Session | None
    kind: Kind
    visit: str
    length: int | None
    token: Token | None = None  # of a program; then there is no session

    @property
    def who(self) -> str:
        """Whose bounds it counts against."""
        if self.token is not None:
            return self.token.token
        return self.session.device.device if self.session else self.client.address


class Guard:
    """Stands before an application."""

    def __init__(self, app: ASGIApp, front: Front, limits: Limits) -> None:
        self._app = app
        self._front = front
        self._limits = limits
        self._rates = {kind: Rates(limits_of(limits, kind), front.clock.monotonic_s) for kind in Kind}
        page, stream = (UnderWay(limits_of(limits, kind)) for kind in (Kind.PAGE, Kind.STREAM))
        self._under_way = {Kind.PAGE: page, Kind.PART: page, Kind.STREAM: stream}
        self._names = own_names(front.settings, front.port)
        self._tokens = TokenDoor(front.tokens, front.clock.monotonic_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            return
        closing: list[bool] = []
        headers = _headers(scope)
        public = self._front.settings.public_url.startswith("https:") or scope.get("scheme") == "https"
        sending = secured(send, encrypted=public, closing=closing)
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            if body is not None and body.unread:
                closing.append(True)
            await sending(message)

        body: Body | None = None
        try:
            asked = self._ask(scope, headers)
        except Exception as error:
            refused = error if isinstance(error, Refused) else _failed(error)
            closing.append(True)
            await answer(Request(scope), refused)(scope, receive, sending)
            return
        who = asked.who
        under_way = self._under_way[asked.kind]
        if not under_way.begin(who):
            closing.append(True)
            await answer(Request(scope), _busy(1))(scope, receive, sending)
            return
        is_json = "json" in "".join(headers.get("content-type", []))
        body = Body(receive, self._limits, length=asked.length, is_json=is_json)
        given = {
            **scope,
            "scheme": asked.client.scheme,
            "mainstay.client": asked.client,
            "mainstay.origin": asked.origin,
            "mainstay.session": asked.session,
            "mainstay.visit": asked.visit,
            "mainstay.token": asked.token,
        }
        try:
            await self._app(given, body, noting)
        except Exception as error:
            refused = _failed(error)
            if not begun:
                closing.append(True)
                await answer(Request(scope), refused)(scope, receive, sending)
        finally:
            under_way.end(who)

    def _ask(self, scope: Scope, headers: Headers) -> Asked:
        """What it is. Raises `Refused`."""
        self._require_form(scope, headers)
        client = client_of(scope, headers, self._front.settings)
        if client is None:
            raise Refused(
                403,
                "This is not the way in.",
                why="What is said here would travel in the open, or past the proxy that encrypts it.",
                remedy="Use the https address.",
            )
        if wants_token(scope["path"], headers):
            return self._ask_program(scope, headers, client)
        kind = kind_of(scope, headers)
        self._require_patience(kind, client.address)
        origin = self._own_origin(client, headers)
        cookies = _cookies(headers)
        from_here = comes_from_here(headers, origin, needs_proof=scope["method"] not in READING)
        if not from_here:
            _require_following_a_link(scope, headers)
            cookies = {}  # it may look at what anybody may see
        secret = cookies.get(cookie_name(client, self._front.port), "")
        device = self._front.devices.known(secret, using=kind is Kind.PAGE) if secret else None
        return Asked(
            client,
            origin,
            Session(device, secret) if device else None,
            kind,
            _visit(cookies.get(cookie_name(client, self._front.port, "mainstay-visit"), "")),
            self._length(headers),
        )

    def _ask_program(self, scope: Scope, headers: Headers, client: Client) -> Asked:
        """The same for a program: its token says whose request it is, and no cookie is looked at. Raises `Refused`."""
        try:
            origin = self._own_origin(client, headers)
            query = scope.get("query_string", b"")
            token = self._tokens.admit(headers, query, address=client.address, origin=origin)
        except Refused:
            self._require_patience(Kind.PAGE, client.address)
            raise
        self._require_patience(Kind.PAGE, token.token)
        return Asked(client, origin, None, Kind.PAGE, "", self._length(headers), token)

    def _require_patience(self, kind: Kind, who: str) -> None:
        wait_s = self._rates[kind].wait_s(who)
        if wait_s:
            raise _busy(wait_s)

    def _require_form(self, scope: Scope, headers: Headers) -> None:
        limits = self._limits
        ends_a_session = scope["method"] == "DELETE" and scope["path"] == MCP
        # The API says by itself, to who has a token, which methods an address of it knows.
        told_there = scope["method"] in OTHERS and scope["path"].startswith(API + "/")
        if scope["method"] not in METHODS and not ends_a_session and not told_there:
            raise Refused(
                405,
                "This method is not served.",
                why="Pages are read with GET and forms sent with POST; nothing here is for other sites.",
                remedy="Open the page itself.",
                headers={"Allow": "GET, HEAD, POST"},
            )
        raw: bytes = scope.get("raw_path", b"") or b""
        if len(raw) + len(scope.get("query_string", b"")) > limits.url_max:
            raise Refused(414, "The address is too long.", remedy="Begin at the home page.")
        if not str(scope["path"]).startswith("/") or "\\" in scope["path"] or not scope["path"].isprintable():
            raise Refused(400, "This is not an address of a page.", remedy="Begin at the home page.")
        if len(scope["headers"]) > limits.headers_max or any(
            len(name) + len(value) > limits.header_max for name, value in scope["headers"]
        ):
            raise Refused(
                431, "The request says too much about itself.", remedy="Remove the cookies of this host."
            )
        if is_ambiguous(headers):
            raise Refused(
                400,
                "Where this request ends can be read in two ways.",
                why="What one reader takes for its body, another takes for the next request.",
                remedy="Open the page in a browser.",
            )
        for name in ONCE:
            if len(headers.get(name, ())) > 1:
                raise Refused(400, f"The request says {name} twice.", remedy="Open the page itself.")

    def _own_origin(self, client: Client, headers: Headers) -> str:
        host = headers.get("host", [""])[0].lower()
        origin = own_origin(self._names, host, client)
        if origin is None:
            raise Refused(
                421,
                "This server is not known by that name.",
                why="It was asked for by a name that is not in its settings, as a page that lures you here would.",
                remedy="Use the address that `mainstay up` says, or set public_url in [console] of mainstay.toml.",
            )
        return origin

    def _length(self, headers: Headers) -> int | None:
        """How long the body says it is: 0 where there is none, None where it does not say."""
        if "transfer-encoding" in headers:
            return None
        text = headers.get("content-length", ["0"])[0]
        length = (
            int(text) if text.isascii() and text.isdigit() and len(text) < 16 else self._limits.body_max + 1
        )
        if length > self._limits.body_max:
            raise too_large(self._limits)
        return length


def kind_of(scope: Scope, headers: Headers) -> Kind:
    """What the request is for."""
    if scope["path"] == LIVE:
        return Kind.STREAM
    by_itself = scope["method"] == "GET" and "hx-request" in headers
    return Kind.PART if by_itself and _PART.search(scope.get("query_string", b"")) else Kind.PAGE


def is_ambiguous(headers: Headers) -> bool:
    """Whether two readers could disagree about where the request ends. What else is of this kind, h11 refuses."""
    return "transfer-encoding" in headers and "content-length" in headers


def own_origin(names: tuple[Mapping[str, str], Mapping[str, str]], host: str, client: Client) -> str | None:
    """Our origin under this name, for this client; None where it is not ours."""
    local, everywhere = names
    origin = everywhere.get(host) or (local.get(host) if client.local else None)
    return origin if origin is not None and origin.startswith(client.scheme + "://") else None


def comes_from_here(headers: Headers, origin: str, *, needs_proof: bool) -> bool:
    """Whether a page of ours, or a person by themselves, made this request.

    What changes something has to prove it. A form of ours is sent with `Origin: null`, since no page tells where a
    person came from; then the browser's own word (`Sec-Fetch-Site`), which no page can forge, is the proof.
    """
    site = headers.get("sec-fetch-site", [""])[0].lower()
    said = headers.get("origin", [""])[0].lower()
    referer = headers.get("referer", [""])[0]
    if site and site not in (("same-origin",) if needs_proof else ("same-origin", "none")):
        return False
    if said and said not in (origin, "null"):
        return False
    if referer and _origin_of(referer) != origin:
        return False
    return not needs_proof or said == origin or site == "same-origin" or (not said and bool(referer))


def _require_following_a_link(scope: Scope, headers: Headers) -> None:
    """From elsewhere a person may come by a link. Raises `Refused` for anything else."""
    navigates = headers.get("sec-fetch-mode", [""])[0] == "navigate"
    at_the_top = headers.get("sec-fetch-dest", [""])[0] == "document"
    if scope["method"] in READING and navigates and at_the_top:
        return
    raise Refused(
        403,
        "This came from another site.",
        why="Nothing that another page asks for or sends is taken: it may not be you who asks.",
        remedy="Nothing was changed. Open the page here, and send the form from it.",
    )


def _origin_of(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}".lower()


def _headers(scope: Scope) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return found


def _cookies(headers: Headers) -> dict[str, str]:
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(headers.get("cookie", [""])[0])
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def _visit(text: str) -> str:
    plain = text.replace("-", "").replace("_", "")
    return text if 40 <= len(text) <= 64 and plain.isascii() and plain.isalnum() else ""


def _failed(error: Exception) -> Refused:
    log.error("the web server failed at a request: %s", type(error).__name__, exc_info=error)
    return fault()


def _busy(wait_s: int) -> Refused:
    return Refused(
        429,
        "Too many requests at once.",
        why="More came from here than a person sends.",
        remedy=f"Wait {wait_s} s, then go on.",
        headers={"Retry-After": str(wait_s)},
    )

"""Who visits in `bench console`: a browser that logs in and reads pages, and pages that listen and re-fetch a part."""

from __future__ import annotations

import asyncio
import gzip
import html
import http.client
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]+)"')
_ASSET = re.compile(r'(?:src|href)="(/static/[^"]+)"')
_FONT = re.compile(r"url\((/static/[^)]+)\)")
_PART = re.compile(r'hx-get="([^"]*part=[^"]*)"[^>]*hx-trigger="([^"]*)"')
_PLACE = re.compile(r'<li class="group-[^>]*><a href="([^"]+)"')


class Visitor:
    """A browser that is logged in, with one connection."""

    def __init__(self, port: int, login: str) -> None:
        self.port = port
        self._host = f"127.0.0.1:{port}"
        self._cookies: dict[str, str] = {}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        path = login.partition(self._host)[2]
        found = _TOKEN.search(self.get(path).text)
        assert found is not None, "the link shows a form"
        self._ask("POST", path, urlencode({"form_token": found[1]}).encode())

    @property
    def headers(self) -> dict[str, str]:
        """What it says with each request."""
        cookie = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        return {
            "Host": self._host,
            "Sec-Fetch-Site": "same-origin",
            "Accept-Encoding": "gzip",
            "Cookie": cookie,
        }

    def get(self, path: str, **headers: str) -> Read:
        """Read an address."""
        return self._ask("GET", path, None, headers)

    def _ask(self, method: str, path: str, body: bytes | None, more: Mapping[str, str] | None = None) -> Read:
        headers = {**self.headers, **(more or {})}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            headers["Origin"] = f"http://{self._host}"
        began = time.perf_counter()
        self._connection.request(method, path, body, headers)
        heard = self._connection.getresponse()
        first_s = time.perf_counter() - began
        content = heard.read()
        for cookie in heard.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value.strip('"')
        packed = heard.headers.get("Content-Encoding") == "gzip"
        text = (gzip.decompress(content) if packed else content).decode("utf-8", "replace")
        return Read(heard.status, first_s, len(content), text)

    def close(self) -> None:
        """It goes."""
        self._connection.close()


@dataclass(frozen=True, slots=True)
class Read:
    """What was read."""

    status: int
    first_s: float  # until the first byte
    bytes: int  # as it was sent
    text: str

    @property
    def assets(self) -> list[str]:
        """What the page loads."""
        return sorted(set(_ASSET.findall(self.text)))

    @property
    def places(self) -> list[str]:
        """The pages in its rail."""
        return [html.unescape(one) for one in _PLACE.findall(self.text)]

    def part_of(self, topic: str) -> str:
        """The address of its part that moves with this topic; empty where it has none."""
        for address, trigger in _PART.findall(self.text):
            if f"{topic} from:body" in trigger:
                return html.unescape(address)
        return ""


def fonts(style: str) -> list[str]:
    """What a style sheet loads."""
    return _FONT.findall(style)


@dataclass(slots=True)
class Page:
    """An open page: what its stream said and when, and when its part was there."""

    headers: Mapping[str, str]
    port: int
    topic: str
    part: str  # empty: it only listens
    heard: list[tuple[int, float]] = field(default_factory=list)  # position, when
    fetched: list[tuple[float, float]] = field(default_factory=list)  # from, until
    refused: int = 0
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> asyncio.Task[None]:
        """Listen until cancelled; returns when the stream has begun."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(_request(f"/live?topics={self.topic}", {**self.headers, "Accept": "text/event-stream"}))
        first = await reader.readline()
        assert b" 200 " in first, first
        return asyncio.create_task(self._listen(reader, writer))

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fetching = asyncio.create_task(self._fetch()) if self.part else None
        told = False
        try:
            while line := await reader.readline():
                if line.startswith(b"event: "):
                    told = line[7:].strip() == self.topic.encode()
                elif told and line.startswith(b"id: "):
                    self.heard.append((int(line[4:]), time.monotonic()))
                    self._moved.set()
        finally:
            if fetching is not None:
                fetching.cancel()
            writer.close()

    async def _fetch(self) -> None:
        """As a browser does: one request at a time, and one more if something moved meanwhile."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            while True:
                await self._moved.wait()
                self._moved.clear()
                began = time.monotonic()
                writer.write(_request(self.part, {**self.headers, "HX-Request": "true"}))
                head = await reader.readuntil(b"\r\n\r\n")
                found = re.search(rb"content-length: (\d+)", head, re.I)
                await reader.readexactly(int(found[1]) if found else 0)
                if b" 200 " in head.partition(b"\r\n")[0]:
                    self.fetched.append((began, time.monotonic()))
                else:
                    self.refused += 1
                    writer.close()
                    reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        finally:
            writer.close()


def _request(path: str, headers: Mapping[str, str]) -> bytes:
    lines = [
        f"GET {path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items() if name != "Accept-Encoding"),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def ways_ms(commits: list[tuple[int, float]], pages: list[Page]) -> tuple[list[float], list[float]]:
    """Of each commit, to each page: until the message that covers it, and until the part that shows it."""
    told: list[float] = []
    shown: list[float] = []
    for page in pages:
        at, fetch = 0, 0
        for position, committed in commits:
            while at < len(page.heard) and page.heard[at][0] < position:
                at += 1
            if at == len(page.heard):
                break
            told.append((page.heard[at][1] - committed) * 1e3)
            while fetch < len(page.fetched) and page.fetched[fetch][0] < page.heard[at][1]:
                fetch += 1
            if fetch < len(page.fetched):
                shown.append((page.fetched[fetch][1] - committed) * 1e3)
    return told, shown

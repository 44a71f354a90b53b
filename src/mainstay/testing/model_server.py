"""An OpenAI-compatible endpoint on loopback that does what its script says, faults included.

It speaks real HTTP over real sockets, so that the real client is what is tested: it can answer, refuse, hang, break
off in the middle, send no JSON and lie about its usage. Answers are used one after another, the last one for good.

    with ModelServer(completion("Hello.")) as server:
        model = EndpointModel(ModelSettings("test", "scripted:small", url=server.url))

It ends with its block: what hangs is let go, and no thread or socket is left.
"""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

BODY_BYTES_MAX: Final = 64_000_000
_REASONS: Final = {200: "OK", 307: "Temporary Redirect", 401: "Unauthorized", 404: "Not Found"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived. Header names are lower-case."""

    method: str
    path: str
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        """The JSON of it."""
        return json.loads(self.raw)


@dataclass(frozen=True, slots=True)
class Given:
    """One answer: bytes, and how they go over the wire."""

    status: int = 200
    raw: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    sent: int | None = None  # so many bytes of the body, then the connection is closed
    chunked: bool = False
    hangs: bool = False  # takes the request and says nothing until the server ends


Script = Given | Callable[[Asked], Given]


class ModelServer:
    """A server for one `with` block. `asked` is everything that it was asked, in order."""

    def __init__(self, *script: Script) -> None:
        assert script, "a server without answers has nothing to say"
        self._script = list(script)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.asked: list[Asked] = []

    def __enter__(self) -> ModelServer:
        owner = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                owner._serve(self)

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it answers, on a port of its own."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def _serve(self, handler: socketserver.StreamRequestHandler) -> None:
        asked = _read(handler.rfile)
        if asked is None:
            return
        with self._lock:
            self.asked.append(asked)
            script = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        given = script(asked) if callable(script) else script
        if given.hangs:
            self._over.wait()
            return
        try:
            handler.wfile.write(_head(given) + _body(given))
            handler.wfile.flush()
        except OSError:
            return  # whoever asked did not wait


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Somebody who hangs up is part of the script."""


def completion(
    text: str | None,
    *,
    usage: Any = "honest",
    finish: str | None = "stop",
    model: str = "small-1",
    **message: Any,
) -> Callable[[Asked], Given]:
    """An answer as OpenAI gives it. `usage`: what is reported; by default a quarter of the bytes each way."""

    def answer(asked: Asked) -> Given:
        reported = _honest(asked, text or "") if usage == "honest" else usage
        body: dict[str, Any] = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": model,
            "choices": [
                {
                    "index": 0,
                    "finish_reason": finish,
                    "message": {"role": "assistant", "content": text, **message},
                }
            ],
        }
        if reported is not None:
            body["usage"] = reported
        return Given(raw=json.dumps(body).encode())

    return answer


def tokens(asked: int, said: int) -> dict[str, int]:
    """A report of usage."""
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def refusal(status: int, code: str = "", message: str = "no", **headers: str) -> Given:
    """An error as OpenAI gives it. Headers are spelled with `_` for `-`."""
    body = {"error": {"message": message, "type": "error", "code": code or None}}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Given(status, json.dumps(body).encode(), named)


def broken_off(sent: int, *, chunked: bool = False) -> Callable[[Asked], Given]:
    """A right answer of which only some bytes arrive."""

    def answer(asked: Asked) -> Given:
        return Given(raw=completion("Hello there, and welcome.")(asked).raw, sent=sent, chunked=chunked)

    return answer


def vectors(dimensions: int = 8, *, usage: Any = "honest") -> Callable[[Asked], Given]:
    """Embeddings that depend on their text alone: its bytes, counted. The last comes first; each says its place."""

    def answer(asked: Asked) -> Given:
        texts = asked.body["input"]
        rows = [_vector(text, dimensions) for text in texts]
        reported = (
            tokens(sum(-(-len(text.encode()) // 4) for text in texts), 0) if usage == "honest" else usage
        )
        body: dict[str, Any] = {
            "object": "list",
            "model": asked.body["model"],
            "data": [
                {"object": "embedding", "index": place, "embedding": row} for place, row in enumerate(rows)
            ][::-1],
        }
        if reported is not None:
            body["usage"] = reported
        return Given(raw=json.dumps(body).encode())

    return answer


def _vector(text: str, dimensions: int) -> list[float]:
    counts = [1.0] * dimensions
    for word in text.lower().split():
        counts[sum(word.encode()) % dimensions] += 4.0
    return counts


def _honest(asked: Asked, text: str) -> dict[str, int]:
    heard = sum(len(str(message.get("content") or "").encode()) for message in asked.body["messages"])
    return tokens(-(-heard // 4) or 1, -(-len(text.encode()) // 4))


def _read(stream: Any) -> Asked | None:
    line = stream.readline(65_536).split()
    if len(line) != 3:
        return None
    headers: dict[str, str] = {}
    while (raw := stream.readline(65_536)).strip():
        name, _, value = raw.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    size = min(int(headers.get("content-length", 0)), BODY_BYTES_MAX)
    return Asked(line[0].decode(), line[1].decode(), headers, stream.read(size))


def _head(given: Given) -> bytes:
    lines = [f"HTTP/1.1 {given.status} {_REASONS.get(given.status, 'Other')}", "Connection: close"]
    lines.append("Transfer-Encoding: chunked" if given.chunked else f"Content-Length: {len(given.raw)}")
    lines.append(f"Content-Type: {given.content_type}")
    lines += [f"{name}: {value}" for name, value in given.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _body(given: Given) -> bytes:
    part = given.raw if given.sent is None else given.raw[: given.sent]
    if not given.chunked:
        return part
    end = b"0\r\n\r\n" if given.sent is None else b""
    return f"{len(part):x}\r\n".encode() + part + b"\r\n" + end

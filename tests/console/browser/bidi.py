"""A second browser, spoken to by WebDriver BiDi over a plain socket: Firefox as Debian has it, and no package more.

`firefox(path)` starts one with a profile of its own; `Tab` is a page in it. Only what the tests ask for is here: to
open an address, to evaluate JavaScript, to press keys, to set the size of the window, to take a picture. Nothing waits
without end: each answer and each condition has its time, and running out of it fails the test.

Tried before: Playwright's own way to this browser. It begins with a command that the long-lived releases do not know.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import socket
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WAIT_S = 20
BEGIN_S = 60
# Quiet, without a word to its makers, and without movement. One that is first begun says much otherwise.
PREFERENCES: dict[str, bool | int | str] = {
    "ui.prefersReducedMotion": 1,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "browser.aboutwelcome.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
}
LOOKING = """new Promise((done) => {
    const until = performance.now() + %(within_ms)d;
    const look = () => {
        if (%(condition)s) return done(true);
        if (performance.now() > until) return done(false);
        setTimeout(look, 16);
    };
    look();
})"""
# Keys that are no character, as the protocol names them.
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c"}


class Wire:
    """One WebSocket to a browser on this machine: text frames there and back, and no more of that protocol."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
        self._left = b""
        self._shake_hands(port)

    def _shake_hands(self, port: int) -> None:
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        self._socket.sendall(
            f"GET /session HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        while b"\r\n\r\n" not in self._left:
            self._left += self._socket.recv(4096)
        head, self._left = self._left.split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 101"), head

    def send(self, text: str) -> None:
        """One frame, masked as a client must."""
        payload, mask = text.encode(), secrets.token_bytes(4)
        size = len(payload)
        if size < 126:
            head = struct.pack(">BB", 0x81, 0x80 | size)
        elif size < 65_536:
            head = struct.pack(">BBH", 0x81, 0x80 | 126, size)
        else:
            head = struct.pack(">BBQ", 0x81, 0x80 | 127, size)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        self._socket.sendall(head + mask + masked)

    def receive(self) -> str:
        """The next whole message; TimeoutError when none comes."""
        message = b""
        while True:
            first, size = self._take(2)
            size &= 0x7F
            if size == 126:
                size = struct.unpack(">H", self._take(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self._take(8))[0]
            payload, kind = self._take(size), first & 0x0F
            assert kind != 0x8, "the browser ended"
            if kind in (0x0, 0x1):
                message += payload
                if first & 0x80:
                    return message.decode()

    def _take(self, size: int) -> bytes:
        while len(self._left) < size:
            heard = self._socket.recv(65_536)
            assert heard, "the browser ended"
            self._left += heard
        taken, self._left = self._left[:size], self._left[size:]
        return taken

    def close(self) -> None:
        self._socket.close()


@dataclass
class Browser:
    """A session: commands and their answers, and what pages wrote to the console meanwhile."""

    wire: Wire
    slips: list[str] = field(default_factory=list)
    _number: int = 0

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command, wait for its answer."""
        self._number += 1
        self.wire.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            told = json.loads(self.wire.receive())
            if told.get("method") == "log.entryAdded":
                self.slips.append(f"{told['params']['level']}: {told['params']['text']}")
            if told.get("id") == self._number:
                assert told["type"] == "success", (method, told.get("error"), told.get("message"))
                result: dict[str, Any] = told["result"]
                return result

    def open(self, base: str, *, width: int = 1280, height: int = 800) -> Tab:
        """A new page that knows nobody: it has its own cookies."""
        person = self.ask("browser.createUserContext")["userContext"]
        context = self.ask("browsingContext.create", type="tab", userContext=person)["context"]
        viewport = {"width": width, "height": height}
        self.ask("browsingContext.setViewport", context=context, viewport=viewport)
        self.ask("browsingContext.activate", context=context)  # one that nobody sees has no focus
        return Tab(self, context, base)

    def close(self, tab: Tab) -> None:
        """Close a page, with its stream."""
        self.ask("browsingContext.close", context=tab.context)


@dataclass(frozen=True, slots=True)
class Tab:
    """One page, by the address of its house."""

    browser: Browser
    context: str
    base: str

    def goto(self, path: str) -> None:
        """Open a path and wait until everything in it was loaded."""
        self.browser.ask(
            "browsingContext.navigate", context=self.context, url=self.base + path, wait="complete"
        )
        self.wait(f"location.href === {json.dumps(self.base + path)} && document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, or of the promise that it is."""
        answer = self.browser.ask(
            "script.evaluate",
            expression=f"(async () => JSON.stringify({{ value: await ({expression}) }}))()",
            target={"context": self.context},
            awaitPromise=True,
        )
        assert answer["type"] == "success", (expression, answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"]).get("value")

    def wait(self, condition: str) -> None:
        """Until the condition holds, looked at with every frame: also on the page after this one."""
        for _ in range(3):  # a page that leaves takes the question along with it
            try:
                held = self.evaluate(LOOKING % {"within_ms": WAIT_S * 500, "condition": condition})
            except AssertionError:
                continue
            assert held, f"never: {condition}"
            return
        raise AssertionError(f"no page stayed long enough to tell: {condition}")

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, as a keyboard does."""
        actions = [
            {"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")
        ]
        self.browser.ask(
            "input.performActions",
            context=self.context,
            actions=[{"type": "key", "id": "keys", "actions": actions}],
        )

    def click(self, selector: str) -> None:
        """Click an element in its midst."""
        spot = json.dumps(selector)
        x, y = self.evaluate(
            f"(() => {{ const one = document.querySelector({spot}); one.scrollIntoView({{ block: 'center' }}); "
            "const box = one.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        actions = [
            {"type": "pointerMove", "x": round(x), "y": round(y)},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self.browser.ask(
            "input.performActions",
            context=self.context,
            actions=[{"type": "pointer", "id": "mouse", "actions": actions}],
        )

    def picture(self, to: Path) -> None:
        """What is seen, as a file."""
        answer = self.browser.ask("browsingContext.captureScreenshot", context=self.context)
        to.write_bytes(base64.b64decode(answer["data"]))


@contextmanager
def firefox(path: str, *, dark: bool = False) -> Iterator[Browser]:
    """Start it, without a window, with a profile that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mainstay-firefox-") as profile:
        wanted = PREFERENCES | {"ui.systemUsesDarkTheme": int(dark)}
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in wanted.items()]
        (Path(profile) / "user.js").write_text("\n".join(lines))
        program = subprocess.Popen(
            [path, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "HOME": profile, "MOZ_CRASHREPORTER_DISABLE": "1"},
        )
        try:
            browser = Browser(Wire(_port(program)))
            browser.ask("session.new", capabilities={})
            browser.ask("session.subscribe", events=["log.entryAdded"])
            yield browser
            browser.wire.close()
        finally:
            program.terminate()
            program.wait(WAIT_S)
            assert program.stderr is not None, "it is piped"
            program.stderr.close()


def _port(program: subprocess.Popen[str]) -> int:
    assert program.stderr is not None, "it is piped"
    for line in program.stderr:
        found = re.search(r"WebDriver BiDi listening on ws://127\.0\.0\.1:(\d+)", line)
        if found:
            return int(found[1])
    raise AssertionError("it ended before it could be spoken to")

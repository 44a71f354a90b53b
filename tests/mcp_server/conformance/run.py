"""The public conformance suite against our server: `python -m tests.mcp_server.conformance.run SUITE`.

SUITE is the folder into which `scripts/mcp-conformance.sh` installed it. Two servers are put before it, both behind the
product's own guard in one director's process: the fixtures that the suite asks for, and Mainstay as it is. A door in
front of each adds the token, which the suite cannot send; names and origins that it forges are passed on as they are.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mainstay.console.limits import Limits
from tests.mcp_server import fixture_server
from tests.security.web_house import WebHouse, standing_house

HERE = Path(__file__).parent
WAIT_S = 900.0
LIMITS = Limits(burst=100_000, per_s=10_000.0)
# What applies to a server whose tools are its own, by the revision that it is asked at.
OF_THE_PRODUCT = {
    "2025-11-25": ("server-initialize", "ping", "tools-list", "resources-list", "prompts-list"),
    "2026-07-28": (
        *("tools-list", "resources-list", "prompts-list", "caching", "sep-2164-resource-not-found"),
        *("dns-rebinding-protection", "http-header-validation", "server-stateless"),
    ),
}


def main(suite: Path) -> int:
    """Run all of it; 0 where nothing failed but what is expected to, and every fixture was used."""
    node = next(iter(sorted(suite.glob("node_modules/node-*/bin/node"))), Path("node"))
    entry = suite / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
    command = [str(node), str(entry), "server"]
    failed: list[str] = []
    with standing_house(messages=6) as house:
        token = _token(house)
        with _served(house, "tests.mcp_server.fixture_server") as port, _door(house, port, token) as url:
            for revision, chosen in (
                ("2025-11-25", ["--spec-version", "2025-11-25"]),
                ("2026-07-28", ["--requirements", "2026-07-28"]),
            ):
                known = ["--expected-failures", str(HERE / f"expected-failures-{revision}.yaml")]
                failed += _run(f"fixtures at {revision}", [*command, "--url", url, *chosen, *known])
        unused = sorted(fixture_server.NEEDED - fixture_server.CALLED.keys())
        if unused:
            failed.append(
                f"fixtures that nothing asked for, so nothing was proved by them: {', '.join(unused)}"
            )
        with _served(house, "mainstay.mcp_server.http") as port, _door(house, port, token) as url:
            for revision, scenarios in OF_THE_PRODUCT.items():
                for one in scenarios:
                    chosen = ["--scenario", one, "--spec-version", revision]
                    failed += _product(
                        f"Mainstay: {one} at {revision}", [*command, "--url", url, *chosen], one
                    )
    for one in failed:
        print(f"FAILED  {one}")
    print(
        f"{sum(fixture_server.CALLED.values())} calls of fixtures; {len(failed)} failures that are not expected"
    )
    return 1 if failed else 0


def _token(house: WebHouse) -> str:
    made = house.ask(
        house.front.act(
            lambda workspace: workspace.tokens.issue("suite", ["read", "start", "propose"], holder="agent")
        )
    )
    return str(made["secret"])


@contextmanager
def _served(house: WebHouse, module: str) -> Iterator[int]:
    with pytest.MonkeyPatch.context() as patching:
        patching.setattr("mainstay.console.mcp.SERVER", module)
        with house.also(LIMITS) as port:
            yield port


def _run(what: str, command: list[str]) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [*command, "--output-dir", folder], capture_output=True, text=True, timeout=WAIT_S, check=False
        )
    print(f"== {what}\n{done.stdout}{done.stderr}", flush=True)
    return [] if done.returncode == 0 else [what]


def _product(what: str, command: list[str], scenario: str) -> list[str]:
    """One scenario against the product; what it says that a fixture is missing is no fault of the product's."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [*command, "--output-dir", folder], capture_output=True, text=True, timeout=WAIT_S, check=False
        )
        checks = [
            one for file in Path(folder).rglob("checks.json") for one in json.loads(file.read_text("utf-8"))
        ]
    faults = [one for one in checks if one["status"] == "FAILURE" and not _asks_for_a_fixture(one)]
    passed = sum(one["status"] == "SUCCESS" for one in checks)
    print(f"== {what}: {passed} checks passed", flush=True)
    if not passed:
        return [f"{what}: nothing was checked"]
    return [f"{what}: {one['id']}: {one.get('errorMessage', '')}" for one in faults]


def _asks_for_a_fixture(check: dict[str, object]) -> bool:
    details = check.get("details")
    return isinstance(details, dict) and details.get("untestable") is True


@contextmanager
def _door(house: WebHouse, port: int, token: str) -> Iterator[str]:
    """An address that leads to the server with the token added."""

    async def through(reading: asyncio.StreamReader, writing: asyncio.StreamWriter) -> None:
        try:
            head = await reading.readuntil(b"\r\n\r\n")
            near, far = f"127.0.0.1:{own}".encode(), f"127.0.0.1:{port}".encode()
            lines = [
                line.replace(near, far) if line.lower().startswith((b"host:", b"origin:")) else line
                for line in head.split(b"\r\n")[:-2]
                if not line.lower().startswith(b"connection:")
            ]
            lines += [f"Authorization: Bearer {token}".encode(), b"Connection: close"]
            inner, outer = await asyncio.open_connection("127.0.0.1", port)
            outer.write(b"\r\n".join(lines) + b"\r\n\r\n")
            await asyncio.wait(
                [
                    asyncio.ensure_future(_pour(reading, outer)),
                    back := asyncio.ensure_future(_pour(inner, writing)),
                ],
                return_when=asyncio.FIRST_COMPLETED,
            )
            await back
            outer.close()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writing.close()

    async def open_() -> tuple[asyncio.Server, int]:
        opened = await asyncio.start_server(through, "127.0.0.1", 0)
        return opened, opened.sockets[0].getsockname()[1]

    door, own = house.ask(open_())
    try:
        yield f"http://127.0.0.1:{own}/mcp"
    finally:
        house.call(door.close)


async def _pour(source: asyncio.StreamReader, into: asyncio.StreamWriter) -> None:
    while part := await source.read(65_536):
        into.write(part)
        await into.drain()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

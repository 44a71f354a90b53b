"""The protocol over standard input and output: bounded lines, nothing else on the wire, and an end with the client."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mainstay.mcp_server.stdio import LINE_BYTES_MAX, Lines
from tests.cli.conftest import WAIT_S, lay_out


def lines_of(*parts: bytes) -> list[str]:
    """What is read of what was written, in these parts."""
    reading, writing = os.pipe()
    wire = os.fdopen(writing, "wb")

    async def read() -> list[str]:
        def write() -> None:
            with wire:
                for one in parts:
                    wire.write(one)
                    wire.flush()

        sending = asyncio.create_task(asyncio.to_thread(write))
        found = [one async for one in Lines(reading)]
        await sending
        return found

    try:
        return asyncio.run(read())
    finally:
        os.close(reading)


def test_lines_come_whole_however_they_were_cut() -> None:
    assert lines_of(b'{"a"', b': 1}\n{"b": 2}\n{"c', b'": 3}\n') == ['{"a": 1}', '{"b": 2}', '{"c": 3}']


def test_what_is_no_text_is_read_all_the_same() -> None:
    assert lines_of(b"\xff\xfe\n") == ["\ufffd\ufffd"]


def test_of_a_line_that_is_too_long_nothing_is_kept() -> None:
    long = b"x" * (LINE_BYTES_MAX + 10)

    assert lines_of(long, long, b"\nnext\n") == ["too long", "next"]
    assert lines_of(b"first\n", long + b"\nnext\n") == ["first", "too long", "next"]


@pytest.mark.long
def test_a_client_that_starts_us_is_answered_and_we_end_with_it(short_path: Path) -> None:
    lay_out(short_path / "desk", messages=2)
    begin = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    sent = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": begin},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}},
        {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "status", "arguments": {}}},
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "mainstay", "mcp", "-w", str(short_path / "desk"), "--name", "test"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("".join(json.dumps(one) + "\n" for one in sent).encode())
    process.stdin.flush()
    answers = {}
    while len(answers) < 3:
        one = json.loads(process.stdout.readline())  # nothing but the protocol is on this wire
        answers[one["id"]] = one["result"]
    process.stdin.close()

    assert process.wait(WAIT_S) == 0, "it ends with its client"
    assert process.stdout.read() == b""
    assert answers[1]["protocolVersion"] == "2025-11-25"
    assert "approve" not in {one["name"] for one in answers[2]["tools"]}
    assert answers[3]["structuredContent"]["director"] == "not running"

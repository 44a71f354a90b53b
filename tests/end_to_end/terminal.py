"""Commands as a person types them, beside the director that answers them in the same process."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mainstay.cli import main as command_line


@dataclass
class Terminal:
    """A shell in a workspace."""

    root: Path
    capsys: pytest.CaptureFixture[str]

    async def said(self, *arguments: str, code: int = 0) -> str:
        """What a command says when it ends with this code: errors for any but 0."""
        self.capsys.readouterr()
        ended = await asyncio.to_thread(command_line.run, [*arguments, "-w", str(self.root)])
        said = self.capsys.readouterr()
        assert ended == code, said.out + said.err
        return said.err if code else said.out

    async def value(self, *arguments: str) -> Any:
        """The same for programs."""
        return json.loads(await self.said(*arguments, "--json"))

    async def approve_the_card(self) -> str:
        """Yes to the one card that waits; its run."""
        (card,) = (await self.value("approvals"))["waiting"]
        await self.said("approve", card["approval"][:8], "--digest", card["digest"][:12])
        return str(card["run"])

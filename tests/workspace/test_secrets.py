"""A director at work takes a new secret at the next connection, without a restart."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mainstay.models.base import Completion, Message, Prompt
from mainstay.models.scripted import ScriptedEmbedder
from mainstay.testing.model_server import ModelServer, completion
from mainstay.workspace.assembly import Assembly
from mainstay.workspace.folder import Folder
from mainstay.workspace.serving import Service
from mainstay.workspace.workspace import Workspace

OLD, NEW = "old-Kj3-lantern-8841", "new-Pq7-harbour-2206"
PROMPT = Prompt("Be brief.", (Message("user", "Hello?"),), output_token_max=20)


class _Scripted(Assembly):
    embedder = ScriptedEmbedder()


def test_a_director_asks_with_the_new_key_from_the_next_call_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAINSTAY_KEY_HOME", str(tmp_path / "keys"))
    key = tmp_path / "llm.key"
    key.write_text(OLD)
    key.chmod(0o600)
    root = tmp_path / "house"
    Workspace.create(root, "house")[0].close()
    with ModelServer(completion("Hello.")) as server:
        table = f'[models.default]\nuse = "scripted:small"\nurl = "{server.url}"\nkey = "file:{key}"\n'
        (root / "mainstay.toml").write_text((root / "mainstay.toml").read_text() + table)
        asyncio.run(_asked(root, key))
        asked = [one.headers["authorization"] for one in server.asked]
    assert asked == [f"Bearer {OLD}", f"Bearer {OLD}", f"Bearer {NEW}"]
    with Workspace.open(root) as opened:
        (one,) = opened.secrets.all()
    assert one.rotated_at > 0


async def _asked(root: Path, key: Path) -> None:
    service, ready = Service(Folder(root), ingest=False, assembly=_Scripted), asyncio.Event()
    working = asyncio.create_task(service.run(ready.set))
    await ready.wait()
    model: Any = service.held.assembly.language_models.supply("default").client
    assert isinstance(await model.complete(PROMPT), Completion)
    key.write_text(NEW)
    assert isinstance(await model.complete(PROMPT), Completion)  # nobody said that it is another one
    rotated = {"reference": f"file:{key}", "expires_at": 0, "actor": "operator"}
    assert (await service._operate("secret_rotated", rotated))["recorded"] is True
    assert isinstance(await model.complete(PROMPT), Completion)
    service.stop()
    await working

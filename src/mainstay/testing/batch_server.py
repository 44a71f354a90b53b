"""Files and batches as OpenAI has them, as a script for `ModelServer`.

Batches are worked off when they are looked at for the `works_after`-th time. `fail` names requests that are answered
with an error, as "POST /batches"; once for each time that it is in the list, before or, with "after:", behind the work.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from mainstay.testing.model_server import Asked, Given, completion

_PART = re.compile(rb'name="file"[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n(.*?)\r\n--', re.DOTALL)


class BatchScript:
    """State of one provider. `batches` are all that were ever made."""

    def __init__(
        self,
        answer: Callable[[Asked], Given] | None = None,
        *,
        works_after: int = 1,
        ends: str = "completed",
        fail: tuple[str, ...] = (),
        page_size: int = 100,
    ) -> None:
        self._answer = answer or completion("Yes.")
        self._works_after = works_after
        self._ends = ends
        self._fail = list(fail)
        self._page_size = page_size
        self.files: dict[str, bytes] = {}
        self.batches: list[dict[str, Any]] = []
        self._looks: dict[str, int] = {}

    def __call__(self, asked: Asked) -> Given:
        """One request."""
        path = asked.path.removeprefix("/v1").partition("?")[0]
        name = f"{asked.method} {re.sub(r'/(file|batch)-[0-9]+', '', path)}"
        if name in self._fail:
            self._fail.remove(name)
            return Given(500, b"{}")
        given = self._route(asked, path)
        if f"after:{name}" in self._fail:
            self._fail.remove(f"after:{name}")
            return Given(500, b"{}")
        return given

    def _route(self, asked: Asked, path: str) -> Given:
        match asked.method, path.strip("/").split("/"):
            case "POST", ["files"]:
                found = _PART.search(asked.raw)
                return _json(self._file(found[1] if found else b""))
            case "GET", ["files", file, "content"] if file in self.files:
                return Given(raw=self.files[file], content_type="application/octet-stream")
            case "DELETE", ["files", file] if file in self.files:
                del self.files[file]
                return _json({"id": file, "object": "file", "deleted": True})
            case "POST", ["batches"]:
                return _json(self._batch(asked.body))
            case "GET", ["batches"]:
                return _json(self._page(asked.path))
            case "GET", ["batches", batch]:
                return _json(self._look(batch))
            case _:
                return Given(404, b'{"error": {"message": "no"}}')

    def _file(self, content: bytes) -> dict[str, Any]:
        name = f"file-{len(self.files) + 1}"
        self.files[name] = content
        return {"id": name, "object": "file", "bytes": len(content), "created_at": 1, "purpose": "batch"}

    def _batch(self, body: Any) -> dict[str, Any]:
        made = {
            "id": f"batch-{len(self.batches) + 1}",
            "object": "batch",
            "endpoint": body["endpoint"],
            "input_file_id": body["input_file_id"],
            "completion_window": "24h",
            "created_at": 1,
            "status": "in_progress",
            "metadata": body.get("metadata"),
        }
        self.batches.append(made)
        return made

    def _page(self, path: str) -> dict[str, Any]:
        after = re.search(r"after=([^&]+)", path)
        newest = self.batches[::-1]
        start = next((n + 1 for n, one in enumerate(newest) if after and one["id"] == after[1]), 0)
        shown = newest[start : start + self._page_size]
        return {"object": "list", "data": shown, "has_more": start + len(shown) < len(newest)}

    def _look(self, batch: str) -> dict[str, Any]:
        found = next(one for one in self.batches if one["id"] == batch)
        self._looks[batch] = self._looks.get(batch, 0) + 1
        if found["status"] == "in_progress" and self._looks[batch] >= self._works_after:
            found["status"] = self._ends
            if self._ends != "failed":
                self._work(found)
        return found

    def _work(self, batch: dict[str, Any]) -> None:
        asked = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
        if self._ends == "expired":
            asked = asked[: len(asked) // 2]
        out: list[str] = []
        failed: list[str] = []
        for one in asked:
            given = self._answer(Asked("POST", one["url"], {}, json.dumps(one["body"]).encode()))
            line = {"custom_id": one["custom_id"], "response": {"status_code": given.status, "body": None}}
            line["response"]["body"] = json.loads(given.raw)
            (out if given.status == 200 else failed).append(json.dumps(line))
        # In another order than they were asked: they are told apart by their ids alone.
        for key, lines in (("output_file_id", out[::-1]), ("error_file_id", failed)):
            if lines:
                batch[key] = self._file("\n".join(lines).encode())["id"]
        batch["request_counts"] = {"total": len(asked), "completed": len(out), "failed": len(failed)}


def _json(value: Any) -> Given:
    return Given(raw=json.dumps(value).encode())

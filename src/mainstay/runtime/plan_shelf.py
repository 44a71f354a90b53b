"""The plans of a director: compiled from a definition when it is first asked for, and kept."""

from __future__ import annotations

from collections.abc import Callable

from mainstay.kernel.plan import Plan
from mainstay.kernel.values import Digest


class PlanShelf(dict[Digest, Plan]):
    """Compiled plans by the digest of their definition; loaded when first asked for."""

    def __init__(self, load: Callable[[Digest], Plan]) -> None:
        super().__init__()
        self._load = load

    def __missing__(self, digest: Digest) -> Plan:
        plan = self[digest] = self._load(digest)
        return plan

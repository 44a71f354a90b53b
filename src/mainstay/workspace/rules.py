"""Rules and templates come into force: those of the folder, at a start or while a director is at work.

What comes into force is kept whole in the ledger, under the digest that its event names. Files are read and held
against everything else first: one mistake, and nothing changes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from mainstay.config.files import RuleFiles, load_rules
from mainstay.config.policies import read_policy_text
from mainstay.kernel.commands import AdoptPolicy, AdoptTemplate, RetireTemplate
from mainstay.kernel.errors import FileChanged, NotFound, PolicyError
from mainstay.kernel.policy import Policy
from mainstay.kernel.values import Digest, Json
from mainstay.ledger.blobs import Blobs
from mainstay.ledger.store import EventReader
from mainstay.runtime.director import Director
from mainstay.runtime.tick import Answer, Request
from mainstay.workspace.assembly import Assembly

if TYPE_CHECKING:
    from mainstay.workspace.file_desk import FileDesk

Ask = Callable[[Request], Awaitable[Answer]]


def policy_in_force(store: EventReader, blobs: Blobs, otherwise: Policy) -> Policy:
    """The policy that was adopted last, as the ledger kept it; `otherwise` where it kept none that can be read."""
    row = store.get("house", ("policy",))
    adopted = Digest(str(row["value"])) if row is not None else otherwise.digest
    if adopted == otherwise.digest:
        return otherwise
    try:
        return read_policy_text(blobs.read(adopted))
    except (NotFound, PolicyError):
        return otherwise


def differs(director: Director, rules: RuleFiles) -> bool:
    """Whether any of these rules and templates is not in force."""
    known = {name: template.digest for name, template in rules.templates.items()}
    return rules.policy.digest != director.house.policy or director.templates != known


def adoptions(director: Director, rules: RuleFiles, blobs: Blobs) -> list[Request]:
    """What puts these rules and templates in force, where they differ from what is."""
    requests: list[Request] = []
    if rules.policy.digest != director.house.policy:
        director.offered[rules.policy.digest] = rules.policy
        requests.append(_kept(AdoptPolicy(rules.policy.digest), rules.text, blobs))
    for name, template in sorted(rules.templates.items()):
        if director.templates.get(name) != template.digest:
            requests.append(_kept(AdoptTemplate(name, template.digest), template.text.encode(), blobs))
    gone = sorted(director.templates.keys() - rules.templates.keys())
    return [*requests, *(Request(RetireTemplate(name), "operator") for name in gone)]


def _kept(command: AdoptPolicy | AdoptTemplate, content: bytes, blobs: Blobs) -> Request:
    staged = blobs.stage(content)
    named = command.policy if isinstance(command, AdoptPolicy) else command.template
    assert staged.digest == named, "what is adopted is stored under its own digest"
    return Request(command, "operator", blobs={staged.digest: staged.data} if staged.data is not None else {})


class RuleDesk:
    """Takes changed files into a director at work."""

    def __init__(
        self,
        files: FileDesk,
        director: Director,
        assembly: Assembly,
        ask: Ask,
        adopted: Callable[[], None] = lambda: None,
    ) -> None:
        self.files = files  # the same for one file that is saved
        self._director = director
        self._assembly = assembly
        self._ask = ask
        self._adopted = adopted

    async def apply(self, *, policy: str = "") -> Json:
        """Put the rules and templates of the folder in force. With the digest of a policy: only if that is it.

        Raises `ConfigError` for files that are wrong, `FileChanged` for others than were looked at.
        """
        async with self.files.one_at_a_time:
            return await self._apply(policy)

    async def _apply(self, policy: str) -> Json:
        assembly = self._assembly
        rules = load_rules(assembly.folder.root, assembly.catalog.acts)
        if policy and rules.policy.digest != policy:
            raise FileChanged(
                "The rules on disk are not the ones that were looked at.",
                why="A file was written in between. Nothing was changed.",
                remedy="Run `mainstay policy diff`, and apply once more.",
            )
        for request in adoptions(self._director, rules, assembly.blobs):
            await self._ask(request)
        assembly.adopt(rules)
        self._adopted()
        return {"policy": rules.policy.digest, "rules": len(rules.policy.rules)}

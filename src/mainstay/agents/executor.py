"""The proposer: what an act of a workflow would do, as a request for its adapter and features for policy.

Rules of this file: it proposes and never acts. A request holds what the adapter needs and no more. Features are
typed and not personal, since they stand in the ledger in the open: no address, no name, no word of a text.
Recipients are not chosen here either; the adapter takes them from the message that is answered.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ConfigDict

from mainstay.agents import ways
from mainstay.agents.base import Brief, Data, Failed, MessageView, Outcome, Proposal, Proposed, Reply, Tools
from mainstay.agents.flags import GATING, assess, domain
from mainstay.agents.provenance import claimed, origins
from mainstay.kernel.events import FailureClass
from mainstay.kernel.plan import Role
from mainstay.kernel.values import Json

_DERIVED = "@mainstay.invalid"


class ProposerInput(Data):
    """Whatever the act takes; a `message` and a `reply` are understood, the rest is passed on."""

    model_config = ConfigDict(frozen=True, extra="allow")

    message: MessageView | None = None
    reply: Reply | None = None
    proposal: Proposal | None = (
        None  # where somebody outside wants this act, and no workflow of the operator's
    )
    intent: str = ""
    confidence: float | None = None
    flags: tuple[str, ...] = ()


class Proposer:
    """Proposes the effect of an act."""

    name = "proposer"
    role = Role.EXECUTOR
    recipe = ways.PROPOSER
    input: type[Data] = ProposerInput
    output: type[Data] | None = None
    cost_max_micros = 0

    def __init__(self, *, own_addresses: tuple[str, ...] = (), languages: tuple[str, ...] = ("en",)) -> None:
        self._own = frozenset(address.strip().lower() for address in own_addresses)
        self._languages = languages

    async def work(self, brief: Brief, tools: Tools) -> Outcome:
        """The act as proposed. Refuses to answer a machine, ourselves, or with a gap in the text."""
        given = ProposerInput.model_validate(brief.inputs)
        if given.reply is not None:
            refused = self._refusal(given.message, given.reply)
            if refused:
                return Failed(FailureClass.REFUSED, refused)
        return Proposed(
            _request(given, {domain(one) for one in self._own}),
            self._features(given),
            _rationale(brief.act, given),
        )

    def _refusal(self, message: MessageView | None, reply: Reply) -> str:
        """Why this must not be answered at all; empty where nothing speaks against it."""
        if message is None:
            return "there is no message to answer"
        if message.automatic:
            return f"a machine is never answered: {message.automatic}"
        recipient = recipient_of(message)
        if not recipient:
            return "the message has no sender that could be answered"
        if recipient in self._own:
            return "the answer would go to one of our own addresses"
        if reply.missing:
            return f"the draft has gaps: {', '.join(reply.missing)}"
        return ""

    def _features(self, given: ProposerInput) -> Json:
        features: Json = {"intent": given.intent} if given.intent else {}
        if given.confidence is not None:
            features["confidence"] = given.confidence
        flags = set(given.flags)
        message = given.message
        if message is not None:
            found = assess(message, self._languages)
            flags |= set(found.flags)
            features |= {
                "automatic": bool(message.automatic),
                "attachments": len(message.attachments),
                "language": found.language,
                "mailbox": message.mailbox,
            }
        if given.reply is not None and message is not None:
            # Only what is sent has a recipient: a rule about new recipients says nothing of a label.
            features |= {
                "recipient_known": message.sender_known and not _diverted(message),
                "reply_to_differs": _diverted(message),
            }
        if given.reply is not None:
            features |= {
                "template": given.reply.template,
                "template_digest": given.reply.template_digest,
                "leans_on_approved": bool(given.reply.sources),
                "drafted_by": "client" if given.proposal else "model" if given.reply.model else "template",
            }
        return features | {"flags": sorted(flags), "flagged": bool(flags & GATING)}


def recipient_of(message: MessageView) -> str:
    """The address that an answer would go to, lower-case."""
    return (message.reply_to or message.from_address).strip().lower()


def _diverted(message: MessageView) -> bool:
    return bool(message.reply_to) and message.reply_to.strip().lower() != message.from_address.strip().lower()


def _request(given: ProposerInput, own_domains: Iterable[str]) -> Json:
    request: Json = {name: _plain(value) for name, value in (given.model_extra or {}).items()}
    if given.proposal is not None:
        request |= given.proposal.values
    if given.message is not None:
        request["message"] = _message(given.message)
    if given.reply is not None:
        request["reply"] = {"subject": given.reply.subject, "text": given.reply.text}
    if given.message is not None and given.reply is not None:
        told = origins(given.message, given.reply, own_domains=own_domains)
        if given.proposal is not None:
            told += claimed(given.reply, _who(given.proposal), besides=told)
        if told:
            request["origins"] = [
                {"name": one.name, "value": one.value, "source": one.source} for one in told
            ]
    return request


def _message(message: MessageView) -> Json:
    """What the e-mail adapter needs to know of a message: to find it, to answer it, never what it said."""
    return {
        "message_id": message.message_id,
        "references": list(message.references),
        "from": message.from_address,
        "from_name": message.from_name,
        "reply_to": [message.reply_to] if message.reply_to else [],
        "seen_before": [message.from_address] if message.sender_known else [],
        "subject": message.subject,
        "date": message.sent_at or None,
        "mailbox": message.mailbox,
        "thread": message.thread,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Data):
        return value.model_dump(mode="json")
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    return value


TAKES_OFF = ".unlabel"  # the act that undoes a label


def _who(proposal: Proposal) -> str:
    _, named, name = proposal.client.partition(":")
    return f"the outside client {name.removeprefix('token:')!r}" if named else f"the {proposal.client}"


def _leaning(sources: int) -> str:
    if not sources:
        return ""
    return (
        ", leaning on an earlier answer of yours"
        if sources == 1
        else f", leaning on {sources} earlier answers of yours"
    )


def _rationale(act: str, given: ProposerInput) -> str:
    if given.proposal is not None:
        said = f", and says why: {given.proposal.why}" if given.proposal.why else ", and does not say why."
        return f"No workflow asked for this: {_who(given.proposal)} proposed it{said}"
    if given.reply is not None and given.message is not None:
        whom = "the Reply-To address" if _diverted(given.message) else "the sender"
        known = "we have written to before" if given.message.sender_known else "we have not written to before"
        leaning = _leaning(len(given.reply.sources))  # which ones, the draft itself says
        return f"Answer {whom}, whom {known}, with template {given.reply.template or 'none'}{leaning}."
    labels = (given.model_extra or {}).get("labels")
    if isinstance(labels, tuple | list):
        taken = act.endswith(TAKES_OFF)
        if not labels:
            return f"No label to {'take off' if taken else 'set'}."
        return f"{'Take off' if taken else 'Set'} {', '.join(map(str, labels))}."
    return f"What the workflow says: {act or 'an act'}."

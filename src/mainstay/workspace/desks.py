"""The desks of a workspace under the lock: each takes one kind of decision, and all ask the director by one way.

What is heavy is loaded with the desk that needs it: whoever decides about one card loads no more than that takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mainstay.runtime.desk import Desk
from mainstay.runtime.sending import Ask
from mainstay.workspace.file_desk import FileDesk
from mainstay.workspace.held import Held
from mainstay.workspace.proposing import proposable
from mainstay.workspace.rules import RuleDesk

if TYPE_CHECKING:
    from mainstay.agents.base import Finding
    from mainstay.runtime.devices import Devices
    from mainstay.runtime.forgetting import Forgetting
    from mainstay.runtime.granting import Granting
    from mainstay.runtime.ingest import Ingest
    from mainstay.runtime.performer import Performer
    from mainstay.runtime.proposing import Proposing
    from mainstay.runtime.reviewing import Reviewing
    from mainstay.runtime.steering import Steering
    from mainstay.runtime.tokens import Tokens
    from mainstay.runtime.vouching import Vouching
    from mainstay.workspace.learning import Learning
    from mainstay.workspace.memory_desk import House, MemoryDesk
    from mainstay.workspace.refining import Refining


@dataclass(frozen=True, slots=True)
class Desks:
    """All that answers to operations."""

    cards: Desk
    steering: Steering
    ingests: Callable[[], Mapping[str, Ingest]]
    memory: MemoryDesk
    reviewing: Reviewing
    rules: RuleDesk
    devices: Devices
    tokens: Tokens
    granting: Granting
    proposing: Proposing
    vouching: Vouching
    forgetting: Forgetting


def desks_of(
    held: Held,
    ask: Ask,
    forgetting: Forgetting,
    *,
    performer: Performer | None = None,
    ingests: Callable[[], Mapping[str, Ingest]],
) -> Desks:
    """All of them."""
    return Desks(
        cards=desk_of(held, ask, performer),
        steering=steering_of(held, ask),
        ingests=ingests,
        memory=_memory_desk_of(held, ask),
        reviewing=_reviewing_of(held, ask),
        rules=rule_desk_of(held, ask),
        devices=_devices_of(held, ask),
        tokens=_tokens_of(held, ask),
        granting=granting_of(held, ask),
        proposing=_proposing_of(held, ask),
        vouching=_vouching_of(held, ask),
        forgetting=forgetting,
    )


def desk_of(held: Held, ask: Ask, performer: Performer | None = None) -> Desk:
    """Where cards are answered; an edit is rendered as by the performer."""
    assembly = held.assembly

    def inspect(text: str, shown: str) -> Sequence[Finding]:
        from mainstay.agents.checks.own_words import inspect_own_words
        from mainstay.workspace.agents import house_rules

        return inspect_own_words(text, shown, house_rules(assembly.untyped))

    return Desk(
        held.director,
        lambda: (performer or held.performer()).rendering,
        assembly.artifacts,
        assembly.route,
        ask,
        lambda: held.teaching,
        inspect,
    )


def steering_of(held: Held, ask: Ask) -> Steering:
    """The operator's hand on the runs."""
    from mainstay.runtime.steering import Steering

    adapters = held.assembly.untyped.settings.adapters
    return Steering(held.director, held.assembly.artifacts, ask, adapters=adapters)


def rule_desk_of(held: Held, ask: Ask) -> RuleDesk:
    """What takes changed rules and templates, and files that are saved."""
    files = FileDesk(*(held.director, held.assembly, ask, held.renew), one_at_a_time=held.one_file_at_a_time)
    return RuleDesk(files, held.director, held.assembly, ask, held.renew)


def _devices_of(held: Held, ask: Ask) -> Devices:
    """Who may look and decide through the web."""
    from mainstay.runtime.devices import Devices

    settings = held.assembly.untyped.settings.console
    hashed = held.assembly.artifacts.vault.keyed_hash
    return Devices(
        *(held.store, held.clock, hashed, ask), idle_us=settings.idle_us, session_us=settings.session_us
    )


def _tokens_of(held: Held, ask: Ask) -> Tokens:
    """Which programs and agents may use the API."""
    from mainstay.runtime.tokens import Tokens

    return Tokens(held.store, held.clock, held.assembly.artifacts.vault.keyed_hash, ask)


def _reviewing_of(held: Held, ask: Ask) -> Reviewing:
    """Where people say what they think of annotations."""
    from mainstay.runtime.reviewing import Reviewing

    assembly = held.assembly
    steering = steering_of(held, ask)
    return Reviewing(held.director, assembly.artifacts, steering, assembly.untyped.intents, ask)


def granting_of(held: Held, ask: Ask) -> Granting:
    """Where the operator says how far kinds of act go by themselves."""
    from mainstay.runtime.granting import Granting

    return Granting(held.director, held.assembly.artifacts, ask)


def _proposing_of(held: Held, ask: Ask) -> Proposing:
    """What takes proposals of somebody outside."""
    from mainstay.runtime.proposing import Proposing

    settings = held.assembly.untyped.settings
    own = _own_addresses(held)
    return Proposing(held.director, held.assembly.artifacts, ask, lambda: proposable(settings), own=own)


def _vouching_of(held: Held, ask: Ask) -> Vouching:
    """Where the operator vouches for programs of their own. Other bytes are another way of making it."""
    from mainstay.runtime.vouching import Vouching

    def replaced() -> None:
        if "language_models" in vars(held.assembly):
            held.assembly.language_models.renew()

    return Vouching(ask, held.renew_recipes, replaced)


def _memory_desk_of(held: Held, ask: Ask) -> MemoryDesk:
    """What keeps and retracts memories."""
    from mainstay.workspace.memory_desk import House, MemoryDesk

    def house() -> House:
        spaces = frozenset(held.assembly.untyped.recalls.spaces)
        return House(spaces, _own_addresses(held), held.assembly.seal_key)

    return MemoryDesk(held.store, held.assembly.artifacts, ask, house)


def _own_addresses(held: Held) -> tuple[str, ...]:
    accounts = held.assembly.untyped.settings.adapters.values()
    return tuple(dict.fromkeys(own for one in accounts for own in (one.address, *one.aliases)))


# --- what works beside them --------------------------------------------------------------------------------------


def forgetting_of(
    held: Held,
    ask: Ask,
    *,
    ingests: Callable[[], Iterable[Ingest]] = tuple,
    learning: Learning | None = None,
    refining: Refining | None = None,
    noticed: Callable[[str, Exception], None] = lambda what, error: None,
) -> Forgetting:
    """What forgets somebody; with what reads mail and what learns, where a director is at work."""
    from mainstay.runtime.forgetting import Forgetting
    from mainstay.workspace.traces import Traces

    traces = Traces(held.assembly, ingests, learning=learning, refining=refining)
    return Forgetting(held.director, held.assembly.artifacts, ask, traces, noticed=noticed)


def learning_of(held: Held, ask: Ask) -> Learning | None:
    """What keeps the intent specialist up with the ledger; None where nobody of that kind works here."""
    from mainstay.agents.specialists.intent import IntentSpecialist
    from mainstay.workspace.learning import Learning

    one = held.assembly.agents.get(IntentSpecialist.name)
    if not isinstance(one, IntentSpecialist):
        return None
    return Learning(held.store, held.assembly.artifacts, one.judge, one.heard, ask)


def refining_of(held: Held, ask: Ask) -> Refining:
    """What refines the ranking of memory by what is used of it."""
    from mainstay.workspace.refining import Refining

    assembly = held.assembly
    return Refining(held.store, assembly.artifacts, held.director.codec, assembly.reading, ask)


def ingests_of(
    held: Held,
    ask: Ask,
    *,
    noticed: Callable[[str, Exception], None] = lambda what, error: None,
    heard: Callable[[str], None] = lambda instance: None,
) -> dict[str, Ingest]:
    """The mailboxes of the workspace."""
    from mainstay.runtime.ingest import Ingest

    return {
        name: Ingest(
            account.mailbox,
            artifacts=held.assembly.artifacts,
            store=held.store,
            ask=ask,
            noticed=noticed,
            heard=heard,
        )
        for name, account in held.assembly.accounts.items()
        if account.mailbox is not None
    }

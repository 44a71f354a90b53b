"""An operator's own workflow, ready to be simulated: read from the workspace's files, and a mix for each seed.

Reading changes nothing and opens no account. `ShownAssembly` is the real composition of a workspace with its adapters
left out, so that what a workflow may name is decided where it always is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any, cast

from mainstay.adapters.base import Adapter
from mainstay.config.settings import FILE
from mainstay.kernel.breaker import BreakerSettings
from mainstay.kernel.budget import Limits
from mainstay.kernel.errors import NotFound, WorkspaceNotFound
from mainstay.kernel.plan import Plan
from mainstay.kernel.policy import Policy
from mainstay.kernel.throttle import Rate
from mainstay.kernel.values import DAY, Instant
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.testing.drawn import Hints, hints_of
from mainstay.testing.faults import Chaos
from mainstay.testing.mix import BEGIN, Mix, draw_rates
from mainstay.testing.own_cast import Instance, OwnCast, instances
from mainstay.testing.world import MESSAGE
from mainstay.workflows.document import suggestion
from mainstay.workspace.assembly import Assembly
from mainstay.workspace.folder import Folder, find_folder

CALM = 5  # every fifth history goes without a fault: what goes wrong there is the workflow's own


class ShownAssembly(Assembly):
    """The parts of a workspace, with stand-ins for its adapters: enough to type its workflows."""

    @cached_property
    def instances(self) -> tuple[Instance, ...]:
        """Who plays the adapters."""
        return instances(self.untyped.settings.adapters)

    @cached_property
    def adapters(self) -> Mapping[str, Adapter]:
        """See `Assembly.adapters`: what their contracts say, and nothing that could act."""
        chaos = Chaos(0, {})
        configured = self.untyped.settings.adapters
        players = OwnCast(self.instances, {}, Hints(), Policy(())).providers(
            chaos, cast(Any, None), lambda: 0.0
        )
        return {name: player for name, player in players.items() if name in configured}


@dataclass(frozen=True, slots=True)
class OwnWorkflow:
    """One workflow of a workspace, with the rules and limits that are in force for it."""

    plan: Plan
    policy: Policy
    limits: Limits
    throttles: Mapping[str, Rate]
    breakers: BreakerSettings
    cast: OwnCast

    @property
    def name(self) -> str:
        """What it is called."""
        return self.plan.workflow.name


def find_files(start: Path) -> Folder:
    """The workspace that `start` lies in, or a folder with its files alone. Raises `WorkspaceNotFound`."""
    try:
        return find_folder(start)
    except WorkspaceNotFound:
        here = start.absolute()
        for candidate in (here, *here.parents):
            if (candidate / FILE).is_file():
                return Folder(candidate)
        raise


def load(start: Path, name: str) -> OwnWorkflow:
    """The workflow of that name. Raises what the loader raises, and `NotFound` for a name that is not there."""
    assembly = ShownAssembly(find_files(start), cast(Any, InMemoryStore()), writable=False)
    workflows = assembly.files.workflows
    found = workflows.get(name)
    if found is None:
        raise NotFound(
            f"There is no workflow {name!r}.",
            why=f"Its workflows are: {', '.join(sorted(workflows)) or 'none'}.",
            remedy=suggestion(name, tuple(workflows)) or "Put its file into workflows/.",
        )
    ids = tuple(intent.id for intent in assembly.files.intents)
    pools = {"intent": (*ids, "unknown"), "labels": ids or ("general",), "language": ("en",)}
    own = OwnCast(
        assembly.instances,
        assembly.light_agents,
        hints_of(found.workflow),
        assembly.files.policy,
        pools,
    )
    settings = assembly.untyped.settings
    return OwnWorkflow(
        found.plan, assembly.files.policy, assembly.limits, dict(settings.throttles), settings.breaker, own
    )


def draw_own(seed: int, own: OwnWorkflow) -> Mix:
    """The mix of a seed: the operator's workflow, rules and limits; everything around them is drawn."""
    random = Random(f"{seed} own mix")
    rates = draw_rates(random)
    on = own.plan.workflow.on
    by_message = on is not None and on.event == MESSAGE
    scheduled = on is not None and on.schedule is not None
    # Schedules are begun all over the year, so that clocks are put forward and back in some histories.
    begin = random.randrange(365 * DAY if scheduled else DAY)
    return Mix(
        rates={} if seed % CALM == 0 else rates,
        plans=(own.plan,),
        policy=own.policy,
        limits=own.limits,
        steps=random.choice((80, 160, 320)),
        messages=random.randint(1, 6) if by_message else 0,
        threads=random.randint(1, 3),
        starts=0 if by_message or scheduled else random.randint(1, 4),
        attention=random.choice((0.1, 0.5, 1.0)),
        by_hand=random.choice((0.0, 0.0, 0.3)),
        doubled=random.choice((0.0, 0.3)),
        forks=random.choice((0, 0, 1)),
        throttles=own.throttles,
        breakers=own.breakers,
        begin=Instant(BEGIN + begin),
        ceilings={name: one.cost_max_micros for name, one in own.cast.own_agents.items()},
        cast=own.cast,
    )

"""What a decision may look at besides the state: time, policy, balances, counts, the kill switch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mainstay.kernel.admission import Admission
from mainstay.kernel.autonomy import Autonomy
from mainstay.kernel.budget import Balances, Limits
from mainstay.kernel.counting import Tally
from mainstay.kernel.plan import Plan
from mainstay.kernel.policy import Policy
from mainstay.kernel.recipe import Recipes
from mainstay.kernel.swift import swift
from mainstay.kernel.values import Digest, Instant


@swift
@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of one tick. `balances`, `counts`, `admission` are live folds: they move with every event."""

    now: Instant
    policy: Policy
    balances: Balances = field(default_factory=Balances)
    limits: Limits = Limits()
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (workflow, act) -> done
    plans: Mapping[Digest, Plan] = field(default_factory=dict)
    killed: bool = False
    # What one attempt of an agent can cost at most; None: nobody knows its price.
    ceilings: Mapping[str, int | None] = field(default_factory=dict)
    performing: bool = (
        True  # False under a bare lock: decisions are taken, nothing starts before the next boot
    )
    admission: Admission = field(default_factory=Admission)
    autonomy: Autonomy = field(default_factory=Autonomy)
    recipes: Recipes = field(default_factory=Recipes)  # by agent: what its answers are made by
    templates: Mapping[str, Digest] = field(default_factory=dict)  # in force, by name
    undo_us: int = 0  # how long what a person approved can be taken back before it leaves
    weekday: int = 0  # of the operator: 0 is Monday
    minute: int = 0  # of the operator's day
    tally: Tally = field(
        default_factory=Tally
    )  # what was done lately, and what is under way; a live fold too

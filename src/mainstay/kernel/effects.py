"""The four effects: what a state still owes the outside world."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mainstay.kernel.ids import ApprovalId, RunId, SubjectId
from mainstay.kernel.plan import Role
from mainstay.kernel.policy import Action
from mainstay.kernel.swift import swift
from mainstay.kernel.values import Instant, Json


@swift
@dataclass(frozen=True, slots=True)
class InvokeAgent:
    """Ask an agent. Safe to repeat: an agent changes nothing outside."""

    run: RunId
    task: int
    attempt: int
    name: str  # the task's name
    role: Role
    agent: str
    inputs: Json
    timeout_s: float
    act: str = ""
    recall: str = ""
    cost_max: int = 0
    data_class: str = ""
    subject: SubjectId | None = None
    revision: int = 0
    findings: tuple[Json, ...] = ()
    sealed_under: SubjectId | None = None

    @property
    def owner(self) -> SubjectId | None:
        """Under whose key what comes of it is sealed."""
        return self.sealed_under or self.subject


class Mode(StrEnum):
    """How an adapter is asked."""

    CALL = "call"
    FIND = "find"


@dataclass(frozen=True, slots=True)
class InvokeAdapter:
    """Let the approved effect leave, or look whether it did."""

    run: RunId
    task: int
    attempt: int
    mode: Mode
    action: Action
    subject: SubjectId | None = None
    sealed_under: SubjectId | None = None

    @property
    def owner(self) -> SubjectId | None:
        """Under whose key what comes of it is sealed."""
        return self.sealed_under or self.subject


@dataclass(frozen=True, slots=True)
class Notify:
    """Tell the operator that something waits."""

    run: RunId
    task: int
    kind: str  # "approval", "in_doubt", "compensation" (one that failed), "budget"
    approval: ApprovalId | None = None


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Send `Wake` when the time has come."""

    run: RunId
    task: int
    at: Instant


Effect = InvokeAgent | InvokeAdapter | Notify | WakeAt

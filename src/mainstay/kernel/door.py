"""The one door out of the house.

`let_go` alone emits `ActionStarted`, and only for an effect that a rule or its autonomy allows or that a person
approved by digest; never while the kill switch is on, never over a budget, never before its hold window has
passed. Policy (`judge`) stands in the door; what a person says of the cards before it is decided in `kernel.cards`.
"""

from __future__ import annotations

from mainstay.kernel.authority import BY_A_PERSON, BY_A_RULE, BY_ITSELF
from mainstay.kernel.autonomy import Level, audit_share, clean_of_late
from mainstay.kernel.circumstances import circumstances
from mainstay.kernel.commands import Proposed
from mainstay.kernel.contract import Finality, Repeatability
from mainstay.kernel.draft import Draft
from mainstay.kernel.events import (
    ActionDenied,
    ActionHeld,
    ActionInDoubt,
    ActionProposed,
    ActionShadowed,
    ActionStarted,
    ApprovalRequested,
    CompensationFailed,
    FailureClass,
    LookupStarted,
)
from mainstay.kernel.facts import Facts
from mainstay.kernel.gate import held_back
from mainstay.kernel.ids import approval_id, fraction
from mainstay.kernel.kinds import kind_of, recipe_of
from mainstay.kernel.plan import PROPOSED, Role, Silence
from mainstay.kernel.policy import ASK_BY_DEFAULT, Action, Decision, Verdict, evaluate
from mainstay.kernel.state import Act, Phase, RunState, may_have_left
from mainstay.kernel.values import DAY, SECOND, Instant, Json

APPROVAL_LIFE_US = 7 * DAY  # when the task states no deadline
RESTORED = "the ledger was restored from a backup, and it may have left since"
_PROPOSED = Verdict(Decision.ASK, "proposed", "somebody outside proposed it: what they propose always asks")
_BEGUN = Verdict(Decision.ASK, "proposed", "an agent began this run: what cannot be undone of it always asks")
_FORKED = Verdict(Decision.ASK, "fork", "this run goes on from another one: its acts always ask")


def propose(draft: Draft, number: int, attempt: int, outcome: Proposed) -> None:
    """The executor proposed an effect: policy judges it."""
    cost = outcome.usage.cost_micros
    action, facts, recipe = outcome.action, draft.facts, ""
    if draft.state.undoes(number) is None:
        recipe = recipe_of(draft.state, number, action, facts.recipes, facts.templates)
    draft.emit(ActionProposed(number, attempt, action, outcome.rationale, outcome.evidence, cost, recipe))
    judge(draft, number)


def judge(draft: Draft, number: int, authority: str = "", *, absent: bool = False) -> None:
    """Policy stands in the door, at every attempt. A person's yes answers "ask"; it never answers "deny".

    `absent`: a look-up has just proved that no earlier call arrived.
    """
    task = draft.state.task(number)
    assert task.act is not None
    if too_late(draft, number) and (absent or not may_have_left(task)):
        # Also what was approved in time: it leaves late when nobody was at work, or it had to wait for its turn.
        draft.give_up(number, task.attempt, FailureClass.TIMEOUT, "its deadline has passed")
        return
    approved = authority.startswith(BY_A_PERSON) and not draft.facts.killed
    verdict = verdict_on(draft, number, task.act.action)
    if verdict.decision is not Decision.DENY and _is_shadowed(draft, number, task.act):
        draft.emit(ActionShadowed(number, str(verdict.decision), verdict.rule, verdict.reason))
    elif verdict.decision is Decision.ALLOW or (verdict.decision is Decision.ASK and approved):
        let_go(draft, number, authority if approved else verdict.authority or f"{BY_A_RULE}{verdict.rule}")
    elif may_have_left(task) and not absent:
        # An earlier call may have arrived: neither a new card nor a refusal may hide that.
        reason = f"an earlier call of it may have arrived, and now it may not be repeated: {verdict.reason}"
        draft.emit(ActionInDoubt(number, task.attempt, reason))
    elif verdict.decision is Decision.DENY:
        deny(draft, number, verdict)
    else:
        ask(draft, number, verdict)


def too_late(draft: Draft, number: int) -> bool:
    """Whether its deadline has passed."""
    deadline = draft.state.deadline(number)
    return bool(deadline) and draft.facts.now >= deadline


def deny(draft: Draft, number: int, verdict: Verdict) -> None:
    """It is not done; where it would take something back, a person is told that it was not."""
    if draft.state.undoes(number) is None:
        draft.emit(ActionDenied(number, verdict.rule, verdict.reason))
    else:
        reason = f"rule {verdict.rule!r} forbids it: {verdict.reason}"
        task = draft.state.task(number)
        card = task.act.approval if task.act is not None and task.phase is Phase.APPROVAL else None
        draft.emit(CompensationFailed(number, task.attempt, FailureClass.REFUSED, reason, card))


def foresee(state: RunState, facts: Facts, number: int, action: Action) -> Verdict:
    """What policy would say of this effect now. Decides nothing: an effect is rendered before it is judged."""
    return verdict_on(Draft(state, facts), number, action)


def verdict_on(draft: Draft, number: int, action: Action) -> Verdict:
    """What inspectors, rules, the gate and autonomy say of this effect now, in this order of strength."""
    facts = draft.facts
    inspection = _inspection(draft.state, number)
    if inspection == "refuse":
        return Verdict(Decision.DENY, "inspector", "the inspector refuses this effect")
    counts = circumstances(draft, number, action)
    reversible = action.finality is Finality.REVERSIBLE
    gate = "" if reversible else held_back(draft.state, number)
    verdict = evaluate(facts.policy, action, counts, killed=facts.killed, inspection=inspection, gate=gate)
    outside = _outside(draft.state, reversible=reversible)
    if outside is not None:
        if verdict is ASK_BY_DEFAULT or verdict.decision is Decision.ALLOW:
            verdict = outside
    elif verdict is ASK_BY_DEFAULT:
        verdict = _by_autonomy(draft, number, action)
    if verdict.decision is Decision.ALLOW and draft.state.unusual.forked is not None:
        verdict = _FORKED
    act = draft.state.task(number).act
    if (
        verdict.decision is not Decision.DENY
        and action.repeatability is Repeatability.ONCE
        and (act is None or _may_have_left_before(draft.state, act))
        and draft.state.unusual.restored
    ):
        if verdict.decision is Decision.ALLOW:
            return Verdict(Decision.ASK, "restored", RESTORED)
        # Whatever asks, the card says what the yes has to answer: whether it is out already.
        return Verdict(Decision.ASK, verdict.rule, f"{RESTORED}; {verdict.reason}")
    return verdict


def _outside(state: RunState, *, reversible: bool) -> Verdict | None:
    """What is said of acts that somebody outside proposed, or of a run that an agent began; None of all others."""
    if state.head.workflow == PROPOSED:
        return _PROPOSED
    return _BEGUN if state.head.by and not reversible else None


def _by_autonomy(draft: Draft, number: int, action: Action) -> Verdict:
    """No rule says anything of it: what its kind of act has earned. A sample of it goes to a person all the same."""
    facts, state = draft.facts, draft.state
    if not facts.autonomy.kinds or state.undoes(number) is not None:
        return ASK_BY_DEFAULT
    kind = kind_of(state, number, action)
    known = state.task(number).act
    recipe = known.recipe if known is not None else ""
    recipe = recipe or recipe_of(state, number, action, facts.recipes, facts.templates)
    if facts.autonomy.level(kind, recipe) not in (Level.HELD, Level.AUTOMATIC):
        return ASK_BY_DEFAULT
    standing = facts.autonomy.of(kind)
    share = audit_share(clean_of_late(standing))
    # By the task alone: what an agent or a sender wrote, and how it is rendered, must not choose what is looked at.
    if fraction("audit", state.head.run, number) < share:
        return Verdict(Decision.ASK, "audit", f"it would go by itself, and {100 * share:.0f} % are looked at")
    proof = f"{standing.clean} were right and {standing.errors} wrong of those that were decided"
    return Verdict(Decision.ALLOW, "autonomy", proof, f"{BY_ITSELF}{kind}")


def _is_shadowed(draft: Draft, number: int, act: Act) -> bool:
    """Whether its kind of act is only watched. What may have left already is not hidden by that."""
    facts, state = draft.facts, draft.state
    if not facts.autonomy.kinds or act.calls or act.tried or state.undoes(number) is not None:
        return False
    return facts.autonomy.of(kind_of(state, number, act.action)).level is Level.SHADOW


def _may_have_left_before(state: RunState, act: Act) -> bool:
    """Whether a restored ledger cannot know that this left since its backup, and nobody has looked or said so yet."""
    reversible = act.action.finality is Finality.REVERSIBLE
    return state.unusual.restored and not (act.calls or act.sought or reversible)


def _inspection(state: RunState, number: int) -> str:
    """The worst verdict of the inspectors that this act needs (refuse, look, passed); empty without any."""
    plan = state.plan
    assert plan is not None
    if state.undoes(number) is not None:
        return ""  # what an inspector said of an act says nothing of taking it back
    number = state.expansion_of(number).parent if number >= plan.size else number
    verdicts: set[str] = set()
    for need in plan.needs[number]:
        spec = plan.workflow.tasks[need]
        if spec.role is Role.INSPECTOR:
            output = state.task(need).output
            verdicts.update(map(_verdict_of, _reports(output) if spec.for_each is not None else [output]))
    return next((one for one in ("refuse", "look", "passed") if one in verdicts), "")


def _reports(output: Json | None) -> list[Json | None]:
    # No report at all (skipped, or nothing to look at) is one that says nothing.
    return list((output or {}).get("items", ())) or [None]


def _verdict_of(output: Json | None) -> str:
    # An inspector that was skipped, failed or said something else has not passed anything.
    verdict = (output or {}).get("verdict")
    return verdict if verdict in ("refuse", "passed") else "look"


def ask(draft: Draft, number: int, verdict: Verdict) -> None:
    """Lay the effect before a person, with the reason and a time by which to answer."""
    state = draft.state
    act = state.task(number).act
    assert act is not None
    spec = state.spec(number)
    life = spec.deadline_us or APPROVAL_LIFE_US
    expires_at = min(draft.facts.now + life, state.deadline(number) or draft.facts.now + life)
    if spec.silence is Silence.HOLD:
        expires_at = 0  # never
    draft.emit(
        ApprovalRequested(
            number,
            approval_id(state.head.run, number, act.action.digest, act.asked),
            act.action.digest,
            verdict.rule,
            verdict.reason,
            Instant(expires_at),
        )
    )


def let_go(draft: Draft, number: int, authority: str) -> None:
    """The only way out of the house."""
    assert not draft.facts.killed
    task = draft.state.task(number)
    assert task.act is not None
    action = task.act.action
    if _may_have_left_before(draft.state, task.act) and action.repeatability is Repeatability.FINDABLE:
        until = Instant(draft.facts.now + action.grace_us)
        draft.emit(LookupStarted(number, task.attempt, until, RESTORED))
        return
    if not task.act.authority:
        draft.leaving[action.act] = draft.leaving.get(action.act, 0) + 1
    hold_us = _hold_us(draft, action, authority)
    if hold_us and not (task.act.calls or task.act.tried or task.act.held_until):
        ends = draft.facts.now + hold_us
        if deadline := draft.state.deadline(number):
            ends = max(draft.facts.now, min(ends, deadline - SECOND))  # or it would never leave
        draft.emit(ActionHeld(number, task.attempt, Instant(ends), authority))
        return
    if draft.defers(number, action=action):
        return
    hold = action.price_micros or 0
    already = task.hold  # a repeated attempt keeps what its first one held
    if draft.affords(number, max(0, hold - already)):
        attempt = task.attempt + 1
        draft.take(f"adapter:{action.adapter}", f"breaker:{action.adapter}.{action.operation}")
        draft.emit(ActionStarted(number, attempt, action.key, action.digest, authority, hold))


def _hold_us(draft: Draft, action: Action, authority: str) -> int:
    """For how long it can be taken back before it leaves."""
    facts = draft.facts
    if action.finality is Finality.REVERSIBLE:
        return 0
    by, _, kind = authority.partition(":")
    if by == "autonomy":
        standing = facts.autonomy.of(kind)
        return standing.hold_us if standing.level is Level.HELD else 0
    return facts.undo_us if by == "approval" or action.finality is Finality.WITHDRAWABLE else 0

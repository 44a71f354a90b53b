"""The inspector of replies: puts a draft through every check and says whether a person must look.

Rules of this file: it judges and never mends. Checks are functions from a subject to findings (`agents.checks`); to
add one, write it and put it into `CHECKS`. A new draft is asked for only where the plain template might mend what
was found, which is where the draft leans on a past reply, or a model's next attempt, which is told the findings.

The workflow should pass the message as well (`message: ${trigger.message}`); without it the checks that need it
cannot be made, which is a finding in itself.
"""

from __future__ import annotations

from collections.abc import Callable

from mainstay.agents import ways
from mainstay.agents.base import Brief, Data, Finding, Inspected, MessageView, Outcome, Reply, Tools
from mainstay.agents.checks import addressing, grounds, leaks, obedience, wording
from mainstay.agents.checks.subject import LOOK, NOTE, REFUSE, Findings, HouseRules, Subject
from mainstay.kernel.plan import Role

Check = Callable[[Subject], Findings]

CHECKS: tuple[Check, ...] = (
    addressing.answer_to_machine,
    addressing.wrong_recipient,
    addressing.message_missing,
    addressing.risky_message,
    addressing.unsure,
    addressing.language_mismatch,
    addressing.copied_text,
    wording.copied_instruction,
    wording.missing_placeholder,
    wording.empty_or_too_long,
    wording.promise_of_money,
    wording.promise_of_date,
    wording.forbidden_words,
    wording.foreign_link,
    leaks.leaked_secret,
    grounds.unsupported,
    grounds.unknown_source,
    obedience.follows_orders,
    obedience.tells_instructions,
    obedience.hides_text,
)

MENDABLE = frozenset(
    {
        "copied-text",
        "copied-instruction",
        "missing-placeholder",
        "empty-or-too-long",
        "promise-of-money",
        "promise-of-date",
        "forbidden-words",
        "foreign-link",
        "leaked-secret",
        "unsupported",
        "unknown-source",
        "follows-orders",
        "tells-instructions",
        "hides-text",
    }
)
_WORST_FIRST = {REFUSE: 0, LOOK: 1, NOTE: 2}


class InspectorInput(Data):
    """A draft, and what is known of the message it answers."""

    draft: Reply
    message: MessageView | None = None
    confidence: float | None = None
    flags: tuple[str, ...] = ()


class ReplyInspector:
    """Inspects drafted replies."""

    name = "reply-checks"
    role = Role.INSPECTOR
    recipe = ways.REPLY_CHECKS
    input: type[Data] = InspectorInput
    output: type[Data] | None = None
    cost_max_micros = 0

    def __init__(self, rules: HouseRules, *, checks: tuple[Check, ...] = CHECKS) -> None:
        self._rules = rules
        self._checks = checks

    async def work(self, brief: Brief, tools: Tools) -> Outcome:
        """All findings, worst first."""
        given = InspectorInput.model_validate(brief.inputs)
        subject = Subject(given.draft, given.message, self._rules, given.confidence, given.flags)
        return self.inspect(subject)

    def inspect(self, subject: Subject) -> Inspected:
        """The same without a brief."""
        found = [one for check in self._checks for one in check(subject)]
        findings = tuple(sorted(found, key=lambda one: _WORST_FIRST[one.severity]))
        mendable = any(one.check in MENDABLE for one in findings)
        return Inspected(
            findings,
            rationale=_rationale(findings, len(self._checks)),
            evidence=subject.draft.sources,
            revise=mendable and (subject.leaning or bool(subject.draft.model)),
            # Without the message some of them looked at nothing, which is not told as passed.
            checks=tuple(map(name_of, self._checks)) if subject.message is not None else (),
        )


def name_of(check: Check) -> str:
    """What a check looks for, as its findings are called."""
    return check.__name__.replace("_", "-")


def _rationale(findings: tuple[Finding, ...], checks: int) -> str:
    if not findings:
        return f"All {checks} checks passed."
    said = "; ".join(f"{one.check}: {one.remark}" for one in findings)
    return f"{checks} checks, {len(findings)} finding{'s' if len(findings) > 1 else ''}: {said}."

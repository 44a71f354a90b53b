"""`mainstay bench governance`: how long a verdict takes, and the digest of an effect.

Processor time of one process, as the median of many rounds: what the machine does besides must not show. The verdict is
all of it (circumstances, rules, what stands above them) over a policy in which every rule speaks of the act and none
ends the search early. The effect is a mail of 20 KB, rendered, in its canonical form and digested.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import Any

from mainstay.bench.engine import machine
from mainstay.bench.report import Report
from mainstay.kernel.contract import Finality, Repeatability
from mainstay.kernel.ids import IdempotencyKey, digest, effect_digest
from mainstay.kernel.policy import Action, Between, Condition, Decision, Policy, Rule, evaluate
from mainstay.kernel.predicates import Operator
from mainstay.kernel.values import Digest, Json

_BATCH = 50  # calls between two looks at the clock


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure."""

    rules: int = 50
    mail_bytes: int = 20_000
    rounds: int = 400


def run_governance(options: Options) -> Report:
    """Measure in this process."""
    load_before = os.getloadavg()[0]
    policy, action = rules(options.rules), _action()
    counts: Json = {
        "done_by_this_workflow": Between(21, 23),
        "done_today": Between(3, 5),
        "done_this_hour": Between(1, 3),
        "hour": 9,
        "minute": 560,
        "weekday": 2,
        "template_changed": False,
    }
    figures: dict[str, Any] = {}
    figures |= _measured("verdict", lambda: evaluate(policy, action, counts), options.rounds)
    payload, request = _mail(options.mail_bytes)

    def canonical() -> Digest:
        semantic = digest(_canonical(request))
        return effect_digest(
            adapter="support",
            operation="reply",
            contract="1.0",
            price_micros=0,
            key=semantic[:32],
            payload=payload,
        )

    figures |= _measured("digest", canonical, options.rounds)
    return Report(figures, asdict(options), machine(load_before), title="mainstay bench governance")


def rules(count: int) -> Policy:
    """So many rules over one act, each with two conditions, of which the second fails."""
    kinds = (
        (Condition("recipient_known", Operator.IS, True), Condition("confidence", Operator.BELOW, 0.5)),
        (Condition("flagged", Operator.IS, False), Condition("flags", Operator.CONTAINS, "law")),
        (Condition("done_today", Operator.BELOW, 50), Condition("done_this_hour", Operator.ABOVE, 40)),
        (Condition("intent", Operator.IN, ("faq", "thanks")), Condition("recipients", Operator.ABOVE, 3)),
        (Condition("weekday", Operator.IN, (0, 1, 2)), Condition("minute", Operator.ABOVE, 1_080)),
    )
    made = tuple(
        Rule(f"rule {one}", Decision.ASK, "because", "email.*", kinds[one % len(kinds)])
        for one in range(count)
    )
    return Policy(made)


def _action() -> Action:
    features: Json = {
        "intent": "faq",
        "confidence": 0.93,
        "recipient_known": True,
        "recipients": 1,
        "flags": ["urgency"],
        "flagged": False,
        "mailbox": "support",
    }
    return Action(
        *("email.reply", "support", "reply", "1.0", Repeatability.FINDABLE, Finality.FINAL_LOW),
        *(IdempotencyKey("0" * 32), Digest("0" * 64), Digest("1" * 64), Digest("2" * 64)),
        features=features,
    )


def _mail(size: int) -> tuple[bytes, Json]:
    """A rendered mail of that size, and the request that it was rendered from."""
    line = "Thank you for your message; here is what you asked for, in full.\n"
    text = (line * (size // len(line) + 1))[:size]
    header = b"From: help@example.org\r\nTo: ann@example.net\r\nSubject: Re: A question\r\n\r\n"
    message = {
        "from": "ann@example.net",
        "message_id": "1@example.net",
        "references": [],
        "subject": "A question",
    }
    return header + text.replace("\n", "\r\n").encode(), {"message": message, "reply": {"text": text}}


def _canonical(request: Json) -> bytes:
    import msgspec

    return msgspec.json.encode(request, order="sorted")


def _measured(name: str, call: Callable[[], object], rounds: int) -> dict[str, float]:
    """Median and 99th percentile of processor time, in microseconds."""
    call()
    times: list[float] = []
    for _ in range(rounds):
        begin = time.process_time_ns()
        for _ in range(_BATCH):
            call()
        times.append((time.process_time_ns() - begin) / 1_000 / _BATCH)
    return {f"{name}_us": median(times), f"{name}_p99_us": quantiles(times, n=100)[-1]}

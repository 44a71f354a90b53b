"""Examples of what is asked, by the name of the part of the description that they are of; what is told: `samples_told`.

All of it is sample data: people and shops of example.org, ids and digests of zeros. A test holds each against its own
schema; an answer that gains a field, or a request that is taken no more, is found there.
"""

from __future__ import annotations

from typing import Any

RUN = "0197c0de0000000000000000000000a1"
CARD = "5a3e71c0de000004"
DIGEST = f"{'0' * 56}5a3e71c0"
DEFINITION = f"{'0' * 56}00c0ffee"
KEY = "0" * 24 + "0000beef"
TOKEN = "0" * 24 + "0000cafe"
AT, LATER = 1_790_000_000_000_000, 1_790_086_400_000_000
WHO = "dana@example.org"
KIND = "triage/email.reply/opening-hours"
REPLY = "Hello Dana,\n\nthe shop opens at nine.\n\nBest wishes\nThe sample shop"

ASKED: dict[str, Any] = {
    "Switch": {"on": True, "reason": "The sample shop moves house."},
    "Ask": {"question": "Which refunds were decided last week?"},
    "Together": {"answer": "approve", "cards": [{"approval": CARD, "digest": DIGEST}], "guard": "0" * 32},
    "Yes": {},
    "Edited": {"text": REPLY},
    "No": {"reason": "Dana was answered by telephone."},
    "Later": {"until": LATER},
    "Act": {"task": "send"},
    "Start": {"workflow": "weekly-report", "trigger": {"topic": "spring"}},
    "Why": {"reason": "It is not wanted any more."},
    "OneTask": {"task": "label", "reason": "The label is not wanted any more."},
    "OfTask": {"task": "send", "reason": "Until the price list is there."},
    "Anew": {"first": "draft", "reason": "The template was mended."},
    "Otherwise": {"changes": {"annotate.intent": "refund"}, "reason": "It is about a refund."},
    "Allowed": {"amount_micros": 50_000},
    "Proposal": {
        "act": "email.label",
        "arguments": {"message": RUN, "labels": ["later"]},
        "why": "It can wait.",
    },
    "Answered": {"answer": "did_not", "attempt": 1},
    "Purged": {"reason": "An advertisement."},
    "Note": {"text": "The sample shop is closed on Tuesdays."},
    "Correction": {"memory": "note-00000000c0de", "text": "The sample shop is closed on Mondays."},
    "Retraction": {"memories": ["note-00000000c0de"], "reason": "It opens every day now."},
    "DocumentText": {
        "text": "# Opening hours\n\nThe sample shop opens at nine.",
        "source": "https://example.org/hours",
    },
    "Somebody": {"who": WHO},
    "Forgetting": {"who": WHO, "confirm": WHO},
    "Retired": {"reason": "It was meant for one letter alone."},
    "Review": {"intent": "refund"},
    "Lost": {},
    "Scope": {"scope": "workflow", "name": "triage", "reason": "The sample shop moves house."},
    "Trial": {
        "trigger": {
            "message": {"from_address": WHO, "subject": "Opening hours", "text": "When do you open?"}
        },
        "answers": {"annotate.intent": "opening-hours"},
    },
    "FileWritten": {"text": "Thank you for your order.\n"},
    "Supposed": {"act": "email.reply", "given": {"recipient_known": "false"}},
    "Grant": {"kind": KIND, "level": "held"},
    "Revoke": {"kind": KIND, "reason": "The opening hours changed."},
    "Wrong": {"run": RUN, "task": "send", "reason": "It named the old hours."},
    "Agreed": {},
    "Mailbox": {"adapter": "support"},
    "NewToken": {"name": "sample report", "holder": "operator", "scopes": ["read"], "days": 30},
    "Ended": {"reason": "The sample report is not made any more."},
    "Simulation": {"workflow": "triage", "histories": 20},
    "OfAutonomy": {"of": "autonomy", "target": 0.1, "kinds": 20},
}

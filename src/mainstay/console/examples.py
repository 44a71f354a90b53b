"""What a new workflow, template or policy begins with, and what may stand in one: a page teaches by what is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mainstay.agents.template import PLACEHOLDERS
from mainstay.config.policies import FIELDS
from mainstay.workspace import Workspace

WORKFLOW = """\
# What this is for, in one sentence.
name: example
version: 1
on: { event: message.received/1, where: { field: message.mailbox, is: support } }
key: message.thread                      # one run at a time per thread
tasks:
  annotate:                              # what is it about, and is an answer expected?
    role: specialist
    agent: intent
    in:
      message: ${trigger.message}
  draft:
    role: executor
    agent: reply-writer
    when: { field: annotate.reply_expected, is: true }
    in:
      message: ${trigger.message}
      intent: ${annotate.intent}
  send:                                  # your rules say whether you are asked first
    act: email.reply
    in:
      message: ${trigger.message}
      reply: ${draft.reply}
    deadline: P2D                        # what nobody approved by then expires; it is never sent by itself
"""
TEMPLATE = """\
---
subject: "Re: {{ message.subject }}"
---
Hello {{ message.sender_name }},

thank you for your message.

{{ operator.signature }}
"""
POLICY = """\
# Deny wins, then ask, then allow; where no rule matches, you are asked.

[[rule]]
name = "evenings ask"
when = { act = "email.reply", time_above = "18:00" }
then = "ask"
why = "it is late, and you want to read it first"
"""
EXAMPLES = {"workflow": WORKFLOW, "template": TEMPLATE, "policy": POLICY}


@dataclass(frozen=True, slots=True)
class What:
    """Words that may stand somewhere."""

    where: str
    words: Sequence[str]


def what_may_stand(workspace: Workspace, kind: str) -> Sequence[What]:
    """What a file of this kind may name, by the other files as they are."""
    match kind:
        case "template":
            return (
                What("Gaps, in double curly braces", [f"{{{{ {one} }}}}" for one in PLACEHOLDERS]),
                What("Above, between two lines of ---", ["intent: NAME", 'subject: "TEXT"', "language: en"]),
            )
        case "policy":
            catalog = workspace.editing.catalog()
            return (
                What("Acts", sorted(catalog.acts)),
                What("Then", ["allow", "ask", "deny"]),
                What("What a rule may look at", sorted(FIELDS)),
                What(
                    "Endings of these", ["_not", "_in", "_not_in", "_below", "_above", "_contains", "_exists"]
                ),
            )
        case _:
            catalog = workspace.editing.catalog()
            return (
                What("Agents", sorted(catalog.agents)),
                What("Acts", sorted(catalog.acts)),
                What("Events", sorted(catalog.events)),
                What("What a task may recall", sorted(catalog.recalls)),
            )

"""The remedies of the house in the words of the API: fields and addresses, where the command line has flags.

An error carries the facts of it (`second_step`, `findings`); from these a remedy is made anew. Where it names a command
that lists something, the address that lists the same is named. What the API has not stays as it is: the machine has it.
"""

from __future__ import annotations

import json
import re

from mainstay.kernel.errors import FileChanged, MainstayError

_LISTS = {
    "approvals": "/approvals",
    "runs": "/runs",
    "dead-letters": "/dead-letters",
    "lessons": "/lessons",
    "tokens": "/tokens",
    "triage": "/triage/waiting",
    "workflows": "/workflows",
    "agents": "/agents",
    "models": "/models",
    "costs": "/costs",
    "slo": "/slo",
    "autonomy": "/autonomy",
    "status": "/status",
    "pauses": "/pauses",
}
_COMMAND = re.compile(r"`mainstay ([a-z-]+)`")


def in_words_of_the_api(error: MainstayError) -> str:
    """What to do next, for a program."""
    fields = error.fields
    if isinstance(fields.get("second_step"), str):
        wanted = json.dumps(fields["second_step"], ensure_ascii=False)
        return f'Send it again with `"confirm": {wanted}`. Nothing was done.'
    if fields.get("findings"):
        return 'Change the text, or send it again with `"anyway": true`, which stands for all `findings`.'
    if isinstance(error, FileChanged):
        return "`GET` it again: its `ETag` goes back as `If-Match`. Nothing was done."
    return _COMMAND.sub(_address, error.remedy)


def _address(command: re.Match[str]) -> str:
    address = _LISTS.get(command[1])
    return f"`GET {address}`" if address else command[0]

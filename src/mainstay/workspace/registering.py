"""What puts the workflows of files in force: definition and text are kept in the ledger under their digests."""

from __future__ import annotations

from collections.abc import Mapping

from mainstay.kernel.commands import RegisterWorkflow, RetireWorkflow
from mainstay.kernel.ids import digest
from mainstay.runtime.director import Director
from mainstay.runtime.tick import Request
from mainstay.workflows.canonical import canonical
from mainstay.workflows.loader import WorkflowFile


def registrations(director: Director, workflows: Mapping[str, WorkflowFile]) -> list[Request]:
    """What puts these workflows in force, and takes every other one out, where they differ from what is."""
    requests = [
        registration(file)
        for name, file in sorted(workflows.items())
        if name not in director.workflows or director.workflows[name].definition != file.plan.digest
    ]
    gone = [name for name in director.workflows if name not in workflows]
    return [*requests, *(Request(RetireWorkflow(name, "operator"), "operator") for name in gone)]


def registration(file: WorkflowFile) -> Request:
    """What puts a workflow in force: its definition and its file are kept under their own digests."""
    workflow, definition, written = file.workflow, file.plan.digest, digest(file.raw)
    meaning = canonical(workflow)
    assert digest(meaning) == definition, "a definition is stored under its own digest"
    command = RegisterWorkflow(workflow.name, workflow.version, definition, written)
    return Request(command, "operator", blobs={definition: meaning, written: file.raw})

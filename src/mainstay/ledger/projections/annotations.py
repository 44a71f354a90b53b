"""What specialists said and put to their gate, and what people said of it.

`annotations` has one row for each annotation; `annotation_words` one for each word of a person about one: a review, or
an approved act that rests on it. The words in their order are what a specialist learns, so none of them is overwritten.

No text is kept here: intents are the operator's own, the message stays where it is, and features are numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mainstay.kernel.contract import Finality
from mainstay.kernel.events import AnnotationReviewed, ApprovalGranted, Event, TaskSucceeded
from mainstay.kernel.gate import annotated_before, annotates, passed
from mainstay.kernel.ids import StreamId
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant, Json
from mainstay.ledger.store import ColumnType, Put, RowChange, Table, Value

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT
REVIEW, APPROVAL = "review", "approval"
_MILLION = 1_000_000

Row = dict[str, Value]


class Annotations:
    """Every annotation that was put to a gate, and every word about one."""

    name = "annotations"
    version = 1
    tables = (
        Table(
            "annotations",
            (
                ("run", _TEXT),
                ("task", _INTEGER),
                ("workflow", _TEXT),
                ("said", _TEXT),  # the intent, by the specialist
                ("confidence_ppm", _INTEGER),  # in millionths
                ("auto", _INTEGER),  # 1: it passed, and nobody needs to look
                ("audit", _INTEGER),  # 1: it would have passed, and is looked at as a sample
                ("unknown", _INTEGER),  # 1: like none of the intents
                ("gate", _TEXT),  # the numbers that the gate went by, as JSON
                ("content", _TEXT),  # the sealed blob of the message; empty where none started the run
                ("subject", _TEXT),
                ("waits", _INTEGER),  # 1: for a person's look
                ("label", _TEXT),  # what a person said last; empty: nobody did
                ("position", _INTEGER),
                ("at", _INTEGER),
                ("settled_at", _INTEGER),
                ("open_us", _INTEGER),  # how long the person had it before them, where that was told
            ),
            key=("run", "task"),
            indexes=(("position",), ("waits", "position")),
        ),
        Table(
            "annotation_words",
            (
                ("position", _INTEGER),
                ("run", _TEXT),
                ("task", _INTEGER),
                ("kind", _TEXT),  # review, approval
                ("intent", _TEXT),
            ),
            key=("position", "run", "task"),
            indexes=(("run", "task"),),
        ),
    )
    events = frozenset[type[Event]]({TaskSucceeded, ApprovalGranted, AnnotationReviewed})
    only_annotations = True

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """An annotation, or a person's word about one."""
        match event:
            case TaskSucceeded(task=number, output=output):
                assert run is not None
                return (_annotated(position, at, run, number, output),) if annotates(output) else ()
            case ApprovalGranted(task=number):
                assert run is not None
                return _approved(position, at, run, number)
            case AnnotationReviewed():
                settled: Row = {"waits": 0, "label": event.intent, "settled_at": at, "open_us": event.open_us}
                return (
                    Put("annotations", (event.run, event.task), settled),
                    _word(position, event.run, event.task, REVIEW, event.intent),
                )
            case _:
                return ()


def _annotated(position: int, at: Instant, run: RunState, number: int, output: Json) -> Put:
    """A specialist of the operator's own may say anything: what is no number or no text counts as nothing said."""
    message = run.head.trigger.get("message")
    confidence = output.get("confidence")
    sure = min(1.0, max(0.0, confidence)) if isinstance(confidence, int | float) else 0.0
    return Put(
        "annotations",
        (run.head.run, number),
        {
            "workflow": run.head.workflow,
            "said": _said(output),
            "confidence_ppm": round(sure * _MILLION),
            "auto": int(output["auto"] is True),
            "audit": int(output.get("audit") is True),
            "unknown": int(output.get("unknown") is True),
            "gate": msgspec.json.encode(output.get("gate")).decode(),
            "content": str(message.get("content", "")) if isinstance(message, dict) else "",
            "subject": run.head.owner or "",
            "waits": int(not passed(output)),
            "label": "",
            "position": position,
            "at": at,
            "settled_at": 0,
            "open_us": 0,
        },
    )


def _approved(position: int, at: Instant, run: RunState, number: int) -> Sequence[RowChange]:
    """A person let an act go that cannot be taken back: what it rests on was right. A rejection says nothing."""
    act = run.task(number).act
    if (
        act is None
        or run.plan is None
        or act.action.finality is Finality.REVERSIBLE
        or run.undoes(number) is not None
    ):
        return ()
    inherited = {one.task for one in run.unusual.forked.inherited} if run.unusual.forked else set()
    changes: list[RowChange] = []
    for task, output in annotated_before(run, number):
        if task in inherited or run.plan.workflow.tasks[task].for_each is not None:
            continue  # said in another run, or of many items at once
        said = _said(output)
        settled: Row = {"waits": 0, "label": said, "settled_at": at}
        changes.append(Put("annotations", (run.head.run, task), settled))
        changes.append(_word(position, run.head.run, task, APPROVAL, said))
    return changes


def _said(output: Json) -> str:
    intent = output.get("intent")
    return intent if isinstance(intent, str) else ""


def _word(position: int, run: str, task: int, kind: str, intent: str) -> Put:
    return Put("annotation_words", (position, run, task), {"kind": kind, "intent": intent})

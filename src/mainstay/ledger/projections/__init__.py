"""The standard views: what a director needs at boot, and what an operator looks at.

    runs            one row for each run, written at its start and its end, never in between
    open_runs       runs that are not over: what a restart folds
    approvals       every card, waiting or answered
    in_doubt        acts of which only the operator can say whether they happened, or that could not be taken back
    done            how often a workflow has done an act: what counting rules look at
    done_lately     the same by quarters of an hour: what rules about a day or an hour look at
    recipients      to whom we have written
    written         when we wrote to whom: what the limit of replies looks at
    spent           money, runs and operator minutes by workflow and day
    outcomes        what runs had cost when they ended, by how they ended
    models_used     tokens, money and savings by workflow, day and model
    replies         how many mails of a workflow left on a day
    stopped         which runs a budget stopped, and which budget
    samples         when acts were proposed, decided and done
    ended           how many runs of a workflow ended well or badly in each minute
    mistakes        acts that turned out to be wrong after they had left, or left twice
    messages        every message by its key: what makes a second delivery nothing
    rejected        what came in and could not be read
    cursors         how far each source was read
    dead_letters    messages that could not be read and runs that failed, and what became of each
    workflows       the definitions in force
    schedules       up to which of its times each schedule has been seen to
    pauses          workflows and adapters that are paused, and whether the workspace is
    breakers        operations of adapters that are left alone now
    incidents       what the director noticed about its own house
    memories        every version of what is remembered; its text lies in sealed blobs
    fits            the fitted models that were put in force
    reviews         what people said of annotations
    correspondence  messages and approved replies as memory finds them
    judged_drafts   how much of each drafted reply a person changed
    lesson_trials   the same for each lesson: with it, and where it was withheld
    annotations     what specialists said and put to their gate, and whether a person must look
    annotation_words    what people said of it, in order: what a specialist learns
    autonomy        where each kind of act stands: its evidence, and how far it goes by itself
    evidence        every decision that counted for or against a kind of act
    templates       the templates in force
    links           links to cards, and what was decided by them
    devices         who logged in, and until when
    tokens          which programs and agents may use the API, and how far
    requests        what programs asked for by a name of their own, and what they were answered
    objectives      objectives of workflows that are or were not met
    checkpoints     up to where the ledger was summed up and signed
    signing_keys    with which keys, each vouched for by the one before
    forgotten       who was forgotten, or is being forgotten
    executables     programs of the operator's own that are trusted
    adoptions       what came into force and which files were saved, one row each: the history of every version
    secrets         when secrets were replaced, and when they expire
    event_places    where the events of the rarer types stand
    house           policy, kill switch, epoch, warnings, the last clean stop, where a restored ledger came from

A table belongs to one projection; `STANDARD` is all of them. `house` also holds rows that the director writes
itself (`held`); a rebuild writes them again.
"""

from mainstay.ledger.projection import Projection
from mainstay.ledger.projections.adoptions import Adoptions
from mainstay.ledger.projections.annotations import Annotations
from mainstay.ledger.projections.approvals import Approvals
from mainstay.ledger.projections.autonomy import AutonomyKinds
from mainstay.ledger.projections.correspondence import Correspondence
from mainstay.ledger.projections.costs import ModelsUsed, Outcomes, Replies, Spent, Stopped
from mainstay.ledger.projections.dead_letters import DeadLetters
from mainstay.ledger.projections.done import Done, DoneLately
from mainstay.ledger.projections.doubts import InDoubt
from mainstay.ledger.projections.event_places import EventPlaces
from mainstay.ledger.projections.governance import Governance
from mainstay.ledger.projections.house import House, Workflows
from mainstay.ledger.projections.inbox import Cursors, Messages, Rejected
from mainstay.ledger.projections.lessons import JudgedDrafts
from mainstay.ledger.projections.memory import Fits, Memories, Reviews
from mainstay.ledger.projections.runs import OpenRuns, Runs
from mainstay.ledger.projections.samples import Samples
from mainstay.ledger.projections.standing import Incidents, OpenBreakers, Pauses, Schedules
from mainstay.ledger.projections.written import Recipients, Written

STANDARD: tuple[Projection, ...] = (
    Runs(),
    OpenRuns(),
    Approvals(),
    InDoubt(),
    Done(),
    DoneLately(),
    Recipients(),
    Written(),
    Spent(),
    Outcomes(),
    ModelsUsed(),
    Replies(),
    Stopped(),
    Samples(),
    Messages(),
    Rejected(),
    Cursors(),
    DeadLetters(),
    Workflows(),
    Schedules(),
    Pauses(),
    OpenBreakers(),
    Incidents(),
    Memories(),
    Fits(),
    Reviews(),
    Annotations(),
    Correspondence(),
    JudgedDrafts(),
    AutonomyKinds(),
    Governance(),
    Adoptions(),
    EventPlaces(),
    House(),
)

TABLES = tuple(table for projection in STANDARD for table in projection.tables)

__all__ = ["STANDARD", "TABLES"]

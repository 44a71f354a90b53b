"""One record: what it says, what it said before, where it came from and where it was used; to correct and to retract.

A correction is a new version beside the one before. It and taking the record back are bound to the version that was
shown: where somebody else corrected it meanwhile, what it says now is shown and nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import csrf, forms
from mainstay.console.refused import Refused
from mainstay.console.rendering import done, page
from mainstay.kernel.errors import AmbiguousId, CommandRefused, NotFound
from mainstay.memory.records import ABOUT
from mainstay.workspace import Workspace
from mainstay.workspace.memory_records import MemoryVersion
from mainstay.workspace.memory_uses import Use
from mainstay.workspace.serving_web import Front

FORM = "memory record"
TEXT_MAX, REASON_MAX, NAME_MAX = 400_000, 2_000, 200
SHOWN_MAX = 60_000  # characters of a text on the page
OWN = ("note",)  # kinds that a person corrects; others are made again from what they came from
HIDDEN = frozenset({ABOUT, "data_class", "answer", "run"})


def address_of(memory: str) -> str:
    """Where a record is shown."""
    return "/memory/" + quote(memory, safe="")


@dataclass(frozen=True, slots=True)
class Record:
    """A record with everything around it."""

    versions: Sequence[MemoryVersion]  # newest first
    about: str
    used: int
    uses: Sequence[Use]

    @property
    def now(self) -> MemoryVersion:
        """The last version."""
        return self.versions[0]

    @property
    def standing(self) -> tuple[str, str]:
        """Whether it is believed, in a word, and in which tone."""
        if self.now.retracted:
            return "taken back", "bad"
        return ("corrected", "warn") if self.now.superseded else ("believed", "ok")

    @property
    def is_own(self) -> bool:
        """Whether a person may correct it."""
        return self.now.kind in OWN and not self.now.retracted

    @property
    def is_kept(self) -> bool:
        """Whether it is a record of its own, which can be retracted: mail is not."""
        return self.now.space != "mail"

    @property
    def source_run(self) -> str:
        """The run that it came from."""
        if self.now.source.startswith("run:"):
            return self.now.source.removeprefix("run:")
        return str(self.now.fields.get("run", ""))

    @property
    def details(self) -> list[tuple[str, str]]:
        """What else it says of itself."""
        return [(name, str(value)) for name, value in self.now.fields.items() if name not in HIDDEN and value]


class MemoryRecord:
    """One record."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def show(self, request: Request) -> Response:
        """The record and its history."""
        return await self._shown(request)

    async def act(self, request: Request) -> Response:
        """Correct or retract it."""
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, FORM, fields)
        name = _named(request)
        text = forms.text(fields, "text", most=TEXT_MAX)
        reason = forms.text(fields, "reason", most=REASON_MAX)
        try:
            said = await self._done(name, fields, text, reason)
        except (CommandRefused, NotFound, AmbiguousId) as error:
            return await self._shown(request, error=error, text=text, reason=reason)
        return done(request, address_of(name), said)

    async def _done(self, name: str, fields: FormData, text: str, reason: str) -> str:
        version = forms.text(fields, "version", most=9)
        if not (version.isascii() and version.isdigit()) or int(version) < 1:
            raise _no_answer()
        match fields.get("what"):
            case "correct":
                kept = await self._front.act_slowly(lambda one: _correct(one, name, version, text))
                if kept == "known":
                    return "It says that already; nothing was written."
                return "Corrected. The version before is not recalled any more."
            case "retract":
                as_shown = f"{name.partition('@')[0]}@{version}"
                (done_with,) = await self._front.act_slowly(
                    lambda workspace: workspace.memory.retract(as_shown, reason=reason)
                )
                return (
                    "Taken back: no task recalls it any more."
                    if done_with.became == "retracted"
                    else "It was taken back before."
                )
            case _:
                raise _no_answer()

    async def _shown(
        self,
        request: Request,
        *,
        error: CommandRefused | NotFound | AmbiguousId | None = None,
        text: str | None = None,
        reason: str = "",
    ) -> Response:
        name = _named(request)
        record = await self._front.read_slowly(lambda workspace: _record(workspace, name))
        return page(
            *(request, "memory_record.html"),
            status=422 if error else 200,
            topics=("memory",),
            record=record,
            now=record.now,
            address=address_of(record.now.memory),
            address_of=address_of,
            error=error,
            text=record.now.text if text is None or not error else text,
            reason=reason,
            shown_max=SHOWN_MAX,
            correcting=error is not None and bool(text),
        )


def _named(request: Request) -> str:
    return str(request.path_params["memory"])[:NAME_MAX]


def _record(workspace: Workspace, name: str) -> Record:
    memory = workspace.memory
    versions = list(reversed(memory.history(name)))
    count, uses = memory.uses(versions[0].memory)
    return Record(versions, memory.about(versions[0]), count, uses)


def _correct(workspace: Workspace, name: str, version: str, text: str) -> str:
    """A new version in place of the one that was shown."""
    now = workspace.memory.show(name)
    if str(now.version) != version:
        raise CommandRefused(
            "Somebody corrected it meanwhile.",
            why=f"You had version {version[:20]} before you, and version {now.version} is what it says now.",
            remedy="Nothing was written; your text is still below. Read what it says now, and send it again.",
        )
    kept = workspace.memory.add(
        text,
        supersede=now.memory,
        fields={one: value for one, value in now.fields.items() if one not in (ABOUT, "data_class")},
        valid_from=int(now.valid_from),
        valid_to=int(now.valid_to),
        tag=now.tag,
    )
    return kept.became


def _no_answer() -> Refused:
    return Refused(400, "This is no answer.", remedy="Nothing was changed. Load the page again.")

"""Templates as a person looks at them: what is in force, what stands in files, and which intents name each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mainstay.agents.intents import Intent
from mainstay.config.files import INTENTS
from mainstay.config.intents import read_intents
from mainstay.config.templates import read_templates
from mainstay.kernel.errors import CommandRefused, ConfigError
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.workspace.edited_files import LISTED_MAX, NOTHING, TEMPLATE, Place, listed, place_of, read


@dataclass(frozen=True, slots=True)
class TemplateLine:
    """A template in a list."""

    name: str
    file: str = ""  # empty: it has none any more
    digest: Digest = NOTHING  # in force; empty: nothing is drafted from it
    since: Instant = Instant(0)
    intents: tuple[str, ...] = ()  # that name it
    own_intent: str = ""  # that it names itself
    language: str = ""
    differs: bool = False  # its file says something else than what is in force
    broken: str = ""  # why its file cannot be read


class TemplateList:
    """The templates of one workspace."""

    def __init__(self, root: Path, store: SqliteReader) -> None:
        self._root = root
        self._store = store

    def all(self) -> list[TemplateLine]:
        """Every template that is in force or has a file, by name."""
        places = {one.name: one for one in listed(self._root, TEMPLATE)}
        rows = {
            str(row["name"]): row for row in self._store.select("templates", order="name", limit=LISTED_MAX)
        }
        intents = self._intents()
        return [
            self._template(name, places.get(name), rows.get(name), intents)
            for name in sorted({*rows, *places})
        ]

    def one(self, name: str) -> TemplateLine:
        """One of them, as a list shows it; also one that is there no more."""
        place = place_of(TEMPLATE, name)
        there = place if read(self._root, place) is not None else None
        return self._template(name, there, self._store.get("templates", (name,)), self._intents())

    def _template(
        self, name: str, place: Place | None, row: Json | None, intents: Sequence[Intent]
    ) -> TemplateLine:
        line = TemplateLine(
            name,
            digest=Digest(str(row["template"])) if row is not None else NOTHING,
            since=Instant(int(row["at"])) if row is not None else Instant(0),
            intents=tuple(one.id for one in intents if one.template == name),
        )
        if place is None:
            return line
        line = replace(line, file=place.file)
        try:
            raw = read(self._root, place)
            found = read_templates([(place.file, raw or b"")])[name]
        except (ConfigError, CommandRefused) as error:
            return replace(line, broken=error.what)
        return replace(
            line,
            differs=found.digest != line.digest,
            own_intent=found.fields.get("intent", ""),
            language=found.fields.get("language", ""),
        )

    def _intents(self) -> Sequence[Intent]:
        file = self._root / INTENTS
        try:
            return read_intents(file.read_bytes() if file.is_file() else b"", INTENTS)
        except (ConfigError, OSError):
            return ()

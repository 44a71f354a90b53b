"""`[telemetry]` of mainstay.toml: where traces and metrics are sent; nowhere, unless it is written."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from mainstay.config.reading import LOOPBACK
from mainstay.workflows.document import Section


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """OpenTelemetry by OTLP over HTTP."""

    otlp: str = ""  # the collector's address, without /v1/traces; empty: nothing is sent
    content: bool = False  # whether prompts and answers, which are personal, stand in traces
    share_percent: int = 100  # of what is traced: whole runs, chosen by their trace


def read_telemetry(section: Section) -> TelemetrySettings:
    """`[telemetry]`. What is told to a collector crosses no network in the open."""
    section.only("otlp", "content", "share_percent")
    url = section.text("otlp", "").rstrip("/")
    parts = urlsplit(url)
    if url and (not parts.hostname or parts.username or parts.password or parts.query):
        raise section.error(
            "otlp", "this is not the address of a collector", remedy='write "http://127.0.0.1:4318"'
        )
    if url and not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)):
        raise section.error(
            "otlp",
            "the connection to a collector elsewhere must be encrypted",
            why="traces say which runs there are and what they cost",
            remedy="write https://... (http only on this machine)",
        )
    percent = section.whole("share_percent", 100, least=0, most=100)
    return TelemetrySettings(url, section.flag("content", default=False), percent)

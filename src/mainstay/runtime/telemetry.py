"""Traces and metrics for an OpenTelemetry collector: off unless `[telemetry] otlp` names one.

Which spans there are and how they are called is in `models.traces`; here they are sent. The libraries that send are no
part of Mainstay: where they are missing, what to install is told once and the work goes on. Nothing that goes wrong
with a collector stops any work: spans wait in a bounded queue, in threads of the library, and are dropped when it is
full. A program that embeds Mainstay and has set providers of its own keeps them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mainstay.kernel.errors import Unavailable
from mainstay.kernel.events import NUMBERS, RunCancelled, RunFailed, RunSucceeded, RunSuperseded
from mainstay.kernel.ids import RunId, run_of
from mainstay.ledger.projections.samples import triggered_at
from mainstay.ledger.store import EventReader, Value
from mainstay.models import traces
from mainstay.runtime.tick import Tick

INSTALL = "pip install 'mainstay[telemetry]'"
METRICS_EVERY_MS = 60_000
FLUSH_MS = 2_000
_ENDS = frozenset(
    number
    for number, kind in NUMBERS.items()
    if kind in (RunSucceeded, RunFailed, RunCancelled, RunSuperseded)
)


@dataclass(slots=True)
class Telemetry:
    """What sends, from `begin` until `end`."""

    _providers: tuple[Any, ...] = ()

    def end(self) -> None:
        """Send what waits, for at most two seconds each."""
        for provider in self._providers:
            with suppress(Exception):  # a collector that is gone must not keep the director from ending
                provider.force_flush(FLUSH_MS)
                provider.shutdown()


def begin(otlp: str, *, workspace: str, version: str, content: bool, share_percent: int) -> Telemetry:
    """Send to the collector at `otlp` from now on. Raises `Unavailable` where the libraries are missing."""
    if not otlp or traces.listening():
        return Telemetry()
    try:
        from opentelemetry import metrics, trace
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import RandomIdGenerator, TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
    except ImportError as error:
        raise Unavailable(
            "Nothing is traced.", why=f"{error.name or 'OpenTelemetry'} is not installed.", remedy=INSTALL
        ) from None

    class OfRuns(RandomIdGenerator):  # type: ignore[misc]  # the library is no part of Mainstay
        """Ids at random, but for the spans of runs."""

        of_runs = True

        def generate_trace_id(self) -> int:
            own = traces.OWN_IDS.get()
            return own[0] if own is not None else int(super().generate_trace_id())

        def generate_span_id(self) -> int:
            own = traces.OWN_IDS.get()
            return own[1] if own is not None else int(super().generate_span_id())

    if content:
        os.environ[traces.CAPTURE] = "true"
    resource = Resource.create(
        {"service.name": "mainstay", "service.version": version, "service.namespace": workspace}
    )
    # By the trace's id alone: all that belongs to a run is traced, or nothing of it, in whichever process.
    sampler = TraceIdRatioBased(share_percent / 100)
    tracer = TracerProvider(resource=resource, sampler=sampler, id_generator=OfRuns())
    tracer.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{otlp}/v1/traces")))
    reader = PeriodicExportingMetricReader(
        OTLPMetricExporter(endpoint=f"{otlp}/v1/metrics"), export_interval_millis=METRICS_EVERY_MS
    )
    meter = MeterProvider(resource=resource, metric_readers=[reader])
    trace.set_tracer_provider(tracer)
    metrics.set_meter_provider(meter)
    return Telemetry((tracer, meter))


@dataclass(frozen=True, slots=True)
class RunSpans:
    """Writes the span of each run that ended in a tick, once that is durable."""

    store: EventReader

    def committed(self, tick: Tick) -> None:
        """Called after every commit; where nobody listens, it costs a look into a dictionary."""
        if not traces.listening():
            return
        for run in ended_in(tick):
            row = self.store.get("runs", (run,))
            if row is None:
                continue
            ended_at = _number(row["ended_at"])
            traces.run_ended(
                run,
                workflow=str(row["workflow"]),
                outcome=str(row["status"]),
                began_us=min(triggered_at(run) or _number(row["started_at"]), ended_at),
                ended_us=ended_at,
                cost_micros=_number(row["spent"]),
                tasks=_number(row["tasks"]),
            )


def ended_in(tick: Tick) -> Iterator[RunId]:
    """The runs that a tick ended."""
    for append in tick.batch:
        if append.stream.startswith("run:") and any(event.type in _ENDS for event in append.events):
            yield run_of(append.stream)


def _number(value: Value) -> int:
    return value if isinstance(value, int) else 0

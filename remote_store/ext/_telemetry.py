"""The hooks that make OpenTelemetry spans and metrics of a store's operations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

try:
    from opentelemetry import metrics, trace
    from opentelemetry.metrics import Meter
    from opentelemetry.trace import SpanKind, StatusCode, Tracer
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"remote_store.ext.otel needs {error.name}; pip install 'remote-store-aio[otel]'", name=error.name
    ) from error

from ._events import StoreEvent

__all__ = ["otel_hooks"]


def otel_hooks(
    *,
    tracer_name: str = "remote_store",
    meter_name: str = "remote_store",
    tracer: Tracer | None = None,
    meter: Meter | None = None,
) -> dict[str, Any]:
    """Return the keyword arguments `around` and `on_any` for `observe`, which make spans and metrics.

    Each operation is a span ``store.<operation>`` of kind CLIENT, and counts in ``remote_store.operations``, in
    ``remote_store.errors`` if it failed, and in the histogram ``remote_store.operation.duration`` (seconds). Paths
    are attributes of spans only: metrics have none, or they would have a series for each file. `tracer` and `meter`
    are used if given, else those of the global providers by name.
    """
    spans = tracer if tracer is not None else trace.get_tracer(tracer_name)
    told = _Metrics(meter if meter is not None else metrics.get_meter(meter_name))

    @contextmanager
    def around(operation: str, path: str, backend: str) -> Iterator[None]:
        attributes = {
            "remote_store.operation": operation,
            "remote_store.backend": backend,
            "remote_store.path": path,
        }
        # Set and recorded below, once: the span would record the exception on its own as well.
        with spans.start_as_current_span(
            f"store.{operation}",
            kind=SpanKind.CLIENT,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except Exception as error:
                span.set_status(StatusCode.ERROR, str(error))
                span.record_exception(error)
                span.set_attribute("error.type", type(error).__qualname__)
                raise

    return {"around": around, "on_any": told.on_any}


class _Metrics:
    def __init__(self, meter: Meter) -> None:
        self._operations = meter.create_counter("remote_store.operations", "1", "Operations of stores")
        self._errors = meter.create_counter("remote_store.errors", "1", "Operations of stores that failed")
        self._duration = meter.create_histogram("remote_store.operation.duration", "s", "What operations took")

    def on_any(self, event: StoreEvent) -> None:
        attributes = {"operation": event.operation, "backend": event.backend}
        self._operations.add(1, {**attributes, "status": "ok" if event.error is None else "error"})
        if event.error is not None:
            attributes["error.type"] = type(event.error).__qualname__
            self._errors.add(1, attributes)
        self._duration.record(event.duration_ms / 1000, attributes)

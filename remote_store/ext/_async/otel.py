"""Stores with OpenTelemetry spans and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._store._async.store import AsyncStore
from .._telemetry import otel_hooks
from .observe import AsyncObservedStore, observe

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter
    from opentelemetry.trace import Tracer

__all__ = ["otel_observe"]


def otel_observe(
    store: AsyncStore,
    *,
    tracer_name: str = "remote_store",
    meter_name: str = "remote_store",
    tracer: Tracer | None = None,
    meter: Meter | None = None,
) -> AsyncObservedStore:
    """Return ``observe(store, **otel_hooks(...))``: a store whose operations are spans and metrics."""
    return observe(store, **otel_hooks(tracer_name=tracer_name, meter_name=meter_name, tracer=tracer, meter=meter))

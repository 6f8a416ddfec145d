"""CONTRACT 143: spans and metrics."""

from __future__ import annotations

from typing import Any

import pytest

from remote_store import NotFound
from tests.ext.faces import ExtFace

pytest.importorskip("opentelemetry.sdk", reason="the SDK records what the API is told")
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode


class Recorder:
    """A tracer and a meter, and what they were told."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        traces = TracerProvider()
        traces.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._reader = InMemoryMetricReader()
        self.tracer = traces.get_tracer("test")
        self.meter = MeterProvider(metric_readers=[self._reader]).get_meter("test")

    @property
    def spans(self) -> Any:
        return self._exporter.get_finished_spans()

    def points(self, name: str) -> list[Any]:
        data = self._reader.get_metrics_data()
        metrics = [
            metric
            for resource in (data.resource_metrics if data else [])
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]
        return [point for metric in metrics if metric.name == name for point in metric.data.data_points]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def test_an_operation_is_a_client_span(face: ExtFace, recorder: Recorder) -> None:
    """CONTRACT 143."""
    face.do("write", "a", b"x")
    store = face.module("otel").otel_observe(face.store, tracer=recorder.tracer, meter=recorder.meter)
    face.on(store, "read_bytes", "a")
    (span,) = recorder.spans
    assert (span.name, span.kind) == ("store.read_bytes", SpanKind.CLIENT)
    assert dict(span.attributes) == {
        "remote_store.operation": "read_bytes",
        "remote_store.backend": face.store._backend.name,
        "remote_store.path": "a",
    }


def test_an_error_is_in_the_span_and_in_the_metrics(face: ExtFace, recorder: Recorder) -> None:
    """CONTRACT 143: recorded once."""
    store = face.module("otel").otel_observe(face.store, tracer=recorder.tracer, meter=recorder.meter)
    with pytest.raises(NotFound):
        face.on(store, "read_bytes", "missing")
    (span,) = recorder.spans
    assert span.status.status_code == StatusCode.ERROR
    assert span.attributes["error.type"] == "NotFound"
    assert [event.name for event in span.events] == ["exception"]
    (counted,) = recorder.points("remote_store.operations")
    assert dict(counted.attributes)["status"] == "error"
    (failed,) = recorder.points("remote_store.errors")
    assert (failed.value, dict(failed.attributes)["error.type"]) == (1, "NotFound")


def test_metrics_have_no_paths(face: ExtFace, recorder: Recorder) -> None:
    """CONTRACT 143: seconds, by operation and backend."""
    hooks = face.module("otel").otel_hooks(tracer=recorder.tracer, meter=recorder.meter)
    store = face.module("observe").observe(face.store, **hooks)
    face.on(store, "write", "a", b"x")
    (counted,) = recorder.points("remote_store.operations")
    name = face.store._backend.name
    assert dict(counted.attributes) == {"operation": "write", "backend": name, "status": "ok"}
    (took,) = recorder.points("remote_store.operation.duration")
    assert (dict(took.attributes), took.count) == ({"operation": "write", "backend": name}, 1)
    assert 0 <= took.sum < 60
    assert recorder.points("remote_store.errors") == []


def test_an_atomic_write_is_one_span(face: ExtFace, recorder: Recorder) -> None:
    """CONTRACT 143."""
    store = face.module("otel").otel_observe(face.store, tracer=recorder.tracer, meter=recorder.meter)
    face.block(store.open_atomic("a"), b"x")
    assert [span.name for span in recorder.spans] == ["store.open_atomic"]


def test_without_an_sdk_nothing_happens(face: ExtFace) -> None:
    """CONTRACT 143: the global providers do nothing by default."""
    store = face.module("otel").otel_observe(face.store, tracer_name="mine", meter_name="mine")
    face.on(store, "write", "a", b"x")
    assert face.do("read_bytes", "a") == b"x"

"""OpenTelemetry spans and metrics for an async store; needs the extra `otel`."""

from remote_store.ext._async.otel import otel_observe
from remote_store.ext._telemetry import otel_hooks

__all__ = ["otel_hooks", "otel_observe"]

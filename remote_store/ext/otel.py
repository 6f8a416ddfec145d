"""OpenTelemetry spans and metrics for a store; needs the extra `otel`."""

from remote_store.ext._sync.otel import otel_observe
from remote_store.ext._telemetry import otel_hooks

__all__ = ["otel_hooks", "otel_observe"]

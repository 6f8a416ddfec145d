"""What the extensions log."""

from __future__ import annotations

import logging

from ._results import BatchResult

__all__ = ["log_batch"]

_log = logging.getLogger("remote_store.ext.batch")


def log_batch(op: str, result: BatchResult, *, concurrent: bool) -> None:
    """Log that a batch has been gone through."""
    _log.info(
        "batch_%s complete: %d succeeded, %d failed",
        op,
        len(result.succeeded),
        len(result.failed),
        extra={"op": f"batch_{op}", "concurrent": concurrent},
    )

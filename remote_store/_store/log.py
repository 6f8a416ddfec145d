"""What stores log: a DEBUG line at each call, an INFO line after each change (CONTRACT 146)."""

from __future__ import annotations

import logging

__all__ = ["called", "completed"]

log = logging.getLogger("remote_store._store")


def called(op: str, path: str, backend: str) -> None:
    """Log that an operation begins. Content and credentials are never passed in here."""
    if log.isEnabledFor(logging.DEBUG):
        log.debug("%s path=%r", op, path, extra={"op": op, "path": path, "backend": backend})


def completed(op: str, path: str, backend: str) -> None:
    """Log that a change has been made."""
    if log.isEnabledFor(logging.INFO):
        log.info("%s path=%r complete", op, path, extra={"op": op, "path": path, "backend": backend})

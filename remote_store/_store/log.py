"""What stores log: a DEBUG line at each call, an INFO line after each change (CONTRACT 146)."""

from __future__ import annotations

import logging
from typing import Protocol

__all__ = ["called", "completed"]

log = logging.getLogger("remote_store._store")


class Named(Protocol):
    """A backend, which is asked for its name only if there is something to log: that costs as much as the question."""

    @property
    def name(self) -> str:
        """The backend's name."""


def called(op: str, path: str, backend: Named) -> None:
    """Log that an operation begins. Content and credentials are never passed in here."""
    if log.isEnabledFor(logging.DEBUG):
        log.debug("%s path=%r", op, path, extra={"op": op, "path": path, "backend": backend.name})


def completed(op: str, path: str, backend: Named) -> None:
    """Log that a change has been made."""
    if log.isEnabledFor(logging.INFO):
        log.info("%s path=%r complete", op, path, extra={"op": op, "path": path, "backend": backend.name})

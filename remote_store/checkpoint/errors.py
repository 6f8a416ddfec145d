"""What goes wrong with checkpoints alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._core.errors import (
    AlreadyExists,
    IntegrityError,
    NotFound,
    RemoteStoreError,
    ResourceLocked,
)

__all__ = [
    "ArchiveRefused",
    "CheckpointBusy",
    "CheckpointConflict",
    "CheckpointCorrupted",
    "CheckpointFormatError",
    "CheckpointGone",
    "CheckpointIncomplete",
    "CheckpointMismatch",
    "CheckpointNotFound",
    "CheckpointSaveFailed",
    "CheckpointTooNew",
]


class CheckpointNotFound(NotFound, ValueError):
    """There is no such checkpoint: nothing at the place, or no such step. A ValueError, as in flytekit."""


class ArchiveRefused(RemoteStoreError, ValueError):
    """An archive holds what must not be unpacked: names or links that leave the folder, devices, too much."""


class CheckpointFormatError(RemoteStoreError, ValueError):
    """A document of a checkpoint is of another kind or a newer version, or needs a feature unknown here."""


class CheckpointTooNew(CheckpointFormatError):
    """The document is of a newer version, or needs a feature of one: a newer library reads it."""


class CheckpointCorrupted(IntegrityError, ValueError):
    """Bytes of a checkpoint are not those that were saved; they have been fetched twice.

    `name` is the item they belong to (empty for a document or padding), `part` the object's name, `offset` where in
    it the first wrong block begins (bytes), `expected` and `got` are checksums in hex or sizes; None where unknown.
    """

    def __init__(
        self,
        message: str = "",
        *,
        path: str | None = None,
        backend: str | None = None,
        name: str = "",
        part: str = "",
        offset: int | None = None,
        expected: str | None = None,
        got: str | None = None,
    ) -> None:
        super().__init__(message, path=path, backend=backend)
        self.name = name
        self.part = part
        self.offset = offset
        self.expected = expected
        self.got = got

    def _arguments(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("name", "part", "offset", "expected", "got")}
        return {**super()._arguments(), **own}


class CheckpointGone(NotFound):
    """A part of a committed checkpoint is no longer there; `part` is its name.

    Retention removed the checkpoint while it was read, or somebody deleted the object.
    """

    def __init__(
        self, message: str = "", *, path: str | None = None, backend: str | None = None, part: str = ""
    ) -> None:
        super().__init__(message, path=path, backend=backend)
        self.part = part

    def _arguments(self) -> dict[str, Any]:
        return {**super()._arguments(), "part": self.part}


class CheckpointConflict(AlreadyExists):
    """Another save has committed this step or this generation with other content; this one was not committed."""


class CheckpointIncomplete(RemoteStoreError, TimeoutError):
    """Not all writers came in time, and nothing was committed; `missing` has the numbers of those that didn't."""

    def __init__(
        self,
        message: str = "",
        *,
        path: str | None = None,
        backend: str | None = None,
        missing: Sequence[int] = (),
    ) -> None:
        super().__init__(message, path=path, backend=backend)
        self.missing = list(missing)

    def _arguments(self) -> dict[str, Any]:
        return {**super()._arguments(), "missing": self.missing}


class CheckpointMismatch(RemoteStoreError, ValueError):
    """What was given to load into has another shape, dtype or size than what was saved; nothing was fetched."""


class CheckpointBusy(ResourceLocked):
    """As many saves as allowed are under way, and `on_pending` is ``"raise"``."""


class CheckpointSaveFailed(RemoteStoreError):
    """A save in the background failed and nobody had waited for it; its error is the cause."""

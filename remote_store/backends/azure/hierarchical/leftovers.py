"""What interrupted writes have left: temporary files, hidden from listings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ...._core.seconds import checked_seconds
from ...._http.retrying import Fault
from ..core import Core
from ..documents import Blob
from ..errors import MISSING, translated
from ..listing import modified_at
from ..uploads import Upload
from .requests import PathWire
from .temporary import is_temporary
from .walk import Walk

__all__ = ["Leftovers"]


class Leftovers:
    """The temporary files of one backend."""

    kind = "temporary"

    def __init__(self, core: Core, paths: PathWire) -> None:
        self._core = core
        self._paths = paths

    async def found(self, key: str, path: str) -> list[Upload]:
        """Return those below a directory, with the time of their last change."""
        walk = Walk(self._core, self._paths, key, path, depth=None)
        blobs: list[Blob] = []
        while (page := await walk.next_page()) is not None:
            blobs += [blob for blob in page.blobs if is_temporary(blob["Name"])]
        return sorted((Upload(blob["Name"], modified_at(blob)) for blob in blobs), key=lambda upload: upload.key)

    async def discard(self, older_than: float, key: str, path: str) -> int:
        """Delete those that were not changed for so many seconds, and return how many."""
        limit = datetime.now(UTC) - timedelta(seconds=checked_seconds(older_than, "older_than"))
        discarded = 0
        for upload in await self.found(key, path):
            if upload.moment is None or upload.moment > limit:
                continue
            with translated(self._core.place(upload.key), writes=True):
                discarded += await self._delete(upload.key)
        return discarded

    async def _delete(self, key: str) -> bool:
        try:
            await self._core.run(lambda: self._core.wire.delete(key))
        except Fault as fault:
            if fault.code not in MISSING:
                raise
            return False
        return True

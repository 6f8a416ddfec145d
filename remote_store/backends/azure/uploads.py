"""What interrupted writes have left: blocks that nobody has committed, as far as the service tells of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..._core.condition import IF_ABSENT
from ..._core.seconds import checked_seconds
from ..._http.retrying import Fault
from .answers import moment_of
from .core import Core
from .documents import Page
from .errors import MISSING, REFUSED, translated
from .folders import Pager
from .names import prefix_of

__all__ = ["Upload", "Uploads"]


@dataclass(frozen=True, slots=True)
class Upload:
    """A blob that has uncommitted blocks and nothing else; when the last one came, if that is told."""

    key: str
    moment: datetime | None


class Uploads:
    """The uncommitted blobs of one backend."""

    kind = "blocks"

    def __init__(self, core: Core) -> None:
        self._core = core

    async def found(self, key: str, path: str) -> list[Upload]:
        """Return those below a folder.

        A listing with them shows the others too, so a second one tells which are committed: the service marks none.
        """
        prefix = prefix_of(key)
        all_: dict[str, datetime | None] = {}

        def note(page: Page) -> list[str]:
            all_.update({blob["Name"]: moment_of(blob.get("Last-Modified")) for blob in page.blobs})
            return []

        pager = Pager(self._core, prefix, path, note, include="uncommittedblobs")
        while await pager.next_page() is not None:
            pass
        committed = Pager(self._core, prefix, path, lambda page: [blob["Name"] for blob in page.blobs])
        while (names := await committed.next_page()) is not None:
            for name in names:
                all_.pop(name, None)
        return [Upload(name, moment) for name, moment in sorted(all_.items())]

    async def discard(self, older_than: float, key: str, path: str) -> int:
        """Put an empty blob in the place of each and delete it again: nothing else makes the service forget blocks."""
        seconds = checked_seconds(older_than, "older_than")
        limit = datetime.now(UTC) - timedelta(seconds=seconds)
        discarded = 0
        for upload in await self.found(key, path):
            if (upload.moment is None and seconds > 0) or (upload.moment is not None and upload.moment > limit):
                continue
            with translated(self._core.place(upload.key), writes=True):
                discarded += await self._discard(upload.key)
        return discarded

    async def _discard(self, key: str) -> bool:
        core = self._core
        try:
            put = await core.run(lambda: core.wire.put_block_list(key, [], condition=IF_ABSENT))
            await core.run(lambda: core.wire.delete(key, if_match=put.etag))
        except Fault as fault:
            if fault.code not in REFUSED | MISSING:
                raise
            return False  # its write has ended meanwhile
        return True

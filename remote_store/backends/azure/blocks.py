"""Writes in blocks: staged at the same time, seen only once they are committed, left to the service otherwise.

What is not committed is invisible, and the service deletes it after a week
(https://learn.microsoft.com/rest/api/storageservices/put-block-list). There is nothing to abort.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field

from ..._http.budget import Share
from ..._http.parts import Cutter, Part, send_parts
from ..._http.retrying import Fault, Retrier
from .checksums import CountingCutter, Md5, header_of, md5_header
from .requests import Wire

__all__ = ["Staging"]

ID_BYTES = 48
"""Of a block's id before base64. All ids of a blob must be of one length, also those that others have left behind:
this is the length that the SDKs and AzCopy use."""
LONGEST_ID = 64
"""Bytes before base64: the service's limit."""
NUMBER_BYTES = 3


@dataclass
class Staging:
    """The blocks of one write."""

    wire: Wire
    retrier: Retrier
    key: str
    checksum: bool
    max_concurrency: int
    ids: dict[int, str] = field(default_factory=dict)
    """By number, of those that have arrived."""
    size: int = 0
    """Bytes staged."""
    md5: str | None = None
    """The whole's, if it was asked for."""

    def __post_init__(self) -> None:
        # Writes of one blob share its uncommitted blocks: no id of ours may be another's.
        self._mark = secrets.token_bytes(LONGEST_ID)
        self._width = ID_BYTES

    async def run(self, first: list[Part], cutter: Cutter, share: Share) -> list[str]:
        """Stage all parts and return the blocks' ids in order. Nothing is visible yet."""
        try:
            if not self.checksum:
                await send_parts(first, cutter, share, self._send, self.max_concurrency)
                return self._in_order()
            whole = Md5()
            counting = CountingCutter(cutter, whole)
            for part in first:
                await counting.add(part)
            await send_parts(first, counting, share, self._send, self.max_concurrency)
            self.md5 = header_of(whole.value)
            return self._in_order()
        except Fault as fault:
            fault.maybe_done = False
            raise

    def _in_order(self) -> list[str]:
        return [self.ids[number] for number in sorted(self.ids)]

    async def _send(self, part: Part) -> None:
        self.ids[part.number] = await self.stage(part)
        self.size += part.size

    async def stage(self, part: Part) -> str:
        """Stage a part and return its block's id."""
        md5 = await md5_header(part.buffers) if self.checksum else None

        async def staged() -> str:
            block_id = self._id(part.number)
            await self.wire.put_block(self.key, block_id, part.buffers, part.size, md5=md5)
            return block_id

        try:
            return await self.retrier.run(staged)
        except Fault as fault:
            if fault.code != "InvalidBlobOrBlock" or not await self._adapted():
                raise
            return await self.retrier.run(staged)

    def _id(self, number: int) -> str:
        mark = self._mark[: max(self._width - NUMBER_BYTES, 0)]
        return base64.b64encode(mark + number.to_bytes(NUMBER_BYTES, "big")).decode()

    async def _adapted(self) -> bool:
        """Take the length of the ids that another program has left behind; false if there are none to be matched."""
        committed, left = await self.retrier.run(lambda: self.wire.get_block_list(self.key))
        for block_id in (*left, *committed):
            width = len(base64.b64decode(block_id))
            if width > NUMBER_BYTES:
                self._width = width
                return True
        return False

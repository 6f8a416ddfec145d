"""What the two sides of the extensions do differently, async side."""

from __future__ import annotations

from typing import Protocol

from ..._contract._sync.content import Buffer
from ..._contract.threads import in_thread

__all__ = ["Digest", "fed"]

# Hashing that much takes about half a millisecond, many times what a thread hop costs.
_WORTH_A_HOP = 512 * 1024


class Digest(Protocol):
    """A hash object of `hashlib`, as far as it is used here."""

    def update(self, data: Buffer, /) -> None: ...

    def hexdigest(self) -> str: ...


async def fed(digest: Digest, piece: Buffer) -> None:
    """Add `piece` to a digest; a large one in a worker thread, so that the loop goes on."""
    if len(piece) < _WORTH_A_HOP:
        digest.update(piece)
    else:
        await in_thread(digest.update, piece)

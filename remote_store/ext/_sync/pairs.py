"""What the two sides of the extensions do differently, sync side."""

from __future__ import annotations

from typing import Protocol

from ..._contract._sync.content import Buffer

__all__ = ["Digest", "fed"]


class Digest(Protocol):
    """A hash object of `hashlib`, as far as it is used here."""

    def update(self, data: Buffer, /) -> None: ...

    def hexdigest(self) -> str: ...


def fed(digest: Digest, piece: Buffer) -> None:
    """Add `piece` to a digest."""
    digest.update(piece)

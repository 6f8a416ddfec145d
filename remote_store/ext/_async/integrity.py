"""Checksums of stored files, computed from their bytes."""

from __future__ import annotations

from ..._core.models import ContentDigest
from ..._store._async.store import AsyncStore
from .._digest import new_digest
from .pairs import fed

__all__ = ["checksum", "content_digest", "verify", "verify_hex"]

READ_BYTES = 1024 * 1024
"""Bytes that are read at a time: the file is never in memory as a whole."""


async def checksum(store: AsyncStore, path: str, algorithm: str = "sha256") -> tuple[str, str]:
    """Return the algorithm's name and the hex digest of a file, both in lower case.

    `algorithm` is a name that `hashlib.new` knows. Raises what `store.read` raises, and ValueError for an unknown
    algorithm or one without a fixed length.
    """
    digest = new_digest(algorithm)
    async with store.read(path) as stream:
        while piece := await stream.read(READ_BYTES):
            await fed(digest, piece)
    return algorithm.lower(), digest.hexdigest()


async def content_digest(store: AsyncStore, path: str, algorithm: str = "sha256") -> ContentDigest:
    """Return the digest of a file. Raises as `checksum` does."""
    return ContentDigest(*await checksum(store, path, algorithm))


async def verify(store: AsyncStore, path: str, expected: str, algorithm: str = "sha256") -> bool:
    """Return whether a file has this hex digest, in either case. Raises as `checksum` does."""
    _, found = await checksum(store, path, algorithm)
    return found == expected.lower()


async def verify_hex(store: AsyncStore, path: str, algorithm: str, expected_hex: str) -> bool:
    """Return whether a file has this hex digest, in either case. Raises as `checksum` does."""
    return await verify(store, path, expected_hex, algorithm)

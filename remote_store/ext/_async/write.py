"""Writing with a digest of what was written, computed on the way."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

from ..._contract._async.content import AnyAsyncContent, AsyncContent
from ..._contract._sync.content import PIECE
from ..._core.models import ContentDigest, WriteResult
from ..._store._async.store import AsyncStore
from .pairs import Digest, fed

__all__ = ["write_with_hash"]


async def write_with_hash(
    store: AsyncStore,
    path: str,
    content: AnyAsyncContent,
    *,
    algorithm: str = "sha256",
    overwrite: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> WriteResult:
    """Write a file as `store.write` does, and return its result with the digest of the bytes written.

    `content` is of any kind that `write` takes and is read once. `algorithm` is a name that `hashlib.new` knows; the
    digest takes the place of one that the backend reports, `source` stays as the backend has it.

    Raises what `write` raises, and ValueError for an unknown algorithm or one without a fixed length.
    """
    digest = hashlib.new(algorithm)
    if digest.digest_size == 0:
        raise ValueError(f"unsupported hash type {algorithm}: its digests have no fixed length")
    source = AsyncContent(content)
    if source.buffer is not None:
        await fed(digest, source.buffer)
        sent: AnyAsyncContent = content
    else:
        sent = _Hashed(source, digest)
    result = await store.write(path, sent, overwrite=overwrite, metadata=metadata)
    return replace(result, digest=ContentDigest(algorithm, digest.hexdigest()))


class _Hashed(AsyncIterator[bytes]):
    """Hands pieces on and adds each to a digest."""

    def __init__(self, source: AsyncContent, digest: Digest) -> None:
        self._source = source
        self._digest = digest

    async def __anext__(self) -> bytes:
        batch = await self._source.batch(PIECE)
        if not batch:
            raise StopAsyncIteration
        piece = batch[0] if len(batch) == 1 and isinstance(batch[0], bytes) else b"".join(batch)
        await fed(self._digest, piece)
        return piece

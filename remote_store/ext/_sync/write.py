# Generated from remote_store/ext/_async/write.py by tools/gen_sync.py. Edit that file.
"""Writing with a digest of what was written, computed on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ..._contract._sync.content import AnyContent, Content
from ..._contract._sync.content import PIECE
from ..._core.models import ContentDigest, WriteResult
from ..._store._sync.store import Store
from .pairs import Digest, fed

__all__ = ["write_with_hash"]


def write_with_hash(
    store: Store,
    path: str,
    content: AnyContent,
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
    source = Content(content)
    if source.buffer is not None:
        fed(digest, source.buffer)
        sent: AnyContent = content
    else:
        sent = _Hashed(source, digest)
    result = store.write(path, sent, overwrite=overwrite, metadata=metadata)
    return replace(result, digest=ContentDigest(algorithm, digest.hexdigest()))


class _Hashed(Iterator[bytes]):
    """Hands pieces on and adds each to a digest."""

    def __init__(self, source: Content, digest: Digest) -> None:
        self._source = source
        self._digest = digest

    def __next__(self) -> bytes:
        batch = self._source.batch(PIECE)
        if not batch:
            raise StopIteration
        piece = batch[0] if len(batch) == 1 and isinstance(batch[0], bytes) else b"".join(batch)
        fed(self._digest, piece)
        return piece

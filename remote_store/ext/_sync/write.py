# Generated from remote_store/ext/_async/write.py by tools/gen_sync.py. Edit that file.
"""Writing with a digest of what was written, computed on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

from ..._contract._sync.content import AnyContent, Content
from ..._contract._sync.content import PIECE, Buffer
from ..._core.capability import Capability
from ..._core.errors import CapabilityNotSupported
from ..._core.keys import RemotePath
from ..._core.metadata import checked_metadata
from ..._core.models import ContentDigest, WriteResult
from ..._store._sync.store import Store
from .._digest import new_digest
from .pairs import Digest, draft_with_metadata, fed
from .streams import ChecksumWriter

__all__ = ["HashingAtomicWriter", "open_atomic_with_hash", "write_with_hash"]


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
    digest = new_digest(algorithm)
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


class HashingAtomicWriter(ChecksumWriter):
    """The file that `open_atomic_with_hash` hands out.

    `result` is None until its block has ended without an exception; then it has the path, the size in bytes and the
    digest, with ``source="basic"``.
    """

    def __init__(self, inner: Any, algorithm: str = "sha256") -> None:
        super().__init__(inner, algorithm)
        self.result: WriteResult | None = None
        self._size = 0

    def write(self, data: Buffer) -> int:
        """Write `data` and return its size in bytes."""
        written = super().write(data)
        self._size += len(data)
        return written

    def _finish(self, path: str) -> None:
        digest = ContentDigest(self.algorithm, self.hexdigest())
        self.result = WriteResult(RemotePath(path), self._size, digest=digest)


@contextmanager
def open_atomic_with_hash(
    store: Store,
    path: str,
    *,
    algorithm: str = "sha256",
    overwrite: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> Iterator[HashingAtomicWriter]:
    """Open a file as `store.open_atomic` does and hash what is written to it.

    With `metadata` (needs USER_METADATA) the content goes through `store.write_atomic`, so that errors of the target
    come at the end of the block. Raises CapabilityNotSupported without ATOMIC_WRITE, ValueError for bad metadata or
    an unknown algorithm, and what `open_atomic` raises.
    """
    new_digest(algorithm)
    checked = checked_metadata(metadata) if metadata else None
    if checked:
        for capability in (Capability.ATOMIC_WRITE, Capability.USER_METADATA):
            if not store.supports(capability):
                raise CapabilityNotSupported(
                    f"Writing {path!r} atomically with metadata: {capability.value} is not supported by this store",
                    path=path,
                    capability=capability.value,
                )
        opened: AbstractContextManager[Any] = draft_with_metadata(store, path, overwrite, checked)
    else:
        opened = store.open_atomic(path, overwrite=overwrite)
    with opened as file:
        writer = HashingAtomicWriter(file, algorithm)
        yield writer
    writer._finish(path)

"""Operations on single blobs: what each sends, and what the answers mean for a path."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext

from ..._contract._async.content import AsyncContent
from ..._core.condition import ALWAYS, IF_ABSENT, Condition
from ..._core.errors import InvalidPath, NotFound, PreconditionFailed
from ..._core.keys import RemotePath, ancestors, split
from ..._core.models import UNKNOWN_TIME, ContentDigest, FileInfo, WriteResult
from ..._core.options import WriteOptions
from ..._http.deadline import one_deadline
from ..._http.retrying import Fault
from .answers import Head
from .copying import finished
from .core import Core
from .errors import MISSING, NO_CONTAINER, REFUSED, failure, translated
from .headers import headers_for
from .metadata import to_stored
from .names import file_key, folder_error
from .writing import Order, Written

__all__ = ["Objects", "result_of"]


class Objects:
    """The operations on files of one backend."""

    def __init__(self, core: Core) -> None:
        self._core = core

    # Probes

    @one_deadline
    async def is_file(self, key: str, path: str) -> bool:
        """Return whether a blob has this key."""
        if not key:
            return False
        with translated(self._core.place(path)):
            head = await self._core.head(key)
        return head is not None and not head.is_folder

    @one_deadline
    async def exists(self, key: str, path: str) -> bool:
        """Return whether a blob has this key, or keys are below it."""
        if not key:
            return True
        with translated(self._core.place(path)):
            return await self._core.head(key) is not None or await self._core.is_prefix(key)

    @one_deadline
    async def get_file_info(self, path: str) -> FileInfo:
        """Return what HEAD tells."""
        core = self._core
        key = file_key(path, core.label)
        try:
            head = await core.file_head(key)
        except Fault as fault:
            raise await core.explained(fault, core.place(path)) from fault.__cause__
        return FileInfo(
            path=RemotePath._trusted(key),
            name=split(key)[1],
            size=head.size,
            modified_at=head.modified or UNKNOWN_TIME,
            digest=_digest(head.checksum),
            etag=head.etag,
            content_type=head.content_type,
            metadata=head.metadata,
            extra=_extra(head),
        )

    # Writing

    async def write(
        self,
        path: str,
        content: bytes | AsyncContent,
        condition: Condition,
        metadata: Mapping[str, str] | None,
        options: WriteOptions | None,
    ) -> WriteResult:
        """Write a blob, as the condition allows."""
        core = self._core
        stored = to_stored(metadata)
        key = file_key(path, core.label)
        # A stream takes as long as its source does: there each request has the time for itself.
        timed = core.retrier.operation() if isinstance(content, bytes) else nullcontext()
        with timed, translated(core.place(path), condition, writes=True):
            await self._refuse_ancestors(key, path)
            order = Order(
                key, condition, stored, headers_for(key, options), options.single_put_max if options else None
            )
            written = await core.writer.write(order, content)
        return result_of(key, written, metadata)

    async def write_atomic(
        self,
        path: str,
        content: bytes | AsyncContent,
        condition: Condition,
        metadata: Mapping[str, str] | None,
        options: WriteOptions | None,
    ) -> WriteResult:
        """Write a blob; every write is atomic here."""
        return await self.write(path, content, condition, metadata, options)

    async def _refuse_ancestors(self, key: str, path: str) -> None:
        if not self._core.config.reject_write_under_file_ancestor:
            return
        for ancestor in ancestors(key):
            above = await self._core.head(ancestor)
            if above is not None and not above.is_folder:
                raise InvalidPath(
                    f"{ancestor!r} is a regular file; {key!r} can't be written below it",
                    path=path,
                    backend=self._core.label,
                )

    # Deleting

    @one_deadline
    async def delete(self, path: str, *, missing_ok: bool) -> None:
        """Delete a blob: one request, two where it is missing."""
        core = self._core
        key = file_key(path, core.label)
        with translated(core.place(path), writes=True):
            if await self._deleted(key):
                return
            if await core.is_prefix(key):
                raise folder_error(path, core.label)
        if not missing_ok:
            raise NotFound(f"File not found: {path}", path=path, backend=core.label)

    async def _deleted(self, key: str, etag: str | None = None) -> bool:
        """Delete a blob and return whether there was one; one that is gone after a lost answer was ours."""
        lost = False

        def noted(fault: Fault) -> None:
            nonlocal lost
            lost = lost or fault.maybe_done

        try:
            await self._core.retrier.run(lambda: self._core.wire.delete(key, if_match=etag), on_fault=noted)
        except Fault as fault:
            if fault.code in MISSING or fault.code in REFUSED:
                return lost and fault.code not in NO_CONTAINER
            raise
        return True

    # Copying

    @one_deadline
    async def copy(self, src: str, dst: str, *, overwrite: bool) -> None:
        """Copy a blob: one request, and a few more where the service takes its time."""
        source, target = file_key(src, self._core.label), file_key(dst, self._core.label)
        if source == target:
            await self._source(source, src)
            return
        await self._copy(source, src, target, dst, ALWAYS if overwrite else IF_ABSENT, None)

    @one_deadline
    async def move(self, src: str, dst: str, *, overwrite: bool) -> None:
        """Copy and delete: three requests, each tied to the version of the source that the first one saw."""
        core = self._core
        source, target = file_key(src, core.label), file_key(dst, core.label)
        head = await self._source(source, src)
        if source == target:
            return
        await self._copy(source, src, target, dst, ALWAYS if overwrite else IF_ABSENT, head)
        with translated(core.place(src), writes=True):
            if not await self._deleted(source, head.etag) and await core.head(source) is not None:
                raise PreconditionFailed(
                    f"{src!r} was changed while it was moved; the older version is at {dst!r}, the newer one stayed",
                    path=src,
                    backend=core.label,
                )

    async def _source(self, key: str, path: str) -> Head:
        core = self._core
        try:
            return await core.file_head(key)
        except Fault as fault:
            raise await self._source_error(fault, path) from fault.__cause__

    async def _source_error(self, fault: Fault, path: str) -> Exception:
        error = await self._core.explained(fault, self._core.place(path))
        if isinstance(error, InvalidPath):
            return InvalidPath(
                f"Source is a directory: {path} is a folder, not a file", path=path, backend=error.backend
            )
        if isinstance(error, NotFound):
            return NotFound(f"Source not found: {path}", path=path, backend=error.backend)
        return error

    async def _copy(
        self, source: str, src: str, target: str, dst: str, condition: Condition, head: Head | None
    ) -> None:
        core = self._core
        lost = False

        def noted(fault: Fault) -> None:
            nonlocal lost
            lost = lost or fault.maybe_done

        etag = head.etag if head is not None else None
        try:
            await self._refuse_ancestors_of_copy(source, src, target, dst)
            status, copy_id = await core.retrier.run(
                lambda: core.wire.copy(source, target, condition=condition, source_etag=etag), on_fault=noted
            )
            if status == "pending":
                await finished(core, target, copy_id)
        except Fault as fault:
            await self._copy_failed(fault, source, src, dst, condition, lost)

    async def _refuse_ancestors_of_copy(self, source: str, src: str, target: str, dst: str) -> None:
        if not self._core.config.reject_write_under_file_ancestor:
            return
        await self._source(source, src)  # a missing source is what is told first (CONTRACT 75)
        await self._refuse_ancestors(target, dst)

    async def _copy_failed(
        self, fault: Fault, source: str, src: str, dst: str, condition: Condition, lost: bool
    ) -> None:
        if fault.code in MISSING or fault.code == "CannotVerifyCopySource":
            if fault.code == "CannotVerifyCopySource":
                fault.code = {404: "BlobNotFound", 409: "BlobArchived"}.get(fault.status, fault.code)
            raise await self._source_error(fault, src) from fault.__cause__
        if fault.code in REFUSED:
            await self._source(source, src)  # a missing source is what is told first (CONTRACT 75)
            fault.maybe_done = lost
            if lost:
                fault.code = "Unreachable"
        raise failure(fault, self._core.place(dst), condition, writes=True) from fault.__cause__


def _extra(head: Head) -> dict[str, object]:
    """Return what else is told: the version, and how the blob is kept."""
    found = {
        "version_id": head.version_id,
        "access_tier": head.headers.get("x-ms-access-tier"),
        "blob_type": head.headers.get("x-ms-blob-type"),
    }
    return {name: value for name, value in found.items() if value}


def result_of(key: str, written: Written, metadata: Mapping[str, str] | None) -> WriteResult:
    """Return what a write is answered with."""
    put = written.put
    return WriteResult(
        path=RemotePath._trusted(key),
        size=written.size,
        source="native",
        digest=_digest(put.checksum),
        etag=put.etag,
        version_id=put.version_id,
        last_modified=put.modified,
        metadata=None if metadata is None else dict(metadata),
    )


def _digest(checksum: bytes | None) -> ContentDigest | None:
    return None if checksum is None else ContentDigest("md5", checksum.hex())

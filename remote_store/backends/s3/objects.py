"""Operations on single objects: what each sends, and what the answers mean for a path."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext

from ..._contract._async.content import AsyncContent
from ..._core.condition import ALWAYS, IF_ABSENT, Condition
from ..._core.errors import AlreadyExists, CapabilityNotSupported, InvalidPath, NotFound, PreconditionFailed
from ..._core.keys import RemotePath, ancestors, split
from ..._core.models import UNKNOWN_TIME, ContentDigest, FileInfo, WriteResult
from ..._core.options import WriteOptions
from ..._core.seconds import checked_seconds
from ..._http.deadline import one_deadline
from ..._http.retrying import Fault
from .checksums import Sum, to_hex
from .copying import copy_large
from .core import Core
from .errors import MISSING, REFUSED, failure, translated
from .headers import headers_for
from .metadata import to_headers
from .names import file_key, folder_error
from .requests import Head
from .writing import Order, Written

__all__ = ["Objects"]

MAX_PRESIGN_SECONDS = 604_800
"""A week: the longest that SigV4 allows."""
TOO_LARGE = frozenset({"InvalidRequest", "EntityTooLarge"})
"""Answers to a copy of more than 5 GiB in one request."""


class Objects:
    """The operations on files of one backend."""

    def __init__(self, core: Core) -> None:
        self._core = core

    # Probes

    @one_deadline
    async def is_file(self, key: str, path: str) -> bool:
        """Return whether an object has this key."""
        if not key:
            return False
        with translated(self._core.place(path)):
            return await self._core.head(key) is not None

    @one_deadline
    async def exists(self, key: str, path: str) -> bool:
        """Return whether an object has this key, or keys are below it."""
        if not key:
            return True
        with translated(self._core.place(path)):
            return await self._core.head(key) is not None or await self._core.is_prefix(key)

    @one_deadline
    async def get_file_info(self, path: str) -> FileInfo:
        """Return what HEAD tells."""
        core = self._core
        key = file_key(path, core.label)
        place = core.place(path)
        try:
            head = await core.run(lambda: core.wire.head(key))
        except Fault as fault:
            raise await core.explained(fault, place) from fault.__cause__
        extra: dict[str, object] = {"version_id": head.version_id} if head.version_id else {}
        return FileInfo(
            path=RemotePath._trusted(key),
            name=split(key)[1],
            size=head.size,
            modified_at=head.modified or UNKNOWN_TIME,
            digest=_digest(head.checksum),
            etag=head.etag,
            content_type=head.content_type,
            metadata=head.metadata,
            extra=extra,
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
        """Write an object, as the condition allows."""
        core = self._core
        stored = to_headers(metadata)
        key = file_key(path, core.label)
        place = core.place(path)
        # A stream takes as long as its source does: there each request has the time for itself.
        timed = core.retrier.operation() if isinstance(content, bytes) else nullcontext()
        with timed, translated(place, condition, writes=True):
            await self._refuse_ancestors(key, path)
            condition = await self._possible(key, path, condition)
            order = Order(key, condition, stored, headers_for(key, options), *_of_one_put(options))
            written = await core.writer.write(order, content)
        return _result(key, written, metadata)

    async def _refuse_ancestors(self, key: str, path: str) -> None:
        if not self._core.config.reject_write_under_file_ancestor:
            return
        for ancestor in ancestors(key):
            if await self._core.head(ancestor) is not None:
                raise InvalidPath(
                    f"{ancestor!r} is a regular file; {key!r} can't be written below it",
                    path=path,
                    backend=self._core.label,
                )

    async def _possible(self, key: str, path: str, condition: Condition) -> Condition:
        """Return the condition to send: on a server that ignores conditions none can be kept (DECISIONS 28)."""
        if condition is ALWAYS or await self._core.probe.puts(key):
            return condition
        if condition is IF_ABSENT and self._core.config.look_before_create:
            if await self._core.head(key) is not None:
                raise AlreadyExists(f"File already exists: {path}", path=path, backend=self._core.label)
            return ALWAYS
        raise CapabilityNotSupported(
            "This server ignores conditions on writes, so that overwrite=False and if_match can't be kept; write with"
            " overwrite=True, or open the store with look_before_create=True, which may lose races",
            path=path,
            backend=self._core.label,
            capability="conditional_write",
        )

    # Deleting

    @one_deadline
    async def delete(self, path: str, *, missing_ok: bool) -> None:
        """Delete an object: one request, two where it is missing or the server knows no conditional delete."""
        core = self._core
        key = file_key(path, core.label)
        with translated(core.place(path), writes=True):
            if await self._deleted(key):
                return
            if await core.is_prefix(key):
                raise folder_error(path, core.label)
        if not missing_ok:
            raise NotFound(f"File not found: {path}", path=path, backend=core.label)

    async def _deleted(self, key: str) -> bool:
        """Delete an object and return whether there was one; one that goes while we ask counts as ours."""
        core = self._core
        try:
            conditional = await core.probe.deletes(key)
        except Fault as fault:
            if fault.code in MISSING:
                return False  # there is no such bucket
            if fault.status != 403:
                raise
            conditional = False  # who may delete and not write can't ask
        if not conditional:
            if await core.head(key) is None:
                return False
            await core.run(lambda: core.wire.delete(key))
            return True
        return await self._deleted_if(key, "*")

    async def _deleted_if(self, key: str, etag: str) -> bool:
        lost = False

        def noted(fault: Fault) -> None:
            nonlocal lost
            lost = lost or fault.maybe_done

        try:
            await self._core.retrier.run(lambda: self._core.wire.delete(key, if_match=etag), on_fault=noted)
        except Fault as fault:
            if fault.code in MISSING or fault.code in REFUSED:
                return lost  # gone after an answer was lost: that was us (DECISIONS 25)
            raise
        return True

    # Copying

    @one_deadline
    async def copy(self, src: str, dst: str, *, overwrite: bool) -> None:
        """Copy an object: one request, or two where the server has no conditional copy."""
        source, target = file_key(src, self._core.label), file_key(dst, self._core.label)
        if source == target:
            await self._source(source, src)
            return
        condition = ALWAYS if overwrite else IF_ABSENT
        await self._copy(source, src, target, dst, condition, None)

    @one_deadline
    async def move(self, src: str, dst: str, *, overwrite: bool) -> None:
        """Copy and delete: three requests, each tied to the version of the source that the first one saw."""
        core = self._core
        source, target = file_key(src, core.label), file_key(dst, core.label)
        if source == target:
            await self._source(source, src)
            return
        condition = ALWAYS if overwrite else IF_ABSENT
        head = await self._source(source, src)
        await self._copy(source, src, target, dst, condition, head)
        with translated(core.place(src), writes=True):
            if not await core.probe.deletes(source):
                await core.run(lambda: core.wire.delete(source))
            elif not await self._deleted_if(source, head.etag or "*") and await core.head(source) is not None:
                raise PreconditionFailed(
                    f"{src!r} was changed while it was moved; the older version is at {dst!r}, the newer one stayed",
                    path=src,
                    backend=core.label,
                )

    async def _source(self, key: str, path: str) -> Head:
        core = self._core
        try:
            return await core.run(lambda: core.wire.head(key))
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
            if condition is IF_ABSENT and not await core.probe.copies(source, target):
                await self._look(source, src, target, dst)
                condition = ALWAYS
            await core.retrier.run(
                lambda: core.wire.copy(source, target, condition=condition, source_etag=etag), on_fault=noted
            )
        except Fault as fault:
            await self._copy_failed(fault, source, src, target, dst, condition, head, lost)

    async def _copy_failed(
        self,
        fault: Fault,
        source: str,
        src: str,
        target: str,
        dst: str,
        condition: Condition,
        head: Head | None,
        lost: bool,
    ) -> None:
        core = self._core
        if fault.code in TOO_LARGE:
            with translated(core.place(dst), condition, writes=True):
                await copy_large(core, source, await self._source(source, src), target, condition)
            return
        if fault.code in MISSING:
            raise await self._source_error(fault, src) from fault.__cause__
        if fault.code in REFUSED:
            now = await self._source(source, src)  # a missing source is what is told first (CONTRACT 75)
            if head is not None and now.etag != head.etag:
                raise PreconditionFailed(f"{src!r} was changed while it was copied", path=src, backend=core.label)
            fault.maybe_done = lost
            if lost:
                fault.code = "Unreachable"
        raise failure(fault, core.place(dst), condition, writes=True) from fault.__cause__

    async def _look(self, source: str, src: str, target: str, dst: str) -> None:
        if await self._core.head(target) is None:
            return
        await self._source(source, src)
        raise AlreadyExists(f"File already exists: {dst}", path=dst, backend=self._core.label)

    # Signing

    async def presign(self, path: str, method: str, expires: float) -> str:
        """Return a signed URL."""
        core = self._core
        key = file_key(path, core.label)
        if method not in ("GET", "PUT"):
            raise ValueError(f"method must be 'GET' or 'PUT', not {method!r}")
        seconds = checked_seconds(expires, "expires")
        if not 1 <= seconds <= MAX_PRESIGN_SECONDS:
            raise ValueError(f"expires must be 1 to {MAX_PRESIGN_SECONDS} seconds (a week), not {expires}")
        with translated(core.place(path)):
            return await core.wire.presign(key, method, int(seconds))


def _of_one_put(options: WriteOptions | None) -> tuple[int | None, int | None]:
    """Return up to which size content is to go as one request, and its checksum, where the caller says so."""
    if options is None:
        return None, None
    return options.single_put_max, None if options.crc64nvme is None else int(options.crc64nvme, 16)


def _result(key: str, written: Written, metadata: Mapping[str, str] | None) -> WriteResult:
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


def _digest(checksum: Sum | None) -> ContentDigest | None:
    return None if checksum is None else ContentDigest("crc64nvme", to_hex(checksum))

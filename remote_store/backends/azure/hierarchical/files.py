"""Operations on files where directories are real: what each sends, and what a conflict means for a path."""

from __future__ import annotations

from collections.abc import Mapping

from ...._contract._async.content import AsyncContent
from ...._core.condition import ALWAYS, IF_ABSENT, Condition
from ...._core.errors import (
    CapabilityNotSupported,
    InvalidPath,
    NotFound,
    OutcomeUnknown,
    PreconditionFailed,
    RemoteStoreError,
)
from ...._core.keys import ancestors, split
from ...._core.models import WriteResult
from ...._core.options import WriteOptions
from ...._http.deadline import one_deadline
from ...._http.retrying import Fault
from ..answers import Head
from ..core import Core
from ..errors import MISSING, NO_CONTAINER, REFUSED, failure, translated
from ..headers import headers_for
from ..metadata import to_stored
from ..names import file_key
from ..objects import Objects, result_of
from ..writing import Order
from .requests import PathWire
from .temporary import refuse_temporary
from .writing import TreeWriter

__all__ = ["TreeFiles"]

_CONFLICTS = (404, 409, 412)
"""Statuses behind which a directory, or a file among the ancestors, may stand."""


LOOKS = 8
"""At a file that others replace while it is to be deleted."""


class TreeFiles(Objects):
    """The operations on files of one backend whose account has a hierarchical namespace."""

    def __init__(self, core: Core, paths: PathWire) -> None:
        super().__init__(core)
        self._paths = paths
        self._writer = TreeWriter(core.wire, paths, core.retrier, core.config)

    def key_of(self, path: str) -> str:
        """Return the key of a file that a user may name."""
        return refuse_temporary(file_key(path, self._core.label), path, self._core.label)

    @one_deadline
    async def exists(self, key: str, path: str) -> bool:
        """Return whether a file or a directory is there: one request."""
        if not key:
            return True
        with translated(self._core.place(path)):
            return await self._core.head(key) is not None

    # Writing

    async def write(
        self,
        path: str,
        content: bytes | AsyncContent,
        condition: Condition,
        metadata: Mapping[str, str] | None,
        options: WriteOptions | None,
    ) -> WriteResult:
        """Write a file: one Put Blob for what came as one buffer and is small, else as `write_atomic`."""
        core = self._core
        buffer = content.buffer if isinstance(content, AsyncContent) else memoryview(content)
        limit = (options.single_put_max if options else None) or core.config.largest_put
        if buffer is None or len(buffer) > limit:
            return await self.write_atomic(path, content, condition, metadata, options)
        key, stored = self.key_of(path), to_stored(metadata)
        order = Order(key, condition, stored, headers_for(key, options), limit)
        with core.retrier.operation():
            try:
                written = await core.writer.write(order, content)
            except Fault as fault:
                raise await self._write_error(fault, key, path, condition) from fault.__cause__
        return result_of(key, written, metadata)

    async def write_atomic(
        self,
        path: str,
        content: bytes | AsyncContent,
        condition: Condition,
        metadata: Mapping[str, str] | None,
        options: WriteOptions | None,
    ) -> WriteResult:
        """Write a temporary file and rename it to its place."""
        self._refuse_options(options, path)
        key, stored = self.key_of(path), to_stored(metadata)
        order = Order(key, condition, stored, headers_for(key, options))
        try:
            written = await self._writer.write(order, content)
        except Fault as fault:
            raise await self._write_error(fault, key, path, condition) from fault.__cause__
        return result_of(key, written, metadata)

    def _refuse_options(self, options: WriteOptions | None, path: str) -> None:
        for name in ("storage_class", "encryption", "tags"):
            if options is not None and getattr(options, name):
                raise CapabilityNotSupported(
                    f"{name} can't be given to a file that is written in several requests on an account with a"
                    " hierarchical namespace",
                    path=path,
                    backend=self._core.label,
                    capability=name,
                )

    async def _write_error(self, fault: Fault, key: str, path: str, condition: Condition) -> RemoteStoreError:
        return await self._conflict(fault, key, path) or failure(fault, self._core.place(path), condition, writes=True)

    async def _conflict(self, fault: Fault, key: str, path: str) -> InvalidPath | None:
        """Return the error for a directory at a target, or a file above it, if one of these is behind a refusal."""
        if fault.status not in _CONFLICTS or fault.code in NO_CONTAINER:
            return None
        backend = self._core.label
        try:
            there = await self._core.head(key)
            if there is not None and there.is_folder:
                return InvalidPath(f"Path exists as a directory: {path}", path=path, backend=backend)
            for ancestor in ancestors(key) if there is None else ():
                above = await self._core.head(ancestor)
                if above is not None and not above.is_folder:
                    text = f"{ancestor!r} is a regular file: it exists as a file above {key!r}"
                    return InvalidPath(text, path=path, backend=backend)
        except Fault:
            return None  # the refusal itself is what is left to tell
        return None

    # Deleting

    @one_deadline
    async def delete(self, path: str, *, missing_ok: bool) -> None:
        """Delete a file: it is looked at first, for the service would delete an empty directory just as well."""
        core = self._core
        key = self.key_of(path)
        with translated(core.place(path), writes=True):
            for _ in range(LOOKS):  # again where it was replaced since it was looked at
                head = await core.head(key)
                if head is None:
                    break
                if head.is_folder:
                    raise InvalidPath(f"Not a file: {path} is a directory", path=path, backend=core.label)
                if await self._deleted(key, head.etag):
                    return
            else:
                raise PreconditionFailed(f"{path!r} is replaced all the time", path=path, backend=core.label)
        if not missing_ok:
            raise NotFound(f"File not found: {path}", path=path, backend=core.label)

    # Copying

    @one_deadline
    async def copy(self, src: str, dst: str, *, overwrite: bool) -> None:
        """Copy a file inside the service: two requests."""
        source, target = self.key_of(src), self.key_of(dst)
        head = await self._source(source, src)
        if source != target:
            await self._copy(source, src, target, dst, ALWAYS if overwrite else IF_ABSENT, head)

    async def _copy_failed(
        self, fault: Fault, source: str, src: str, dst: str, condition: Condition, lost: bool
    ) -> None:
        await self._source(source, src)  # a missing source is what is told first (CONTRACT 75)
        conflict = await self._conflict(fault, self.key_of(dst), dst)
        if conflict is not None:
            raise conflict from fault.__cause__
        await super()._copy_failed(fault, source, src, dst, condition, lost)

    # Moving

    @one_deadline
    async def move(self, src: str, dst: str, *, overwrite: bool) -> None:
        """Rename a file, in one step at the service; its directory is made if it is missing."""
        source, target = self.key_of(src), self.key_of(dst)
        head = await self._source(source, src)
        if source == target:
            return
        condition = ALWAYS if overwrite else IF_ABSENT
        lost = False

        def noted(fault: Fault) -> None:
            nonlocal lost
            lost = lost or fault.maybe_done

        async def rename() -> None:
            await self._core.retrier.run(
                lambda: self._paths.rename(source, target, condition=condition, source_etag=head.etag), on_fault=noted
            )

        try:
            try:
                await rename()
            except Fault as fault:
                if fault.code != "RenameDestinationParentPathNotFound":
                    raise
                await self._make_directory(split(target)[0])
                await rename()
        except Fault as fault:
            await self._move_failed(fault, src, dst, condition, head, lost=lost)

    async def _make_directory(self, key: str) -> None:
        try:
            await self._core.run(lambda: self._paths.create_directory(key))
        except Fault as fault:
            if fault.code not in REFUSED:
                raise

    async def _move_failed(
        self, fault: Fault, src: str, dst: str, condition: Condition, head: Head, *, lost: bool
    ) -> None:
        core = self._core
        source, target = self.key_of(src), self.key_of(dst)
        if lost and not await self._stayed(fault, source, head):
            if await self._arrived(source, target, head):
                return
            raise OutcomeUnknown(
                f"It is unknown whether {src!r} was moved: an answer was lost, then {fault.text}",
                path=dst,
                backend=core.label,
            ) from fault.__cause__
        if fault.code in MISSING or fault.code in ("SourcePathNotFound", "SourceConditionNotMet"):
            await self._source(source, src)  # raises what is told of a missing source
        conflict = await self._conflict(fault, target, dst)
        raise conflict or failure(fault, core.place(dst), condition, writes=True) from fault.__cause__

    async def _stayed(self, fault: Fault, source: str, head: Head) -> bool:
        """Return whether a refusal is about a file that was not renamed: it is where it was, with the same etag."""
        if fault.maybe_done:
            return False
        try:
            there = await self._core.head(source)
        except Fault:
            return False
        return there is not None and there.etag == head.etag

    async def _arrived(self, source: str, target: str, head: Head) -> bool:
        """Return whether the target is what the source was: by the mark of the write that made it."""
        try:
            there = await self._core.head(target)
            gone = await self._core.head(source) is None
        except Fault:
            return False
        return gone and there is not None and head.write_id is not None and there.write_id == head.write_id

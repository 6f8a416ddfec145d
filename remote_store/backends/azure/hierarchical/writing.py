"""Writing a file whole: a temporary one beside it, filled at several positions at a time, flushed, and renamed."""

from __future__ import annotations

import logging

import anyio

from ...._contract._async.content import AsyncContent
from ...._core.errors import RemoteStoreError
from ...._http.heard import heard
from ...._http.parts import Cutter, Part, send_parts
from ...._http.retrying import SETTLE_SECONDS, Fault, Retrier
from ..answers import Put
from ..checksums import CountingCutter, Md5, header_of, md5_header
from ..config import AzureConfig
from ..errors import MISSING, REFUSED
from ..metadata import new_write_id, with_write_id
from ..requests import Wire
from ..writing import Order, Written
from .requests import PathWire
from .temporary import temporary_beside

__all__ = ["TreeWriter"]

log = logging.getLogger("remote_store.azure")

HEARD_SECONDS = 1.5
"""How long a cancelled write waits for the answer about the file that it has asked for."""
CLEANUP_SECONDS = 10.0
"""For the removal of a temporary file; what stays is hidden, and abort_uploads removes it."""
_TELLING = REFUSED | MISSING | {"SourcePathNotFound"}
"""Answers to a repeated rename that may be about our own first one."""


class TreeWriter:
    """Writes for one backend. Faults come out of it; who calls it knows the path."""

    def __init__(self, wire: Wire, paths: PathWire, retrier: Retrier, config: AzureConfig) -> None:
        self._wire = wire
        self._paths = paths
        self._retrier = retrier
        self._config = config

    async def write(self, order: Order, content: bytes | AsyncContent) -> Written:
        """Write content of any length."""
        connection = await self._wire.clients.get()
        share = connection.budget.share()
        try:
            whole = Md5() if self._config.checksum == "md5" else None
            cutter = Cutter(content, self._config.block_bytes, share)
            source = _Source(cutter if whole is None else CountingCutter(cutter, whole))
            first = await source.next()  # what fails at once has cost no request
            temporary = temporary_beside(order.key)
            write_id = new_write_id()
            try:
                # Heard to its end when cancelled: a file that is made after its removal would stay.
                await heard(lambda: self._create(temporary, order, write_id), HEARD_SECONDS)
                await send_parts(
                    [first] if first is not None else [],
                    source,
                    share,
                    lambda part: self._append(temporary, part, source.position(part)),
                    self._config.max_concurrency,
                )
                with self._retrier.operation():
                    md5 = None if whole is None else header_of(whole.value)
                    await self._retrier.run(lambda: self._paths.flush(temporary, source.size, md5=md5))
                    return Written(source.size, await self._commit(order, temporary, write_id))
            except BaseException as error:
                if isinstance(error, Fault) and error.verb != "RenameFile":
                    error.maybe_done = False  # whatever became of it, the target was not touched
                await self._remove(temporary)
                raise
        finally:
            share.close()

    async def _create(self, temporary: str, order: Order, write_id: str) -> None:
        """Make the temporary file; where an answer was lost, what is there by this name is ours."""
        lost = False

        def noted(fault: Fault) -> None:
            nonlocal lost
            lost = lost or fault.maybe_done

        stored = with_write_id(dict(order.metadata or {}), write_id)
        try:
            await self._retrier.run(
                lambda: self._paths.create(temporary, metadata=stored, headers=order.headers), on_fault=noted
            )
        except Fault as fault:
            if not lost or fault.code not in REFUSED:
                raise

    async def _append(self, temporary: str, part: Part, position: int) -> None:
        if not part.size:
            return  # the service takes no empty ones
        md5 = await md5_header(part.buffers) if self._config.checksum == "md5" else None
        await self._retrier.run(lambda: self._paths.append(temporary, position, part.buffers, part.size, md5=md5))

    async def _commit(self, order: Order, temporary: str, write_id: str) -> Put:
        """Rename the temporary file to its place, and find out what became of a request whose answer was lost."""
        lost = False

        def noted(fault: Fault) -> None:
            nonlocal lost
            lost = lost or fault.maybe_done

        try:
            await self._retrier.run(
                lambda: self._paths.rename(temporary, order.key, condition=order.condition), on_fault=noted
            )
        except Fault as fault:
            if not lost or not (fault.maybe_done or fault.code in _TELLING):
                raise
            return await self._settled(order, temporary, write_id, fault)
        return await self._told(order.key, write_id)

    async def _settled(self, order: Order, temporary: str, write_id: str, fault: Fault) -> Put:
        told = await self._told(order.key, write_id)
        if told.etag is not None:
            return told
        try:
            await self._retrier.run(lambda: self._wire.head(temporary), grace=SETTLE_SECONDS)
        except Fault:
            doubt = Fault("Unreachable", f"an answer was lost, then {fault.text}", verb=fault.verb, maybe_done=True)
            raise doubt from fault
        fault.maybe_done = False  # the temporary file is still there: nothing was renamed
        raise fault

    async def _told(self, key: str, write_id: str) -> Put:
        """Return what HEAD tells of our file; nothing where it can't be asked, or where another has replaced it."""
        try:
            head = await self._retrier.run(lambda: self._wire.head(key), grace=SETTLE_SECONDS)
        except Fault as fault:
            log.info("What was written at %r could not be asked for: %s", key, fault)
            return Put(None, None, None, None)
        if head.write_id != write_id:
            return Put(None, None, None, None)
        return Put(head.etag, head.version_id, head.checksum, head.modified)

    async def _remove(self, temporary: str) -> None:
        with anyio.move_on_after(CLEANUP_SECONDS, shield=True):
            try:
                await self._retrier.run(lambda: self._wire.delete(temporary), grace=CLEANUP_SECONDS)
            except (Fault, RemoteStoreError) as error:
                if not isinstance(error, Fault) or error.code not in MISSING:
                    log.warning("The temporary file %r could not be removed: %s", temporary, error)


class _Source:
    """Parts with their positions in the file."""

    def __init__(self, cutter: Cutter | CountingCutter) -> None:
        self._cutter = cutter
        self._positions: dict[int, int] = {}
        self.size = 0
        """Bytes of the parts that came so far."""

    async def next(self) -> Part | None:
        """Return the next part, None at the end."""
        part = await self._cutter.next()
        if part is not None:
            self._positions[part.number] = self.size
            self.size += part.size
        return part

    def position(self, part: Part) -> int:
        """Return where a part begins, once."""
        return self._positions.pop(part.number)

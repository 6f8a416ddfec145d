"""Writing blobs: one Put Blob for what is small, blocks for what is not, and the truth about lost answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from ..._contract._async.content import AsyncContent
from ..._core.condition import ALWAYS, IF_ABSENT, Condition
from ..._http.parts import Cutter, Part
from ..._http.retrying import SETTLE_SECONDS, Fault, Retrier
from .answers import Put
from .blocks import Staging
from .checksums import md5_header
from .config import AzureConfig
from .errors import MISSING, REFUSED
from .metadata import new_write_id, with_write_id
from .requests import Wire

__all__ = ["Order", "Writer", "Written"]

_TELLING = REFUSED | {"InvalidBlockList"}
"""Answers to a repeated commit that may be about our own first one."""


@dataclass(frozen=True, slots=True)
class Order:
    """A write as it is asked for: stored metadata apart from the other headers."""

    key: str
    condition: Condition = ALWAYS
    metadata: Mapping[str, str] | None = None
    headers: Mapping[str, str] | None = None
    single_put_max: int | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A write that has been done: bytes, and what the service told."""

    size: int
    put: Put


class Writer:
    """Writes for one backend. Faults come out of it; who calls it knows the path."""

    def __init__(self, wire: Wire, retrier: Retrier, config: AzureConfig) -> None:
        self._wire = wire
        self._retrier = retrier
        self._config = config
        self._checksum = config.checksum == "md5"

    async def write(self, order: Order, content: bytes | AsyncContent) -> Written:
        """Write content of any length."""
        connection = await self._wire.clients.get()
        share = connection.budget.share()
        cutter = Cutter(content, self._config.block_bytes, share)
        try:
            first = await self._first(order, cutter)
            if len(first) == 1:
                return Written(first[0].size, await self._single(order, first[0]))
            staging = self._staging(order)
            ids = await staging.run(first, cutter, share)
            with self._retrier.operation():
                return Written(staging.size, await self._commit(order, ids, staging.md5))
        finally:
            share.close()

    async def _first(self, order: Order, cutter: Cutter) -> list[Part]:
        """Return what the content begins with: one part if that is all, else two."""
        limit = order.single_put_max or self._config.largest_put
        if cutter.known_size is not None and cutter.known_size <= limit:
            return [cutter.whole()]
        parts = [await cutter.next()]
        if not cutter.ended:
            parts.append(await cutter.next())
        return [part for part in parts if part is not None]

    async def _single(self, order: Order, part: Part) -> Put:
        md5 = await md5_header(part.buffers) if self._checksum else None

        def put(stored: Mapping[str, str]) -> Awaitable[Put]:
            return self._wire.put(
                order.key,
                part.buffers,
                part.size,
                condition=order.condition,
                metadata=stored,
                headers=order.headers,
                md5=md5,
            )

        try:
            return await self._told(order, put, always=False)
        except Fault as fault:
            if order.condition is not IF_ABSENT or fault.code not in REFUSED or await self._is_there(order.key):
                raise
        # Blocks that an interrupted write has left: Azurite takes them for a blob, but not where blocks are committed.
        ids = [] if not part.size else [await self._staging(order).stage(part)]
        return await self._commit(order, ids, md5)

    async def _is_there(self, key: str) -> bool:
        try:
            await self._retrier.run(lambda: self._wire.head(key))
        except Fault as fault:
            return fault.code not in MISSING
        return True

    def _staging(self, order: Order) -> Staging:
        return Staging(self._wire, self._retrier, order.key, self._checksum, self._config.max_concurrency)

    async def _commit(self, order: Order, ids: list[str], md5: str | None) -> Put:
        def commit(stored: Mapping[str, str]) -> Awaitable[Put]:
            return self._wire.put_block_list(
                order.key, ids, condition=order.condition, metadata=stored, headers=order.headers, md5=md5
            )

        # Whether it went through is asked also without a condition: its blocks are gone if another write came next.
        return await self._told(order, commit, always=True)

    # Lost answers (DECISIONS 25)

    async def _told(self, order: Order, send: Callable[[Mapping[str, str]], Awaitable[Put]], *, always: bool) -> Put:
        """Send, and find out by the blob's write id what became of a request whose answer was lost."""
        write_id = new_write_id()
        stored = dict(order.metadata or {})
        if always or order.condition is not ALWAYS:
            stored = with_write_id(stored, write_id)
        lost = False

        def noted(fault: Fault) -> None:
            nonlocal lost
            lost = lost or fault.maybe_done

        try:
            return await self._retrier.run(lambda: send(stored), on_fault=noted)
        except Fault as fault:
            telling = fault.maybe_done if order.condition is not ALWAYS else False
            if not lost or not (telling or fault.code in _TELLING):
                raise
            return await self._settled(order, write_id, fault)

    async def _settled(self, order: Order, write_id: str, fault: Fault) -> Put:
        doubt = Fault("Unreachable", f"an answer was lost, then {fault.text}", verb=fault.verb, maybe_done=True)
        try:
            head = await self._retrier.run(lambda: self._wire.head(order.key), grace=SETTLE_SECONDS)
        except Fault:
            raise doubt from fault
        if head.write_id == write_id:
            return Put(head.etag, head.version_id, head.checksum, head.modified)
        if head.write_id is not None and fault.code in REFUSED:
            raise fault  # another conditional write has it
        raise doubt from fault

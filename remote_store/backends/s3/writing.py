"""Writing objects: one PUT for what is small, parts for what is not, and the truth about lost answers."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..._contract._async.content import AsyncContent
from ..._core.condition import ALWAYS, Condition
from ..._http.parts import Cutter, Part
from ..._http.retrying import SETTLE_SECONDS, Fault, Retrier
from .checksums import AVAILABLE, Sum, sum_of
from .config import S3Config
from .errors import REFUSED
from .metadata import new_write_id, with_write_id
from .multipart import MultipartWrite
from .requests import Put, Wire

__all__ = ["Order", "Writer", "Written"]

log = logging.getLogger("remote_store.s3")

_CHECKSUM_REFUSALS = frozenset({"NotImplemented", "InvalidArgument", "InvalidRequest", "XNotImplemented", "501"})
"""What servers that know no CRC64NVME answer; the request is then sent again without."""


@dataclass(frozen=True, slots=True)
class Order:
    """A write as it is asked for: stored metadata apart from the other headers."""

    key: str
    condition: Condition = ALWAYS
    metadata: Mapping[str, str] | None = None
    headers: Mapping[str, Any] | None = None
    single_put_max: int | None = None
    checksum: Sum | None = None
    """The content's, where the caller has it: it is sent with one PUT in place of one computed here."""

    def parameters(self, metadata: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the SDK's parameters for the headers."""
        stored = self.metadata if metadata is None else metadata
        return {**(self.headers or {}), **({"Metadata": dict(stored)} if stored else {})}


@dataclass(frozen=True, slots=True)
class Written:
    """A write that has been done: bytes, and what the service told."""

    size: int
    put: Put


class Writer:
    """Writes for one backend. Faults come out of it; who calls it knows the path."""

    def __init__(self, wire: Wire, retrier: Retrier, config: S3Config) -> None:
        self._wire = wire
        self._retrier = retrier
        self._config = config
        self._checksums = config.checksum != "off" and AVAILABLE

    async def write(self, order: Order, content: bytes | AsyncContent) -> Written:
        """Write content of any length."""
        connection = await self._wire.clients.get()
        share = connection.budget.share()
        cutter = Cutter(content, self._config.part_size, share)
        try:
            first = await self._first(order, cutter)
            if len(first) == 1:
                with self._retrier.operation():
                    put = await self._sturdy(lambda: self._single(order, first[0]))
                return Written(first[0].size, put)
            upload = await self._sturdy(lambda: self._begun(order))
            put = await upload.run(first, cutter, share)
            return Written(upload.size, put)
        finally:
            share.close()

    async def _first(self, order: Order, cutter: Cutter) -> list[Part]:
        """Return what the content begins with: one part if that is all, else two."""
        limit = order.single_put_max or self._config.single_put_max
        if cutter.known_size is not None and cutter.known_size <= limit:
            return [cutter.whole()]
        parts = [await cutter.next()]
        if not cutter.ended:
            parts.append(await cutter.next())
        return [part for part in parts if part is not None]

    async def _sturdy(self, send: Any) -> Any:
        """Send with a checksum, and again without if that is what the service refuses (CONVENTIONS 16)."""
        try:
            return await send()
        except Fault as fault:
            if not self._checksums or self._config.checksum == "required" or fault.code not in _CHECKSUM_REFUSALS:
                raise
            self._checksums = False
            try:
                result = await send()
            except Fault:
                self._checksums = True  # it was something else
                raise
            log.warning("%s knows no CRC64NVME; objects are written without", self._config.endpoint_url or "S3")
            return result

    async def _begun(self, order: Order) -> MultipartWrite:
        upload = MultipartWrite(
            self._wire,
            self._retrier,
            order.key,
            order.condition,
            order.parameters(),
            self._checksums,
            self._config.max_concurrency,
        )
        await upload.begin()
        return upload

    # One PUT

    async def _single(self, order: Order, part: Part) -> Put:
        write_id = new_write_id()
        stored = dict(order.metadata or {})
        if order.condition is not ALWAYS:
            stored = with_write_id(stored, write_id)
        checksum: Sum | None = None
        if self._checksums:
            checksum = sum_of(part.buffers) if order.checksum is None else order.checksum
        lost = False

        def noted(fault: Fault) -> None:
            nonlocal lost
            lost = lost or fault.maybe_done

        try:
            return await self._retrier.run(
                lambda: self._wire.put(
                    order.key,
                    part.buffers,
                    part.size,
                    condition=order.condition,
                    checksum=checksum,
                    headers=order.parameters(stored),
                ),
                on_fault=noted,
            )
        except Fault as fault:
            if order.condition is ALWAYS or not lost or not (fault.maybe_done or fault.code in REFUSED):
                raise
            return await self._settled(order, write_id, fault)

    async def _settled(self, order: Order, write_id: str, fault: Fault) -> Put:
        """Decide by the object's write id whether a put whose answer was lost went through (DECISIONS 25)."""
        doubt = Fault("Unreachable", f"an answer was lost, then {fault.text}", verb="PutObject", maybe_done=True)
        try:
            head = await self._retrier.run(lambda: self._wire.head(order.key), grace=SETTLE_SECONDS)
        except Fault:
            raise doubt from fault
        if head.write_id == write_id:
            return Put(head.etag, head.version_id, head.checksum, head.modified)
        if head.write_id is not None and fault.code in REFUSED:
            raise fault  # another conditional write has it
        raise doubt from fault

"""Multipart uploads: parts sent at the same time, completed once, given up without a trace."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio

from ..._core.condition import Condition
from ..._http.budget import Share
from ..._http.heard import heard
from ..._http.parts import Cutter, Part, send_parts
from ..._http.retrying import SETTLE_SECONDS, Fault, Retrier
from .checksums import Sum, combined, sum_of
from .precondition import plain_etag
from .requests import Put, Wire

__all__ = ["ABORT_SECONDS", "MultipartWrite", "composite_etag"]

log = logging.getLogger("remote_store.s3")

HEARD_SECONDS = 1.5
"""How long a cancelled write waits for the id of the upload that it has asked for."""
ABORT_SECONDS = 10.0
"""How long a write that failed or was cancelled may take to remove its parts; `abort_uploads` finds what is left."""

_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass
class MultipartWrite:
    """One upload, from its creation to its end."""

    wire: Wire
    retrier: Retrier
    key: str
    condition: Condition
    headers: Mapping[str, Any]
    checksums: bool
    max_concurrency: int
    parts: list[tuple[int, str, Sum | None, int]] = field(default_factory=list)
    """Number, etag, checksum and bytes of each part that has arrived."""
    upload_id: str = ""

    async def begin(self) -> None:
        """Create the upload. Cancelled meanwhile, it hears the answer, to give the upload up by its id.

        If the answer is lost another upload is made; `abort_uploads` finds the first.
        """
        try:
            with nothing_committed():
                await heard(self._create, HEARD_SECONDS)
        except BaseException:  # cancellation above all
            if self.upload_id:
                await self._abort()
            raise

    async def _create(self) -> None:
        self.upload_id = await self.retrier.run(
            lambda: self.wire.create_upload(self.key, full_checksum=self.checksums, headers=self.headers)
        )

    async def run(self, first: list[Part], cutter: Cutter, share: Share) -> Put:
        """Send all parts and make the object."""
        return await self.finish(lambda: send_parts(first, cutter, share, self._send, self.max_concurrency))

    async def finish(self, send: Callable[[], Awaitable[None]]) -> Put:
        """Let `send` send the parts, and make the object; on any error, and when cancelled, nothing is left of it."""
        try:
            with nothing_committed():
                await send()
            self.parts.sort(key=lambda part: part[0])
            with self.retrier.operation():
                return await self._complete()
        except BaseException:  # cancellation too: parts left behind are billed
            await self._abort()
            raise

    @property
    def size(self) -> int:
        """Bytes sent."""
        return sum(size for _, _, _, size in self.parts)

    async def _send(self, part: Part) -> None:
        checksum = sum_of(part.buffers) if self.checksums else None
        etag = await self.retrier.run(
            lambda: self.wire.put_part(
                self.key, self.upload_id, part.number, part.buffers, part.size, checksum=checksum
            )
        )
        self.parts.append((part.number, etag, checksum, part.size))

    # Completion: the upload id tells whether an attempt whose answer was lost went through (DECISIONS 25)

    async def _complete(self) -> Put:
        lost = False
        whole = combined((part or 0, size) for _, _, part, size in self.parts) if self.checksums else None

        def noted(fault: Fault) -> None:
            nonlocal lost
            lost = lost or fault.maybe_done

        async def attempt() -> Put:
            if lost and not await self.wire.has_parts(self.key, self.upload_id):
                return await self._settled()
            return await self.wire.complete_upload(
                self.key,
                self.upload_id,
                [(number, etag, part) for number, etag, part, _ in self.parts],
                condition=self.condition,
                checksum=whole,
            )

        try:
            return await self.retrier.run(attempt, on_fault=noted)
        except Fault as fault:
            if not fault.maybe_done:
                raise
            return await self._last_look(fault)

    async def _last_look(self, fault: Fault) -> Put:
        """Decide after the last attempt whose answer was lost."""
        try:
            there = await self.retrier.run(lambda: self.wire.has_parts(self.key, self.upload_id), grace=SETTLE_SECONDS)
        except Fault:
            raise fault from None
        if there:
            fault.maybe_done = False  # the parts are still parts: nothing was committed
            raise fault
        return await self.retrier.run(self._settled, grace=SETTLE_SECONDS)

    async def _settled(self) -> Put:
        """Return the answer of a completion that went through unseen, known by the etag its parts must give."""
        wanted = composite_etag([etag for _, etag, _, _ in self.parts])
        try:
            head = await self.wire.head(self.key)
        except Fault as fault:
            raise Fault("Unreachable", f"the upload has ended, and {fault.text}", maybe_done=True) from fault
        if wanted is None or head.etag != wanted:
            raise Fault(
                "Unreachable",
                "the answer was lost, the upload has ended, and the object there now is not known to be ours",
                verb="CompleteMultipartUpload",
                maybe_done=True,
            )
        return Put(head.etag, head.version_id, head.checksum, head.modified)

    async def _abort(self) -> None:
        with anyio.move_on_after(ABORT_SECONDS, shield=True) as scope:
            try:
                await self.retrier.run(lambda: self.wire.abort_upload(self.key, self.upload_id), grace=ABORT_SECONDS)
            except Fault as fault:
                if fault.code not in ("NoSuchUpload", "404"):
                    log.warning("Upload %s of %r could not be aborted: %s", self.upload_id, self.key, fault.text)
        if scope.cancelled_caught:
            log.warning("Upload %s of %r could not be aborted within %g s", self.upload_id, self.key, ABORT_SECONDS)


@contextmanager
def nothing_committed() -> Iterator[None]:
    """Say of a fault in the block that nothing was done: an upload is seen only once it is completed."""
    try:
        yield
    except Fault as fault:
        fault.maybe_done = False
        raise


def composite_etag(etags: list[str]) -> str | None:
    """Return the etag that S3 gives an object made of parts with these etags; None where they are no MD5s (KMS)."""
    digests = [plain_etag(etag) or "" for etag in etags]
    if not all(_MD5.fullmatch(digest) for digest in digests):
        return None
    joined = b"".join(bytes.fromhex(digest) for digest in digests)
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(digests)}"

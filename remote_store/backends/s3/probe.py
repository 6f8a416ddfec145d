"""Whether a server honours conditions: asked once for each backend with an endpoint of its own (DECISIONS 28)."""

from __future__ import annotations

import secrets

import anyio
from anyio.lowlevel import RunVar, checkpoint

from ..._core.condition import IfMatch
from ..._core.keys import join, split
from ..._http.retrying import Fault, Retrier
from .errors import MISSING, REFUSED
from .requests import Wire

__all__ = ["Probe"]

NEVER = IfMatch("0")
"""An etag that nothing has."""
CLEAN_SECONDS = 10.0
"""How long a cancelled probe may take to remove its key."""


class Probe:
    """What is known of a server. AWS itself is trusted; others are asked when the answer first matters.

    Of the tasks of one loop one asks about puts, and the others wait: a checkpoint begins with many at once. Two
    loops may ask at once: the questions are harmless, and the answers the same.
    """

    def __init__(self, wire: Wire, retrier: Retrier, *, ask: bool) -> None:
        self._wire = wire
        self._retrier = retrier
        trusted = None if ask else True
        self._asking: RunVar[anyio.Lock] = RunVar("remote_store_s3_probe")
        self._puts: bool | None = trusted
        self._copies: bool | None = trusted
        self._deletes: bool | None = trusted

    @property
    def ignored(self) -> bool:
        """Whether the server is known to ignore the conditions of puts."""
        return self._puts is False

    async def puts(self, key: str) -> bool:
        """Return whether a put honours its condition; the probe's key is a sibling of `key`."""
        if self._puts is not None:
            await checkpoint()
            return self._puts
        async with self._turn():
            if self._puts is None:
                self._puts = await self._ask_put(_sibling(key))
            return self._puts

    def _turn(self) -> anyio.Lock:
        try:
            return self._asking.get()
        except LookupError:
            lock = anyio.Lock()
            self._asking.set(lock)
            return lock

    async def copies(self, source: str, target: str) -> bool:
        """Return whether a copy honours the condition on its target; needs a source that exists."""
        if self._copies is None:
            self._copies = await self._ask_copy(source, _sibling(target))
        return self._copies

    async def deletes(self, key: str) -> bool:
        """Return whether a delete honours ``If-Match: *``."""
        if self._deletes is None:
            self._deletes = await self._ask_delete(_sibling(key))
        return self._deletes

    async def _ask_put(self, key: str) -> bool:
        try:
            await self._retrier.run(lambda: self._wire.put(key, (), 0, condition=NEVER))
        except Fault as fault:
            return _refused(fault)
        await self._clean(key)
        return False

    async def _ask_copy(self, source: str, key: str) -> bool:
        try:
            await self._retrier.run(lambda: self._wire.copy(source, key, condition=NEVER))
        except Fault as fault:
            if fault.code in MISSING and fault.code != "404":
                raise  # the source is missing, which is the caller's answer
            return _refused(fault)
        await self._clean(key)
        return False

    async def _ask_delete(self, key: str) -> bool:
        """Ask with a folder, which is no object: some servers say of that too that it has been deleted.

        Its child, which is one, must then go by the same condition: some servers take ``*`` for an etag.
        """
        child = join(key, "x")
        await self._retrier.run(lambda: self._wire.put(child, (), 0))
        left = True
        try:
            if not await self._delete_refused(key):
                return False
            left = await self._delete_refused(child)
            return not left
        finally:
            if left:
                with anyio.move_on_after(CLEAN_SECONDS, shield=True):
                    await self._clean(child)

    async def _delete_refused(self, key: str) -> bool:
        try:
            await self._retrier.run(lambda: self._wire.delete(key, if_match="*"))
        except Fault as fault:
            return _refused(fault)
        return False

    async def _clean(self, key: str) -> None:
        await self._retrier.run(lambda: self._wire.delete(key), grace=CLEAN_SECONDS)


def _refused(fault: Fault) -> bool:
    """Whether the condition was refused, which is what honouring it means; other faults decide nothing."""
    if fault.code in REFUSED or (fault.code in MISSING and fault.code != "NoSuchBucket"):
        return True
    if fault.status in (400, 501):
        return False  # the server knows no such header, and says so
    raise fault


def _sibling(key: str) -> str:
    return join(split(key)[0], f".~probe.{secrets.token_hex(8)}")

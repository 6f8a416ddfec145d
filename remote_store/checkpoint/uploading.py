"""Sending parts at the same time within a byte budget; each is one object, named by its checksum."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import anyio

from .._contract.threads import in_thread
from .._core.errors import AlreadyExists, OutcomeUnknown
from .._http.budget import ByteBudget
from .digests import CRC64NVME, Digest
from .errors import CheckpointConflict
from .objects import Objects
from .packing import Draft, Sealed

__all__ = ["PartUploader", "Sent"]

Sent = Callable[[Sealed, str], Awaitable[None]]
"""Called after each part has arrived, with its object's name."""


class PartUploader:
    """Sends the parts of one writer.

    `key_of(number, checksum)` names a part's object and gives its key; `there` has the sizes of objects of an
    earlier try by name, which are not sent again.
    """

    def __init__(
        self,
        objects: Objects,
        key_of: Callable[[int, str], tuple[str, str]],
        *,
        digest: Digest,
        block_size: int,
        budget: ByteBudget,
        there: dict[str, int] | None = None,
    ) -> None:
        self._objects = objects
        self._key_of = key_of
        self._digest = digest
        self._block_size = block_size
        self._budget = budget
        self._there = there or {}
        self._joins: list[bytearray] = []
        """Memory in which parts were joined, no more than there were parts on the way at a time."""

    async def send(self, drafts: AsyncIterator[Draft], part_size: int, sent: Sent) -> None:
        """Send all parts; the first failure stops the rest and is raised, with a note for each other one.

        A part is asked for when the budget has room for it, so an iterator that gathers it may fill that much.
        """
        errors: list[Exception] = []
        share = self._budget.share()

        async def one(draft: Draft) -> None:
            try:
                await sent(*await self._send(draft))
            except Exception as error:  # noqa: BLE001  # raised below, without an exception group around it
                errors.append(error)
                group.cancel_scope.cancel()
            finally:
                share.give(part_size)

        cancelled = anyio.get_cancelled_exc_class()
        try:
            async with anyio.create_task_group() as group:
                try:
                    while True:
                        await share.take(part_size)
                        draft = await anext(drafts, None)
                        if draft is None:
                            break
                        group.start_soon(one, draft)
                        del draft
                except cancelled:
                    raise
                except BaseException as error:
                    if not isinstance(error, Exception):
                        raise
                    errors.insert(0, error)
                    group.cancel_scope.cancel()
        finally:
            share.close()
        if errors:
            raise _first(errors)

    async def _send(self, draft: Draft) -> tuple[Sealed, str]:
        size = draft.size
        memory = None
        if len(draft.pieces) > 1:
            fitting = (at for at, old in enumerate(self._joins) if len(old) >= size)
            at = next(fitting, None)
            memory = bytearray(size) if at is None else self._joins.pop(at)
        sealed = await in_thread(Sealed.of, draft, self._digest, self._block_size, memory)
        checksum = self._digest.hex(sealed.checksum)
        name, key = self._key_of(sealed.number, checksum)
        if self._there.get(name) != size:
            await self._put(key, sealed, checksum, size)
        if memory is not None:
            self._joins.append(memory)  # not after a failure: somebody may still read it
        return sealed, name

    async def _put(self, key: str, sealed: Sealed, checksum: str, size: int) -> None:
        crc64nvme = checksum if self._digest is CRC64NVME else None
        for attempt in (1, 2):
            try:
                await self._objects.put(key, sealed.data, crc64nvme=crc64nvme)
            except AlreadyExists as error:
                await self._check_there(key, size, error)
            except OutcomeUnknown:
                # Asking again is safe: the name says what the bytes are, and nobody replaces them.
                if attempt == 2:
                    raise
                continue
            return

    async def _check_there(self, key: str, size: int, error: AlreadyExists) -> None:
        """Accept a part that is there already: an earlier try, or a request whose answer was lost."""
        found = await self._objects.size(key)
        if found != size:
            raise CheckpointConflict(
                f"the part is there with {found} bytes, where this save has {size}", path=key, backend=error.backend
            ) from error


def _first(errors: list[Exception]) -> Exception:
    first, *others = errors
    for other in others:
        first.add_note(f"also failed: {other!r}")
    return first

"""The verbs of a manager, each run on one event loop: what both faces call (CHECKPOINT D1)."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import anyio

from ..._core.errors import RemoteStoreError
from ..digests import Digest
from ..errors import CheckpointGone
from ..objects import Objects
from .collecting import CollectResult, collect
from .committing import Commit, check_store, commit, put_index, withdraw_claim
from .core import Core, Settings
from .index import Index, Item
from .items import Entry
from .layout import Layout, checked_save_id, checked_step, generation_name, new_save_id
from .loading import Request, load
from .manifest import Generation, Manifest
from .reading import committed, found, indexes_of, latest
from .retention import Retention
from .verifying import VerifyReport, verify
from .writing import Progress, Writer

__all__ = ["Engine", "Order", "Session"]

log = logging.getLogger("remote_store.checkpoint")

CLEANUP_SECONDS = 10.0
"""How long a failed save may take to give its step back."""


@dataclass(frozen=True, slots=True)
class Order:
    """A save as it is asked for, checked."""

    step: int
    save_id: str
    user: Mapping[str, Any]
    writer: int
    writers: int
    timeout: float
    progress: Progress | None
    resumes: bool
    """Whether an earlier try may have left parts: its save id was given."""
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def checked(
        cls, step: int, user: Mapping[str, Any] | None, writer: int, writers: int, save_id: str | None,
        timeout: float, progress: Progress | None,
    ) -> Order:  # fmt: skip
        """Return an order. Raises TypeError and ValueError for arguments that can't be."""
        number = checked_step(step)
        for name, value in (("writer", writer), ("writers", writers)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} must be an int, not {type(value).__name__}")
        if not 1 <= writers <= 99_999 or not 0 <= writer < writers:
            raise ValueError(f"writer must be 0 to writers - 1, not {writer} of {writers}")
        if writers > 1 and save_id is None:
            raise ValueError("several writers need one save_id, the same for all of them: 16 hex digits")
        _check_waiting(timeout, progress)
        if user is not None and not isinstance(user, Mapping):
            raise TypeError(f"user must be a mapping, not {type(user).__name__}")
        json.dumps(dict(user or {}))  # raises for what is no JSON, before anything is written
        own = new_save_id() if save_id is None else checked_save_id(save_id)
        return cls(number, own, dict(user or {}), writer, writers, timeout, progress, save_id is not None)

    @property
    def name(self) -> str:
        """The generation's name."""
        return generation_name(self.step, self.save_id)

    def commit(self, *, in_pieces: bool = False) -> Commit:
        """Return what is to be committed."""
        in_pieces = in_pieces or self.resumes
        return Commit(self.step, self.save_id, self.writers, self.user, self.began, self.timeout, in_pieces)


def _check_waiting(timeout: object, progress: object) -> None:
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"timeout must be a number of seconds, not {type(timeout).__name__}")
    if not timeout >= 0:
        raise ValueError(f"timeout must be >= 0 seconds, not {timeout}")
    if progress is not None and not callable(progress):
        raise TypeError(f"progress must be callable, not {type(progress).__name__}")


class Session:
    """A save under way: entries are written, then it is committed or given up."""

    def __init__(self, core: Core, order: Order, writer: Writer) -> None:
        self._core = core
        self.order = order
        self._writer = writer
        self._index: Index | None = None
        self._committed: Manifest | None = None
        self._in_pieces = False

    async def write(self, entries: list[Entry], *, last: bool = False) -> None:
        """Write entries."""
        self._in_pieces = self._in_pieces or not last
        await self._writer.write(entries, last=last)

    async def finish(self) -> None:
        """Send what is left, and with several writers the index."""
        if self._index is None:
            await self._writer.write([], last=True)
            self._index = self._writer.index()
        if self.order.writers > 1:
            await put_index(self._core, self.order.name, self._index)

    async def commit(self) -> Manifest:
        """Finish, and commit the generation."""
        if self._committed is None:
            await self.finish()
            try:
                self._committed = await commit(self._core, self.order.commit(in_pieces=self._in_pieces), self._index)
            except BaseException:
                await self.withdraw()
                raise
        return self._committed

    async def withdraw(self) -> None:
        """Give the step back, if this save had taken it; nothing else is undone, so that it can be taken up again."""
        with anyio.move_on_after(CLEANUP_SECONDS, shield=True):
            try:
                await withdraw_claim(self._core, self.order.commit())
            except RemoteStoreError:
                pass  # the claim of a save that never commits is taken over by the next one


class Engine:
    """A manager's verbs over one store, on one loop."""

    def __init__(
        self, objects: Objects, root: str, digest: Digest, settings: Settings, retention: Retention,
        manifests: dict[str, Manifest],
    ) -> None:  # fmt: skip
        self.core = Core(objects, Layout(root), digest, settings, manifests)
        self._retention = retention

    async def begin(self, order: Order) -> Session:
        """Begin a save. Raises CapabilityNotSupported for a store that can't commit safely."""
        await check_store(self.core)
        there: dict[str, int] = {}
        if order.resumes:
            infos = await self.core.objects.files(self.core.layout.folder(order.name))
            there = {str(info.path).rpartition("/")[2]: info.size for info in infos}
        return Session(self.core, order, Writer(self.core, order.name, order.writer, there, order.progress))

    async def save(self, order: Order, entries: list[Entry]) -> Generation:
        """Save and commit."""
        session = await self.begin(order)
        await session.write(entries, last=True)
        return await self.committed(session)

    async def committed(self, session: Session) -> Generation:
        """Commit a session, and remove what retention no longer keeps."""
        manifest = await session.commit()
        if self._retention.is_set:
            await self._collect_after(manifest)
        return manifest.generation

    async def _collect_after(self, manifest: Manifest) -> None:
        """Collect what is no longer kept. The checkpoint is committed: a failure of this is not one of the save."""
        try:
            await collect(self.core, self._retention)
        except RemoteStoreError as error:
            log.warning("%s is saved, but old checkpoints could not be removed: %s", manifest.generation.name, error)

    async def latest(self) -> Generation | None:
        """Return the newest checkpoint, None where there is none."""
        manifest = await latest(self.core)
        return None if manifest is None else manifest.generation

    async def all(self) -> list[Generation]:
        """Return all committed checkpoints, oldest first."""
        return await committed(self.core)

    async def get(self, wanted: Generation | str | int) -> Generation:
        """Return one checkpoint."""
        return (await found(self.core, wanted)).generation

    async def load(self, wanted: Generation | str | int | None, request: Request) -> dict[str, Any]:
        """Load items; of the newest checkpoint once more, if that was collected meanwhile."""
        manifest = await found(self.core, wanted)
        try:
            return await load(self.core, manifest, request)
        except CheckpointGone:
            if wanted is not None:
                raise
            self.core.manifests.pop(manifest.generation.name, None)
            newer = await found(self.core, None)
            if newer.generation.name == manifest.generation.name:
                raise
            return await load(self.core, newer, request)

    async def items(self, wanted: Generation | str | int | None) -> list[Item]:
        """Return what a checkpoint holds, in the order it was saved."""
        indexes = await indexes_of(self.core, await found(self.core, wanted))
        return [item for index in indexes for item in index.items]

    async def verify(
        self, wanted: Generation | str | int | None, *, deep: bool, progress: Progress | None
    ) -> VerifyReport:
        """Check a checkpoint's objects."""
        return await verify(self.core, await found(self.core, wanted), deep=deep, progress=progress)

    async def gc(self, *, dry_run: bool, min_age: float) -> CollectResult:
        """Remove what is no longer kept."""
        return await collect(self.core, self._retention, dry_run=dry_run, min_age=min_age)

    async def pin(self, wanted: Generation | str | int) -> Generation:
        """Protect a checkpoint from collection."""
        generation = (await found(self.core, wanted)).generation
        await self.core.objects.put(self.core.layout.pin(generation.name), b"", overwrite=True)
        return generation

    async def unpin(self, wanted: Generation | str | int) -> Generation:
        """Take a checkpoint's protection away."""
        generation = (await found(self.core, wanted)).generation
        await self.core.objects.delete(self.core.layout.pin(generation.name))
        return generation

"""AsyncCheckpointManager: checkpoints by step over any store, committed whole or not at all (CHECKPOINT D1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

from ..generations.background import Job
from ..generations.collecting import MIN_AGE, CollectResult
from ..generations.configuration import OnPending
from ..generations.engine import Order, Session
from ..generations.index import Item
from ..generations.items import Entry, checked_name
from ..generations.loading import Request
from ..generations.manifest import Generation
from ..generations.staging_pool import staged, staged_size
from ..generations.verifying import VerifyReport
from ..generations.writing import Progress
from .pairs import ManagerFace, collected, prepared, waited, worked

__all__ = ["AsyncCheckpointManager", "AsyncPending", "AsyncSave"]

Generations: TypeAlias = list[Generation]
Items: TypeAlias = list[Item]
Entries: TypeAlias = list[Entry]
"""Outside the class, whose own `list` would be meant inside it."""

MIB = 1 << 20
COMMIT_SECONDS = 600.0
"""How long a commit waits for the other writers: as long as a slow disk takes for a rank's state."""


class AsyncCheckpointManager(ManagerFace):
    """Checkpoints below the folder `root` of a store, one for each save, found by step.

    `store` is an AsyncStore or a Store, which stays open, or a URL or path as `open_store` takes it. What a save has
    written counts from one moment on: when its manifest is put in place, which happens at most once. An interrupted
    save leaves nothing that can be loaded, and the checkpoint before it as it was. On a local disk all is written
    with fsync.

    Retention, after each commit: the newest `keep_last`, every step that `keep_every` divides, and the `keep_best`
    by the number ``user[best_by]``, the smallest or largest by `best_mode`, are kept; so are pinned ones and the
    newest. With none of them given, all are.

    Items are packed into parts of `part_size` bytes, each one object, sent at the same time as `byte_budget` bytes
    allow. Checksums (`checksum`: ``"crc64nvme"``, which is CRC-32 where awscrt is missing, or ``"crc32"``) are kept
    for blocks of at most `block_size` bytes, and whatever is loaded is verified.

    `save_async` copies the state and returns. At most `max_pending` such saves run at a time; a further one waits,
    is skipped or raises CheckpointBusy, by `on_pending`. The copies take as much memory as the state and are used
    again; a state of more than `stage_budget` bytes is saved before the call returns. The end of the interpreter
    waits for them `exit_timeout` seconds.

    Two savers of one step at the same time need a store that decides ``overwrite=False`` itself. For one that does
    not, `single_committer` says that only one process ever saves here; without it, saving is refused.

    Raises ValueError and TypeError for arguments that can't be.
    """

    def __init__(
        self,
        store: Any,
        root: str = "",
        *,
        keep_last: int | None = None,
        keep_every: int | None = None,
        keep_best: int | None = None,
        best_by: str | None = None,
        best_mode: Literal["min", "max"] = "min",
        part_size: int = 64 * MIB,
        block_size: int = 4 * MIB,
        byte_budget: int = 512 * MIB,
        stage_budget: int | None = None,
        max_pending: int = 1,
        on_pending: OnPending = "wait",
        checksum: str = "crc64nvme",
        single_committer: bool = False,
        exit_timeout: float = 30.0,
    ) -> None:
        arguments = dict(locals())
        self._set_up({name: arguments[name] for name in arguments if name not in ("self", "__class__")})

    # Saving

    async def save(
        self,
        items: Mapping[str, Any],
        *,
        step: int,
        user: Mapping[str, Any] | None = None,
        writer: int = 0,
        writers: int = 1,
        save_id: str | None = None,
        timeout: float = COMMIT_SECONDS,
        progress: Progress | None = None,
    ) -> Generation:
        """Save items by name under a step, and return the checkpoint once it is committed.

        An item is a buffer, an array or tensor, a JSON value, a nested dict or list with tensors in it (a state
        dict), a file or folder by its path (a `pathlib.Path`; a str is a JSON value), an iterator of bytes or an
        open file. `user` is JSON that is kept beside them, such as metrics.

        A save that was interrupted is taken up by the same `step` and `save_id` (16 hex digits): parts that are
        there are not sent again. With `writers`, each of that many processes saves its own items under one `save_id`
        and its own number `writer`; the call returns when the last one is done, at most `timeout` seconds after
        this one was. `progress(done, total, part)` is called after each part, with bytes.

        Raises TypeError or ValueError naming an item that can't be saved, before anything is written;
        CheckpointConflict where another save has committed the step meanwhile, CheckpointIncomplete naming writers
        that did not come, CheckpointGone for a part that was removed before the commit, CapabilityNotSupported for
        a store that can't commit safely, CheckpointSaveFailed for an earlier save in the background that nobody
        waited for.
        """
        self._background.raise_failed()
        order = Order.checked(step, user, writer, writers, save_id, timeout, progress)
        entries = await prepared(items)
        return await self._call(self._engine.save, order, entries)

    async def begin(
        self,
        step: int,
        *,
        user: Mapping[str, Any] | None = None,
        writer: int = 0,
        writers: int = 1,
        save_id: str | None = None,
        timeout: float = COMMIT_SECONDS,
        progress: Progress | None = None,
    ) -> AsyncSave:
        """Begin a save whose items are written one by one; the arguments are those of `save`."""
        self._background.raise_failed()
        order = Order.checked(step, user, writer, writers, save_id, timeout, progress)
        return AsyncSave(self, await self._call(self._engine.begin, order))

    async def save_async(
        self,
        items: Mapping[str, Any],
        *,
        step: int,
        user: Mapping[str, Any] | None = None,
        writer: int = 0,
        writers: int = 1,
        save_id: str | None = None,
        timeout: float = COMMIT_SECONDS,
        progress: Progress | None = None,
    ) -> AsyncPending:
        """Copy items and save the copies in the background; the arguments are those of `save`.

        Returns when everything has been copied, so that the caller may change it. `progress` is called in another
        thread. Raises what `save` raises before anything is written, CheckpointBusy as `on_pending` says.
        """
        self._background.raise_failed()
        order = Order.checked(step, user, writer, writers, save_id, timeout, progress)
        entries = await prepared(items)
        job = self._background.admit(order)
        while job is None:
            if self._on_pending == "skip":
                return AsyncPending(skipped())
            if self._on_pending == "raise":
                raise self._background.busy(order)
            for running in self._background.running()[:1]:
                await waited(running.finished)
            job = self._background.admit(order)
        await self._start(job, entries)
        return AsyncPending(job)

    async def _start(self, job: Job, entries: Entries) -> None:
        """Stage a save and let it run; one that is too large to be staged is run here and now."""
        arena = None
        try:
            entries = await collected(entries)
            size = staged_size(entries)
            if not self._fits(size):
                result = await self._call(self._engine.save, job.order, entries)
                self._background.settle(job, result, None, None)
                return
            arena = await worked(self._background.pool.take, size)
            self._background.start(job, await worked(staged, entries, arena), arena)
        except BaseException:
            self._background.withdraw(job, arena)
            raise

    # Looking

    async def latest(self) -> Generation | None:
        """Return the newest checkpoint, None where there is none.

        Raises CheckpointFormatError for one of a newer version of the format, CheckpointCorrupted where there are
        checkpoints and none can be read.
        """
        return await self._call(self._engine.latest)

    async def list(self) -> Generations:
        """Return all committed checkpoints, oldest step first."""
        return await self._call(self._engine.all)

    async def get(self, generation: Generation | str | int) -> Generation:
        """Return a checkpoint by its name or its step (of several the last one). Raises CheckpointNotFound."""
        return await self._call(self._engine.get, generation)

    async def items(self, generation: Generation | str | int | None = None) -> Items:
        """Return what a checkpoint (default: the newest) holds, in the order it was saved, without reading it.

        The items of a tree or folder come after it, under names that begin with its own and a slash.
        """
        return await self._call(self._engine.items, generation)

    # Loading

    async def load(
        self,
        generation: Generation | str | int | None = None,
        names: Iterable[str] | None = None,
        into: Mapping[str, Any] | None = None,
        slices: Mapping[str, Any] | None = None,
        *,
        step: int | None = None,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Return items of a checkpoint (default: the newest), all or those of `names`.

        `into` has memory to load into, by name: a buffer, array or tensor of the same size, shape and dtype, a tree
        of such, or the path of a file or folder to write. Without it arrays and tensors come as they were saved, a
        folder as a dict of bytes. `slices` take a part of an item: a slice, a pair (start, stop) or a tuple of them,
        over the axes of a tensor or the bytes of anything else; only that part is fetched. Items of a tree or folder
        can be asked for as ``"model/layer.weight"``.

        All that is returned has been verified. Raises CheckpointNotFound for a missing checkpoint or item,
        CheckpointMismatch for memory that doesn't fit (before anything is fetched), CheckpointCorrupted and
        CheckpointGone naming the part.
        """
        if generation is not None and step is not None:
            raise ValueError("a generation and a step both say what to load; give one of them")
        wanted = generation if step is None else step
        return await self._call(self._engine.load, wanted, Request(names, into, slices, progress))

    async def verify(
        self,
        generation: Generation | str | int | None = None,
        deep: bool = False,
        *,
        progress: Progress | None = None,
    ) -> VerifyReport:
        """Check a checkpoint (default: the newest): its documents and the sizes of its objects, `deep` every byte.

        Raises the first problem found, with a note for each other one: CheckpointGone, CheckpointCorrupted.
        """
        return await self._call(self._engine.verify, generation, deep=deep, progress=progress)

    # Keeping

    async def gc(self, dry_run: bool = False, min_age: float = MIN_AGE) -> CollectResult:
        """Remove checkpoints that retention no longer keeps, and what interrupted saves left `min_age` seconds ago.

        With `dry_run` only tell what would be removed. A save that sends nothing for `min_age` seconds is taken for an
        interrupted one; should it go on after all, it fails at its commit with CheckpointGone.
        """
        return await self._call(self._engine.gc, dry_run=dry_run, min_age=min_age)

    async def pin(self, generation: Generation | str | int) -> Generation:
        """Keep a checkpoint whatever retention says. Raises CheckpointNotFound."""
        return await self._call(self._engine.pin, generation)

    async def unpin(self, generation: Generation | str | int) -> Generation:
        """Leave a checkpoint to retention again. Raises CheckpointNotFound."""
        return await self._call(self._engine.unpin, generation)

    # Life

    async def aclose(self) -> None:
        """Wait for the saves in the background, then release what they held.

        Raises CheckpointSaveFailed for one that failed and that nobody has waited for.
        """
        for job in self._background.running():
            await waited(job.finished)
        await self._close_all()
        self._background.raise_failed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class AsyncSave:
    """A save whose items are written one by one; nothing can be loaded before `commit`.

    As a context manager it is committed at the end of the block, or given up after an exception.
    """

    def __init__(self, manager: AsyncCheckpointManager, session: Session) -> None:
        self._manager = manager
        self._session = session
        self._ended = False
        self._generation: Generation | None = None

    @property
    def step(self) -> int:
        """The step that is saved."""
        return self._session.order.step

    @property
    def save_id(self) -> str:
        """What a later try of the same save must be given to take it up."""
        return self._session.order.save_id

    async def write(self, name: str, value: Any) -> None:
        """Write one item, as `save` takes it; when this returns the caller may change it."""
        self._check()
        entries = await prepared({checked_name(name): value})
        try:
            await self._manager._call(self._session.write, entries)
        except BaseException:
            self._ended = True  # a part may be lost: what is written cannot become whole any more
            raise

    async def commit(self) -> Generation:
        """Make what was written a checkpoint, and return it. Doing so twice is fine."""
        if self._generation is None:
            self._check()
            self._generation = await self._manager._call(self._manager._engine.committed, self._session)
            self._ended = True
        return self._generation

    async def abort(self) -> None:
        """Give the save up. What was sent stays for another try with the same save id, until it is collected."""
        self._ended = True

    def _check(self) -> None:
        if self._ended:
            raise ValueError("this save has ended; begin another one")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            await self.abort()
        elif not self._ended:
            await self.commit()


class AsyncPending:
    """A save in the background."""

    def __init__(self, job: Job) -> None:
        self._job = job

    @property
    def step(self) -> int | None:
        """The step that is saved; None where it was skipped."""
        return self._job.step

    @property
    def skipped(self) -> bool:
        """Whether it was left out, since too many others were under way."""
        return self._job.order is None

    def done(self) -> bool:
        """Return whether it has ended, in one way or the other."""
        return self._job.finished.is_set()

    def exception(self) -> BaseException | None:
        """Return the error it ended with; None while it runs, and after it was committed."""
        if self._job.error is not None:
            self._job.told = True
        return self._job.error

    async def wait(self) -> Generation | None:
        """Wait for its end and return the checkpoint, None where it was skipped. Raises what it failed with."""
        await waited(self._job.finished)
        return self._job.outcome()


def skipped() -> Job:
    """Return a save that was left out."""
    job = Job(None)
    job.end(None, None)
    return job

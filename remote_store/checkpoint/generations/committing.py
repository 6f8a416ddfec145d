"""The commit: one manifest, put where none is; before it the step is claimed, after it LATEST moves (CHECKPOINT D2, D7)."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import anyio

from ..._core.errors import (
    AlreadyExists,
    CapabilityNotSupported,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    PreconditionFailed,
    RemoteStoreError,
)
from ..errors import CheckpointConflict, CheckpointCorrupted, CheckpointGone, CheckpointIncomplete, CheckpointNotFound
from . import documents
from .core import Core
from .index import Index
from .layout import generation_name, index_name, new_save_id, parse_generation
from .manifest import IndexEntry, Manifest, entry_of, new_manifest
from .pointer import point_at
from .reading import manifest_of

__all__ = ["Commit", "check_store", "commit", "put_index", "withdraw_claim"]

log = logging.getLogger("remote_store.checkpoint")

INLINE_BYTES = 12 << 20
"""An index up to this size lies in the manifest, if there is one writer: a request less each way."""
FIRST_WAIT, LAST_WAIT = 0.2, 5.0
"""Seconds between looks for the other writers' indexes; the pause doubles."""
LONG = 60.0
"""Seconds after which a save is long."""
CLAIM_WAITS = (0.05, 0.1, 0.2, 0.4)
"""Seconds to wait for whoever has claimed the step to commit: one request away, unless it died right there."""


@dataclass(frozen=True, slots=True)
class Commit:
    """What is to be committed. `began` is when this save began, by the clock that `created` is told by."""

    step: int
    save_id: str
    writers: int
    user: Mapping[str, Any]
    began: datetime
    timeout: float
    in_pieces: bool = False
    """Whether time may have passed between its parts: items written one by one, or a save taken up again."""

    @property
    def name(self) -> str:
        """The generation's name."""
        return generation_name(self.step, self.save_id)


# Whether the store can decide who was first


async def check_store(core: Core) -> None:
    """Raise CapabilityNotSupported for a store that doesn't create objects only where none are.

    A store that declares conditional writes is believed; another one is asked once, with an object of its own.
    """
    if core.settings.single_committer or core.objects.conditional:
        return
    if core.can_create is None:
        core.can_create = await _can_create(core)
    if not core.can_create:
        raise CapabilityNotSupported(
            "This store does not decide overwrite=False itself, so that two commits could tear a checkpoint; if only"
            " one process ever saves here, say so with single_committer=True",
            path=core.layout.root or ".",
            capability="conditional_write",
        )


async def _can_create(core: Core) -> bool:
    key = core.layout.object("probe", new_save_id())
    try:
        await core.objects.put(key, b"1")
        try:
            await core.objects.put(key, b"2")
        except AlreadyExists:
            return True
        return False
    finally:
        await core.objects.delete(key)


# One writer's receipt


async def put_index(core: Core, name: str, index: Index) -> IndexEntry:
    """Store a writer's index; an equal one that is there is fine, another one is a CheckpointConflict."""
    data = index.document(core.digest)
    key = core.layout.object(name, index_name(index.writer))
    if not await _created(core, key, data):
        there, _ = await core.objects.get(key, documents.MAX_DOCUMENT)
        if there != data:
            raise CheckpointConflict(
                f"writer {index.writer} of {name} has been saved with other content; a new save needs a new save_id",
                path=key,
            )
    return entry_of(index, data, core.digest)


async def _created(core: Core, key: str, data: bytes) -> bool:
    """Put an object where none is; false if one is. A lost answer is asked for again, which is safe here."""
    if core.settings.single_committer and not core.objects.conditional:
        return await _created_by_looking(core, key, data)
    for attempt in (1, 2, 3):
        try:
            await core.objects.put(key, data)
        except AlreadyExists:
            return False
        except OutcomeUnknown:
            if attempt == 3:
                raise
            continue
        break
    return True


async def _created_by_looking(core: Core, key: str, data: bytes) -> bool:
    """Write where nothing was seen, and read it back: for a store with one committer that can't decide a race."""
    try:
        await core.objects.size(key)
    except NotFound:
        await core.objects.put(key, data, overwrite=True)
        found, _ = await core.objects.get(key, len(data))
        if found != data:
            raise CheckpointConflict("another process commits here, in spite of single_committer", path=key) from None
        return True
    return False


# The commit itself


async def commit(core: Core, order: Commit, own: Index | None) -> Manifest:
    """Commit a generation and return its manifest: this one's, or an equal one that somebody put before.

    With several writers it waits until all indexes are there. Raises CheckpointIncomplete naming those that did not
    come in time, CheckpointGone for a part that somebody has removed meanwhile, CheckpointConflict where another save
    has this step or generation.
    """
    inline: bytes | None = None
    if order.writers == 1 and own is not None:
        data = own.document(core.digest)
        entries, indexes = [entry_of(own, data, core.digest)], [own]
        if len(data) <= INLINE_BYTES:
            inline = data
        else:
            await put_index(core, order.name, own)
    else:
        entries, indexes = await _gathered(core, order)
    if _may_have_lost(core, order):
        await _check_parts(core, order.name, indexes)
    await _claim(core, order)
    manifest = await _put_manifest(core, order, entries, inline)
    await _point(core, manifest)
    return manifest


async def _point(core: Core, manifest: Manifest) -> None:
    for attempt in (1, 2):
        try:
            await point_at(core, manifest)
        except RemoteStoreError as error:
            if attempt == 2:
                error.add_note(f"{manifest.generation.name} itself is committed; only LATEST does not name it yet")
                raise
        else:
            return


async def _put_manifest(core: Core, order: Commit, entries: list[IndexEntry], inline: bytes | None) -> Manifest:
    key = core.layout.manifest(order.name)
    content = None if inline is None else json.loads(inline)
    data = new_manifest(order.name, core.digest, entries, order.user, inline=content)
    if len(data) > documents.MAX_DOCUMENT:
        raise ValueError(f"user makes a manifest of {len(data)} bytes; {documents.MAX_DOCUMENT} are the most")
    mine = Manifest.parse(order.name, data, key)
    if await _created(core, key, data):
        core.manifests[order.name] = mine
        return mine
    there = await manifest_of(core, order.name)
    if there.rows != mine.rows:
        raise CheckpointConflict(
            f"{order.name} has been committed with other content; a new save needs a new save_id", path=key
        )
    return there


def _may_have_lost(core: Core, order: Commit) -> bool:
    """Whether to look at the parts before the commit.

    Only the first commit of a manager, which has to find out about LATEST, may go without: if all was sent in one
    go just now, a look would be one request too many (CHECKPOINT E).
    """
    lasted = (datetime.now(UTC) - order.began).total_seconds()
    return order.in_pieces or order.writers > 1 or core.pointed is not None or lasted > LONG


async def _check_parts(core: Core, name: str, indexes: list[Index]) -> None:
    """Raise CheckpointGone unless all parts are there: a collection that found them old may have taken them."""
    parts = [part for index in indexes for part in index.parts]
    if not parts:
        return
    try:
        infos = await core.objects.files(core.layout.folder(name))
    except (CapabilityNotSupported, PermissionDenied) as error:
        log.debug("%s is committed without a look at its parts: %s", name, error)
        return
    sizes = {str(info.path).rpartition("/")[2]: info.size for info in infos}
    for part in parts:
        if sizes.get(part.name) != part.size:
            raise CheckpointGone(
                f"part {part.name} of {name} is gone; nothing was committed", path=core.layout.object(name, part.name),
                part=part.name,
            )  # fmt: skip


async def _gathered(core: Core, order: Commit) -> tuple[list[IndexEntry], list[Index]]:
    """Wait for the indexes of all writers, and check them against one another."""
    found: dict[int, tuple[IndexEntry, Index]] = {}
    pause = FIRST_WAIT
    # The first look is not timed: who waits for nobody is to be told who is there.
    await _look(core, order, found)
    with anyio.move_on_after(order.timeout):
        while len(found) < order.writers:
            await anyio.sleep(pause)
            pause = min(pause * 2, LAST_WAIT)
            await _look(core, order, found)
    missing = [number for number in range(order.writers) if number not in found]
    if missing:
        raise CheckpointIncomplete(
            f"{order.name} was not committed: after {order.timeout:g} s writers {missing} of {order.writers} have not"
            " finished",
            path=core.layout.folder(order.name),
            missing=missing,
        )
    indexes = [found[number][1] for number in range(order.writers)]
    _check_names(core, order, indexes)
    return [found[number][0] for number in range(order.writers)], indexes


async def _look(core: Core, order: Commit, found: dict[int, tuple[IndexEntry, Index]]) -> None:
    infos = await core.objects.files(core.layout.folder(order.name))
    there = {str(info.path).rpartition("/")[2] for info in infos}
    for number in range(order.writers):
        if number in found or index_name(number) not in there:
            continue
        key = core.layout.object(order.name, index_name(number))
        data, _ = await core.objects.get(key, documents.MAX_DOCUMENT)
        index = Index.parse(documents.read_document(documents.INDEX, data, key), core.digest, key)
        if index.writer != number:
            raise CheckpointConflict(f"the index says that it is writer {index.writer}'s", path=key)
        found[number] = entry_of(index, data, core.digest), index


def _check_names(core: Core, order: Commit, indexes: list[Index]) -> None:
    owner: dict[str, int] = {}
    for index in indexes:
        for item in index.items:
            if item.name in owner:
                raise CheckpointConflict(
                    f"item {item.name!r} comes from writers {owner[item.name]} and {index.writer}; names must differ",
                    path=core.layout.folder(order.name),
                )
            owner[item.name] = index.writer


# Claims: of two saves that run at the same time for one step, one wins and the other is told


async def _claim(core: Core, order: Commit) -> None:
    """Take the step for this save. Raises CheckpointConflict if another one commits it meanwhile.

    A claim by a save that ended before this one began is taken over: to save a step again is legal. So is one by a
    save that never committed. Should both commit after all, both are whole, and LATEST names one.
    """
    key = core.layout.claim(order.step)
    data = documents.canonical({"generation": order.name})
    etag: str | None = None
    if await _created(core, key, data):
        return
    for pause in (*CLAIM_WAITS, None):
        holder, etag = await _holder(core, key)
        if holder == order.name:
            return
        theirs = await _committed_by(core, holder)
        if theirs is not None and theirs.generation.created >= order.began:
            await _help(core, theirs)
            raise CheckpointConflict(
                f"step {order.step} has been committed by another save, {holder}, while this one ran", path=key
            )
        if theirs is not None or pause is None:
            break
        await anyio.sleep(pause)
    condition: dict[str, Any] = {"overwrite": True}
    if etag and core.objects.conditional:
        condition = {"if_match": etag}
    try:
        await core.objects.put(key, data, **condition)
    except (PreconditionFailed, AlreadyExists, NotFound) as error:
        raise CheckpointConflict(f"another save is committing step {order.step}", path=key) from error


async def _holder(core: Core, key: str) -> tuple[str, str | None]:
    try:
        data, etag = await core.objects.get(key, 4096)
    except NotFound:
        return "", None
    try:
        return str(json.loads(data)["generation"]), etag
    except (ValueError, KeyError, TypeError):
        return "", etag


async def _committed_by(core: Core, holder: str) -> Manifest | None:
    if parse_generation(holder) is None:
        return None
    try:
        return await manifest_of(core, holder)
    except (CheckpointNotFound, CheckpointCorrupted):
        return None  # not committed, or not to be read by anybody


async def _help(core: Core, manifest: Manifest) -> None:
    """Move LATEST for a save that may have died between its manifest and that."""
    try:
        await point_at(core, manifest)
    except RemoteStoreError as error:
        log.debug("LATEST could not be moved to %s: %s", manifest.generation.name, error)


async def withdraw_claim(core: Core, order: Commit) -> None:
    """Give the step back after a save that failed, unless it was committed after all."""
    key = core.layout.claim(order.step)
    holder, _ = await _holder(core, key)
    if holder == order.name and await _committed_by(core, holder) is None:
        await core.objects.delete(key)

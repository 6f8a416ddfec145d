"""The moment a checkpoint comes into being: its metadata put in place by one write, under a condition.

All data are in the store by then, under names that no other checkpoint refers to. Afterwards the files of the
checkpoint that was replaced, and what killed saves left, are deleted (CHECKPOINT B17, B18).
"""

from __future__ import annotations

import logging
import pickle
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch.distributed.checkpoint.filesystem import _StorageInfo
from torch.distributed.checkpoint.metadata import Metadata

from ..._core.capability import Capability
from ..._core.errors import (
    AlreadyExists,
    CapabilityNotSupported,
    NotFound,
    PreconditionFailed,
    RemoteStoreError,
)
from ..._core.keys import join
from ..errors import CheckpointConflict, CheckpointCorrupted
from ..transfer import each
from .access import Access
from .unpickling import read_metadata

__all__ = ["Entry", "Seen", "abort_leftovers", "check_complete", "collect", "commit", "look", "metadata_name"]

log = logging.getLogger("remote_store.checkpoint")

METADATA = ".metadata"
DATA_NAME = re.compile(r"(?:g-[0-9a-f]{12}/)?__(\d+)_\d+(?:-[0-9a-f]{12})?\.distcp")
"""Names of data files that savers make, and delete again; all others are somebody else's."""
RANK_METADATA = re.compile(r"__\d+\.metadata")

LEFT_BEHIND_SECONDS = 3600.0
"""How old the hidden pieces of an interrupted write are before they go: somebody else may be writing beside us."""
DELETES = 8
"""Files deleted at a time."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the folder when it was looked at: its bytes, and its etag where the listing tells it."""

    size: int
    etag: str | None


Seen = Mapping[str, Entry]


def metadata_name(rank: int | None) -> str:
    """Return the name of the metadata: of the whole checkpoint, or of one rank's part."""
    return METADATA if rank is None else f"__{rank}{METADATA}"


async def look(access: Access, folder: str, *, deep: bool = False) -> Seen:
    """Return the files of a checkpoint's folder by their names; with `deep` those of its folders too."""
    seen: dict[str, Entry] = {}
    skip = len(folder) + 1 if folder else 0
    try:
        async for info in access.store.list_files(folder, recursive=deep):
            seen[str(info.path)[skip:]] = Entry(info.size, info.etag)
    except NotFound:
        pass
    return seen


def check_complete(metadata: Metadata, seen: Seen, folder: str) -> None:
    """Raise CheckpointCorrupted unless all files that the metadata refer to are there, and long enough."""
    for index, info in metadata.storage_data.items():
        if not isinstance(info, _StorageInfo):
            continue
        there = seen.get(info.relative_path)
        if there is None or there.size < info.offset + info.length:
            what = "is missing" if there is None else f"has {there.size} bytes, too few"
            raise CheckpointCorrupted(
                f"data file {info.relative_path!r} {what}; nothing was committed",
                path=join(folder, info.relative_path),
                name=str(index.fqn),
                part=info.relative_path,
            )


async def commit(access: Access, folder: str, name: str, metadata: Metadata, before: Seen | None, *, overwrite: bool) -> None:  # fmt: skip
    """Put the metadata in place.

    `before` is what the folder held when the save began: if the metadata there have changed since, another save has
    won, and this one raises CheckpointConflict. None commits whatever is there.
    """
    key, content = join(folder, name), pickle.dumps(metadata, protocol=4)
    old = before.get(name) if before is not None else None
    try:
        if not overwrite or (before is not None and old is None):
            await _put(access, key, content, must_be_new=not overwrite)
        elif old is not None and old.etag is not None and access.store.supports(Capability.CONDITIONAL_WRITE):
            await _put(access, key, content, if_match=old.etag)
        else:
            await _write(access)(key, content, overwrite=True)
    except (AlreadyExists, PreconditionFailed) as error:
        raise CheckpointConflict(
            "Checkpoint already exists: another save has committed it meanwhile; this one was not committed", path=key
        ) from error


async def _put(
    access: Access, key: str, content: bytes, *, if_match: str | None = None, must_be_new: bool = False
) -> None:
    try:
        if if_match is not None:
            await _write(access)(key, content, overwrite=True, if_match=if_match)
        else:
            await _write(access)(key, content, overwrite=False)
    except CapabilityNotSupported:
        if must_be_new:
            raise
        # A server that honours no conditions: races are lost there, as they are with every writer.
        await _write(access)(key, content, overwrite=True)


def _write(access: Access) -> Any:
    store = access.store
    return store.write_atomic if store.supports(Capability.ATOMIC_WRITE) else store.write


# Afterwards


async def collect(access: Access, folder: str, seen: Seen, metadata: Metadata, name: str) -> None:
    """Delete the data files that were seen before the commit and that nothing refers to any more.

    A rank that commits for itself deletes its own files alone. What can't be deleted is logged: the checkpoint is
    committed, and the next save tries again.
    """
    try:
        live = {*_referred(metadata)}
        for other in seen:
            if other != name and (other == METADATA or RANK_METADATA.fullmatch(other)):
                live.update(_referred(read_metadata(await access.store.read_bytes(join(folder, other)))))
    except (RemoteStoreError, OSError, pickle.UnpicklingError) as error:
        log.warning("Old data files below %r are kept: not all metadata there can be read: %s", folder, error)
        return
    own = None if name == METADATA else name.removesuffix(METADATA).removeprefix("__")

    def is_stale(entry: str) -> bool:
        match = DATA_NAME.fullmatch(entry)
        return match is not None and entry not in live and own in (None, match[1])

    await each(sorted(filter(is_stale, seen)), lambda entry: _delete(access, join(folder, entry)), DELETES)


async def _delete(access: Access, key: str) -> None:
    try:
        await access.store.delete(key, missing_ok=True)
    except (RemoteStoreError, OSError) as error:
        log.warning("An old data file can't be deleted: %s", error)


async def abort_leftovers(access: Access, folder: str) -> None:
    """Remove what killed saves had not finished writing, if it is an hour old; a failure is logged."""
    store = access.store.child(folder) if folder else access.store
    try:
        await store.abort_uploads(LEFT_BEHIND_SECONDS)
    except CapabilityNotSupported:
        pass  # a store without uploads in parts has nothing left of them
    except (RemoteStoreError, OSError) as error:
        log.warning("What interrupted writes left below %r can't be removed: %s", folder, error)


def _referred(metadata: Metadata) -> Iterable[str]:
    for info in (metadata.storage_data or {}).values():
        path = getattr(info, "relative_path", None)
        if isinstance(path, str):
            yield path

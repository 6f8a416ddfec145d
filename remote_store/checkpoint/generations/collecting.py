"""Removing checkpoints that are no longer kept, and what interrupted saves left behind (CHECKPOINT D6)."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ..._core.errors import NotFound
from ..._core.models import FileInfo
from ..._core.seconds import checked_seconds
from ..errors import CheckpointCorrupted, CheckpointFormatError, CheckpointNotFound
from ..transfer import each
from .core import Core
from .layout import MANIFEST, is_own, parse_generation
from .manifest import Generation
from .pointer import read_pointer
from .reading import manifest_of, order
from .retention import Retention

__all__ = ["MIN_AGE", "CollectResult", "collect"]

log = logging.getLogger("remote_store.checkpoint")

MIN_AGE = 3600.0
"""Seconds: a generation without a manifest whose newest object is younger may still be written."""
CONCURRENCY = 8


@dataclass(frozen=True)
class CollectResult:
    """What was removed, or with `dry_run` would be: names of checkpoints and of leftovers, objects and bytes in all."""

    removed: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    objects: int = 0
    bytes: int = 0
    dry_run: bool = False


@dataclass
class _There:
    """What a listing shows: the objects of each generation by name, pins, claims."""

    generations: dict[str, dict[str, FileInfo]] = field(default_factory=dict)
    pins: set[str] = field(default_factory=set)
    claims: set[int] = field(default_factory=set)


async def collect(
    core: Core, retention: Retention, *, dry_run: bool = False, min_age: float = MIN_AGE
) -> CollectResult:  # fmt: skip
    """Remove all checkpoints that are not kept, and leftovers whose newest object is at least `min_age` seconds old.

    A checkpoint's manifest goes first, so that it is none any more before its parts go. What this library did not
    name is left where it is. Doing so twice at once is fine.
    """
    age = timedelta(seconds=checked_seconds(min_age, "min_age"))
    there = await _look(core)
    doomed = await _doomed(core, there, retention)
    old = datetime.now(UTC) - age
    leftovers = [
        name
        for name, objects in there.generations.items()
        if MANIFEST not in objects and objects and max(info.modified_at for info in objects.values()) <= old
    ]
    gone = [*doomed, *sorted(leftovers)]
    infos = [info for name in gone for info in there.generations[name].values()]
    if not dry_run:
        for name in gone:
            await _remove(core, name, there.generations[name])
        await _release(core, {int(name[:12]) for name in doomed} & there.claims, doomed)
    return CollectResult(doomed, sorted(leftovers), len(infos), sum(info.size for info in infos), dry_run)


async def _look(core: Core) -> _There:
    there = _There()
    root = core.layout.root
    for info in await core.objects.files(root):
        key = str(info.path)[len(root) + 1 if root else 0 :]
        area, _, rest = key.partition("/")
        name, _, inner = rest.partition("/")
        if area == "gen" and parse_generation(name) and is_own(inner):
            there.generations.setdefault(name, {})[inner] = info
        elif area == "pin" and not inner:
            there.pins.add(name)
        elif area == "step" and rest.isdecimal():
            there.claims.add(int(rest))
    return there


async def _doomed(core: Core, there: _There, retention: Retention) -> list[str]:
    """Return the names of committed checkpoints to remove, oldest first."""
    if not retention.is_set:
        return []
    generations: list[Generation] = []
    for name, objects in there.generations.items():
        if MANIFEST in objects:
            try:
                generations.append((await manifest_of(core, name)).generation)
            except (CheckpointCorrupted, CheckpointFormatError, CheckpointNotFound) as error:
                # What can't be read may be of a newer version, or worth being looked at.
                log.warning("checkpoint %s is left alone: %s", name, error)
    generations.sort(key=order)
    keep = retention.kept(generations) | there.pins
    pointed = await read_pointer(core)
    if pointed is not None:
        keep.add(pointed.document["generation"])
    elif generations:
        keep.add(generations[-1].name)
    return [generation.name for generation in generations if generation.name not in keep]


async def _remove(core: Core, name: str, objects: Iterable[str]) -> None:
    names = set(objects)
    if MANIFEST in names:
        core.manifests.pop(name, None)
        await core.objects.delete(core.layout.manifest(name))
        names.discard(MANIFEST)
    elif await _was_committed(core, name):
        return  # since it was listed
    for group in (_indexes(names), names - _indexes(names)):
        await each(sorted(group), lambda inner: core.objects.delete(core.layout.object(name, inner)), CONCURRENCY)
    await core.objects.delete_folder(core.layout.folder(name))


def _indexes(names: set[str]) -> set[str]:
    return {name for name in names if name.startswith("index-")}


async def _was_committed(core: Core, name: str) -> bool:
    try:
        await core.objects.size(core.layout.manifest(name))
    except NotFound:
        return False
    return True


async def _release(core: Core, steps: Iterable[int], doomed: list[str]) -> None:
    """Remove the claims of checkpoints that are gone."""
    for step in steps:
        key = core.layout.claim(step)
        try:
            data, _ = await core.objects.get(key, 4096)
            holder = json.loads(data)["generation"]
        except (NotFound, ValueError, KeyError, TypeError):
            continue
        if holder in doomed:
            await core.objects.delete(key)

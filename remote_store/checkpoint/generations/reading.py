"""Manifests and indexes read back, and the newest of them found (CHECKPOINT D2, D5)."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ..._core.errors import NotFound, RemoteStoreError
from ..digests import Digest
from ..errors import (
    CheckpointCorrupted,
    CheckpointFormatError,
    CheckpointGone,
    CheckpointNotFound,
    CheckpointTooNew,
)
from ..transfer import each
from . import documents
from .core import Core
from .index import Index
from .layout import MANIFEST, checked_step, index_name, parse_generation
from .manifest import Generation, IndexEntry, Manifest
from .pointer import point_at, read_pointer

__all__ = ["committed", "found", "indexes_of", "latest", "manifest_of", "names_there"]

log = logging.getLogger("remote_store.checkpoint")

CONCURRENCY = 8


async def manifest_of(core: Core, name: str) -> Manifest:
    """Return a generation's manifest. Raises CheckpointNotFound where nothing is committed under that name.

    A document that is spoilt on the way is fetched once more.
    """
    known = core.manifests.get(name)
    if known is not None:
        return known
    key = core.layout.manifest(name)
    for attempt in (1, 2):
        try:
            data, _ = await core.objects.get(key, documents.MAX_DOCUMENT)
            manifest = Manifest.parse(name, data, key)
        except NotFound as error:
            raise CheckpointNotFound(f"There is no checkpoint {name}", path=key, backend=error.backend) from error
        except CheckpointCorrupted:
            if attempt == 2:
                raise
        else:
            core.manifests[name] = manifest
            return manifest
    raise AssertionError("unreachable")


async def indexes_of(core: Core, manifest: Manifest) -> list[Index]:
    """Return the indexes of all writers, in order."""
    if manifest.inline is not None:
        key = core.layout.manifest(manifest.generation.name)
        entry = manifest.indexes[0]
        document = _inline(manifest, entry, key)
        return [Index.parse(document, manifest.digest, key)]
    found: dict[int, Index] = {}

    async def read(entry: IndexEntry) -> None:
        found[entry.writer] = await read_index(core, manifest.generation.name, entry, manifest.digest)

    await each(manifest.indexes, read, CONCURRENCY)
    return [found[entry.writer] for entry in manifest.indexes]


def _inline(manifest: Manifest, entry: IndexEntry, key: str) -> dict[str, object]:
    assert manifest.inline is not None
    data = documents.canonical(manifest.inline)
    if manifest.digest.hex(manifest.digest.of(data)) != entry.checksum:
        raise CheckpointCorrupted("The index in the manifest is not the one it names", path=key, part=MANIFEST)
    return documents.read_document(documents.INDEX, data, key)


async def read_index(core: Core, name: str, entry: IndexEntry, digest: Digest) -> Index:
    """Return one writer's index, checked against what the manifest says of it."""
    key = core.layout.object(name, index_name(entry.writer))
    for attempt in (1, 2):
        try:
            data, _ = await core.objects.get(key, documents.MAX_DOCUMENT)
            got = digest.hex(digest.of(data))
            if got != entry.checksum:
                raise CheckpointCorrupted(
                    "The index doesn't have the checksum that the manifest names", path=key,
                    part=index_name(entry.writer), offset=0, expected=entry.checksum, got=got,
                )  # fmt: skip
            return Index.parse(documents.read_document(documents.INDEX, data, key), digest, key)
        except NotFound as error:
            raise CheckpointGone(
                f"The index {index_name(entry.writer)} is gone", path=key, part=index_name(entry.writer)
            ) from error
        except CheckpointCorrupted:
            if attempt == 2:
                raise
    raise AssertionError("unreachable")


# Finding


async def names_there(core: Core) -> list[str]:
    """Return the names of all generations that have a manifest, oldest step first."""
    folder = core.layout.generations
    infos = await core.objects.files(folder)
    names = set()
    for info in infos:
        name, _, rest = str(info.path)[len(folder) + 1 :].partition("/")
        if rest == MANIFEST and parse_generation(name):
            names.add(name)
    return sorted(names)


async def committed(core: Core, names: Sequence[str] | None = None) -> list[Generation]:
    """Return all committed generations, oldest first; one whose manifest is spoilt is left out, with a warning."""
    wanted = await names_there(core) if names is None else names
    found: list[Generation] = []

    async def read(name: str) -> None:
        try:
            found.append((await manifest_of(core, name)).generation)
        except (CheckpointCorrupted, CheckpointFormatError) as error:
            log.warning("checkpoint %s is left out: %s", name, error)
        except CheckpointNotFound:
            pass  # collected since it was listed

    await each(wanted, read, CONCURRENCY)
    return sorted(found, key=order)


def order(generation: Generation) -> tuple[int, object, str]:
    """Sort by step, then by when it was committed."""
    return generation.step, generation.created, generation.save_id


async def latest(core: Core) -> Manifest | None:
    """Return the newest checkpoint's manifest: the one LATEST names, else the greatest that can be read.

    LATEST is only a hint: a missing or spoilt one is written anew. Raises CheckpointTooNew for a manifest of a newer
    version, CheckpointCorrupted or CheckpointFormatError where there are manifests and none can be read.
    """
    pointed = await read_pointer(core)
    if pointed is not None:
        try:
            manifest = await manifest_of(core, pointed.document["generation"])
            if manifest.checksum == pointed.document["manifest"]:
                return manifest
            log.warning("LATEST doesn't fit its checkpoint; looking through all of them")
        except CheckpointTooNew:
            raise
        except (CheckpointNotFound, CheckpointCorrupted, CheckpointFormatError) as error:
            log.warning("LATEST names a checkpoint that can't be read; looking through all of them: %s", error)
    return await _greatest(core)


async def _greatest(core: Core) -> Manifest | None:
    spoilt: Exception | None = None
    names = await names_there(core)
    for step in sorted({int(name[:12]) for name in names}, reverse=True):
        candidates: list[Manifest] = []
        for name in (name for name in names if int(name[:12]) == step):
            try:
                candidates.append(await manifest_of(core, name))
            except CheckpointTooNew:
                raise
            except (CheckpointCorrupted, CheckpointFormatError) as error:
                spoilt = spoilt or error
            except CheckpointNotFound:
                pass  # collected since it was listed
        if candidates:
            best = max(candidates, key=lambda manifest: order(manifest.generation))
            await _repair(core, best)
            return best
    if spoilt is not None:
        raise spoilt
    return None


async def _repair(core: Core, manifest: Manifest) -> None:
    """Let LATEST name what was found; where nothing may be written it stays as it is."""
    try:
        await point_at(core, manifest)
    except (RemoteStoreError, CheckpointFormatError) as error:
        log.debug("LATEST could not be repaired: %s", error)


async def found(core: Core, wanted: Generation | str | int | None) -> Manifest:
    """Return the manifest of a generation, a generation's name, a step, or (None) of the newest.

    Raises CheckpointNotFound where there is none. Of several with one step it is the one committed last.
    """
    if wanted is None:
        manifest = await latest(core)
        if manifest is None:
            raise CheckpointNotFound("There is no checkpoint here", path=core.layout.root or ".")
        return manifest
    if isinstance(wanted, Generation):
        return await manifest_of(core, wanted.name)
    if isinstance(wanted, str):
        if parse_generation(wanted) is None:
            raise CheckpointNotFound(f"There is no checkpoint {wanted[:80]!r}", path=core.layout.root or ".")
        return await manifest_of(core, wanted)
    step = checked_step(wanted)
    of_step = [name for name in await names_there(core) if int(name[:12]) == step]
    manifests = [await manifest_of(core, name) for name in of_step]
    if not manifests:
        raise CheckpointNotFound(f"There is no checkpoint of step {step}", path=core.layout.root or ".")
    return max(manifests, key=lambda manifest: order(manifest.generation))

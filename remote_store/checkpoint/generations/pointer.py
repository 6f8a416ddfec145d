"""LATEST: the pointer to the newest checkpoint, a hint that only moves forward (CHECKPOINT D2)."""

from __future__ import annotations

import logging
from typing import Any

from ..._core.errors import AlreadyExists, NotFound, PreconditionFailed
from ..errors import CheckpointCorrupted, CheckpointFormatError
from . import documents
from .core import Core, Pointed
from .layout import parse_generation
from .manifest import Manifest

__all__ = ["point_at", "read_pointer"]

log = logging.getLogger("remote_store.checkpoint")

MAX_POINTER = 64 << 10
TRIES = 100
"""Compare-and-swap rounds: each that is lost means that another committer has won one."""


async def read_pointer(core: Core) -> Pointed | None:
    """Return what LATEST says; None where it is missing or says nothing that can be read."""
    pointed, _ = await _read(core)
    return pointed


async def _read(core: Core) -> tuple[Pointed | None, str | None]:
    """Return what LATEST says, and the etag of whatever is there."""
    key = core.layout.latest
    try:
        data, etag = await core.objects.get(key, MAX_POINTER)
    except NotFound:
        core.pointed = None
        return None, None
    try:
        document = documents.read_document(documents.POINTER, data, key)
        _check(document)
    except (CheckpointFormatError, CheckpointCorrupted, KeyError, TypeError, ValueError) as error:
        log.warning("LATEST can't be read and is taken for missing: %s", error)
        core.pointed = None
        return None, etag or ""
    core.pointed = Pointed(document, etag)
    return core.pointed, etag or ""


def _check(document: dict[str, Any]) -> None:
    own = parse_generation(document["generation"])
    if own is None or own.step != document["step"] or type(document["seq"]) is not int:
        raise ValueError("its fields don't fit")
    if not isinstance(document["manifest"], str):
        raise ValueError("it names no manifest")


async def point_at(core: Core, manifest: Manifest) -> None:
    """Let LATEST name a checkpoint, unless it names a later one: a greater step, or one that was committed after it.

    The swap is decided by the store where it has conditional writes; else LATEST is written as it is.
    """
    if core.objects.conditional:
        known = core.pointed
        etag = known.etag if known is not None else None
    else:
        known, etag = await _read(core)  # nobody would tell that what is known here is old
    for _ in range(TRIES):
        if known is not None and not _is_forward(known, manifest):
            return
        if await _swapped(core, manifest, known, etag):
            return
        known, etag = await _read(core)
    raise PreconditionFailed("LATEST kept being changed by others", path=core.layout.latest)


def _is_forward(known: Pointed, manifest: Manifest) -> bool:
    step, name = known.document["step"], known.document["generation"]
    if name == manifest.generation.name:
        return bool(known.document["manifest"] != manifest.checksum)
    return manifest.generation.step >= int(step)


async def _swapped(core: Core, manifest: Manifest, known: Pointed | None, etag: str | None) -> bool:
    generation = manifest.generation
    same_step = known is not None and known.document["step"] == generation.step
    seq = known.document["seq"] + 1 if known is not None and same_step else 0
    content = {
        "generation": generation.name,
        "step": generation.step,
        "manifest": manifest.checksum,
        "seq": seq,
    }
    data = documents.write_document(documents.POINTER, content, core.digest)
    condition: dict[str, Any] = {"overwrite": etag is not None}
    if etag and core.objects.conditional:
        condition = {"if_match": etag}
    try:
        new = await core.objects.put(core.layout.latest, data, **condition)
    except (AlreadyExists, PreconditionFailed, NotFound):
        return False
    core.pointed = Pointed({"format": documents.POINTER.format, **content}, new)
    return True

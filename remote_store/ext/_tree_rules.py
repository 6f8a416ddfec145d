"""What is decided about trees without any I/O: which files belong, which are the same, which places overlap."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .._bridge.to_async import SyncBackendAdapter
from .._bridge.to_sync import AsyncBackendSyncAdapter
from .._core.errors import InvalidPath
from .._core.glob import translate
from .._core.models import ContentDigest, FileInfo, known_time

__all__ = ["Chosen", "Seen", "location", "refuse_overlap", "same", "seen_of"]

_SERVICE = ("bucket", "container", "host")
"""What a resolved key tells of where it lives, one of these for each remote backend."""
_INNER = ("object_key", "base_path")
"""What it tells besides, which is in the native path too."""


class Chosen:
    """Whether a key belongs: to one of `include`, if there are any, and to none of `exclude`.

    A pattern without ``/`` is matched against the file's name, one with against the whole key. Raises as `translate`.
    """

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        for patterns in (include, exclude):
            if isinstance(patterns, str):
                raise TypeError("include and exclude are sequences of patterns, not one str")
        self._include = [_matcher(pattern) for pattern in include]
        self._exclude = [_matcher(pattern) for pattern in exclude]

    def __call__(self, key: str) -> bool:
        if any(matches(key) for matches in self._exclude):
            return False
        return not self._include or any(matches(key) for matches in self._include)


def _matcher(pattern: str) -> Callable[[str], object]:
    match = translate(pattern).match
    if "/" in pattern:
        return match
    return lambda key: match(key.rpartition("/")[2])


@dataclass(frozen=True, slots=True)
class Seen:
    """What a listing told of a file: its bytes, its time if known, its digest if any."""

    size: int
    modified: datetime | None
    digest: ContentDigest | None


def seen_of(info: FileInfo) -> Seen:
    """Return what is compared of a file."""
    return Seen(info.size, known_time(info.modified_at), info.digest)


def same(source: Seen, target: Seen) -> bool | None:
    """Return whether two files have the same bytes as far as listings tell; None where only the bytes could.

    Sizes decide if they differ, then digests of one algorithm. Else a target that is not older than its source is
    taken for its copy; services that keep whole seconds are compared by those.
    """
    if source.size != target.size:
        return False
    digests = source.digest, target.digest
    if digests[0] is not None and digests[1] is not None and digests[0].algorithm == digests[1].algorithm:
        return digests[0] == digests[1]
    if source.modified is None or target.modified is None:
        return None
    moment = source.modified
    if target.modified.microsecond == 0:
        moment -= timedelta(microseconds=moment.microsecond)
    return True if target.modified >= moment else None


# Places that overlap: a tree copied into itself would grow for ever, and `delete` would eat its source


def refuse_overlap(source: Any, target: Any) -> None:
    """Raise InvalidPath if one store is the other or lies in it. Both are of one face."""
    here, there = location(source), location(target)
    if here[0] != there[0]:
        return
    for inner, outer, how in (
        (here[1], there[1], "source lies in its target"),
        (there[1], here[1], "target lies in its source"),
    ):
        if inner == outer:
            raise InvalidPath("the source and the target are the same", path=inner)
        if not outer or inner.startswith(f"{outer}/"):
            raise InvalidPath(f"the {how}", path=inner)


def location(store: Any, key: str = "") -> tuple[object, str]:
    """Return what a file or folder has in common with all on the same service, and its path there.

    Two stores that were opened apart on one bucket, container or server have this in common: comparing the backends
    themselves would not see that a file is moved onto itself, and is gone then.
    """
    backend = getattr(store, "_backend", store)
    while isinstance(backend, (SyncBackendAdapter, AsyncBackendSyncAdapter)):
        backend = backend._backend if isinstance(backend, SyncBackendAdapter) else backend._async_backend
    path = "/".join(filter(None, [getattr(store, "_root", ""), key]))
    name = str(getattr(backend, "name", "")).removeprefix("async-")
    if name == "local":
        return name, os.path.realpath(backend.native_path(path)).replace(os.sep, "/").rstrip("/")
    plan = backend.resolve(path)
    if any(plan.details.get(place) for place in _SERVICE):
        service = {part: str(value) for part, value in plan.details.items() if part not in _INNER}
        return (name, *sorted(service.items())), plan.native_path.rstrip("/")
    return id(backend), path

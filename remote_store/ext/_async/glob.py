"""Glob patterns on any store, whether or not its backend knows them."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ..._core.capability import Capability
from ..._core.glob import literal_prefix, translate
from ..._core.models import FileInfo
from ..._store._async.store import AsyncStore
from .pairs import mapped

__all__ = ["glob_files"]


def glob_files(store: AsyncStore, pattern: str) -> AsyncIterator[FileInfo]:
    """Iterate over the files whose whole key matches `pattern`, in no promised order.

    The backend does it where it can (GLOB); else the files below the longest literal folder of the pattern are
    listed, and the pattern chooses among them: the language is the same. `*` and `?` don't cross `/`, `**` stands
    for any number of folders, `[abc]` and `[!abc]` are classes.

    Raises ValueError where `**` is not a segment of its own, CapabilityNotSupported for a store that can't list.
    """
    if store.supports(Capability.GLOB):
        return store.glob(pattern)
    matches = translate(pattern).match
    folder = literal_prefix(pattern)
    below = pattern.strip("/").count("/") > (folder.count("/") + 1 if folder else 0) or "**" in pattern
    return mapped(store.list_files(folder, recursive=below), lambda info: info if matches(str(info.path)) else None)

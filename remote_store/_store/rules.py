"""What a store checks before it asks its backend: values, then capabilities, then paths (CONTRACT 25)."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatch
from typing import Any

from .._core.condition import condition_of
from .._core.errors import InvalidPath, NotFound
from .._core.models import FileInfo, PathEntry, WriteResult, known_time, rebased
from .._core.options import given, refuse_given

__all__ = [
    "checked_depth",
    "checked_limit",
    "entry_filter",
    "folder_missing",
    "glob_escape",
    "head_of",
    "optional",
    "write_options",
]


def checked_depth(max_depth: int | None) -> None:
    """Raise ValueError for a negative depth and TypeError for one that is no integer."""
    _check_count("max_depth", max_depth)


def _check_count(what: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{what} must be an int or None, not {type(value).__name__}")
    if value < 0:
        raise ValueError(f"{what} must be >= 0, not {value}")


def write_options(overwrite: bool, metadata: dict[str, str] | None, if_match: str | None) -> dict[str, Any]:
    """Return the keyword arguments of a backend's write; `if_match` only when it is given (DECISIONS 8)."""
    if if_match is None:
        return {"overwrite": overwrite, "metadata": metadata}
    condition_of(overwrite, if_match)
    return {"overwrite": overwrite, "metadata": metadata, "if_match": if_match}


def optional(backend: Any, **options: object) -> dict[str, Any]:
    """Return the options that are given, for a backend that takes them; CapabilityNotSupported for another."""
    chosen = given(**options)
    if chosen:
        taken: frozenset[str] = getattr(backend, "native_options", frozenset())
        refuse_given(backend.name, **{name: value for name, value in chosen.items() if name not in taken})
    return chosen


def checked_limit(limit: int | None, pattern: str | None) -> None:
    """Raise for a limit that is none, and for one beside a pattern: it counts what the backend lists."""
    _check_count("limit", limit)
    if limit is not None and pattern is not None:
        raise ValueError("limit and pattern can't be combined: the limit counts before the pattern chooses")


def entry_filter(root: str, folder: str, pattern: str | None, max_depth: int | None) -> Callable[[Any], Any] | None:
    """Return what a listing does with each entry: rebase it to the store, drop what depth and pattern exclude.

    None means that the backend's entries can be handed on as they are.
    """
    if pattern is None and max_depth is None:
        return (lambda entry: rebased(entry, root)) if root else None
    above = folder.count("/") + 1 if folder else 0

    def keep(entry: PathEntry) -> Any:
        if max_depth is not None and str(entry.path).count("/") - above > max_depth:
            return None
        if pattern is not None and not fnmatch(entry.name, pattern):
            return None
        return rebased(entry, root)

    return keep


def glob_escape(key: str) -> str:
    """Return a pattern that matches `key` and nothing else."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in key)


def head_of(info: FileInfo) -> WriteResult:
    """Return what a look-up tells, in the shape of a write's result (CONTRACT 71)."""
    return WriteResult(
        path=info.path,
        size=info.size,
        source="sidecar",
        digest=info.digest,
        etag=info.etag,
        last_modified=known_time(info.modified_at),
        metadata=info.metadata,
    )


def folder_missing(path: str, is_file: bool, backend: str) -> Exception:
    """Return the error for a folder argument that is no folder."""
    if is_file:
        return InvalidPath(f"Path is a file, not a folder: {path}", path=path, backend=backend)
    return NotFound(f"Folder not found: {path}", path=path, backend=backend)

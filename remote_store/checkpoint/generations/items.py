"""What is to be saved, taken apart: names with bytes, before anything is written."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._contract._sync.content import flat
from ..tree import scan
from . import skeleton
from .tensors import is_tensor, tensor_of

__all__ = ["MAX_NAME_BYTES", "Entry", "checked_name", "entries_of", "is_json"]

MAX_NAME_BYTES = 1024
READ_WHOLE = 1 << 20
"""Bytes: a file up to this size is read at once, and lies beside others in a part."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One item to be written.

    Its bytes are a `view` of the caller's memory, or what `load` returns in a worker thread, or come from `stream`
    (anything a store's write takes). `size` is in bytes; None where only the end of the stream will tell.
    """

    name: str
    kind: str
    codec: str = ""
    dtype: str = ""
    shape: tuple[int, ...] = ()
    size: int | None = None
    view: memoryview | None = None
    load: Callable[[], bytes] | None = None
    stream: Any = None
    owner: object = None


def checked_name(name: object) -> str:
    """Return an item's name. Raises TypeError or ValueError for what is none."""
    if not isinstance(name, str):
        raise TypeError(f"an item's name must be a str, not {type(name).__name__}")
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        raise ValueError(f"the item name {name!r} is no Unicode text: it has a lone surrogate") from None
    if not name or "\0" in name:
        raise ValueError(f"an item's name must not be empty and not contain NUL: {name!r}")
    if size > MAX_NAME_BYTES:
        raise ValueError(f"the item name {name[:80]!r}... has {size} bytes; {MAX_NAME_BYTES} are the most")
    return name


def entries_of(items: object) -> list[Entry]:
    """Return all that is to be written for a mapping of names to values.

    Raises TypeError for a value of a kind that can't be saved and ValueError for a bad or doubled name, both naming
    it; FileNotFoundError for a missing path. It looks at files, so it belongs in a worker thread.
    """
    if not isinstance(items, Mapping):
        raise TypeError(f"items must be a mapping of names to values, not {type(items).__name__}")
    entries: list[Entry] = []
    for name, value in items.items():
        entries += entries_for(checked_name(name), value)
    seen: set[str] = set()
    for entry in entries:
        if entry.name in seen:
            raise ValueError(f"the name {entry.name!r} comes twice; names inside trees and folders count too")
        seen.add(entry.name)
    return entries


def entries_for(name: str, value: Any) -> list[Entry]:
    """Return what is to be written for one value: more than one entry for a folder or a tree."""
    leaf = _leaf(name, value)
    if leaf is not None:
        return [leaf]
    if isinstance(value, os.PathLike):
        return _of_path(name, Path(value))
    if isinstance(value, (Mapping, list, tuple)):
        return _of_tree(name, value)
    if hasattr(value, "__aiter__") or callable(getattr(value, "read", None)) or _is_iterable(value):
        return [Entry(name, "bytes", "stream", stream=value)]
    raise TypeError(f"item {name!r} can't be saved: {type(value).__name__} is no buffer, array, path, iterator or JSON")


def _is_iterable(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, (str, AbstractSet))


def _leaf(name: str, value: Any) -> Entry | None:
    """Return the entry of a value that is one item: a tensor, a buffer, JSON. None for anything else."""
    if is_tensor(value):
        tensor = tensor_of(value, name)
        return Entry(
            name, "tensor", tensor.codec, tensor.dtype, tensor.shape, len(tensor.view), tensor.view, owner=tensor.owner
        )
    if is_json(value):
        data = json.dumps(value, separators=(",", ":")).encode("ascii")
        return Entry(name, "json", size=len(data), view=memoryview(data))
    view = flat(value)
    if view is not None:
        return Entry(name, "bytes", size=len(view), view=view, owner=value)
    return None


def is_json(value: object) -> bool:
    """Return whether JSON gives a value back as it was: no tuples, no keys but text."""
    if value is None or type(value) in (bool, int, float, str):
        return True
    if type(value) is list:
        return all(map(is_json, value))
    if type(value) is dict:
        return all(type(key) is str for key in value) and all(map(is_json, value.values()))
    return False


# Files and folders


def _of_path(name: str, path: Path) -> list[Entry]:
    state = path.stat()
    if stat.S_ISDIR(state.st_mode):
        return _of_folder(name, path)
    if not stat.S_ISREG(state.st_mode):
        raise ValueError(f"item {name!r}: {path} is neither a file nor a folder")
    return [_of_file(name, path, state.st_size)]


def _of_file(name: str, path: Path, size: int) -> Entry:
    if size <= READ_WHOLE:
        return Entry(name, "file", size=size, load=path.read_bytes)
    return Entry(name, "file", "stream", size=size, stream=path)


def _of_folder(name: str, path: Path) -> list[Entry]:
    tree = scan(path)
    files = sorted(tree.files, key=lambda file: file.key)
    below = [_of_file(checked_name(f"{name}/{file.key}"), file.path, file.size) for file in files]
    content = {"files": [file.key for file in files], "folders": sorted(tree.folders)}
    data = json.dumps(content, separators=(",", ":")).encode("ascii")
    return [Entry(name, "folder", size=len(data), view=memoryview(data)), *below]


# Trees: a state dict is one


def _of_tree(name: str, value: Any) -> list[Entry]:
    shape, leaves = skeleton.taken_apart(name, value, _is_leaf)
    data = json.dumps(shape, separators=(",", ":")).encode("ascii")
    below = [entry for leaf_name, leaf in leaves for entry in _of_leaf(checked_name(leaf_name), leaf)]
    return [Entry(name, "tree", size=len(data), view=memoryview(data)), *below]


def _is_leaf(value: object) -> bool:
    return is_tensor(value) or (not isinstance(value, (str, Mapping, list, tuple)) and flat(value) is not None)


def _of_leaf(name: str, value: Any) -> list[Entry]:
    entry = _leaf(name, value)
    assert entry is not None
    return [entry]

"""Reading `.metadata` from an untrusted place: a pickle that may name a few classes, and run nothing (CHECKPOINT D9)."""

from __future__ import annotations

import collections
import io
import pathlib
import pickle
from collections.abc import Iterable
from typing import Any

import torch
from torch.distributed.checkpoint import metadata as torch_metadata
from torch.distributed.checkpoint.filesystem import _StorageInfo
from torch.distributed.checkpoint.metadata import (
    BytesStorageMetadata,
    Metadata,
    MetadataIndex,
    StorageMeta,
    TensorProperties,
    TensorStorageMetadata,
)

from . import opcodes

__all__ = ["MAX_BYTES", "add_safe_globals", "read_metadata"]

MAX_BYTES = 1 << 30
"""Bytes of metadata that are read at most: five million items."""

METADATA_MODULE = "torch.distributed.checkpoint.metadata"
FILESYSTEM_MODULES = (
    "torch.distributed.checkpoint.filesystem",
    "nemo_automodel.components.checkpoint._backports.filesystem",  # NeMo Automodel has its own copy of the class
)
DESCRIPTIONS = (TensorStorageMetadata, BytesStorageMetadata)
"""What metadata may say of an item."""
PATHS = {
    "PurePath": pathlib.PurePath,
    "PurePosixPath": pathlib.PurePosixPath,
    "PureWindowsPath": pathlib.PureWindowsPath,
    "Path": pathlib.PurePath,
    "PosixPath": pathlib.PurePosixPath,
    "WindowsPath": pathlib.PureWindowsPath,
}


class _AnyProperties(TensorProperties):
    """Takes the state of torch up to 2.13 (5 fields) and from 2.15 on (6), and becomes the real class."""

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) not in (5, 6):
            raise pickle.UnpicklingError("TensorProperties have 5 or 6 fields")
        TensorProperties.__setstate__(self, state[:5])  # type: ignore[no-untyped-call]  # torch's own
        self.__class__ = TensorProperties  # type: ignore[assignment]  # the class its readers know


def _layout(name: object) -> torch.layout:
    found = getattr(torch, str(name).removeprefix("torch."), None)
    if not isinstance(found, torch.layout):
        raise pickle.UnpicklingError(f"{name!r} is no layout")
    return found


def _known() -> dict[tuple[str, str], Any]:
    names = ("Metadata", "TensorStorageMetadata", "_MEM_FORMAT_ENCODING", "ChunkStorageMetadata", "BytesStorageMetadata",
             "MetadataIndex", "StorageMeta")  # fmt: skip
    known = {(METADATA_MODULE, name): getattr(torch_metadata, name) for name in names}
    known[METADATA_MODULE, "TensorProperties"] = _AnyProperties
    known.update(((module, "_StorageInfo"), _StorageInfo) for module in FILESYSTEM_MODULES)
    known["torch", "Size"] = torch.Size
    known["torch.serialization", "_get_layout"] = _layout
    known["collections", "OrderedDict"] = collections.OrderedDict
    known.update(((module, name), cls) for module in ("pathlib", "pathlib._local") for name, cls in PATHS.items())
    try:
        from torch.distributed.checkpoint._hf_utils import _HFStorageInfo
    except ImportError:  # torch before 2.7
        return known
    known["torch.distributed.checkpoint._hf_utils", "_HFStorageInfo"] = _HFStorageInfo
    return known


_KNOWN = _known()


def add_safe_globals(classes: Iterable[type]) -> None:
    """Let metadata hold objects of these classes too: those that a planner of yours puts into its `planner_data`.

    Unpickling calls a class with arguments from the file; name only classes that do nothing harmful then. Raises
    TypeError for what is no class, ValueError for a nested class.
    """
    for cls in classes:
        if not isinstance(cls, type):
            raise TypeError(f"only classes can be declared safe, not {cls!r}")
        if "." in cls.__qualname__:
            raise ValueError(f"{cls.__qualname__} is nested; a class that metadata hold must be at its module's top")
        _KNOWN[cls.__module__, cls.__qualname__] = cls


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return one of the known classes, or an element type; nothing is imported or looked up by attribute."""
        found = _KNOWN.get((module, name))
        if found is None and module == "torch":
            found = vars(torch).get(name)
            found = found if isinstance(found, torch.dtype) else None
        if found is None:
            raise pickle.UnpicklingError(
                f"the metadata name {f'{module}.{name}'[:200]!r}, which is not allowed; add_safe_globals() allows classes"
            )
        return found

    def persistent_load(self, pid: Any) -> Any:
        """Refuse it."""
        raise pickle.UnpicklingError("the metadata have a persistent id")


def read_metadata(data: bytes) -> Metadata:
    """Return the metadata of a checkpoint. Raises pickle.UnpicklingError for anything else, and runs none of it."""
    if len(data) > MAX_BYTES:
        raise pickle.UnpicklingError(f"the metadata have more than {MAX_BYTES} bytes")
    opcodes.check(data)
    try:
        found = _Unpickler(io.BytesIO(data)).load()
    except pickle.UnpicklingError:
        raise
    except Exception as error:
        # A class called with wrong arguments may raise anything.
        raise pickle.UnpicklingError(f"the metadata can't be unpickled: {type(error).__name__}: {error}") from error
    return _checked(found)


def _checked(found: Any) -> Metadata:
    if type(found) is not Metadata:
        raise pickle.UnpicklingError(f"the file holds a {type(found).__name__}, not a checkpoint's metadata")
    described = getattr(found, "state_dict_metadata", None)
    if not isinstance(described, dict):
        raise pickle.UnpicklingError("the metadata describe nothing")
    strange = [type(value).__name__ for value in described.values() if not isinstance(value, DESCRIPTIONS)]
    if strange:
        raise pickle.UnpicklingError(f"the metadata describe an item by a {strange[0]}")
    for name in ("planner_data", "storage_data", "storage_meta", "version"):
        if not hasattr(found, name):
            setattr(found, name, None)
    if found.storage_meta is not None and not isinstance(found.storage_meta, StorageMeta):
        raise pickle.UnpicklingError(f"the metadata's storage_meta is a {type(found.storage_meta).__name__}")
    stored = found.storage_data
    if stored is not None and not (isinstance(stored, dict) and all(isinstance(key, MetadataIndex) for key in stored)):
        raise pickle.UnpicklingError("the metadata's storage_data is no table of items")
    return found

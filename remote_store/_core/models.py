"""The models that stores return: frozen values, never handles (CONTRACT A4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal, Protocol, TypeAlias, runtime_checkable

from .keys import RemotePath, join

__all__ = [
    "UNKNOWN_TIME",
    "ContentDigest",
    "Extras",
    "FileInfo",
    "FolderEntry",
    "FolderInfo",
    "PathEntry",
    "ResolutionPlan",
    "WriteResult",
    "known_time",
    "rebased",
]

UNKNOWN_TIME: Final = datetime.min.replace(tzinfo=UTC)
"""Stands in `FileInfo.modified_at` where the backend does not know the time (CONTRACT 8)."""

Extras: TypeAlias = dict[str, object]
"""Backend-specific extra facts."""

Fields: TypeAlias = Mapping[str, Callable[[Any], object]]
"""How each deferred field is computed from a backend's raw entry."""


def known_time(moment: datetime) -> datetime | None:
    """Return `moment`, or None if it is the mark for an unknown time."""
    return None if moment == UNKNOWN_TIME else moment


@runtime_checkable
class PathEntry(Protocol):
    """What files and folders in a listing have in common."""

    @property
    def name(self) -> str:
        """The last segment of the path."""

    @property
    def path(self) -> RemotePath:
        """The path, relative to the store that listed it."""


@dataclass(frozen=True)
class ContentDigest:
    """A digest of a file's content: algorithm name and hexadecimal value, both stripped and lower case."""

    algorithm: str
    value: str

    def __post_init__(self) -> None:
        algorithm, value = self.algorithm.strip().lower(), self.value.strip().lower()
        if not algorithm:
            raise ValueError("algorithm must not be empty")
        if not value:
            raise ValueError("value must not be empty")
        if not all(character in "0123456789abcdef" for character in value):
            raise ValueError("value must be hexadecimal")
        object.__setattr__(self, "algorithm", algorithm)
        object.__setattr__(self, "value", value)


@dataclass(frozen=True, eq=False)
class FileInfo:
    """What is known of a file. Two compare equal when their paths do.

    `size` is in bytes; `modified_at` is timezone-aware, the earliest datetime in UTC meaning unknown; `etag` can
    be handed to ``if_match=``; `metadata` is None where the backend keeps none.
    """

    path: RemotePath
    name: str
    size: int
    modified_at: datetime
    digest: ContentDigest | None = None
    etag: str | None = None
    content_type: str | None = None
    metadata: Mapping[str, str] | None = None
    extra: dict[str, object] = field(default_factory=dict)

    @classmethod
    def deferred(cls, folder: str, name: str, size: int, raw: object, compute: Fields) -> FileInfo:
        """Build a listing's entry cheaply: other fields are computed from `raw` when they are first asked for."""
        info = _new(cls)
        _set_state(info, {"name": name, "size": size, "_folder": folder, "_raw": raw, "_compute": compute})
        return info

    def __getattr__(self, attribute: str) -> Any:
        # Reached only for what a deferred entry has not computed yet: see `_deferrable` below.
        state = self.__dict__
        if "_compute" not in state or attribute not in _deferrable:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {attribute!r}")
        if attribute == "path":
            value: object = RemotePath._trusted(join(state["_folder"], state["name"]))
        elif attribute in state["_compute"]:
            value = state["_compute"][attribute](state["_raw"])
        else:
            value = {} if attribute == "extra" else None
        state[attribute] = value
        return value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FileInfo):
            return NotImplemented
        return self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __getstate__(self) -> dict[str, Any]:
        return {item.name: getattr(self, item.name) for item in fields(self)}


_new: Callable[[type[FileInfo]], FileInfo] = object.__new__
_set_state: Callable[[FileInfo, dict[str, object]], None] = FileInfo.__dict__["__dict__"].__set__
"""A frozen class refuses ``info.__dict__ = ...``; to fill the dict that is there takes twice as long."""
_deferrable = frozenset({"path", "modified_at", "etag", "extra"})
# A default value is a class attribute and would hide the deferred field; __init__ keeps the default by itself.
delattr(FileInfo, "etag")


@dataclass(frozen=True, eq=False)
class FolderEntry:
    """A folder in a listing. Two compare equal when their paths do."""

    path: RemotePath
    name: str

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FolderEntry):
            return NotImplemented
        return self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)


@dataclass(frozen=True, eq=False)
class FolderInfo:
    """Totals of a folder: number of files and their bytes at every depth, and the latest modification.

    Two compare equal when their paths do. `modified_at` is None for an empty folder or where no time is known.
    """

    path: RemotePath
    file_count: int
    total_size: int
    modified_at: datetime | None = None
    extra: dict[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The last segment of the path."""
        return self.path.name

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FolderInfo):
            return NotImplemented
        return self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)


@dataclass(frozen=True)
class WriteResult:
    """What a write did: the path, the bytes written, and what the backend told of the new object.

    `source` is ``"native"`` when the rich fields come from the write's own answer, ``"basic"`` when only path and
    size are known, ``"sidecar"`` when a later look-up gave them (`head`).
    """

    path: RemotePath
    size: int
    source: Literal["native", "basic", "sidecar"] = "basic"
    digest: ContentDigest | None = None
    etag: str | None = None
    version_id: str | None = None
    last_modified: datetime | None = None
    metadata: Mapping[str, str] | None = None

    @classmethod
    def native(cls, path: RemotePath, size: int, etag: str, last_modified: datetime) -> WriteResult:
        """Build a backend's answer to a write, in half the time of a frozen dataclass's own way."""
        result: WriteResult = object.__new__(cls)
        state = {"path": path, "size": size, "source": "native", "digest": None, "etag": etag, "version_id": None,
                 "last_modified": last_modified, "metadata": None}  # fmt: skip
        _set_result_state(result, state)
        return result


_set_result_state: Callable[[WriteResult, dict[str, object]], None] = WriteResult.__dict__["__dict__"].__set__


@dataclass(frozen=True)
class ResolutionPlan:
    """Where a key lives: found by naming rules alone, without any I/O."""

    kind: str
    backend: str
    key: str
    native_path: str
    details: Mapping[str, object]

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # details is a mapping

    def __post_init__(self) -> None:
        object.__setattr__(self, "details", MappingProxyType(dict(self.details)))

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.kind, self.backend, self.key, self.native_path, dict(self.details)))


def rebased(entry: Any, prefix: str) -> Any:
    """Return a model from a backend with `prefix` (a folder key, `""` for none) cut off its path (CONTRACT 26).

    A deferred entry is rebased in place: only the listing that has just made it holds it.
    """
    if not prefix:
        return entry
    state = vars(entry)
    if "_folder" in state and "path" not in state:
        state["_folder"] = state["_folder"][len(prefix) + 1 :]
        return entry
    return _replace_path(entry, RemotePath._trusted(cut(str(entry.path), prefix)))


def cut(key: str, prefix: str) -> str:
    """Return `key` relative to the folder `prefix`; `""` for the folder itself."""
    return key[len(prefix) + 1 :] if prefix else key


def _replace_path(entry: Any, path: RemotePath) -> Any:
    # dataclasses.replace would run every field through __init__ again; a shallow copy keeps subclasses whole.
    copied = object.__new__(type(entry))
    vars(copied).update(vars(entry), path=path)
    return copied

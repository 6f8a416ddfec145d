"""Keys: how a path given by a caller becomes the key of an object (CONTRACT B1, DECISIONS 10)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NoReturn, TypeAlias

from .errors import InvalidPath

__all__ = [
    "MAX_SEGMENT_BYTES",
    "PathLike",
    "RemotePath",
    "ancestors",
    "backend_key",
    "file_key",
    "folder_key",
    "join",
    "normalize",
    "split",
]

MAX_SEGMENT_BYTES = 255
"""Longest path segment in bytes: NAME_MAX of the common file systems, and more than object stores' users need."""


def normalize(raw: str, backend: str | None = None) -> str:
    """Return the key that `raw` means, `""` if nothing is left of it (the root).

    A backslash separates like a slash; empty and `.` segments vanish, so do leading and trailing slashes.
    Raises InvalidPath for `..`, NUL, a segment over 255 bytes and surrogates other than those that stand for
    undecodable bytes (U+DC80 to U+DCFF); TypeError for what is neither str nor RemotePath.
    """
    if raw.__class__ is not str:
        raw = _text_of(raw)
    if _is_plain(raw):
        return raw
    return _normalize_slowly(raw, backend)


def _is_plain(raw: str) -> bool:
    """Whether `raw` is visibly its own normal form: the common case, decided by a few substring searches."""
    return (
        0 < len(raw) <= MAX_SEGMENT_BYTES
        and raw.isascii()
        and raw[0] != "/"
        and raw[0] != "."
        and raw[-1] != "/"
        and "/." not in raw
        and "//" not in raw
        and "\\" not in raw
        and "\0" not in raw
    )


def _text_of(raw: object) -> str:
    if isinstance(raw, (str, RemotePath)):
        return str(raw)
    raise TypeError(f"path must be a str, not {type(raw).__name__}")


def _normalize_slowly(raw: str, backend: str | None) -> str:
    if "\0" in raw:
        raise InvalidPath("Path contains a null byte", path=raw, backend=backend)
    segments = [part for part in raw.replace("\\", "/").split("/") if part not in ("", ".")]
    if ".." in segments:
        raise InvalidPath("Path contains '..'", path=raw, backend=backend)
    for segment in segments:
        _check_segment(segment, raw, backend)
    return "/".join(segments)


def _check_segment(segment: str, raw: str, backend: str | None) -> None:
    try:
        size = len(segment.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        raise InvalidPath("Path contains a lone surrogate that stands for no byte", path=raw, backend=backend) from None
    if size > MAX_SEGMENT_BYTES:
        raise InvalidPath(
            f"Path has a segment of {size} bytes; {MAX_SEGMENT_BYTES} is the longest", path=raw, backend=backend
        )


def file_key(raw: str) -> str:
    """Return the key of a file-shaped argument; the root is refused (CONTRACT 24)."""
    key = normalize(raw)
    if not key:
        raise InvalidPath("Path must not be empty", path=str(raw))
    return key


def folder_key(raw: str) -> str:
    """Return the key of a folder-shaped argument, where `""`, `"."` and `RemotePath.ROOT` mean the root (CONTRACT 24)."""
    if raw == "" or raw == "." or raw is _any_root:
        return ""
    return file_key(raw)


def backend_key(raw: str, backend: str) -> str:
    """Return the key for a backend addressed directly: like `normalize`, but absolute keys are refused."""
    if raw.__class__ is str and raw[:1] in ("/", "\\"):
        raise InvalidPath("Absolute paths are not keys", path=raw, backend=backend)
    return normalize(raw, backend)


def join(folder: str, name: str) -> str:
    """Return the key of `name` in `folder`, where `""` is the root."""
    return f"{folder}/{name}" if folder else name


def split(key: str) -> tuple[str, str]:
    """Return the folder and the name of a normal key."""
    folder, _, name = key.rpartition("/")
    return folder, name


def ancestors(key: str) -> Iterator[str]:
    """Yield the folders above `key` from the topmost down, without the root."""
    end = key.find("/")
    while end != -1:
        yield key[:end]
        end = key.find("/", end + 1)


class RemotePath:
    """An immutable, normalised path in a store.

    `raw` may use backslashes and superfluous slashes; `..`, NUL and a path of nothing raise InvalidPath. The
    root itself is only to be had as `RemotePath.ROOT` or by `from_backend_path`.
    """

    __slots__ = ("_text",)
    _text: str
    ROOT: ClassVar[RemotePath]

    def __init__(self, raw: str) -> None:
        text = normalize(raw)
        if not text:
            raise InvalidPath("Path must not be empty", path=str(raw))
        object.__setattr__(self, "_text", text)

    @classmethod
    def from_backend_path(cls, path: str) -> RemotePath:
        """Return the path for a backend's key; `""` and `"."` give `ROOT` itself."""
        return cls.ROOT if path in ("", ".") else cls(path)

    @classmethod
    def _trusted(cls, key: str) -> RemotePath:
        """Wrap a key that is known to be normal, without checking it again."""
        if not key:
            return cls.ROOT
        path = _new(cls)
        _set_text(path, key)
        return path

    @property
    def name(self) -> str:
        """The last segment."""
        return self._text.rpartition("/")[2]

    @property
    def parent(self) -> RemotePath | None:
        """The path without its last segment; None for a single segment and for the root."""
        folder = self._text.rpartition("/")[0]
        return RemotePath._trusted(folder) if folder else None

    @property
    def parts(self) -> tuple[str, ...]:
        """The segments; ``('.',)`` for the root."""
        return tuple(self._text.split("/"))

    @property
    def suffix(self) -> str:
        """The last extension with its dot; `""` for none and for names such as `.gitignore`."""
        stem, dot, extension = self.name.rpartition(".")
        return dot + extension if stem and extension else ""

    def as_posix(self) -> str:
        """Return the text with forward slashes."""
        return self._text

    def __truediv__(self, other: str | RemotePath) -> RemotePath:
        if not isinstance(other, (str, RemotePath)):
            return NotImplemented
        if self is RemotePath.ROOT:
            return RemotePath(str(other))
        if other is RemotePath.ROOT:
            return self
        return RemotePath._trusted(f"{self._text}/{RemotePath(str(other))._text}")

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"RemotePath({self._text!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RemotePath):
            return NotImplemented
        return self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("RemotePath is immutable")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("RemotePath is immutable")

    def __reduce__(self) -> tuple[Any, ...]:
        return (RemotePath.from_backend_path, (self._text,))


_new: Callable[[type[RemotePath]], RemotePath] = object.__new__
_set_text: Callable[[RemotePath, str], None] = RemotePath.__dict__["_text"].__set__
_root = _new(RemotePath)
_set_text(_root, ".")
RemotePath.ROOT = _root
_any_root: object = _root  # of a type that a str may be compared with

PathLike: TypeAlias = str | RemotePath
"""What file-shaped arguments take."""

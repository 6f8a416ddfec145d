"""What a checkpoint's path says: which store, and which key in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from ..._core.errors import InvalidConfig
from ..._core.keys import join, normalize
from ..._core.urls import ParsedUrl, parse_url
from ..._store.plugins import type_for_scheme

__all__ = ["PROFILE", "AnyPath", "Location", "is_local", "is_valid_id", "joined", "shown", "text_of"]

AnyPath = str | os.PathLike[str]

PROFILE = "profile:"


def text_of(path: object) -> str:
    """Return a path as text. Raises TypeError for what is neither text nor a path."""
    if isinstance(path, (str, os.PathLike)):
        text = os.fspath(path)
        if isinstance(text, str):
            return text
    raise TypeError(f"a checkpoint's path must be a str or a path, not {type(path).__name__}")


def joined(path: AnyPath, suffix: str) -> str:
    """Return `path` with `suffix` below it; the query of a URL stays at the end."""
    text = text_of(path)
    if "://" not in text:
        return os.path.join(text, suffix)
    place, question, options = text.partition("?")
    return f"{place.rstrip('/')}/{suffix}{question}{options}"


def is_local(path: AnyPath) -> bool:
    """Return whether a path is one of the local disk, plain or as a ``file:`` URL."""
    text = text_of(path)
    return not text.startswith(PROFILE) and (text == "" or parse_url(text).scheme == "file")


def is_valid_id(checkpoint_id: object) -> bool:
    """Return whether a text can name a checkpoint here: a path object can't, nor can a scheme that nobody serves."""
    if isinstance(checkpoint_id, PurePath):
        return False
    text = text_of(checkpoint_id)
    if "://" not in text:
        return True
    scheme = text.partition("://")[0].lower()
    try:
        type_for_scheme(scheme)
    except ImportError:
        return True  # ours, but its extra is not installed: opening it will say which
    except ValueError:
        return False
    return True


def shown(path: AnyPath) -> str:
    """Return a path as it may be stored or told: without user, password and query."""
    text = text_of(path)
    scheme, mark, rest = text.partition("://")
    if not mark:
        return text
    place = rest.partition("?")[0].partition("#")[0]
    authority, slash, key = place.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{key}"


@dataclass(frozen=True)
class Location:
    """A store, as far as a path names one: two paths in the same store have equal locations.

    `root` is what `open_async_store` takes for it, None where the caller gave a store of their own.
    """

    root: str | None
    base: tuple[Any, ...] = ()

    @classmethod
    def of(cls, path: AnyPath) -> Location:
        """Return where a path lies. Raises ValueError for a URL that can't be used."""
        text = text_of(path)
        if text.startswith(PROFILE):
            name = text.removeprefix(PROFILE).strip("/").partition("/")[0]
            return cls(f"{PROFILE}{name}", (PROFILE, name))
        url = parse_url(text) if text else ParsedUrl("file", path=".")
        if url.scheme == "file":
            return cls(_anchor(url.path), ("file", _anchor(url.path)))
        if url.scheme == "memory" and not url.container:
            raise InvalidConfig("a memory without a name is gone with the operation; write memory://name/folder")
        place, question, options = text.partition("?")
        authority = place.partition("://")[2].partition("/")[0]
        root = f"{place.partition('://')[0]}://{authority}{question}{options}"
        return cls(root, (url.scheme, url.container, url.host, url.port, url.user))

    @property
    def is_local(self) -> bool:
        """Whether it is the local disk."""
        return self.base[:1] == ("file",)

    def key(self, path: AnyPath) -> str:
        """Return the key of a path in this store. Raises ValueError for one that lies in another."""
        text = text_of(path)
        if self.root is None:
            return normalize(text)
        if Location.of(text).base != self.base:
            raise ValueError(f"{shown(text)!r} lies in another store than the one that was opened")
        if text.startswith(PROFILE):
            return normalize(text.removeprefix(PROFILE).strip("/").partition("/")[2])
        url = parse_url(text) if text else ParsedUrl("file", path=".")
        if url.scheme != "file":
            return normalize(url.path.strip("/"))
        full = os.path.abspath(url.path)
        return Path(full).relative_to(_anchor(full)).as_posix() if full != _anchor(full) else ""

    def path_below(self, path: AnyPath, name: str) -> str:
        """Return the path of an entry of a folder, in the form that the folder's path has."""
        return joined(path, name) if self.root is not None else join(text_of(path).strip("/"), name)


def _anchor(path: str) -> str:
    return Path(os.path.abspath(path)).anchor

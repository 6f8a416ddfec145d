"""What an argument names: a key in a store, a local path, or standard input and output."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self
from urllib.parse import unquote

from .._core.errors import InvalidPath, NotFound
from .._core.glob import literal_prefix
from .._store._sync.store import Store
from .._store.opening import open_store
from ..backends.local.sync import LocalBackend

__all__ = ["STANDARD", "Place", "Places", "is_pattern", "printable"]

STANDARD = "-"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_FOLDED = ("sftp", "ssh", "http", "https")
"""Schemes whose path is the backend's own root: the last name of it must be split off to have a key."""
_FOLDED_PATH = re.compile(r"(?P<folder>\w+://[^/]+/(?:.*/)?)(?P<name>[^/]+)/*")


@dataclass(frozen=True)
class Place:
    """A key in a store; `""` is the store's root. `text` is what was written, `folder` whether it ends with a slash."""

    store: Store
    key: str
    text: str
    folder: bool = False
    local: bool = False

    @property
    def name(self) -> str:
        """The last name of the key."""
        return self.key.rpartition("/")[2]

    @property
    def is_root(self) -> bool:
        """Whether it is all of its store."""
        return not self.key

    def at(self, key: str) -> Place:
        """Return the place of another key in the same store."""
        return Place(self.store, key, self.text, False, self.local)

    def below(self, name: str) -> Place:
        """Return a place in this folder."""
        return self.at(f"{self.key}/{name}" if self.key else name)

    def tree(self) -> Store:
        """Return the folder as a store."""
        return self.store.child(self.key) if self.key else self.store

    def is_folder(self) -> bool:
        """Return whether a folder is there, or is meant by a slash at the end."""
        return self.folder or self.is_root or self.store.is_folder(self.key)


class Places:
    """Opens what arguments name and closes it at the end of the block."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    def open(self, text: str, *, follow: bool = True) -> Place:
        """Return the place that a path or URL names. A local one whose last name is a link is the link's target,
        unless `follow` is false. Raises InvalidConfig for a URL that can't be used, NotFound without the folder.
        """
        if text == "":
            raise InvalidPath("an empty argument names nothing; '.' is the current folder", path=text)
        match = _SCHEME.match(text)
        if match is None:
            return self._local(text, follow=follow)
        scheme = match[0][:-1].lower()
        if scheme == "file":
            return self._local(unquote(text[len("file:") :].removeprefix("//")), follow=follow)
        return self._remote(text, scheme)

    def found(self, text: str, *, follow: bool = True) -> list[Place]:
        """Return what a path, a URL or a quoted pattern names; NotFound for a pattern that matches nothing."""
        if not is_pattern(text):
            return [self.open(text, follow=follow)]
        head, pattern = _split_pattern(text)
        base = self.open(head)
        places = list(self._matches(base, pattern))
        if not places:
            raise NotFound(f"Nothing matches {text}")
        return places

    def _matches(self, base: Place, pattern: str) -> Iterator[Place]:
        from ..ext.glob import glob_files

        for info in glob_files(base.tree(), pattern):
            yield base.below(str(info.path))

    def _local(self, text: str, *, follow: bool) -> Place:
        path = os.path.realpath(text) if follow else os.path.abspath(text)
        ends = text.endswith(("/", os.sep)) or os.path.basename(text) in ("", ".", "..")
        parent, name = os.path.split(path)
        if not name or os.path.ismount(path):
            parent, name = path, ""
        if not os.path.isdir(parent):
            # The folders above a target are made, as in every store: from the first one that is there.
            while not os.path.isdir(parent):
                parent, above = os.path.split(parent)
                name = f"{above}/{name}"
        return Place(self._opened(Store(LocalBackend(parent))), name, text, ends, local=True)

    def _remote(self, text: str, scheme: str) -> Place:
        base, mark, query = text.partition("?")
        ends = base.endswith("/")
        last = ""
        folded = _FOLDED_PATH.fullmatch(base) if scheme in _FOLDED else None
        if folded is not None:
            base, last = folded["folder"], folded["name"]
        opened = self._opened(open_store(base + mark + query))
        key = "/".join(filter(None, [opened._root, unquote(last)]))
        # The whole bucket, container or memory, so that the key itself can be a file's.
        whole = Store(opened._backend, "")
        whole._owns_backend = False
        return Place(whole, key, text, ends)

    def _opened(self, store: Store) -> Store:
        self._stack.callback(store.close)
        return store


def is_pattern(text: str) -> bool:
    """Return whether a path or URL has a ``*`` or ``[``; a ``?`` in a URL begins its options."""
    return any(character in text.partition("?")[0] for character in "*[")


def _split_pattern(text: str) -> tuple[str, str]:
    """Return the part of a path or URL before the first pattern, and the pattern below it."""
    base, mark, query = text.partition("?")
    start = min(base.find(character) for character in "*[" if character in base)
    cut = base.rfind("/", 0, start) + 1
    literal_prefix(base[cut:])  # a pattern that is none is told before anything is opened
    return (base[:cut] or ".") + mark + query, base[cut:]


def printable(name: str) -> str:
    """Return a name for a line of text: control characters and undecodable bytes are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in name)

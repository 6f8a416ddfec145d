"""The namespace: directories and files, and the rules by which they may be made, renamed and removed."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Conditions", "Node", "Refused", "Tree"]


class Refused(Exception):
    """An answer that is an error: its status and the service's code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code


@dataclass
class Node:
    """A file or a directory."""

    directory: bool
    etag: str
    modified: float
    data: bytes = b""
    metadata: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    """Content-Type and its like, by lower-case name."""
    appended: dict[int, bytes] = field(default_factory=dict)
    """What was appended and not flushed, by position."""


@dataclass(frozen=True)
class Conditions:
    """The condition headers of a request; None where one was not sent."""

    if_match: str | None = None
    if_none_match: str | None = None

    def check(self, there: Node | None, exists: str, lost: str = "ConditionNotMet") -> None:
        """Raise Refused where a condition does not hold; `exists` is the code of a lost If-None-Match: *."""
        if self.if_none_match == "*" and there is not None:
            raise Refused(409, exists)
        if self.if_none_match not in (None, "*") and there is not None and there.etag == self.if_none_match:
            raise Refused(412, lost)
        if self.if_match is not None and (there is None or self.if_match not in ("*", there.etag)):
            raise Refused(412, lost)


class Tree:
    """The paths of one filesystem (container). A path has no slash at either end; the root is no entry."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.blocks: dict[str, dict[str, bytes]] = {}
        """Blocks that were staged and not committed, by path and block id."""
        self._numbers = itertools.count(1)

    # Reading

    def get(self, path: str, code: str = "PathNotFound") -> Node:
        """Return what is at the path; 404 with this code where nothing is."""
        node = self.nodes.get(path)
        if node is None:
            raise Refused(404, code)
        return node

    def below(self, path: str) -> list[str]:
        """Return all paths under a directory, sorted."""
        start = f"{path}/" if path else ""
        return sorted(name for name in self.nodes if name.startswith(start) and name != path)

    # Changing

    def new(self, *, directory: bool, data: bytes = b"") -> Node:
        """Return a node with a fresh etag that is nowhere yet."""
        return Node(directory, self._etag(), time.time(), data)

    def put(self, path: str, node: Node) -> None:
        """Set a node at a path, whose parents are made; 409 where one of them is a file."""
        self.make_parents(path)
        self.nodes[path] = node

    def make_parents(self, path: str) -> None:
        """Make the directories above a path; PathConflict, as the service says, where one of them is a file."""
        for parent in _above(path):
            there = self.nodes.get(parent)
            if there is None:
                self.nodes[parent] = self.new(directory=True)
            elif not there.directory:
                raise Refused(409, "PathConflict")

    def changed(self, node: Node) -> None:
        """Give a node a new etag and time."""
        node.etag = self._etag()
        node.modified = time.time()

    def rename(self, source: str, target: str, onto: Conditions, only: Conditions) -> None:
        """Rename a file, or a directory with all that is under it, as one step.

        The target is replaced where it has the same type (a directory must be empty). Its parent must exist.
        """
        moved = self.get(source, "SourcePathNotFound")
        only.check(moved, "SourceConditionNotMet", "SourceConditionNotMet")
        if f"{target}/".startswith(f"{source}/") and target != source:
            raise Refused(409, "InvalidRenameSourcePath")
        there = self.nodes.get(target)
        onto.check(there, "PathAlreadyExists")
        parent = target.rpartition("/")[0]
        if parent and parent not in self.nodes:
            raise Refused(404, "RenameDestinationParentPathNotFound")
        if parent and not self.nodes[parent].directory:
            raise Refused(409, "PathConflict")
        if there is not None and there.directory != moved.directory:
            raise Refused(409, "InvalidSourceOrDestinationResourceType")
        if there is not None and there.directory and self.below(target):
            raise Refused(409, "DirectoryNotEmpty")
        for name in [source, *(self.below(source) if moved.directory else [])]:
            self.nodes[target + name[len(source) :]] = self.nodes.pop(name)

    def append(self, path: str, position: int, data: bytes) -> None:
        """Keep data for the file at a position; nothing of it can be read before a flush."""
        node = self._file(path)
        if position < len(node.data):
            raise Refused(400, "InvalidAppendPosition")
        node.appended[position] = data

    def flush(self, path: str, position: int, conditions: Conditions, *, retain: bool) -> Node:
        """Make what was appended the file's, up to `position`, which must be its length then."""
        node = self._file(path)
        conditions.check(node, "ConditionNotMet")
        data = bytearray(node.data)
        while len(data) < position and len(data) in node.appended:
            data += node.appended.pop(len(data))
        if len(data) != position:
            raise Refused(400, "InvalidFlushPosition")
        if node.appended and not retain:
            node.appended.clear()
        node.data = bytes(data)
        self.changed(node)
        return node

    def _file(self, path: str) -> Node:
        node = self.get(path)
        if node.directory:
            raise Refused(409, "PathConflict")
        return node

    def delete(self, path: str, conditions: Conditions, recursive: bool | None, most: int) -> bool:
        """Remove a path, and of what is under it at most so many; return whether all is gone."""
        node = self.get(path)
        conditions.check(node, "ConditionNotMet")
        children = self.below(path) if node.directory else []
        if node.directory and recursive is None:
            raise Refused(400, "MissingRequiredQueryParameter")
        if children and not recursive:
            raise Refused(409, "DirectoryNotEmpty")
        # From the leaves up, so that what is left is a tree at any time.
        for name in children[::-1][:most]:
            del self.nodes[name]
        if len(children) > most:
            return False
        del self.nodes[path]
        return True

    def _etag(self) -> str:
        return f'"0x8D{next(self._numbers):013X}"'


def _above(path: str) -> Iterator[str]:
    """Yield the paths of a path's parents, the topmost first."""
    at = path.find("/")
    while at != -1:
        yield path[:at]
        at = path.find("/", at + 1)

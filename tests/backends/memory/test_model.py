"""The tree against a model that is nothing but a dict of files and a set of folders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from remote_store._core.errors import (
    AlreadyExists,
    DirectoryNotEmpty,
    InvalidPath,
    NotFound,
    PreconditionFailed,
    RemoteStoreError,
)
from remote_store._core.keys import ancestors
from remote_store.backends.memory.tree import MemoryTree

# Few names, so that keys meet; look-alikes, so that a prefix match by text would be found out (CONTRACT 54, 59).
SEGMENTS = st.sampled_from(["a", "ab", "a.b", "aXb", "b", "é"])
KEYS = st.lists(SEGMENTS, min_size=1, max_size=5).map("/".join)
FOLDERS = st.one_of(st.just(""), KEYS)
CONTENT = st.binary(max_size=4)


class Model(RuleBasedStateMachine):
    """Do the same to both, and expect the same outcome, the class of an error included."""

    def __init__(self) -> None:
        super().__init__()
        self.tree = MemoryTree()
        self.files: dict[str, bytes] = {}
        self.folders: set[str] = set()

    def both(self, expected: type[Exception] | None, act: Callable[[], Any]) -> bool:
        """Expect `act` to raise just that, or nothing; return whether it went through."""
        if expected is None:
            act()
            return True
        with pytest.raises(RemoteStoreError) as caught:
            act()
        assert type(caught.value) is expected
        return False

    def refusal(self, key: str, overwrite: bool) -> type[Exception] | None:
        """What a write to `key` is refused with."""
        if key in self.folders or any(above in self.files for above in ancestors(key)):
            return InvalidPath
        return AlreadyExists if key in self.files and not overwrite else None

    def put(self, key: str, content: bytes) -> None:
        """Put a file into the model."""
        self.files[key] = content
        self.folders.update(ancestors(key))

    def below(self, folder: str) -> list[str]:
        """All files below a folder."""
        return [key for key in self.files if not folder or key.startswith(folder + "/")]

    @rule(key=KEYS, content=CONTENT, overwrite=st.booleans(), streamed=st.booleans())
    def write(self, key: str, content: bytes, overwrite: bool, streamed: bool) -> None:
        """Write from bytes or from an iterator."""
        given: Any = iter([content[:2], content[2:]]) if streamed else content
        if self.both(self.refusal(key, overwrite), lambda: self.tree.write(key, given, overwrite=overwrite)):
            self.put(key, content)

    @rule(key=KEYS, content=CONTENT, current=st.booleans())
    def replace(self, key: str, content: bytes, current: bool) -> None:
        """Write under `if_match`, with the etag of the file or with another."""
        etag = self.tree.get_file_info(key).etag if current and key in self.files else "0"
        refusal = self.refusal(key, overwrite=True)
        if refusal is None and not (current and key in self.files):
            refusal = PreconditionFailed
        if self.both(refusal, lambda: self.tree.write(key, content, if_match=etag)):
            self.put(key, content)

    @rule(key=KEYS, missing_ok=st.booleans())
    def delete(self, key: str, missing_ok: bool) -> None:
        """Delete a file."""
        refusal: type[Exception] | None = InvalidPath if key in self.folders else None
        if refusal is None and key not in self.files and not missing_ok:
            refusal = NotFound
        if self.both(refusal, lambda: self.tree.delete(key, missing_ok=missing_ok)):
            self.files.pop(key, None)

    @rule(key=KEYS, recursive=st.booleans(), missing_ok=st.booleans())
    def delete_folder(self, key: str, recursive: bool, missing_ok: bool) -> None:
        """Delete a folder."""
        inside = [other for other in [*self.files, *self.folders] if other.startswith(key + "/")]
        refusal: type[Exception] | None = None
        if key in self.files:
            refusal = InvalidPath
        elif key not in self.folders:
            refusal = None if missing_ok else NotFound
        elif inside and not recursive:
            refusal = DirectoryNotEmpty
        act = lambda: self.tree.delete_folder(key, recursive=recursive, missing_ok=missing_ok)  # noqa: E731
        if self.both(refusal, act):
            self.folders -= {key, *inside}
            for other in inside:
                self.files.pop(other, None)

    @rule(src=KEYS, dst=KEYS, overwrite=st.booleans(), copying=st.booleans())
    def transfer(self, src: str, dst: str, overwrite: bool, copying: bool) -> None:
        """Move or copy a file."""
        refusal: type[Exception] | None
        if src in self.folders:
            refusal = InvalidPath
        elif src not in self.files:
            refusal = NotFound
        else:
            refusal = None if src == dst else self.refusal(dst, overwrite)
        act = self.tree.copy if copying else self.tree.move
        if self.both(refusal, lambda: act(src, dst, overwrite=overwrite)) and src != dst:
            self.put(dst, self.files[src])
            if not copying:
                del self.files[src]

    @rule(key=KEYS)
    def look(self, key: str) -> None:
        """Probe and read a key."""
        is_file, is_folder = key in self.files, key in self.folders
        assert (self.tree.is_file(key), self.tree.is_folder(key)) == (is_file, is_folder)
        assert self.tree.exists(key) == (is_file or is_folder)
        if is_file:
            assert self.tree.read_bytes(key) == self.tree.read(key).read() == self.files[key]

    @rule(folder=FOLDERS, levels=st.one_of(st.none(), st.integers(0, 4)))
    def list_files(self, folder: str, levels: int | None) -> None:
        """List files to a depth."""
        listed = [str(info.path) for info in self.tree.list_files(folder, recursive=True, max_depth=levels)]
        start = len(folder) + 1 if folder else 0
        assert sorted(listed) == sorted(
            key for key in self.below(folder) if levels is None or key[start:].count("/") <= levels
        )

    @rule(folder=FOLDERS)
    def list_children(self, folder: str) -> None:
        """List a folder's own entries, and its totals."""
        prefix = folder + "/" if folder else ""
        children = {
            key for key in [*self.files, *self.folders] if key.startswith(prefix) and "/" not in key[len(prefix) :]
        }
        assert sorted(str(entry.path) for entry in self.tree.iter_children(folder)) == sorted(children)
        assert {str(entry.path) for entry in self.tree.list_folders(folder)} == children & self.folders
        assert {str(entry.path) for entry in self.tree.list_files(folder)} == children & set(self.files)
        if not folder or folder in self.folders:
            info = self.tree.get_folder_info(folder)
            sizes = [len(self.files[key]) for key in self.below(folder)]
            assert (info.file_count, info.total_size) == (len(sizes), sum(sizes))

    @invariant()
    def the_counts_agree(self) -> None:
        """CONTRACT 112: and nothing was left behind by what was refused."""
        assert self.tree.census() == f"files={len(self.files)}, folders={len(self.folders)}"


TestModel = Model.TestCase

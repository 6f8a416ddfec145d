"""The local backend against a model that is nothing but a dict of files and a set of folders."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from remote_store._core.errors import (
    AlreadyExists,
    DirectoryNotEmpty,
    InvalidPath,
    NotFound,
    PreconditionFailed,
    RemoteStoreError,
)
from remote_store._core.glob import translate
from remote_store._core.keys import RemotePath, ancestors, join, normalize, split
from remote_store.backends.local.sync import LocalBackend

# Few names, so that keys meet; look-alikes, so that a prefix match by text would be found out (CONTRACT 54, 59).
SEGMENTS = st.sampled_from(["a", "ab", "a.b", "aXb", "b", "é", "A"])
KEYS = st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join)
FOLDERS = st.one_of(st.just(""), KEYS)
CONTENT = st.binary(max_size=4)
PATTERNS = st.lists(st.sampled_from(["a", "*", "**", "a?b", "[ab]", "*b", "é"]), min_size=1, max_size=3).map("/".join)


class Model(RuleBasedStateMachine):
    """Do the same to both, and expect the same outcome, the class of an error included."""

    def __init__(self) -> None:
        super().__init__()
        self.root = tempfile.mkdtemp()
        self.disk = LocalBackend(self.root)
        self.files: dict[str, bytes] = {}
        self.folders: set[str] = set()

    def teardown(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.root)

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

    @rule(key=KEYS, content=CONTENT, overwrite=st.booleans(), way=st.sampled_from(["whole", "stream", "block"]))
    def write(self, key: str, content: bytes, overwrite: bool, way: str) -> None:
        """CONTRACT 42 to 44: write from bytes, from an iterator, or in a block."""

        def act() -> None:
            if way == "block":
                with self.disk.open_atomic(key, overwrite=overwrite) as file:
                    file.write(content)
                return
            given: Any = iter([content[:2], content[2:]]) if way == "stream" else content
            self.disk.write(key, given, overwrite=overwrite)

        if self.both(self.refusal(key, overwrite), act):
            self.put(key, content)

    @rule(key=KEYS, content=CONTENT, current=st.booleans())
    def replace(self, key: str, content: bytes, current: bool) -> None:
        """DECISIONS 23: write under `if_match`, with the etag of the file or with another."""
        etag = self.disk.get_file_info(key).etag if current and key in self.files else "0"
        refusal = self.refusal(key, overwrite=True)
        if refusal is None and not (current and key in self.files):
            refusal = PreconditionFailed
        if self.both(refusal, lambda: self.disk.write(key, content, if_match=etag)):
            self.put(key, content)
        elif refusal is PreconditionFailed:
            self.folders.update(above for above in ancestors(key) if self.disk.is_folder(above))

    @rule(key=KEYS, missing_ok=st.booleans())
    def delete(self, key: str, missing_ok: bool) -> None:
        """CONTRACT 52."""
        refusal: type[Exception] | None = InvalidPath if key in self.folders else None
        if refusal is None and key not in self.files and not missing_ok:
            refusal = NotFound
        if self.both(refusal, lambda: self.disk.delete(key, missing_ok=missing_ok)):
            self.files.pop(key, None)

    @rule(key=KEYS, recursive=st.booleans(), missing_ok=st.booleans())
    def delete_folder(self, key: str, recursive: bool, missing_ok: bool) -> None:
        """CONTRACT 53."""
        inside = [other for other in [*self.files, *self.folders] if other.startswith(key + "/")]
        refusal: type[Exception] | None = None
        if key in self.files:
            refusal = InvalidPath
        elif key not in self.folders:
            refusal = None if missing_ok else NotFound
        elif inside and not recursive:
            refusal = DirectoryNotEmpty
        if self.both(refusal, lambda: self.disk.delete_folder(key, recursive=recursive, missing_ok=missing_ok)):
            self.folders -= {key, *inside}
            for other in inside:
                self.files.pop(other, None)

    @rule(src=KEYS, dst=KEYS, overwrite=st.booleans(), copying=st.booleans())
    def transfer(self, src: str, dst: str, overwrite: bool, copying: bool) -> None:
        """CONTRACT 74 to 77."""
        refusal: type[Exception] | None
        if src in self.folders:
            refusal = InvalidPath
        elif src not in self.files:
            refusal = NotFound
        else:
            refusal = None if src == dst else self.refusal(dst, overwrite)
        act = self.disk.copy if copying else self.disk.move
        if self.both(refusal, lambda: act(src, dst, overwrite=overwrite)) and src != dst:
            self.put(dst, self.files[src])
            if not copying:
                del self.files[src]

    @rule(key=KEYS)
    def look(self, key: str) -> None:
        """CONTRACT 32, 72: probe and read a key."""
        is_file, is_folder = key in self.files, key in self.folders
        assert (self.disk.is_file(key), self.disk.is_folder(key)) == (is_file, is_folder)
        assert self.disk.exists(key) == (is_file or is_folder)
        if is_file:
            assert self.disk.read_bytes(key) == self.files[key]
            assert self.disk.get_file_info(key).size == len(self.files[key])

    @rule(folder=FOLDERS, levels=st.one_of(st.none(), st.integers(0, 4)))
    def list_files(self, folder: str, levels: int | None) -> None:
        """CONTRACT 57 to 61: list files to a depth."""
        listed = [str(info.path) for info in self.disk.list_files(folder, recursive=True, max_depth=levels)]
        start = len(folder) + 1 if folder else 0
        below = [key for key in self.files if not folder or key.startswith(folder + "/")]
        assert sorted(listed) == sorted(key for key in below if levels is None or key[start:].count("/") <= levels)

    @rule(pattern=PATTERNS)
    def glob(self, pattern: str) -> None:
        """CONTRACT 66: whole keys, by the one pattern language."""
        listed = sorted(str(info.path) for info in self.disk.glob(pattern))
        assert listed == sorted(key for key in self.files if translate(pattern).match(key))

    @invariant()
    def the_whole_is_the_same(self) -> None:
        """CONTRACT 69: and nothing was left behind by what was refused."""
        listed = {str(info.path): info.size for info in self.disk.list_files("", recursive=True)}
        assert listed == {key: len(content) for key, content in self.files.items()}
        assert self.disk.get_folder_info("").total_size == sum(listed.values())


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


# Keys and ranges

TEXT = st.text(st.one_of(st.sampled_from("ab./\\ é~"), st.characters()), max_size=30)


@given(TEXT)
def test_a_key_is_normal_once_and_for_all(raw: str) -> None:
    """CONTRACT 20: normalising again changes nothing; no part is empty, `.`, `..` or has a separator."""
    try:
        key = normalize(raw)
    except InvalidPath:
        return
    assert normalize(key) == key
    assert all(part not in (".", "..", "") and "\\" not in part for part in key.split("/") if key)
    if key:
        assert join(*split(key)) == key == str(RemotePath(raw))
        assert normalize(f"/{raw}//") == key


@given(TEXT, TEXT)
def test_joining_paths_is_joining_their_segments(one: str, other: str) -> None:
    """CONTRACT 20, 22: `/` on RemotePath adds parts, and `parent` takes the last one away."""
    try:
        left, right = RemotePath(one), RemotePath(other)
    except InvalidPath:
        return
    joined = left / right
    assert joined.parts == (*left.parts, *right.parts)
    assert joined.name == right.name
    assert joined.parent == (left / right.parent if right.parent else left)


@given(
    st.binary(max_size=200),
    st.lists(st.tuples(st.integers(0, 260), st.integers(0, 260)).map(sorted).map(tuple), max_size=12),
    st.integers(0, 260),
    st.integers(0, 40),
)
@settings(max_examples=60, deadline=None)
def test_ranges_are_slices(content: bytes, ranges: list[tuple[int, int]], start: int, size: int) -> None:
    """DECISIONS 15: half-open, in the order given, short past the end; read_into and seeks agree."""
    with tempfile.TemporaryDirectory() as folder:
        files = LocalBackend(folder)
        files.write("f", content)
        assert files.read_ranges("f", ranges) == [content[first:last] for first, last in ranges]
        buffer = bytearray(b"#" * size)
        count = files.read_into("f", buffer, start)
        assert bytes(buffer) == content[start : start + size] + b"#" * (size - count)
        with files.read("f") as stream:
            for first, last in ranges:
                stream.seek(first)
                assert stream.read(last - first) == content[first:last]

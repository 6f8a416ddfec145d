"""The blocking tree: what it stores, what it refuses, and what it costs."""

from __future__ import annotations

import io
import pickle
from typing import Any

import pytest

from remote_store._core.errors import (
    AlreadyExists,
    CapabilityNotSupported,
    DirectoryNotEmpty,
    InvalidPath,
    NotFound,
    PreconditionFailed,
    RemoteStoreError,
)
from remote_store.backends.memory import nodes
from remote_store.backends.memory.tree import MemoryTree

ROOTS = ["", ".", "./", "/", "//", "./.", "\\"]


def names(entries: Any) -> list[str]:
    """Return the sorted paths of a listing."""
    return sorted(str(entry.path) for entry in entries)


class TestSnapshots:
    """CONTRACT 151: what has been opened does not change."""

    def test_a_stream_keeps_the_content_it_was_opened_on(self, tree: MemoryTree) -> None:
        """CONTRACT 151: an overwrite and a delete leave an open stream alone."""
        tree.write("a", b"old")
        stream = tree.read("a")
        tree.write("a", b"new and longer", overwrite=True)
        tree.delete("a")
        assert stream.read() == b"old"

    def test_a_stream_is_not_a_way_to_write(self, tree: MemoryTree) -> None:
        """CONTRACT 34: the stream reads and seeks; a write to it is refused, not lost."""
        tree.write("a", b"abc")
        stream = tree.read("a")
        assert (stream.readable(), stream.seekable(), stream.writable()) == (True, True, False)
        for attempt in (lambda: stream.write(b"x"), lambda: stream.writelines([b"x"]), lambda: stream.truncate(0)):
            with pytest.raises(io.UnsupportedOperation):
                attempt()
        assert (stream.seek(-1, io.SEEK_END), stream.read(), stream.read()) == (2, b"c", b"")

    def test_reading_does_not_copy_the_content(self, tree: MemoryTree) -> None:
        """What was written as bytes is the object that is read."""
        content = b"x" * 1000
        tree.write("a", content)
        tree.copy("a", "b")
        assert tree.read_bytes("a") is content
        assert tree.read_bytes("b") is content

    def test_a_buffer_may_be_changed_after_the_write(self, tree: MemoryTree) -> None:
        """DESIGN 6: mutable buffers are copied once."""
        buffer = bytearray(b"before")
        tree.write("a", buffer)
        tree.write("b", iter([memoryview(buffer)[:2], buffer]))
        buffer[:] = b"after!"
        assert tree.read_bytes("a") == b"before"
        assert tree.read_bytes("b") == b"bebefore"

    def test_a_listing_goes_on_over_what_it_started_on(self, tree: MemoryTree) -> None:
        """CONTRACT 151: changes during a listing neither break it nor show in it."""
        for name in ("a/1", "a/2", "a/b/3"):
            tree.write(name, b"")
        listing = tree.list_files("a", recursive=True)
        seen = [next(listing)]
        tree.delete_folder("a", recursive=True)
        tree.write("a/4", b"")
        assert names([*seen, *listing]) == ["a/1", "a/2", "a/b/3"]


class TestWriting:
    """CONTRACT B3 where memory has something of its own."""

    def test_every_write_gives_a_new_etag(self, tree: MemoryTree) -> None:
        """CONTRACT 46: unquoted lower-case hex, different after every write, the same wherever it is shown."""
        results = [tree.write("a", b"same", overwrite=True) for _ in range(100)]
        tags = [result.etag or "" for result in results]
        assert len(set(tags)) == 100
        assert all(set(tag) <= set("0123456789abcdef") for tag in tags)
        assert tree.get_file_info("a").etag == tags[-1] == next(tree.list_files("")).etag

    def test_the_result_tells_what_was_stored(self, tree: MemoryTree) -> None:
        """CONTRACT 45, 46: native, with size, time and the metadata given."""
        result = tree.write("d/a", io.BytesIO(b"12345"), metadata={"k": "v"})
        info = tree.get_file_info("d/a")
        assert (str(result.path), result.size, result.source, result.metadata) == ("d/a", 5, "native", {"k": "v"})
        assert (result.last_modified, result.etag) == (info.modified_at, info.etag)
        assert info.modified_at.utcoffset() is not None
        assert tree.write("d/b", b"").metadata is None

    @pytest.mark.parametrize("path", ROOTS)
    @pytest.mark.parametrize("overwrite", [False, True])
    def test_the_root_is_no_file(self, tree: MemoryTree, path: str, overwrite: bool) -> None:
        """CONTRACT 30: every spelling of the root is refused, before the source is looked at."""
        for call in (
            lambda: tree.write(path, b"x", overwrite=overwrite),
            lambda: tree.write_atomic(path, b"x", overwrite=overwrite),
            lambda: tree.open_atomic(path, overwrite=overwrite).__enter__(),
            lambda: tree.move("missing", path, overwrite=overwrite),
            lambda: tree.copy("missing", path, overwrite=overwrite),
        ):
            with pytest.raises(InvalidPath, match="must not be empty") as caught:
                call()
            assert caught.value.path == path
        assert tree.census() == "files=0, folders=0"

    @pytest.mark.parametrize(
        ("path", "text"),
        [
            ("/a", "Absolute"),
            ("\\a", "Absolute"),
            ("a/../b", r"contains '\.\.'"),
            ("a\0", "null byte"),
            ("\udcff", "surrogate"),
        ],
    )
    def test_bad_keys_are_refused_everywhere(self, tree: MemoryTree, path: str, text: str) -> None:
        """CONTRACT 31, DECISIONS 10: the text says what is wrong with the key."""
        tree.write("f", b"")
        for call in (
            lambda: tree.exists(path),
            lambda: tree.read(path),
            lambda: tree.write(path, b""),
            lambda: tree.delete(path, missing_ok=True),
            lambda: tree.delete_folder(path, missing_ok=True),
            lambda: tree.list_files(path),
            lambda: tree.list_folders(path),
            lambda: tree.iter_children(path),
            lambda: tree.get_file_info(path),
            lambda: tree.get_folder_info(path),
            lambda: tree.move("f", path),
            lambda: tree.copy(path, "f"),
        ):
            with pytest.raises(InvalidPath, match=text) as caught:
                call()
            assert (caught.value.path, caught.value.backend) == (path, "memory")

    def test_what_is_in_the_way_is_told_before_the_content_is_taken(self, tree: MemoryTree) -> None:
        """CONTRACT 43, 44: folder, existing file and file ancestor are refused without touching the content."""
        tree.write("d/f", b"x")
        content = iter([b"never"])
        for path, kind, text in (
            ("d", InvalidPath, "exists as a directory"),
            ("d/f", AlreadyExists, "already exists"),
            ("d/f/g/h", InvalidPath, "d/f/g/h: its ancestor d/f exists as a file"),
        ):
            with pytest.raises(kind, match=text) as caught:
                tree.write(path, content)
            assert caught.value.path == path
        assert list(content) == [b"never"]
        assert tree.census() == "files=1, folders=1"

    def test_a_directory_beats_overwrite(self, tree: MemoryTree) -> None:
        """CONTRACT 43: InvalidPath for a folder, whatever `overwrite` says."""
        tree.write("d/f", b"x")
        for overwrite in (False, True):
            with pytest.raises(InvalidPath, match="exists as a directory"):
                tree.write("d", b"", overwrite=overwrite)

    def test_the_decision_is_made_again_after_the_content(self, tree: MemoryTree) -> None:
        """CONTRACT 43: who comes while the content is taken in wins, and is not overwritten."""

        def content() -> Any:
            tree.write("a", b"winner")
            yield b"loser"

        with pytest.raises(AlreadyExists):
            tree.write("a", content())
        assert tree.read_bytes("a") == b"winner"

    @pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
    def test_a_broken_source_leaves_nothing(self, tree: MemoryTree, error: BaseException) -> None:
        """CONTRACT 49, 51, 151: no file, no empty parents; an overwrite keeps the old content."""

        def content() -> Any:
            yield b"half"
            raise error

        tree.write("old", b"old")
        for path in ("new/deep/a", "old"):
            for write in (tree.write, tree.write_atomic):
                with pytest.raises(type(error)) as caught:
                    write(path, content(), overwrite=True)
                assert caught.value is error
            with pytest.raises(type(error)), tree.open_atomic(path, overwrite=True) as file:
                file.write(b"half")
                raise error
        assert tree.read_bytes("old") == b"old"
        assert tree.census() == "files=1, folders=0"

    @pytest.mark.parametrize("content", ["text", 3, None, {"a": b"b"}, iter(["text"]), io.StringIO("text")])
    def test_what_is_no_content_is_a_type_error(self, tree: MemoryTree, content: Any) -> None:
        """CONTRACT 41: str and its like must fail, and leave nothing."""
        with pytest.raises(TypeError):
            tree.write("a/b", content)
        assert tree.census() == "files=0, folders=0"

    def test_open_atomic_shows_the_file_at_the_end(self, tree: MemoryTree) -> None:
        """CONTRACT 50: nothing before the end of the block, then all of it, even if a wrapper closed the file."""
        with tree.open_atomic("d/a") as file:
            text = io.TextIOWrapper(file, encoding="utf-8")
            text.write("täxt")
            text.close()
            assert tree.census() == "files=0, folders=0"
        assert tree.read_bytes("d/a") == "täxt".encode()
        with pytest.raises(AlreadyExists), tree.open_atomic("d/a"):
            pass


class TestIfMatch:
    """DECISIONS 23: a write that replaces one version and no other."""

    def test_the_named_version_is_replaced(self, tree: MemoryTree) -> None:
        """CONTRACT A5: `if_match` replaces without `overwrite`, once."""
        first = tree.write("a", b"1").etag
        second = tree.write("a", b"2", if_match=first).etag
        with pytest.raises(PreconditionFailed) as caught:
            tree.write("a", b"3", overwrite=True, if_match=first)
        assert (caught.value.path, caught.value.backend) == ("a", "memory")
        assert (tree.read_bytes("a"), tree.get_file_info("a").etag) == (b"2", second)

    def test_a_missing_file_has_no_version(self, tree: MemoryTree) -> None:
        """DECISIONS 8: PreconditionFailed, and nothing made."""
        with pytest.raises(PreconditionFailed):
            tree.write("d/a", b"1", if_match="00")
        assert tree.census() == "files=0, folders=0"

    def test_a_version_that_passes_while_content_is_taken_fails(self, tree: MemoryTree) -> None:
        """DECISIONS 8: the condition holds at the commit, not at the start."""
        etag = tree.write("a", b"1").etag

        def content() -> Any:
            tree.write("a", b"2", overwrite=True)
            yield b"3"

        with pytest.raises(PreconditionFailed):
            tree.write("a", content(), if_match=etag)
        assert tree.read_bytes("a") == b"2"

    @pytest.mark.parametrize(("etag", "kind"), [("", ValueError), (7, TypeError)])
    def test_an_etag_is_a_text(self, tree: MemoryTree, etag: Any, kind: type[Exception]) -> None:
        """An empty etag matches nothing and is nearly always a mistake."""
        with pytest.raises(kind, match="if_match"):
            tree.write("a", b"", if_match=etag)

    def test_a_moved_file_keeps_its_version_and_a_copy_gets_one(self, tree: MemoryTree) -> None:
        """CONTRACT 78: move is a rename; a copy is a new object with the old metadata."""
        etag = tree.write("a", b"1", metadata={"k": "v"}).etag
        tree.move("a", "x/b")
        tree.copy("x/b", "c")
        assert tree.get_file_info("x/b").etag == etag != tree.get_file_info("c").etag
        assert tree.get_file_info("c").metadata == tree.get_file_info("x/b").metadata == {"k": "v"}


class TestMetadata:
    """CONTRACT 47, 48."""

    def test_it_is_copied_both_ways(self, tree: MemoryTree) -> None:
        """CONTRACT 151: neither the caller's dict nor a returned one is the stored one."""
        given = {"k": "v"}
        result = tree.write("a", b"", metadata=given)
        given["k"] = "changed"
        for held in (result.metadata, tree.get_file_info("a").metadata, next(tree.list_files("")).metadata):
            assert held == {"k": "v"}
            assert isinstance(held, dict)
            held["k"] = "changed"
        assert tree.get_file_info("a").metadata == {"k": "v"}
        assert pickle.loads(pickle.dumps(tree.get_file_info("a"))).metadata == {"k": "v"}

    @pytest.mark.parametrize("later", [None, {}])
    def test_an_overwrite_replaces_or_removes_it(self, tree: MemoryTree, later: dict[str, str] | None) -> None:
        """CONTRACT 48: an overwrite without metadata leaves none."""
        tree.write("a", b"", metadata={"k": "v"})
        assert tree.write("a", b"", overwrite=True, metadata=later).metadata == later
        assert tree.get_file_info("a").metadata is None

    def test_bad_metadata_is_found_before_a_bad_path(self, tree: MemoryTree) -> None:
        """CONTRACT 47 and part E: argument values come first."""
        with pytest.raises(ValueError, match="underscore"):
            tree.write("a/../b", b"", metadata={"_k": "v"})


class TestRanges:
    """DECISIONS 15."""

    def test_read_into_fills_from_the_offset(self, tree: MemoryTree) -> None:
        """Short at the end, zero past it."""
        tree.write("a", b"0123456789")
        buffer = bytearray(b"....")
        assert (tree.read_into("a", buffer, 8), bytes(buffer)) == (2, b"89..")
        assert tree.read_into("a", buffer, 2**63) == 0
        assert (tree.read_into("a", memoryview(buffer)[1:3]), bytes(buffer)) == (2, b"801.")

    def test_read_ranges_keeps_the_order_given(self, tree: MemoryTree) -> None:
        """Half-open, overlapping, empty and past the end."""
        tree.write("a", b"0123456789")
        assert tree.read_ranges("a", [(8, 12), (0, 2), (1, 3), (4, 4), (50, 60)]) == [b"89", b"01", b"12", b"", b""]
        assert tree.read_ranges("a", []) == []

    @pytest.mark.parametrize(
        ("start", "stop", "kind"), [(-1, 2, ValueError), (3, 2, ValueError), (True, 2, ValueError), (0.5, 2, TypeError)]
    )
    def test_bad_ranges_are_refused(self, tree: MemoryTree, start: Any, stop: Any, kind: type[Exception]) -> None:
        """Argument values come before the path."""
        with pytest.raises(kind):
            tree.read_ranges("missing", [(start, stop)])
        with pytest.raises(TypeError):
            tree.read_into("missing", memoryview(b"read-only"))


class TestFolders:
    """CONTRACT B4, B5, B6 where memory has something of its own."""

    def test_a_folder_outlives_its_last_file(self, tree: MemoryTree) -> None:
        """CONTRACT 55: deleting the last file leaves the folder."""
        tree.write("d/e/f", b"")
        tree.delete("d/e/f")
        assert tree.is_folder("d/e")
        tree.delete_folder("d/e")
        assert names(tree.iter_children("d")) == []
        assert tree.is_folder("d")

    @pytest.mark.parametrize("path", ROOTS)
    @pytest.mark.parametrize("recursive", [False, True])
    def test_the_root_is_not_deleted(self, tree: MemoryTree, path: str, recursive: bool) -> None:
        """CONTRACT 24, seeds/003: InvalidPath for an empty path, the content intact."""
        tree.write("a", b"x")
        with pytest.raises(InvalidPath, match="must not be empty"):
            tree.delete_folder(path, recursive=recursive, missing_ok=True)
        assert tree.read_bytes("a") == b"x"

    def test_refusals_of_a_folder_name_what_is_wrong(self, tree: MemoryTree) -> None:
        """CONTRACT 52, 53, 69, 87: the texts that callers look for."""
        tree.write("d/f", b"")
        cases: list[tuple[Any, type[RemoteStoreError], str]] = [
            (lambda: tree.delete("d", missing_ok=True), InvalidPath, "Not a file: d"),
            (lambda: tree.delete("x"), NotFound, "File not found: x"),
            (lambda: tree.delete("d/f/x"), NotFound, "File not found: d/f/x"),
            (lambda: tree.delete_folder("d/f", missing_ok=True), InvalidPath, "Not a folder: d/f"),
            (lambda: tree.delete_folder("x"), NotFound, "Folder not found: x"),
            (lambda: tree.delete_folder("d"), DirectoryNotEmpty, "not empty"),
            (lambda: tree.read("d"), InvalidPath, "Not a file: d"),
            (lambda: tree.read("d/f/x"), NotFound, "File not found: d/f/x"),
            (lambda: tree.get_file_info("d"), InvalidPath, "Not a file: d"),
            (lambda: tree.get_folder_info("d/f"), InvalidPath, "Not a folder: d/f"),
            (lambda: tree.get_folder_info("x"), NotFound, "Folder not found: x"),
        ]
        for call, kind, text in cases:
            with pytest.raises(kind, match=text):
                call()
        tree.delete("x", missing_ok=True)
        tree.delete_folder("x", missing_ok=True)

    def test_depth_bounds_the_recursion(self, tree: MemoryTree) -> None:
        """CONTRACT 61: without `recursive` only immediate files; with it `max_depth` levels more; negative never."""
        for key in ("0", "a/1", "a/b/2", "a/b/c/3", "ab/1"):
            tree.write(key, b"")
        assert names(tree.list_files("", max_depth=9)) == ["0"]
        assert names(tree.list_files("a", recursive=True, max_depth=1)) == ["a/1", "a/b/2"]
        assert names(tree.list_files("a", recursive=True)) == ["a/1", "a/b/2", "a/b/c/3"]
        with pytest.raises(ValueError, match="max_depth must be >= 0"):
            tree.list_files("", recursive=True, max_depth=-1)

    def test_ten_thousand_levels_are_a_folder_like_any_other(self, tree: MemoryTree) -> None:
        """RELIABILITY, paths: depth is no recursion."""
        key = "/".join("d" * 10_000) + "/f"
        tree.write(key, b"x")
        assert names(tree.list_files("", recursive=True)) == [key]
        assert tree.census() == "files=1, folders=10000"
        assert tree.get_folder_info("").file_count == 1
        tree.delete_folder("d", recursive=True)
        assert tree.census() == "files=0, folders=0"


class TestMoves:
    """CONTRACT 74 to 77."""

    def test_the_checks_come_in_order(self, tree: MemoryTree) -> None:
        """CONTRACT 74, 75: a missing source wins over a blocked destination; each error names its side."""
        etag = tree.write("f", b"f").etag
        tree.write("g", b"g")
        tree.write("d/x", b"x")
        for act in (tree.move, tree.copy):
            cases: list[tuple[str, str, type[RemoteStoreError], str, str]] = [
                ("x", "", InvalidPath, "must not be empty", ""),
                ("", "x", InvalidPath, "must not be empty", ""),
                ("x", "d", NotFound, "Source not found: x", "x"),
                ("d", "f", InvalidPath, "Source is a directory: d", "d"),
                ("d", "d", InvalidPath, "directory: d", "d"),
                ("x", "x", NotFound, "Source not found", "x"),
                ("f", "d", InvalidPath, "exists as a directory", "d"),
                ("f", "g", AlreadyExists, "already exists", "g"),
                ("f", "g/h", InvalidPath, "exists as a file", "g/h"),
                ("f", "f/h", InvalidPath, "exists as a file", "f/h"),
            ]
            for src, dst, kind, text, path in cases:
                with pytest.raises(kind, match=text) as caught:
                    act(src, dst)
                assert caught.value.path == path
            for overwrite in (False, True):
                act("f", "./f", overwrite=overwrite)
        assert names(tree.list_files("", recursive=True)) == ["d/x", "f", "g"]
        assert (tree.read_bytes("f"), tree.get_file_info("f").etag) == (b"f", etag)

    def test_a_move_replaces_and_makes_parents(self, tree: MemoryTree) -> None:
        """CONTRACT 77: the source is gone, the destination replaced, missing folders made."""
        tree.write("a", b"a")
        tree.write("b", b"b")
        tree.move("a", "b", overwrite=True)
        tree.move("b", "x/y/z")
        assert names(tree.list_files("", recursive=True)) == ["x/y/z"]
        assert tree.read_bytes("x/y/z") == b"a"


class TestCost:
    """Issue item 4: no scan of all keys, at 100,000 of them."""

    @pytest.fixture
    def looked_at(self, tree: MemoryTree, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Fill the tree with 100,000 files and return what counts the entries that are looked at from then on."""
        seen: list[str] = []

        class Counted(nodes.Folder):
            """A folder that writes down each name asked for and each entry walked over."""

            __slots__ = ()

            def get(self, name: str, default: Any = None) -> Any:
                seen.append(name)
                return super().get(name, default)

            def items(self) -> Any:
                seen.extend(self)
                return super().items()

            def values(self) -> Any:
                seen.extend(self)
                return super().values()

        monkeypatch.setattr(tree, "_root", Counted())
        for folder in range(1000):
            for name in range(100):
                tree.write(f"many/{folder}/{name}", b"x")
        seen.clear()
        return seen

    def test_single_keys_cost_their_depth(self, tree: MemoryTree, looked_at: list[str]) -> None:
        """Probes, reads, writes and deletes look at the segments of their keys, a few times at most."""
        tree.exists("many/5/7")
        tree.is_folder("many/5")
        tree.exists("many/absent/7")
        assert len(looked_at) <= 8
        tree.read_bytes("many/5/7")
        tree.get_file_info("many/5/7")
        tree.write("many/5/7", b"y", overwrite=True)
        tree.write("many/5/new", b"y")
        tree.move("many/5/new", "many/6/new")
        tree.copy("many/6/new", "many/7/new")
        tree.delete("many/6/new")
        tree.delete_folder("many/8", recursive=True)
        assert len(looked_at) <= 100

    def test_a_listing_costs_what_it_lists(self, tree: MemoryTree, looked_at: list[str]) -> None:
        """One folder of 100 files in 100,000 looks at those 100, walked over at most twice."""
        assert len(list(tree.list_files("many/5"))) == 100
        assert len(list(tree.iter_children("many/5"))) == 100
        assert tree.get_folder_info("many/5").file_count == 100
        assert list(tree.list_folders("many/5")) == []
        assert len(looked_at) <= 4 * 2 * 100 + 8
        looked_at.clear()
        assert len(list(tree.list_folders("many"))) == 1000
        assert len(looked_at) <= 2 * 1000 + 2

    def test_all_files_are_walked_once(self, tree: MemoryTree, looked_at: list[str]) -> None:
        """A recursive listing of everything is linear."""
        assert len(list(tree.list_files("", recursive=True))) == 100_000
        assert len(looked_at) <= 2 * 101_001


def test_names_lead_nowhere_else(tree: MemoryTree) -> None:
    """CONTRACT 81 to 83, 112: identity, no details, no handle, live counts."""
    tree.write("a/b", b"")
    assert tree.native_path("a/b") == tree.to_key("a/b") == "a/b"
    assert {tree.native_path(path) for path in ("", ".")} == {tree.to_key("")} == {""}
    plan = tree.resolve("a/b")
    assert (plan.kind, plan.backend, plan.key, plan.native_path, dict(plan.details)) == (
        "memory", "memory", "a/b", "a/b", {},
    )  # fmt: skip
    with pytest.raises(CapabilityNotSupported, match="does not expose native handle of type dict") as caught:
        tree.unwrap(dict)
    assert caught.value.capability == "unwrap"
    assert tree.census() == "files=1, folders=1"


def test_a_closed_tree_goes_on(tree: MemoryTree) -> None:
    """CONTRACT 90: close does nothing, twice as well."""
    tree.write("a", b"x")
    tree.close()
    tree.close()
    tree.check_health()
    assert tree.read_bytes("a") == b"x"

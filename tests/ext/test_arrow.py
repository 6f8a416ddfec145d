"""CONTRACT 142: stores as pyarrow file systems."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remote_store import BackendUnavailable, CapabilityNotSupported, InvalidPath, NotFound, PermissionDenied, Store
from remote_store.backends import LocalBackend, MemoryBackend

pyarrow = pytest.importorskip("pyarrow")
fs = pytest.importorskip("pyarrow.fs")
from remote_store.ext.arrow import StoreFileSystemHandler, pyarrow_fs  # noqa: E402


@pytest.fixture(params=["memory", "local"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(MemoryBackend() if request.param == "memory" else LocalBackend(str(tmp_path)))


def test_the_type_has_a_name_and_equality_is_the_stores(store: Store) -> None:
    """CONTRACT 142."""
    assert pyarrow_fs(store).type_name == "py::remote-store"
    assert StoreFileSystemHandler(store) == StoreFileSystemHandler(Store(store._backend))
    assert StoreFileSystemHandler(store) != StoreFileSystemHandler(Store(MemoryBackend()))
    assert StoreFileSystemHandler(store).__eq__(1) is NotImplemented


@pytest.mark.parametrize(
    ("path", "key"),
    [("/a/b", "a/b"), ("a//b/", "a/b"), ("a\\b", "a/b"), ("a/../b", "b"), ("../b", "b"), ("a/./b", "a/b"), ("/", "")],
)
def test_paths_are_normalised_and_never_leave_the_root(path: str, key: str) -> None:
    """CONTRACT 142: `..` is resolved, never passed on."""
    assert StoreFileSystemHandler.normalize_path(path) == key


def test_infos_tell_files_folders_and_nothing(store: Store) -> None:
    """CONTRACT 142."""
    store.write("d/a", b"12345")
    infos = pyarrow_fs(store).get_file_info(["/d/a", "d", "none", ""])
    assert [info.type for info in infos] == [
        fs.FileType.File,
        fs.FileType.Directory,
        fs.FileType.NotFound,
        fs.FileType.Directory,
    ]
    assert (infos[0].size, infos[0].mtime is not None) == (5, True)


def test_selectors_list_one_level_or_all(store: Store) -> None:
    """CONTRACT 142."""
    store.write("a/b/c/x", b"1")
    store.write("a/y", b"2")
    system = pyarrow_fs(store)
    flat = {info.path: info.type for info in system.get_file_info(fs.FileSelector("a"))}
    assert flat == {"a/y": fs.FileType.File, "a/b": fs.FileType.Directory}
    deep = {info.path for info in system.get_file_info(fs.FileSelector("a/b", recursive=True))}
    assert deep == {"a/b/c", "a/b/c/x"}
    assert {info.path for info in system.get_file_info(fs.FileSelector("", recursive=True))} == {
        "a", "a/b", "a/b/c", "a/b/c/x", "a/y",
    }  # fmt: skip
    assert system.get_file_info(fs.FileSelector("none", allow_not_found=True)) == []
    with pytest.raises(FileNotFoundError):
        system.get_file_info(fs.FileSelector("none"))


@pytest.mark.parametrize("threshold", [0, 1000])
def test_files_are_read_whole_or_by_seeking(store: Store, threshold: int) -> None:
    """CONTRACT 142."""
    store.write("k", b"0123456789")
    system = pyarrow_fs(store, materialization_threshold=threshold)
    with system.open_input_file("k") as file:
        file.seek(4)
        assert (file.read(3), file.size()) == (b"456", 10)
    with system.open_input_stream("k") as stream:
        assert stream.read() == b"0123456789"
    for opening in (system.open_input_file, system.open_input_stream):
        with pytest.raises(FileNotFoundError):
            opening("none")


def test_output_is_there_when_it_is_closed_and_overwrites(store: Store) -> None:
    """CONTRACT 142: above the threshold it waits on the disk."""
    system = pyarrow_fs(store, write_spill_threshold=4)
    for content in (b"first", b"second time"):
        with system.open_output_stream("d/k") as file:
            file.write(content)
        assert store.read_bytes("d/k") == content


def test_a_table_goes_through(store: Store) -> None:
    """A parquet file, whole and by column, and a dataset of two partitions."""
    parquet = pytest.importorskip("pyarrow.parquet")
    dataset = pytest.importorskip("pyarrow.dataset")
    table = pyarrow.table({"n": [1, 2, 3], "part": ["a", "a", "b"]})
    system = pyarrow_fs(store, materialization_threshold=0)
    parquet.write_table(table, "t.parquet", filesystem=system)
    assert parquet.read_table("t.parquet", columns=["n"], filesystem=system).to_pydict() == {"n": [1, 2, 3]}
    dataset.write_dataset(table, "set", filesystem=system, format="parquet", partitioning=["part"])
    assert dataset.dataset("set", filesystem=system, partitioning=["part"]).to_table().num_rows == 3


CHANGES: list[tuple[str, Callable[[Any], Any], list[str]]] = [
    ("delete_file", lambda system: system.delete_file("d/a"), ["d/e/b"]),
    ("delete_dir", lambda system: system.delete_dir("d/e"), ["d/a"]),
    ("delete_dir_contents", lambda system: system.delete_dir_contents("d"), []),
    ("move", lambda system: system.move("d/a", "d/e/b"), ["d/e/b"]),
    ("copy_file", lambda system: system.copy_file("d/a", "c"), ["c", "d/a", "d/e/b"]),
    ("create_dir", lambda system: system.create_dir("new"), ["d/a", "d/e/b"]),
]


@pytest.mark.parametrize(("name", "change", "left"), CHANGES, ids=[name for name, _, _ in CHANGES])
def test_changes(store: Store, name: str, change: Callable[[Any], Any], left: list[str]) -> None:
    """CONTRACT 142."""
    store.write("d/a", b"1")
    store.write("d/e/b", b"2")
    change(pyarrow_fs(store))
    assert sorted(str(info.path) for info in store.list_files("", recursive=True)) == left


def test_what_can_t_be_done_is_refused(store: Store) -> None:
    """CONTRACT 142: appending, and deleting all."""
    store.write("a", b"1")
    system = pyarrow_fs(store)
    for act in (
        lambda: system.open_append_stream("a"),
        lambda: system.delete_dir(""),
        lambda: system.delete_dir_contents("/"),
        lambda: system.delete_dir_contents("", accept_root_dir=True),
    ):
        with pytest.raises((NotImplementedError, OSError)):
            act()
    assert store.exists("a")
    with pytest.raises(FileNotFoundError):
        system.delete_dir_contents("none")
    system.delete_dir_contents("none", missing_dir_ok=True)


@pytest.mark.parametrize(
    ("ours", "builtin"),
    [
        (NotFound, FileNotFoundError),
        (PermissionDenied, PermissionError),
        (InvalidPath, ValueError),
        (CapabilityNotSupported, NotImplementedError),
        (BackendUnavailable, OSError),
    ],
)
def test_errors_are_builtins(ours: type[Exception], builtin: type[Exception]) -> None:
    """CONTRACT 142."""
    store = Store(MemoryBackend())

    def fail(path: str, *, missing_ok: bool = False) -> None:
        raise ours("no")

    store.delete = fail  # type: ignore[method-assign]
    with pytest.raises(builtin, match="no") as raised:
        StoreFileSystemHandler(store).delete_file("a")
    assert type(raised.value) is builtin


def test_a_native_file_system_opens_files(tmp_path: Path) -> None:
    """CONTRACT 142: from `unwrap`, by the native path."""

    class Native(LocalBackend):
        def unwrap(self, type_hint: Any) -> Any:
            return fs.LocalFileSystem() if type_hint is fs.FileSystem else super().unwrap(type_hint)

    store = Store(Native(str(tmp_path)))
    store.write("a", b"native")
    store.read_bytes = None  # type: ignore[assignment,method-assign]
    with pyarrow_fs(store).open_input_file("a") as file:
        assert file.read() == b"native"


def test_output_that_is_dropped_is_not_written(store: Store) -> None:
    """DESIGN: nothing is committed unless the source ended cleanly."""
    import gc

    handler = StoreFileSystemHandler(store)
    sink = handler.open_output_stream("k")
    sink.write(b"half")
    del sink
    gc.collect()
    assert not store.exists("k")

"""MemoryBackend: the sync twin on the caller's own thread."""

from __future__ import annotations

import pickle
import threading

import pytest

from remote_store._core.errors import CapabilityNotSupported, InvalidPath, NotFound
from remote_store.backends import MemoryBackend


def test_it_works_without_a_thread() -> None:
    """DECISIONS 3: plain calls start no loop."""
    before = threading.active_count()
    with MemoryBackend() as backend:
        backend.write("d/a", [b"1", b"2"], metadata={"k": "v"})
        with backend.open_atomic("d/b") as file:
            file.write(b"3")
        assert sorted(str(info.path) for info in backend.list_files("", recursive=True)) == ["d/a", "d/b"]
        assert backend.read_ranges("d/a", [(1, 2)]) == [b"2"]
    assert backend.read_bytes("d/a") == b"12"
    assert threading.active_count() == before


def test_it_speaks_under_its_own_name() -> None:
    """CONTRACT 86, 112, DECISIONS 4: never `async-memory`."""
    backend = MemoryBackend()
    backend.write("d/a", b"")
    assert (backend.name, repr(backend)) == ("memory", "MemoryBackend(files=1, folders=1)")
    with pytest.raises(NotFound) as missing:
        backend.read("x")
    with pytest.raises(InvalidPath) as folder:
        backend.read("d")
    with pytest.raises(CapabilityNotSupported, match="does not support glob") as glob:
        backend.glob("*")
    assert {error.value.backend for error in (missing, folder, glob)} == {"memory"}


def test_a_read_is_seekable_as_it_is() -> None:
    """CONTRACT 35, 37: `read_seekable` needs no copy."""
    backend = MemoryBackend()
    backend.write("a", b"abc")
    with backend.read_seekable("a") as stream:
        assert type(stream) is type(backend.read("a"))
        assert (stream.seek(-1, 2), stream.read()) == (2, b"c")


def test_it_does_not_pickle() -> None:
    """DECISIONS 19: an empty copy would be a silent loss."""
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(MemoryBackend())


def test_there_is_nothing_to_abort() -> None:
    """CONTRACT 51: interrupted writes leave nothing, and bad arguments are told all the same."""
    backend = MemoryBackend()
    assert backend.abort_uploads(0) == 0
    with pytest.raises(ValueError, match="older_than"):
        backend.abort_uploads(-1)
    with pytest.raises(InvalidPath):
        backend.abort_uploads(0, "../x")

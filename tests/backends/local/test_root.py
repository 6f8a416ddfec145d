"""What may be the root of a local backend."""

from __future__ import annotations

from pathlib import Path

import pytest

from remote_store import InvalidConfig
from remote_store.aio import AsyncLocalBackend
from remote_store.backends import LocalBackend


@pytest.mark.parametrize("backend", [LocalBackend, AsyncLocalBackend])
@pytest.mark.parametrize("root", ["file", "file/below"])
def test_a_file_is_no_root(tmp_path: Path, backend: type, root: str) -> None:
    """A setting that can never work is InvalidConfig, says which, and leaves the file alone."""
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(InvalidConfig, match="file"):
        backend(str(tmp_path / root))
    assert (tmp_path / "file").read_bytes() == b"x"


@pytest.mark.parametrize("root", ["", "a\0b"])
def test_text_that_is_no_path_is_no_root(root: str) -> None:
    """An empty root would silently be the current folder."""
    with pytest.raises(ValueError, match="root must not"):
        LocalBackend(root)

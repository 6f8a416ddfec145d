"""A fresh folder with a local backend on it, and a look for descriptors left open after each test."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from remote_store.backends.local.backend import AsyncLocalBackend
from remote_store.backends.local.sync import LocalBackend
from tests.backends.local.disk import LINUX, open_below


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the folder that the backends of a test have as root."""
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Return a folder beside the root that nothing may reach, with a file in it."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(b"SECRET")
    (folder / "sub").mkdir()
    (folder / "sub" / "deep").write_bytes(b"SECRET")
    return folder


@pytest.fixture
def files(root: Path) -> LocalBackend:
    """Return a blocking backend."""
    return LocalBackend(str(root))


@pytest.fixture
def backend(root: Path) -> AsyncLocalBackend:
    """Return an async backend on the same folder."""
    return AsyncLocalBackend(str(root))


@pytest.fixture(autouse=True)
def nothing_stays_open(tmp_path: Path) -> Iterator[None]:
    """STYLE 5: every descriptor has an owner that closes it, whatever went wrong."""
    yield
    if LINUX and open_below(tmp_path):
        gc.collect()
        assert open_below(tmp_path) == []

"""Fixtures for checkpoints: a home to save in, a folder to save."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from remote_store import Backend
from remote_store.backends import AzureBackend, SFTPBackend
from tests.checkpoint.homes import KINDS, Home

SMALL_BLOCKS = {"block_size": 256 * 1024, "max_concurrency": 4}


@pytest.fixture(params=KINDS)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    root = tmp_path / "home"
    root.mkdir()
    made = Home(request.param, root, _backend(request))
    yield made
    made.close()


def _backend(request: pytest.FixtureRequest) -> Backend | None:
    """A backend on a server, for the kinds that have one."""
    if request.param == "store-sftp":
        return SFTPBackend(**request.getfixturevalue("shelf").options)
    if request.param == "store-azure":
        return AzureBackend(**request.getfixturevalue("container").options, **SMALL_BLOCKS)
    if request.param == "store-hierarchical":
        return AzureBackend(**request.getfixturevalue("filesystem").options, **SMALL_BLOCKS)
    return None


@pytest.fixture
def tree(tmp_path: Path) -> dict[str, bytes]:
    """A folder `tree` with nested, hidden, empty and large files; returns what is in it."""
    content = {
        "weights.bin": bytes(range(256)) * 8192,  # 2 MiB: streamed, not read at once
        "a.tar.gz": b"not really",
        ".hidden": b"h",
        "empty": b"",
        "nested/deep/state.json": b"{}",
        "nested/.also-hidden/x": b"x",
    }
    for key, data in content.items():
        path = tmp_path / "tree" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return content

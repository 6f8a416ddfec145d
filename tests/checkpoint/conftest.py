"""Fixtures for checkpoints: a home to save in, a folder to save."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkpoint.homes import KINDS, Home


@pytest.fixture(params=KINDS)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    root = tmp_path / "home"
    root.mkdir()
    sftp = request.getfixturevalue("shelf").options if request.param == "store-sftp" else None
    azure = request.getfixturevalue("container").options if request.param == "store-azure" else None
    made = Home(request.param, root, sftp, azure)
    yield made
    made.close()


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

"""The command in a process of its own, with a temporary folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import Command


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of real files, with what the demo leaves out: a link, a __pycache__."""
    root = tmp_path / "folder"
    for number in range(20):
        path = root / f"sub{number % 3}" / f"{number:02}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d\n" % number * 500)
    (root / "empty").write_bytes(b"")
    (root / "link").symlink_to(root / "sub0" / "00.txt")
    (root / "__pycache__").mkdir()
    (root / "__pycache__" / "x.pyc").write_bytes(b"x")
    return root

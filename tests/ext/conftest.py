"""Each extension is tested on both sides, the async one on both loops."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ext.faces import ALL_FACES, MEMORY_FACES, ExtFace


@pytest.fixture(params=MEMORY_FACES)
def face(request: pytest.FixtureRequest, tmp_path: Path) -> ExtFace:
    """Return a face with an empty store in memory."""
    return ExtFace(request.param, tmp_path / "root")


@pytest.fixture(params=ALL_FACES)
def disk_face(request: pytest.FixtureRequest, tmp_path: Path) -> ExtFace:
    """Return a face with an empty store, in memory or on the disk."""
    return ExtFace(request.param, tmp_path / "root")

"""Each bad input is given to memory and local, through the sync face and the async one on both loops."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.badinput.faces import FACES, Face


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest, tmp_path: Path) -> Face:
    """Return a store with one file in it."""
    root = tmp_path / "root"
    root.mkdir()
    face = Face(request.param, root)
    face.do("write", "f", b"old")
    return face

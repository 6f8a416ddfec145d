"""Fixtures for managers: a desk for every store and face."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkpoint.manager.desks import FACES, PLACES, Desk


@pytest.fixture(params=[f"{place}-{face}" for place in PLACES for face in FACES])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """Every store through every face."""
    place, _, face = request.param.partition("-")
    options = request.getfixturevalue("bucket").options if place == "seaweedfs" else None
    made = Desk(place, face, tmp_path / "store", options)
    yield made
    made.close()


@pytest.fixture(params=[f"{place}-{face}" for place in PLACES[:2] for face in FACES])
def near(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """Memory and local disk through every face: for tests of many steps."""
    place, _, face = request.param.partition("-")
    made = Desk(place, face, tmp_path / "store")
    yield made
    made.close()


@pytest.fixture(params=FACES)
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """Memory through every face: for what doesn't depend on the store."""
    made = Desk("memory", request.param, tmp_path / "store")
    yield made
    made.close()

"""Fixtures for torch's checkpoints: a place to save in, with a back door that doesn't use what is tested."""

from __future__ import annotations

import os
from importlib import util
from pathlib import Path

import pytest

from tests.checkpoint.torch.places import KINDS, Place, local_place, place_of

if util.find_spec("torch") is None and not os.environ.get("CI"):
    collect_ignore_glob = ["test_*.py"]  # the extra is missing: nothing here can run

# torch's own: a save without a process group says so each time, and old types are still used inside.
QUIET = [
    "ignore:torch.distributed is disabled:UserWarning",
    "ignore:TypedStorage is deprecated:UserWarning",
    "ignore:Detected an existing checkpoint:UserWarning",
    "ignore:torch.quantize_per_tensor:UserWarning",
    "ignore:Sparse CSR tensor support:UserWarning",
    "ignore:.*is deprecated:FutureWarning:torch",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for rule in QUIET:
                item.add_marker(pytest.mark.filterwarnings(rule), append=False)


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A folder for a checkpoint: on the disk, in memory, in a bucket, in a store of the caller's."""
    bucket = request.getfixturevalue("bucket") if request.param == "s3" else None
    return place_of(request.param, tmp_path, bucket)


@pytest.fixture
def here(tmp_path: Path) -> Place:
    """A folder on the disk."""
    return local_place(tmp_path)

"""A save that is killed at any moment leaves the last checkpoint loadable, byte for byte (DECISIONS 36)."""

from __future__ import annotations

import itertools
import os
import pickle
import random
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint import FileSystemReader
from torch.distributed.checkpoint.default_planner import DefaultSavePlanner

from remote_store.checkpoint import FsspecWriter
from tests.checkpoint.torch.places import Place, local_place, place_of
from tests.checkpoint.torch.ranks import forked
from tests.checkpoint.torch.states import blank, differences, load, save

KILLS = [
    ("local", 20),
    ("s3", 8),
    pytest.param("local", 300, marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
    pytest.param("s3", 300, marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
]


def state_of(seed: int) -> dict[str, Any]:
    return {f"t{number}": torch.full((60_000,), float(seed * 100 + number)) for number in range(6)} | {"seed": seed}


class Doomed(FsspecWriter):
    """Ends its process by SIGKILL after so many pieces of data, or at the n-th step of the commit."""

    def __init__(self, place: Place, moment: int) -> None:
        super().__init__(place.path, thread_count=2, **place.options)
        self._moment = moment

    def __getattribute__(self, name: str) -> Any:
        if name in ("fs", "path", "_seen", "save_id") and "_moment" in super().__getattribute__("__dict__"):
            self._moment -= 1
            if self._moment == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().__getattribute__(name)


class DoomedPlanner(DefaultSavePlanner):
    """Ends its process by SIGKILL when the n-th item is asked for, in the middle of the files."""

    def __init__(self, moment: int) -> None:
        super().__init__()
        self._left = itertools.count(moment, -1)

    def resolve_data(self, write_item: Any) -> Any:
        if next(self._left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().resolve_data(write_item)


def doomed_save(place: Place, seed: int, dice: random.Random) -> None:
    """Save in a child that is killed: between two steps of the writer, or while it writes."""
    in_data = dice.random() < 0.4
    writer = Doomed(place, 0 if in_data else dice.randrange(1, 40))
    planner = DoomedPlanner(dice.randrange(7) if in_data else -1)
    dcp.save(state_of(seed), storage_writer=writer, planner=planner, no_dist=True)


@pytest.mark.parametrize(("kind", "kills"), KILLS)
def test_killed_saves_leave_the_last_checkpoint(
    kind: str, kills: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Each time all of the old checkpoint is there, or all of the new one; torch's own reader agrees."""
    place = local_place(tmp_path) if kind == "local" else place_of(kind, tmp_path, request.getfixturevalue("bucket"))
    dice = random.Random(7)
    save(state_of(0), place)
    committed = killed = 0
    for seed in range(1, kills + 1):
        pid = forked(lambda seed=seed: doomed_save(place, seed, dice), tmp_path / "outcome")  # type: ignore[misc]
        _, status = os.waitpid(pid, 0)
        killed += os.WIFSIGNALED(status)
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
        else:
            assert pickle.loads((tmp_path / "outcome").read_bytes()) == ("returned", None)
        dice.random()
        found = load(state_of(0), place)
        assert found["seed"] in (committed, seed)
        committed = found["seed"]
        assert differences(state_of(committed), found) == []
    assert killed >= kills // 2
    if kind == "local":
        for path in Path(place.path).glob(".~tmp.*"):
            os.utime(path, (0, 0))  # an hour is what younger ones are left, for somebody may be writing them
    save(state_of(99), place)
    assert len(place.names()) == 2, "what the killed saves left is gone"
    if kind == "local":
        theirs = blank(state_of(99))
        dcp.load(theirs, storage_reader=FileSystemReader(place.path), no_dist=True)
        assert differences(state_of(99), theirs) == []

"""Which checkpoints are kept, and how the others go (CHECKPOINT D6)."""

from __future__ import annotations

import math
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from remote_store import Store
from remote_store.backends import LocalBackend
from remote_store.checkpoint import AsyncCheckpointManager, CheckpointGone, CheckpointManager, Generation
from remote_store.checkpoint.generations.retention import Retention
from tests.checkpoint.manager.desks import Desk


def generation(step: int, **user: Any) -> Generation:
    return Generation(f"{step:012d}-{0:016x}", step, "0" * 16, datetime(2026, 1, 1, tzinfo=UTC), 1, 1, 1, user)


HISTORY = [
    generation(step, loss=loss)
    for step, loss in enumerate([9.0, 3.0, math.nan, 1.0, 1.0, "low", True, 8.0, math.inf, 2.0])
] + [generation(10)]


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ({}, set(range(11))),
        ({"keep_last": 1}, {10}),
        ({"keep_last": 3}, {8, 9, 10}),
        ({"keep_last": 99}, set(range(11))),
        ({"keep_every": 4}, {0, 4, 8}),
        ({"keep_last": 1, "keep_every": 5}, {0, 5, 10}),
        ({"keep_best": 1, "best_by": "loss"}, {4}),
        ({"keep_best": 3, "best_by": "loss"}, {3, 4, 9}),
        ({"keep_best": 2, "best_by": "loss", "best_mode": "max"}, {0, 8}),
        ({"keep_best": 2, "best_by": "accuracy"}, set()),
        ({"keep_last": 1, "keep_best": 1, "best_by": "loss"}, {4, 10}),
    ],
)
def test_the_rules_keep_these_steps(rules: dict[str, Any], kept: set[int]) -> None:
    """NaN, text and booleans are no measure; of equal ones the newer is better."""
    names = Retention(**rules).kept(HISTORY)
    assert {int(name[:12]) for name in names} == kept


def steps(desk: Desk, manager: Any) -> list[int]:
    return [found.step for found in desk.do(manager.list)]


def test_old_checkpoints_go_after_each_commit(desk: Desk) -> None:
    manager = desk.manager(keep_last=2, keep_best=1, best_by="loss")
    for step, loss in enumerate([5.0, 1.0, 3.0, 4.0, 2.0]):
        desk.do(lambda step=step, loss=loss: manager.save({"n": step}, step=step, user={"loss": loss}))
    assert steps(desk, manager) == [1, 3, 4]
    left = {key.split("/")[2][:12] for key in desk.files() if "/gen/" in key}
    assert left == {f"{step:012d}" for step in (1, 3, 4)}
    assert {key for key in desk.files() if "/step/" in key} == {f"run/step/{step:012d}" for step in (1, 3, 4)}
    assert desk.do(manager.load) == {"n": 4}


def test_pins_and_the_newest_are_kept(desk: Desk) -> None:
    """D6: keep_last, keep_every, pins, and the one LATEST names."""
    free = desk.manager()
    for step in range(5):
        desk.do(lambda step=step: free.save({"n": step}, step=step))
    pinned = desk.do(lambda: free.pin(1))
    assert pinned.step == 1
    strict = desk.manager(keep_every=1000)
    dry = desk.do(lambda: strict.gc(dry_run=True))
    assert [int(name[:12]) for name in dry.removed] == [2, 3]
    assert steps(desk, strict) == [0, 1, 2, 3, 4]
    done = desk.do(strict.gc)
    assert (done.removed, done.objects) == (dry.removed, dry.objects)
    assert steps(desk, strict) == [0, 1, 4]
    desk.do(lambda: strict.unpin(pinned))
    assert len(desk.do(strict.gc).removed) == 1
    assert steps(desk, strict) == [0, 4]
    assert desk.do(strict.gc).removed == []


def test_without_rules_nothing_committed_goes(memory: Desk) -> None:
    manager = memory.manager()
    for step in range(3):
        memory.do(lambda step=step: manager.save({"n": step}, step=step))
    before = memory.files()
    assert memory.do(lambda: manager.gc(min_age=0)).removed == []
    assert memory.files() == before


def test_two_collections_at_once_do_no_harm(near: Desk) -> None:
    """D6: idempotent, safe to run twice at once."""
    free = near.manager()
    for step in range(8):
        near.do(lambda step=step: free.save({"n": step}, step=step))
    strict = [near.manager(keep_last=2) for _ in range(2)]
    if near.is_sync:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda manager: manager.gc(), strict))
    else:

        async def both() -> None:
            async with anyio.create_task_group() as group:
                for manager in strict:
                    group.start_soon(manager.gc)

        near.do(both)
    assert steps(near, near.manager()) == [6, 7]
    assert near.do(near.manager().load) == {"n": 7}


def test_a_reader_of_a_checkpoint_that_goes_gets_the_newer_one_or_is_told(memory: Desk) -> None:
    """D5: a part that vanished: LATEST once more if the newest was asked for, else CheckpointGone."""
    manager, slow, other = memory.manager(), memory.manager(), memory.manager(keep_last=1)
    old = memory.do(lambda: manager.save({"n": 1}, step=1))
    assert memory.do(slow.load) == {"n": 1}
    pointer = memory.files()["run/LATEST"]
    memory.do(lambda: other.save({"n": 2}, step=2))
    memory.put("run/LATEST", pointer)  # as a reader saw it that was slow
    assert memory.do(manager.load) == {"n": 2}
    with pytest.raises(CheckpointGone, match="part-"):
        memory.do(lambda: slow.load(old))


def test_managers_travel_to_other_processes(tmp_path: Any) -> None:
    """DESIGN 4: by constructor arguments."""
    store = Store(LocalBackend(str(tmp_path)))
    manager = CheckpointManager(store, "run", keep_last=2, part_size=5000)
    manager.save({"n": 1}, step=1)
    twin = pickle.loads(pickle.dumps(manager))
    assert twin.load() == {"n": 1}
    assert twin._settings.part_size == 5000
    moved = pickle.loads(pickle.dumps(AsyncCheckpointManager(str(tmp_path), "run")))
    assert repr(moved) == f"AsyncCheckpointManager({str(tmp_path)!r}, 'run')"
    twin.close()
    manager.close()


def test_local_checkpoints_are_durable(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """DECISIONS 12: checkpoints commit with fsync, whatever the store was opened with."""
    synced: list[int] = []
    real = os.fsync

    def counted(fd: int) -> None:
        synced.append(fd)
        real(fd)

    monkeypatch.setattr(os, "fsync", counted)
    for where in (str(tmp_path / "url"), Store(LocalBackend(str(tmp_path / "store")))):
        synced.clear()
        with CheckpointManager(where) as manager:
            manager.save({"a": b"1", "b": b"2"}, step=1)
        assert len(synced) >= 4, "a part, the claim, the manifest, LATEST"

"""Several writers, several committers, several jobs: one manifest, and everybody is told the truth (CHECKPOINT D2, D7)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest

from remote_store import PermissionDenied
from remote_store.aio import AsyncStore
from remote_store.backends.memory.backend import AsyncMemoryBackend
from remote_store.checkpoint import (
    AsyncCheckpointManager,
    CheckpointConflict,
    CheckpointGone,
    CheckpointIncomplete,
    CheckpointManager,
    Generation,
)
from tests.checkpoint.manager.desks import Desk

SAVE_ID = "00000000000000aa"
RACERS = 20


def racing(desk: Desk, jobs: list[dict[str, Any]]) -> list[Any]:
    """Run saves at the same time, each by a manager of its own; what came back, or the error."""
    managers = [desk.manager(part_size=1024) for _ in jobs]
    if desk.is_sync:
        with ThreadPoolExecutor(len(jobs)) as pool:
            futures = [pool.submit(m.save, **job) for m, job in zip(managers, jobs, strict=True)]
            return [future.exception() or future.result() for future in futures]
    results: list[Any] = [None] * len(jobs)

    async def one(number: int) -> None:
        try:
            results[number] = await managers[number].save(**jobs[number])
        except (CheckpointConflict, CheckpointIncomplete) as error:
            results[number] = error

    async def all_of_them() -> None:
        async with anyio.create_task_group() as group:
            for number in range(len(jobs)):
                group.start_soon(one, number)

    desk.do(all_of_them)
    return results


def manifests(desk: Desk) -> list[str]:
    return [key for key in desk.files() if key.endswith("MANIFEST.json")]


def test_all_writers_get_the_same_checkpoint(desk: Desk) -> None:
    """D7: each writes its own items; one manifest; a load gives all of them."""
    jobs = [
        {"items": {f"rank{rank}/w": bytes([rank]) * 3000}, "step": 7, "writer": rank, "writers": 4, "save_id": SAVE_ID}
        for rank in range(4)
    ]
    results = racing(desk, jobs)

    assert [type(result) for result in results] == [Generation] * 4, results
    assert len(set(results)) == 1
    assert (results[0].writers, results[0].items) == (4, 4)
    assert len(manifests(desk)) == 1
    manager = desk.manager()
    assert desk.do(manager.load) == {f"rank{rank}/w": bytes([rank]) * 3000 for rank in range(4)}
    assert desk.do(lambda: manager.load(names=["rank2/w"])) == {"rank2/w": bytes([2]) * 3000}
    assert desk.do(lambda: manager.verify(deep=True)).parts == 12


@pytest.mark.parametrize("round_", range(3))
def test_of_many_committers_one_puts_the_manifest(near: Desk, round_: int) -> None:
    """E: N committers of the same save: one manifest, and all get it."""
    items = {"x": bytes([round_]) * 5000}
    results = racing(near, [{"items": items, "step": 1, "save_id": SAVE_ID} for _ in range(RACERS)])
    assert len(set(results)) == 1, results
    assert isinstance(results[0], Generation)
    assert len(manifests(near)) == 1
    assert near.do(near.manager().load) == items


def test_of_two_jobs_with_one_step_one_wins_and_the_others_are_told(near: Desk) -> None:
    """Issue 6: two jobs committing the same step; with the same save id too, where the content differs."""
    for step, save_id in ((1, None), (2, SAVE_ID)):
        jobs = [{"items": {"job": number}, "step": step, "save_id": save_id} for number in range(6)]
        results = racing(near, jobs)
        winners = [number for number, result in enumerate(results) if isinstance(result, Generation)]
        assert winners, results
        assert all(isinstance(result, (Generation, CheckpointConflict)) for result in results)
        if save_id is not None:
            assert len(winners) == 1
        assert near.do(near.manager().load)["job"] in winners
        assert len([key for key in manifests(near) if f"{step:012d}-" in key]) == len(winners)


@pytest.mark.anyio
async def test_a_job_is_told_when_another_one_has_committed_its_step_meanwhile() -> None:
    """The same without a race: the first to commit wins, whoever began first."""
    store = AsyncStore(AsyncMemoryBackend())
    async with AsyncCheckpointManager(store) as slow, AsyncCheckpointManager(store) as quick:
        save = await slow.begin(5)
        await save.write("job", "slow")
        won = await quick.save({"job": "quick"}, step=5)
        with pytest.raises(CheckpointConflict, match=won.name):
            await save.commit()
        assert await slow.load() == {"job": "quick"}
        assert await slow.list() == [won]
        # One that begins now is another save of the step, and legal.
        await slow.save({"job": "later"}, step=5)
        assert await quick.load() == {"job": "later"}


@pytest.mark.anyio
async def test_a_step_claimed_by_a_save_that_died_is_free_again() -> None:
    """A claim without a manifest keeps nobody from saving."""
    store = AsyncStore(AsyncMemoryBackend())
    await store.write("step/000000000005", b'{"generation":"000000000005-00000000000000dd"}')
    async with AsyncCheckpointManager(store) as manager:
        await manager.save({"a": 1}, step=5)
        assert await manager.load() == {"a": 1}


def test_a_writer_that_never_comes_is_named(memory: Desk) -> None:
    """Issue 6: a rank that never comes: a time-out naming it, and nothing is published."""
    manager = memory.manager()
    for rank in (0, 2):
        with pytest.raises(CheckpointIncomplete, match=r"\[1(, 2)?, 3\] of 4") as caught:
            memory.do(
                lambda rank=rank: manager.save(
                    {f"{rank}": rank}, step=1, writer=rank, writers=4, save_id=SAVE_ID, timeout=0.05
                )
            )
        assert isinstance(caught.value, TimeoutError)
        assert caught.value.missing == ([1, 2, 3] if rank == 0 else [1, 3])
    assert memory.do(manager.latest) is None


def test_writers_may_not_use_one_name(memory: Desk) -> None:
    jobs = [{"items": {"same": rank}, "step": 1, "writer": rank, "writers": 2, "save_id": SAVE_ID} for rank in (0, 1)]
    assert {type(result) for result in racing(memory, jobs)} == {CheckpointConflict}
    assert manifests(memory) == []


def test_a_writer_that_was_restarted_goes_on(memory: Desk) -> None:
    """D7: a writer that is restarted resumes; with other content it is told."""
    manager = memory.manager()
    options: dict[str, Any] = {"step": 1, "writer": 1, "writers": 2, "save_id": SAVE_ID, "timeout": 0.01}
    for _ in range(2):
        with pytest.raises(CheckpointIncomplete):
            memory.do(lambda: manager.save({"b": 1}, **options))
    with pytest.raises(CheckpointConflict, match="writer 1"):
        memory.do(lambda: manager.save({"b": 2}, **options))
    memory.do(lambda: manager.save({"a": 0}, **{**options, "writer": 0}))
    assert memory.do(manager.load) == {"a": 0, "b": 1}


@pytest.mark.parametrize("committers", [10])
def test_the_pointer_only_moves_forward(near: Desk, committers: int) -> None:
    """D2: however many commit at once, LATEST names the greatest step."""
    results = racing(near, [{"items": {"n": step}, "step": step} for step in range(committers)])
    assert all(isinstance(result, Generation) for result in results)
    newest = near.do(near.manager().latest)
    assert newest.step == committers - 1


@pytest.mark.soak
def test_of_fifty_committers_one_puts_the_manifest(near: Desk) -> None:
    """E: 50 committers x 200 generations."""
    for step in range(200):
        items = {"x": bytes([step]) * 3000}
        results = racing(near, [{"items": items, "step": step, "save_id": SAVE_ID} for _ in range(50)])
        assert len(set(results)) == 1
    assert len(manifests(near)) == 200


def test_arguments_of_writers_are_checked(memory: Desk) -> None:
    manager: CheckpointManager = memory.manager()
    rows: list[tuple[dict[str, Any], type[Exception]]] = [
        ({"writer": 1}, ValueError),
        ({"writers": 0}, ValueError),
        ({"writers": 2}, ValueError),
        ({"writer": True}, TypeError),
        ({"writers": 2.0}, TypeError),
        ({"save_id": "xyz"}, ValueError),
        ({"save_id": 5}, TypeError),
        ({"step": -1}, ValueError),
        ({"step": 10**12}, ValueError),
        ({"step": 1.5}, TypeError),
        ({"step": True}, TypeError),
        ({"step": "1"}, TypeError),
        ({"user": [1]}, TypeError),
        ({"user": {"x": object()}}, TypeError),
    ]
    for options, error in rows:
        with pytest.raises(error):
            memory.do(lambda options=options: manager.save({"a": 1}, **{"step": 1, **options}))
    assert memory.files() == {}


def test_a_save_whose_parts_were_collected_is_not_committed(near: Desk) -> None:
    """D6 and issue 6: another job took the save for an interrupted one; nothing that can't be loaded is committed."""
    manager, other = near.manager(part_size=1024), near.manager()
    before = near.do(lambda: other.save({"w": b"old"}, step=1))
    save = near.do(lambda: manager.begin(2))
    near.do(lambda: save.write("w", bytes(5000)))
    assert near.do(lambda: other.gc(min_age=0)).leftovers == [f"000000000002-{save.save_id}"]
    near.do(lambda: save.write("x", bytes(5000)))

    with pytest.raises(CheckpointGone, match="nothing was committed"):
        near.do(save.commit)
    assert near.do(manager.latest) == near.do(near.manager().latest) == before
    # What was lost is sent again by a later try.
    near.do(lambda: manager.save({"w": bytes(5000), "x": bytes(5000)}, step=2, save_id=save.save_id))
    assert near.do(lambda: manager.load(step=2)) == {"w": bytes(5000), "x": bytes(5000)}


def test_parts_of_another_writer_that_were_collected_are_missed(near: Desk) -> None:
    """D7: the indexes are checked, and what they name."""
    managers = [near.manager(part_size=1024) for _ in range(2)]
    order = {"step": 3, "writers": 2, "save_id": SAVE_ID}
    with pytest.raises(CheckpointIncomplete) as early:
        near.do(lambda: managers[0].save({"a": bytes(3000)}, writer=0, timeout=0, **order))
    assert early.value.missing == [1], "a commit that doesn't wait still looks who is there"
    lost = next(key for key in near.files() if "part-00000-00001" in key)
    near.delete(lost)

    with pytest.raises(CheckpointGone) as caught:
        near.do(lambda: managers[1].save({"b": b"1"}, writer=1, timeout=0, **order))
    assert caught.value.part == lost.rpartition("/")[2]
    assert manifests(near) == []


def test_whoever_may_not_list_saves_all_the_same() -> None:
    """Keys that may read and write alone are enough for a save: the look at its parts is left out."""

    class Blind(AsyncMemoryBackend):
        def list_files(self, path: str, **options: Any) -> Any:
            raise PermissionDenied("listing is not allowed", path=path)

    async def main() -> None:
        manager = AsyncCheckpointManager(AsyncStore(Blind()))
        saved = await manager.save({"w": b"1"}, step=1)
        assert await manager.latest() == saved
        assert await manager.load() == {"w": b"1"}

    anyio.run(main)

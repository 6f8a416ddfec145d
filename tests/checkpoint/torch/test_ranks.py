"""Several ranks: gloo with 2 and 4 processes, resharding, async saves, errors that reach everyone (CHECKPOINT A4, C1)."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.default_planner import DefaultSavePlanner
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor

from remote_store.checkpoint import FsspecReader, FsspecWriter
from tests.checkpoint.torch.places import Place
from tests.checkpoint.torch.ranks import run_ranks
from tests.checkpoint.torch.states import differences, tensors

REMOTE = ["local", "s3"]


@pytest.fixture(params=REMOTE)
def shared(request: pytest.FixtureRequest, tmp_path: Any) -> Place:
    """A place that several processes see."""
    from tests.checkpoint.torch.places import local_place, place_of

    if request.param == "local":
        return local_place(tmp_path)
    return place_of("s3", tmp_path, request.getfixturevalue("bucket"))


def writer_of(place: Place, **options: Any) -> FsspecWriter:
    return FsspecWriter(place.path, **place.options, **options)


def reader_of(place: Place, **options: Any) -> FsspecReader:
    return FsspecReader(place.path, **place.options, **options)


def full(seed: int = 0) -> torch.Tensor:
    return torch.arange(128 * 96, dtype=torch.float32).reshape(128, 96) + seed


def sharded(seed: int, ranks: int, dimension: int) -> dict[str, Any]:
    """A sharded tensor, one that all ranks have, and one of each rank's own."""
    mesh = init_device_mesh("cpu", (ranks,))
    return {
        "sharded": distribute_tensor(full(seed), mesh, [Shard(dimension)]),
        "replicated": distribute_tensor(full(seed)[:3], mesh, [Replicate()]),
        "step": seed,
        f"own-{dist.get_rank()}": torch.full((5,), float(seed + dist.get_rank())),
    }


def blank_sharded(ranks: int, dimension: int) -> dict[str, Any]:
    mesh = init_device_mesh("cpu", (ranks,))
    return {
        "sharded": distribute_tensor(torch.zeros(128, 96), mesh, [Shard(dimension)]),
        "replicated": distribute_tensor(torch.zeros(3, 96), mesh, [Replicate()]),
        "step": -1,
    }


def whole(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value.full_tensor() if isinstance(value, DTensor) else value for name, value in state.items()}


@pytest.mark.parametrize(
    ("shared", "savers", "loaders"), [("local", 2, 2), ("local", 2, 4), ("s3", 4, 2)], indirect=["shared"]
)
def test_shards_come_back_on_other_numbers_of_ranks(shared: Place, savers: int, loaders: int) -> None:
    def save(rank: int) -> None:
        for seed in (1, 2):  # the second replaces the first
            dcp.save(sharded(seed, savers, 0), storage_writer=writer_of(shared, thread_count=2))

    def load(rank: int) -> list[str]:
        found = []
        for dimension in (0, 1):
            state = blank_sharded(loaders, dimension)
            dcp.load(state, storage_reader=reader_of(shared))
            found += differences({"sharded": full(2), "replicated": full(2)[:3], "step": 2}, whole(state))
        return found

    assert run_ranks(save, savers) == [None] * savers
    assert run_ranks(load, loaders) == [[]] * loaders
    names = shared.names()
    assert {name[: name.index("_", 2)] for name in names if name != ".metadata"} == {
        f"__{rank}" for rank in range(savers)
    }


class FailsOn(DefaultSavePlanner):
    """Raises on one rank, when its items are written."""

    def __init__(self, rank: int) -> None:
        super().__init__()
        self._rank = rank

    def resolve_data(self, write_item: Any) -> Any:
        if dist.get_rank() == self._rank:
            raise ArithmeticError(f"boom on {self._rank}")
        return super().resolve_data(write_item)


@pytest.mark.parametrize(("shared", "failing"), [("local", 0), ("s3", 1)], indirect=["shared"])
def test_an_error_on_one_rank_is_raised_on_all(shared: Place, failing: int) -> None:
    """A4, C1: every rank gets the failures by rank; nothing is published."""

    def save(rank: int) -> Any:
        dcp.save(sharded(1, 2, 0), storage_writer=writer_of(shared))
        try:
            dcp.save(sharded(2, 2, 0), storage_writer=writer_of(shared), planner=FailsOn(failing))
        except CheckpointException as error:
            state = blank_sharded(2, 0)
            dcp.load(state, storage_reader=reader_of(shared))
            return {key: str(value[0]) for key, value in error.failures.items()}, differences(
                full(1), whole(state)["sharded"]
            )
        return None

    assert run_ranks(save, 2) == [({failing: f"boom on {failing}"}, [])] * 2


def test_damage_is_told_to_all_ranks_with_its_file(here: Place) -> None:
    """Our errors travel pickled between ranks, with their message."""

    def save(rank: int) -> None:
        dcp.save(sharded(1, 2, 0), storage_writer=writer_of(here))

    def load(rank: int) -> str:
        try:
            dcp.load(blank_sharded(2, 0), storage_reader=reader_of(here))
        except CheckpointException as error:
            return str(error)
        return "nothing"

    run_ranks(save, 2)
    spoilt = bytearray(here.peek("__1_0.distcp"))
    spoilt[len(spoilt) // 2] ^= 4
    here.poke("__1_0.distcp", bytes(spoilt))
    texts = run_ranks(load, 2)
    assert all("__1_0.distcp" in text and "CheckpointCorrupted" in text for text in texts)


def test_ranks_without_collectives_commit_for_themselves(here: Place) -> None:
    """B1: a `__{rank}.metadata` for each and no `.metadata`; a rank deletes its own old files alone."""

    def save(rank: int) -> None:
        for seed in (1, 2):
            state = {f"own-{rank}": torch.full((5,), float(seed + rank))}
            dcp.save(state, storage_writer=writer_of(here), use_collectives=False)
            dist.barrier()

    def load(rank: int) -> bool:
        state = {f"own-{rank}": torch.zeros(5)}
        dcp.load(state, storage_reader=reader_of(here))
        return bool((state[f"own-{rank}"] == 2 + rank).all())

    assert run_ranks(save, 2) == [None, None]
    names = here.names()
    assert [name for name in names if name.endswith("metadata")] == ["__0.metadata", "__1.metadata"]
    assert len(names) == 4
    assert run_ranks(load, 2) == [True, True]


def test_an_async_save_in_a_thread_stores_what_was_there_when_it_was_called(shared: Place) -> None:
    """A2: staged by the writer; a change after the call is not saved."""

    def work(rank: int) -> list[str]:
        state: dict[str, Any] = {"t": torch.full((100_000,), float(rank)), "same": torch.ones(3), "step": 7}
        state[f"own-{rank}"] = torch.full((4,), float(rank))
        expected = {f"own-{rank}": torch.full((4,), float(rank)), "same": torch.ones(3), "step": 7}
        future: Any = dcp.async_save(state, storage_writer=writer_of(shared))
        state["same"].zero_()
        state[f"own-{rank}"].zero_()
        future.result()
        target = {f"own-{rank}": torch.zeros(4), "same": torch.zeros(3), "step": 0}
        dcp.load(target, storage_reader=reader_of(shared))
        return differences(expected, target)

    assert run_ranks(work, 2) == [[], []]


def test_an_error_of_an_async_save_is_raised_by_its_future(here: Place) -> None:
    def work(rank: int) -> str:
        future: Any = dcp.async_save(sharded(1, 2, 0), storage_writer=writer_of(here), planner=FailsOn(1))
        try:
            future.result()
        except CheckpointException as error:
            return str(error)
        return "nothing"

    assert all("boom on 1" in text for text in run_ranks(work, 2))
    assert ".metadata" not in here.names()


def test_an_async_save_in_a_process_gets_the_writer_through_a_pipe(here: Place) -> None:
    """A2: the writer is pickled and sent to a spawned process, twice."""
    from torch.distributed.checkpoint.state_dict_saver import AsyncCheckpointerType

    def work(rank: int) -> list[str]:
        writer = writer_of(here)
        for seed in (1, 2):
            future: Any = dcp.async_save(
                {**tensors(seed), "step": seed}, storage_writer=writer,
                async_checkpointer_type=AsyncCheckpointerType.PROCESS,
            )  # fmt: skip
            future.result()
        from tests.checkpoint.torch.states import blank

        target = blank({**tensors(2), "step": 0})
        dcp.load(target, storage_reader=reader_of(here))
        return differences({**tensors(2), "step": 2}, target)

    assert run_ranks(work, 1) == [[]]

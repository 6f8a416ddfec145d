"""Races and kills on a real server (DECISIONS 36): a slice of each here, the full counts in `make soak`."""

from __future__ import annotations

import random
import time
from typing import Any

import anyio
import pytest

from remote_store import open_store
from remote_store._core.errors import AlreadyExists, PreconditionFailed
from remote_store.backends.s3.backend import AsyncS3Backend
from tests.backends.s3.killing import MIB, PIECES, killed
from tests.servers.fixtures import Bucket
from tests.servers.strict import StrictS3


def counts(*slice_: int, full: tuple[int, ...]) -> Any:
    """Return the parameters of the default run and of the long one."""
    return [
        pytest.param(*slice_, id="slice"),
        pytest.param(*full, id="full", marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
    ]


@pytest.mark.anyio
@pytest.mark.parametrize(("racers", "rounds"), counts(20, 3, full=(100, 100)))
async def test_one_of_many_racing_creates_wins(bucket: Bucket, racers: int, rounds: int) -> None:
    """CONTRACT F, DECISIONS 36: decided by the service, and the bytes are the winner's."""
    won: list[int] = []
    async with AsyncS3Backend(**bucket.options) as backend:

        async def create(key: str, number: int) -> None:
            try:
                await backend.write(key, str(number).encode())
            except AlreadyExists:
                return
            won.append(number)

        for round_ in range(rounds):
            won.clear()
            async with anyio.create_task_group() as group:
                for number in range(racers):
                    group.start_soon(create, f"file-{round_}", number)
            assert [str(number).encode() for number in won] == [bucket.peek(f"file-{round_}")]


@pytest.mark.anyio
@pytest.mark.parametrize(("racers", "rounds"), counts(8, 2, full=(16, 20)))
async def test_one_of_many_racing_uploads_in_parts_wins(
    backend: AsyncS3Backend, strict: StrictS3, racers: int, rounds: int
) -> None:
    """Issue 4: against the strict fake, since SeaweedFS's conditional completion is not atomic; no upload is left."""
    won: list[int] = []

    async def create(key: str, number: int) -> None:
        try:
            await backend.write(key, bytes([number]) * (17 * MIB))
        except AlreadyExists:
            return
        won.append(number)

    for round_ in range(rounds):
        won.clear()
        async with anyio.create_task_group() as group:
            for number in range(racers):
                group.start_soon(create, f"file-{round_}", number)
        assert [bytes([number]) * (17 * MIB) for number in won] == [strict.objects[f"file-{round_}"].data]
    assert strict.uploads == {}


@pytest.mark.anyio
@pytest.mark.parametrize(("writers", "times"), counts(10, 20, full=(50, 200)))
async def test_no_compare_and_swap_is_lost(bucket: Bucket, writers: int, times: int) -> None:
    """DECISIONS 36: tasks that each add one so many times make the product."""
    async with AsyncS3Backend(**bucket.options) as backend:
        await backend.write("count", b"0")

        async def add() -> None:
            for _ in range(times):
                while True:
                    info = await backend.get_file_info("count")
                    value = int(await backend.read_bytes("count"))
                    try:
                        await backend.write("count", str(value + 1).encode(), if_match=info.etag)
                    except PreconditionFailed:
                        continue
                    break

        async with anyio.create_task_group() as group:
            for _ in range(writers):
                group.start_soon(add)
    assert bucket.peek("count") == str(writers * times).encode()


@pytest.mark.parametrize("kills", counts(20, full=(300,)))
def test_a_killed_write_is_never_seen(bucket: Bucket, kills: int) -> None:
    """DECISIONS 36: SIGKILL at any moment of a multipart write; the old file is whole, or the new one.

    What is left of it is found by `list_uploads`, and removed by `abort_uploads`.
    """
    new = b"".join(bytes([number + 1]) * (5 * MIB) for number in range(PIECES))
    seed = 36
    moments = random.Random(seed)
    for number in range(kills):
        key = f"file-{number % 5}"
        bucket.poke(key, b"old")
        ended = killed(
            bucket.options, key, number % (PIECES + 2) if number < PIECES + 2 else moments.randint(0, PIECES + 1)
        )
        seen = bucket.peek(key)
        assert seen in (b"old", new), f"kill {number} of seed {seed}"
        assert not ended or seen == new
    with open_store(f"s3://{bucket.name}", **{k: v for k, v in bucket.options.items() if k != "bucket"}) as store:
        left = len(bucket.uploads())
        assert left == len(store.list_uploads()) > 0
        assert store.abort_uploads(older_than=3600) == 0
        time.sleep(1.1)  # the age is in whole seconds at the server
        assert store.abort_uploads(older_than=0) == left
    assert bucket.uploads() == []
    assert set(bucket.keys()) == {f"file-{number}" for number in range(5)}

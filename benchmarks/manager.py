"""The checkpoint manager beside raw concurrent puts and gets of the same bytes, and beside a memcpy.

python -m benchmarks.manager --quick            # 256 MiB on the local disk
python -m benchmarks.manager --dir /mnt/nvme    # 2 GiB there
python -m benchmarks.manager --s3               # 1 GiB on a SeaweedFS of its own
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from itertools import count
from typing import Any

import anyio
import numpy as np

from remote_store.aio import AsyncStore
from remote_store.backends.local.backend import AsyncLocalBackend
from remote_store.checkpoint import AsyncCheckpointManager

from . import report
from .timing import Contender, Race, Work, race

MIB = 1 << 20
PART = 64 * MIB
AT_ONCE = 8
"""Parts on the way: what the manager's byte budget of 512 MiB allows."""


class Bench:
    """A state of mixed arrays, and one store that all contenders use."""

    def __init__(self, store: AsyncStore, size: int) -> None:
        self.store = store
        dice = np.random.default_rng(0)
        sizes = [size // 8] * 4 + [size // 64] * 24 + [size // 4096] * 512
        self.state = {f"layer.{at}": dice.integers(0, 255, length, np.uint8) for at, length in enumerate(sizes)}
        self.targets = {name: np.zeros_like(array) for name, array in self.state.items()}
        self.copies = {name: np.zeros_like(array) for name, array in self.state.items()}
        self.flat = np.concatenate(list(self.state.values()))
        self.sink = np.zeros_like(self.flat)
        self.manager = AsyncCheckpointManager(store, "managed", keep_last=2)
        self._steps = count()
        self.puts = 0

    # Saving

    async def raw_put(self, _: Sequence[str]) -> None:
        """Put the bytes as objects of a part's size, so many at a time; then remove older ones, as retention does."""
        number = self.puts
        self.puts += 1
        await self._together(lambda at, piece: self.store.write(f"raw/{number}/{at}", piece), self.flat)
        if number > 1:
            await self._together(lambda at, _: self.store.delete(f"raw/{number - 2}/{at}"), self.flat)

    async def save(self, _: Sequence[str]) -> None:
        """Save the state as the next step."""
        await self.manager.save(self.state, step=next(self._steps))

    # Loading

    async def raw_get(self, _: Sequence[str]) -> None:
        """Read the objects into memory, so many at a time."""
        number = self.puts - 1
        await self._together(lambda at, piece: self.store.read_into(f"raw/{number}/{at}", piece), self.sink)

    async def load(self, _: Sequence[str]) -> None:
        """Load the newest step into memory."""
        await self.manager.load(into=self.targets)

    async def load_one(self, _: Sequence[str]) -> None:
        """Load one small layer."""
        await self.manager.load(names=["layer.100"])

    # Blocked time

    async def memcpy(self, _: Sequence[str]) -> None:
        """Copy the arrays."""
        for name, array in self.state.items():
            np.copyto(self.copies[name], array)

    async def stage(self, _: Sequence[str]) -> None:
        """Begin a save in the background."""
        self.pending = await self.manager.save_async(self.state, step=next(self._steps))

    async def _together(self, act: Any, array: Any) -> None:
        slots = anyio.Semaphore(AT_ONCE)
        view = memoryview(array)

        async def one(at: int) -> None:
            async with slots:
                await act(at, view[at * PART : (at + 1) * PART])

        async with anyio.create_task_group() as group:
            for at in range(-(-len(view) // PART)):
                group.start_soon(one, at)


async def measure(store: AsyncStore, size: int, rounds: int, save_limit: float, load_limit: float) -> None:
    """Run the races and print the tables."""
    bench = Bench(store, size)

    def paths(_: int) -> list[str]:
        return [""]

    mib = size // MIB
    saves = [Contender("raw concurrent put", bench.raw_put), Contender("manager.save", bench.save)]
    goal = report.Goal(
        f"<= {save_limit} x raw put", save_limit, lambda row: row["manager.save"] / row["raw concurrent put"]
    )
    found = await race(saves, paths, rounds)
    report.show(report.section(f"save {mib} MiB", found, "raw concurrent put", {"manager.save": goal}))

    loads = [Contender("raw concurrent get", bench.raw_get), Contender("manager.load into=", bench.load)]
    loads.append(Contender("manager.load of one layer", bench.load_one))
    goal = report.Goal(
        f"<= {load_limit} x raw get", load_limit, lambda row: row["manager.load into="] / row["raw concurrent get"]
    )
    found = await race(loads, paths, rounds)
    report.show(report.section(f"load {mib} MiB", found, "raw concurrent get", {"manager.load into=": goal}))
    assert all(np.array_equal(bench.targets[name], array) for name, array in bench.state.items())

    await blocked(bench, mib, rounds)
    await bench.manager.aclose()


async def blocked(bench: Bench, mib: int, rounds: int) -> None:
    """Compare the time of save_async with a memcpy, from its second call on; the saves end outside the clock."""
    found = Race()
    for number in range(rounds + 1):
        copying = await timed(bench.memcpy)
        staging = await timed(bench.stage)
        await bench.pending.wait()
        if number:
            found.add("memcpy", copying, copying)
            found.add("save_async, blocked", staging, staging)
    goal = report.Goal("<= 2 x memcpy", 2.0, lambda row: row["save_async, blocked"] / row["memcpy"])
    table = report.section(f"blocked by save_async, {mib} MiB", found, "memcpy", {"save_async, blocked": goal})
    table.notes.append("cpu is not told apart here: the save goes on beside the clock")
    report.show(table)


async def timed(work: Work) -> float:
    """Return the seconds that a piece of work takes."""
    began = time.perf_counter()
    waiting = work([])
    if waiting is not None:
        await waiting
    return time.perf_counter() - began


async def on_disk(options: argparse.Namespace, size: int, rounds: int) -> None:
    """Measure on the local disk, everybody with fsync."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.dir) as root:
        async with AsyncStore(AsyncLocalBackend(root, fsync=True)) as store:
            await measure(store, size, rounds, save_limit=1.2, load_limit=1.3)


async def on_s3(size: int, rounds: int) -> None:
    """Measure on a SeaweedFS that is started for it."""
    from remote_store.backends.s3.backend import AsyncS3Backend
    from tests.servers.fixtures import Bucket
    from tests.servers.seaweedfs import seaweedfs

    with seaweedfs() as server:
        bucket = Bucket(server, "bench")
        bucket.client.create_bucket(Bucket=bucket.name)
        async with AsyncStore(AsyncS3Backend(**bucket.options)) as store:
            await measure(store, size, rounds, save_limit=1.2, load_limit=1.3)


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.manager", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="256 MiB and three rounds")
    parser.add_argument("--s3", action="store_true", help="on a SeaweedFS instead of the local disk")
    parser.add_argument("--dir", help="the folder to work in (default: the system's for temporary files)")
    options = parser.parse_args()
    size = (256 if options.quick else 1024 if options.s3 else 2048) * MIB
    rounds = 3 if options.quick else 5
    anyio.run(on_s3, size, rounds) if options.s3 else anyio.run(on_disk, options, size, rounds)


if __name__ == "__main__":
    main()

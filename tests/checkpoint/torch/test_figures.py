"""What saves and loads cost: requests, bytes and memory, counted and never timed (DECISIONS 35, CHECKPOINT E)."""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.checkpoint as dcp

from remote_store.aio import AsyncStore
from remote_store.aio.backends import AsyncLocalBackend, AsyncS3Backend
from remote_store.checkpoint import FsspecReader, FsspecWriter
from tests.servers.fixtures import Bucket

MIB = 1 << 20
PART = 8 * MIB


@contextmanager
def counted(backend: AsyncS3Backend) -> Iterator[list[int]]:
    """Count the requests that are sent in the block."""
    before = Counter(backend.wire.sent)
    found: list[int] = []
    yield found
    kinds = Counter(backend.wire.sent) - before
    found.append(sum(kinds.values()))


@pytest.fixture
def backend(bucket: Bucket) -> AsyncS3Backend:
    return AsyncS3Backend(**bucket.options)


def test_a_save_and_a_load_send_few_requests(backend: AsyncS3Backend) -> None:
    """DECISIONS 35: parts + 2 for each file in parts + 6 a rank; a load parts + 3."""
    state = {f"t{number}": torch.full((MIB + 17,), float(number)) for number in range(12)}  # 48 MiB
    store = AsyncStore(backend)
    files = 2
    parts = sum(math.ceil((half * 4 * (MIB + 17) + half * 1600) / PART) for half in (6, 6))
    with counted(backend) as sent:
        dcp.save(state, storage_writer=FsspecWriter("c", thread_count=files, store=store), no_dist=True)
    assert sent[0] <= parts + 2 * files + 6
    # The first overwrite asks the server once which conditions its deletes honour.
    dcp.save(state, storage_writer=FsspecWriter("c", thread_count=files, store=store), no_dist=True)
    with counted(backend) as sent:
        dcp.save(state, storage_writer=FsspecWriter("c", thread_count=files, store=store), no_dist=True)
    assert sent[0] <= parts + 2 * files + 6 + 2 * files, "an overwrite deletes the old files besides"
    target = {name: torch.zeros_like(value) for name, value in state.items()}
    with counted(backend) as sent:
        dcp.load(target, storage_reader=FsspecReader("c", store=store), no_dist=True)
    assert sent[0] <= parts + 3
    assert all(torch.equal(state[name], target[name]) for name in state)


class Metered(AsyncLocalBackend):
    """A disk that counts the bytes read of data files."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.read_bytes_count = 0
        self.calls = 0

    async def read_into(self, path: str, buffer: Any, start: int = 0) -> int:
        done = await super().read_into(path, buffer, start)
        self.read_bytes_count += done
        self.calls += 1
        return done


@pytest.fixture
def metered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Metered:
    return Metered(str(tmp_path))


def amplification(metered: Metered, target: dict[str, Any], wanted: int) -> float:
    metered.read_bytes_count = metered.calls = 0
    dcp.load(target, storage_reader=FsspecReader("c", store=AsyncStore(metered)), no_dist=True)
    return metered.read_bytes_count / wanted


def test_little_more_is_read_than_is_needed(metered: Metered) -> None:
    """C14: all, 1 of 100 tensors, 64 of 4,096 rows, 200 small ones: at most 5 % more, or 64 KiB a range."""
    state: dict[str, Any] = {f"t{number}": torch.full((64 * 1024,), float(number)) for number in range(100)}
    state |= {f"small{number}": torch.full((16,), float(number)) for number in range(200)}
    state["rows"] = torch.arange(4096 * 512, dtype=torch.float32).reshape(4096, 512)
    dcp.save(state, storage_writer=FsspecWriter("c", store=AsyncStore(metered)), no_dist=True)
    sizes = {name: value.nbytes for name, value in state.items()}

    everything = {name: torch.zeros_like(value) for name, value in state.items()}
    assert amplification(metered, everything, sum(sizes.values())) <= 1.05
    assert all(torch.equal(state[name], everything[name]) for name in state)

    assert amplification(metered, {"t42": torch.zeros(64 * 1024)}, sizes["t42"]) <= 1.05

    few = {f"small{number}": torch.zeros(16) for number in range(200)}
    read = amplification(metered, few, 1)
    assert metered.calls <= 3
    assert read <= 200 * 64 * 1.05 + 200 * 2100, "neighbours come with the gaps between them, in one request"


def test_a_slice_reads_its_rows_and_whole_blocks(metered: Metered) -> None:
    """64 of 4,096 rows: 32 KiB blocks at both ends are all that is read in vain."""
    from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner
    from torch.distributed.checkpoint.metadata import MetadataIndex
    from torch.distributed.checkpoint.planner import LoadItemType, LoadPlan, ReadItem

    rows = torch.arange(4096 * 512, dtype=torch.float32).reshape(4096, 512)
    dcp.save({"rows": rows}, storage_writer=FsspecWriter("c", store=AsyncStore(metered)), no_dist=True)
    for first, count, column, width in (
        (100, 64, 0, 512),
        (0, 1, 0, 512),
        (4095, 1, 0, 512),
        (7, 3, 11, 50),
        (0, 0, 0, 512),
    ):
        reader = FsspecReader("c", store=AsyncStore(metered))
        metadata = reader.read_metadata()
        reader.set_up_storage_reader(metadata, True)
        target = torch.zeros(count, width)
        state = {"rows": target}
        planner = DefaultLoadPlanner()
        planner.set_up_planner(state, metadata, True)
        item = ReadItem(
            LoadItemType.TENSOR, MetadataIndex("rows"), torch.Size([0, 0]), MetadataIndex("rows", [0, 0]),
            torch.Size([first, column]), torch.Size([count, width]),
        )  # fmt: skip
        metered.read_bytes_count = 0
        reader.read_data(LoadPlan([item]), planner)
        assert torch.equal(target, rows[first : first + count, column : column + width])
        assert metered.read_bytes_count <= count * 512 * 4 + 64 * 1024 + 1


MEMORY = """
import sys, warnings
warnings.simplefilter("ignore")
import torch, torch.distributed.checkpoint as dcp
from remote_store.checkpoint import FsspecReader, FsspecWriter

def peak():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024

where, what = sys.argv[1:]
small = {"t": torch.ones(10)}
dcp.save(small, storage_writer=FsspecWriter(where + "-warm"), no_dist=True)
dcp.load(small, storage_reader=FsspecReader(where + "-warm"), no_dist=True)
state = {f"t{n}": torch.full((4 << 20,), float(n)) for n in range(16)}  # 256 MiB
before = peak()
if what == "save":
    dcp.save(state, storage_writer=FsspecWriter(where, thread_count=2, sync_files=False), no_dist=True)
else:
    dcp.load(state, storage_reader=FsspecReader(where), no_dist=True)
print(peak() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is told by /proc")
def test_neither_saving_nor_loading_copies_the_state(tmp_path: Path) -> None:
    """Memory above the tensors: far less than a file; the budget is 256 MiB, the floor 64."""
    for what in ("save", "load"):
        done = subprocess.run([sys.executable, "-c", MEMORY, str(tmp_path / "c"), what], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) <= 96 * MIB, what

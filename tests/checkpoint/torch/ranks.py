"""Several ranks of one job, as forked children that have torch imported already (DECISIONS 36)."""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

__all__ = ["forked", "run_ranks"]

RANK_SECONDS = 60
"""How long a collective waits: a rank that fell out must not hang the tests."""


def forked(work: Callable[[], Any], result: Path) -> int:
    """Run a function in a forked child, which stores what it returned or raised; return its pid."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        torch.set_num_threads(1)  # the pool of threads is not there in a child
        outcome = ("returned", work())
        code = 0
    except BaseException as error:  # noqa: BLE001  # all of it goes to the parent
        outcome = ("raised", error)
        traceback.print_exc()
    try:
        result.write_bytes(pickle.dumps(outcome))
    finally:
        os._exit(code)


def run_ranks(work: Callable[[int], Any], count: int) -> list[Any]:
    """Run a function on `count` gloo ranks and return what each returned; an exception is returned as it is."""
    with tempfile.TemporaryDirectory(prefix="rs-ranks-") as name:
        folder = Path(name)

        def rank(number: int) -> Any:
            dist.init_process_group(
                "gloo", init_method=f"file://{folder}/meet", rank=number, world_size=count,
                timeout=timedelta(seconds=RANK_SECONDS),
            )  # fmt: skip
            try:
                return work(number)
            finally:
                dist.destroy_process_group()

        pids = [forked(lambda number=number: rank(number), folder / f"{number}") for number in range(count)]  # type: ignore[misc]
        for pid in pids:
            os.waitpid(pid, 0)
        return [pickle.loads((folder / f"{number}").read_bytes())[1] for number in range(count)]

"""The servers of the matrix: started, and stopped when the block ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from remote_store.testing.faults import FaultProxy
from tests.faults.matrix.cells import Cell, Scene
from tests.faults.matrix.kinds import Row, rows
from tests.faults.matrix.operations import OPERATIONS, Operation
from tests.servers.certificates import Authority
from tests.servers.fixtures import Bucket
from tests.servers.seaweedfs import S3Server

__all__ = ["MODES", "all_cells", "scene"]

MODES = ("asyncio", "trio", "facade")


@contextmanager
def scene(server: S3Server, folder: Path) -> Iterator[tuple[Scene, list[Row]]]:
    """Yield a scene on a server, and the rows that can be played on it."""
    authority = Authority(folder)
    certificates = {
        "of another name": str(authority.leaf("wrong", "elsewhere.example")),
        "expired": str(authority.leaf("old", expired=True)),
        "of an unknown authority": str(Authority(folder, "stranger").leaf("unknown")),
    }
    bucket = Bucket(server, f"matrix-{os.getpid()}")
    bucket.client.create_bucket(Bucket=bucket.name)
    with ExitStack() as stack:
        plain = stack.enter_context(FaultProxy(server.endpoint))
        secure = stack.enter_context(FaultProxy(server.endpoint, certificate=authority.leaf("good"), host="localhost"))
        yield Scene(bucket, plain, secure, str(authority.file)), rows(certificates)


def all_cells(table: list[Row], modes: tuple[str, ...] = MODES) -> list[Cell]:
    """Return every cell that has a meaning: a row strikes requests that an operation sends."""
    return [
        Cell(row, operation, verb, mode)
        for mode in modes
        for row in table
        for operation in OPERATIONS
        if mode == "facade" or not operation.sync_only
        for verb in _struck(row, operation)
    ]


def _struck(row: Row, operation: Operation) -> list[str]:
    if operation.ranged and not row.ranged_too:
        return []
    verbs = [verb for verb in operation.verbs if verb in row.verbs]
    return verbs[:1] if row.at_once else verbs

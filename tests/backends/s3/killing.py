"""Writers that are forked, and killed in the middle of a multipart write."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import AsyncIterator
from multiprocessing.connection import Connection
from typing import Any

import anyio

from remote_store.backends.s3.backend import AsyncS3Backend

__all__ = ["PIECES", "killed"]

MIB = 1024 * 1024
PIECES = 4
"""Pieces of the content, each a part."""


def killed(options: dict[str, Any], key: str, moment: int) -> bool:
    """Kill a writer once it has handed over `moment` pieces, with PIECES + 1 after the write; return whether it had ended."""
    forking = multiprocessing.get_context("fork")  # an interpreter of its own would cost a second each
    theirs, ours = forking.Pipe(duplex=False)
    writer = forking.Process(target=_write, args=(options, key, ours))
    writer.start()
    ours.close()
    try:
        told = -1
        while told < moment:
            told = theirs.recv()
    except EOFError:
        raise AssertionError(f"the writer ended by itself: {writer.exitcode}") from None
    finally:
        writer.kill()
        writer.join()
        theirs.close()
    assert writer.exitcode == -signal.SIGKILL
    return told > PIECES


def _write(options: dict[str, Any], key: str, telling: Connection) -> None:
    async def content() -> AsyncIterator[bytes]:
        for number in range(PIECES):
            yield bytes([number + 1]) * (5 * MIB)
            telling.send(number + 1)

    async def write() -> None:
        async with AsyncS3Backend(**options, part_size=5 * MIB) as backend:
            telling.send(0)
            await backend.write(key, content(), overwrite=True)
            telling.send(PIECES + 1)
            await anyio.sleep_forever()

    anyio.run(write)

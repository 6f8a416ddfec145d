"""A process that saves step after step until it is killed; it says what it has been told is saved."""

from __future__ import annotations

import os
from typing import Any

import anyio

from remote_store.aio import AsyncStore
from remote_store.checkpoint import AsyncCheckpointManager, CheckpointManager

__all__ = ["forked", "items_of"]

OPTIONS: dict[str, Any] = {"part_size": 16 << 10, "keep_last": 3}


def items_of(step: int) -> dict[str, object]:
    """The state of a step."""
    return {"w": bytes((step * 37 + at) % 256 for at in range(256)) * 400, "step": step, "name": f"step {step}"}


def forked(face: str, url: str, s3: dict[str, Any] | None, first: int) -> tuple[int, int]:
    """Fork one, which has all modules already; its pid, and a pipe with a line for each step that was saved."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    try:
        save_for_ever(face, url, s3, first, writing)
    finally:
        os._exit(1)


def save_for_ever(face: str, url: str, s3: dict[str, Any] | None, first: int, writing: int) -> None:
    """Save one step after the other, on one of the faces."""
    where: Any = url
    if s3 is not None:
        from remote_store.backends.s3.backend import AsyncS3Backend

        where = AsyncStore(AsyncS3Backend(**s3))
    steps = range(first, first + 100_000)
    if face == "sync":
        manager = CheckpointManager(where, "run", **OPTIONS)
        for step in steps:
            told = manager.save(items_of(step), step=step).step
            os.write(writing, f"{told}\n".encode())
        return

    async def run() -> None:
        async with AsyncCheckpointManager(where, "run", **OPTIONS) as manager:
            for step in steps:
                pending = await manager.save_async(items_of(step), step=step)
                saved = await pending.wait()
                assert saved is not None
                os.write(writing, f"{saved.step}\n".encode())

    anyio.run(run, backend=face)

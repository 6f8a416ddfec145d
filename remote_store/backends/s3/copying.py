"""Copies above 5 GiB, which S3 makes in parts."""

from __future__ import annotations

import functools

from ..._core.condition import Condition
from ..._http.parts import part_size_for
from ..._http.ranges import split
from ..._http.together import Job, together
from .core import Core
from .multipart import MultipartWrite
from .requests import Head, Put

__all__ = ["copy_large"]

COPY_PART_BYTES = 512 * 1024 * 1024
"""The service copies by itself: large parts mean few requests, and a failed one costs nobody's bandwidth."""


async def copy_large(
    core: Core, source: str, head: Head, target: str, condition: Condition, part_size: int = COPY_PART_BYTES
) -> Put:
    """Copy an object in parts pinned to its etag, with its metadata."""
    headers = {"Metadata": head.metadata} if head.metadata else {}
    if head.content_type:
        headers["ContentType"] = head.content_type  # type: ignore[assignment]  # one is a mapping, one a text
    upload = MultipartWrite(
        core.wire,
        core.retrier,
        target,
        condition,
        headers,
        checksums=False,
        max_concurrency=core.config.max_concurrency,
    )
    await upload.begin()

    async def copied(number: int, start: int, stop: int) -> None:
        etag = await core.retrier.run(
            lambda: core.wire.copy_part(source, head.etag, target, upload.upload_id, number, start, stop)
        )
        upload.parts.append((number, etag, None, stop - start))

    ranges = split(0, head.size, part_size_for(head.size, part_size))
    jobs: list[Job] = [functools.partial(copied, number, *piece) for number, piece in enumerate(ranges, 1)]
    return await upload.finish(lambda: together(jobs, core.config.max_concurrency))

"""Copies that the service makes in its own time."""

from __future__ import annotations

import logging

import anyio

from ..._core.errors import RemoteStoreError
from ..._http.retrying import Fault
from .core import Core

__all__ = ["finished"]

log = logging.getLogger("remote_store.azure")

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between two looks; each is twice the one before."""
ABORT_SECONDS = 10.0


async def finished(core: Core, key: str, copy_id: str | None) -> None:
    """Wait until the copy onto `key` has ended; it is given up if the caller is cancelled or its time is up."""
    timeout = core.config.policy.timeout
    try:
        with anyio.fail_after(timeout):
            await _ended(core, key, copy_id)
    except TimeoutError as error:
        await _abort(core, key, copy_id)
        raise Fault("Deadline", f"the copy did not end within {timeout:g} s", verb="CopyBlob") from error
    except anyio.get_cancelled_exc_class():
        await _abort(core, key, copy_id)
        raise


async def _ended(core: Core, key: str, copy_id: str | None) -> None:
    pause = FIRST_PAUSE
    while True:
        head = await core.run(lambda: core.wire.head(key))
        status = head.headers.get("x-ms-copy-status")
        if head.headers.get("x-ms-copy-id") != copy_id or status == "success":
            return  # or somebody has written it since
        if status != "pending":
            text = head.headers.get("x-ms-copy-status-description", "")[:200]
            raise Fault("CopyFailed", f"the copy has the status {status!r}: {text}", verb="CopyBlob")
        await anyio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


async def _abort(core: Core, key: str, copy_id: str | None) -> None:
    """Stop the copy and remove the empty blob that stays of it."""
    with anyio.move_on_after(ABORT_SECONDS, shield=True):
        try:
            if copy_id is not None:
                await core.retrier.run(lambda: core.wire.abort_copy(key, copy_id), grace=ABORT_SECONDS)
                await core.retrier.run(lambda: core.wire.delete(key), grace=ABORT_SECONDS)
        except (Fault, RemoteStoreError) as error:
            log.warning("The copy onto %r could not be given up: %s", key, error)

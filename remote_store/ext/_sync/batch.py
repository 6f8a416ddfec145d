# Generated from remote_store/ext/_async/batch.py by tools/gen_sync.py. Edit that file.
"""Many keys at once: deleting, copying, asking whether they exist."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..._core.errors import CapabilityNotSupported, RemoteStoreError
from ..._store._sync.store import Store
from .._log import log_batch
from .._results import BatchResult
from .pairs import at_once

__all__ = ["BatchResult", "batch_copy", "batch_delete", "batch_exists"]


def batch_delete(
    store: Store,
    paths: Iterable[str],
    *,
    missing_ok: bool = False,
    stop_on_error: bool = False,
    concurrent: bool = False,
    max_workers: int | None = None,
) -> BatchResult:
    """Delete files, and go on after one that can't be deleted.

    They are deleted one after the other, or with `concurrent` up to `max_workers` at a time (None: 32).
    `stop_on_error` ends a batch in order at the first failure. Errors other than ours, and CapabilityNotSupported,
    end the batch and are raised. Raises ValueError for `stop_on_error` with `concurrent`, and a limit below 1.
    """
    calls = ((path, (path,)) for path in paths)
    options = {"missing_ok": missing_ok}
    return _batch("delete", store, calls, options, stop_on_error, concurrent, max_workers)


def batch_copy(
    store: Store,
    pairs: Iterable[tuple[str, str]],
    *,
    overwrite: bool = False,
    stop_on_error: bool = False,
    concurrent: bool = False,
    max_workers: int | None = None,
) -> BatchResult:
    """Copy files within a store, from the first to the second key of each pair; else as `batch_delete`.

    The result names source keys.
    """
    calls = ((src, (src, dst)) for src, dst in pairs)
    options = {"overwrite": overwrite}
    return _batch("copy", store, calls, options, stop_on_error, concurrent, max_workers)


def batch_exists(
    store: Store, paths: Iterable[str], *, concurrent: bool = False, max_workers: int | None = None
) -> dict[str, bool]:
    """Return for each key whether a file or folder is there; the first error is raised.

    Concurrency as in `batch_delete`.
    """
    if not concurrent:
        return {path: store.exists(path) for path in paths}
    keys = list(paths)
    found = at_once(store, "exists", [(key,) for key in keys], {}, max_workers, ())
    return dict(zip(keys, found, strict=True))


def _batch(
    op: str,
    store: Store,
    calls: Iterable[tuple[str, tuple[str, ...]]],
    options: dict[str, Any],
    stop_on_error: bool,
    concurrent: bool,
    max_workers: int | None,
) -> BatchResult:
    if concurrent and stop_on_error:
        raise ValueError("stop_on_error can't be combined with concurrent: there is no order to stop in")
    succeeded: list[str] = []
    failed: dict[str, RemoteStoreError] = {}
    if concurrent:
        waiting = list(calls)
        outcomes = at_once(store, op, [args for _, args in waiting], options, max_workers, (RemoteStoreError,))
        for (key, _), outcome in zip(waiting, outcomes, strict=True):
            if isinstance(outcome, RemoteStoreError):
                failed[key] = outcome
            else:
                succeeded.append(key)
    else:
        for key, args in calls:
            try:
                getattr(store, op)(*args, **options)
            except CapabilityNotSupported:
                raise
            except RemoteStoreError as error:
                failed[key] = error
                if stop_on_error:
                    break
            else:
                succeeded.append(key)
    result = BatchResult(tuple(succeeded), failed)
    log_batch(op, result, concurrent=concurrent)
    return result

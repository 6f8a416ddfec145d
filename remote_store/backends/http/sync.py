# Generated from remote_store/backends/http/backend.py by tools/gen_sync.py. Edit that file.
"""ReadOnlyHttpBackend: the sync twin of AsyncReadOnlyHttpBackend."""

from __future__ import annotations

from collections.abc import Mapping
from ..._core.retry import RetryPolicy
from ..._core.secret import Secret
from ..._bridge.twins import RangedTwin
from .backend import TWIN_CAPABILITIES, AsyncReadOnlyHttpBackend

__all__ = ["ReadOnlyHttpBackend"]


class ReadOnlyHttpBackend(RangedTwin):
    """Files below the address `base_url`, by GET and HEAD: no listing, no writing.

    `headers` go with every request to that server, and nowhere else: a redirect to another host is followed without
    them, up to `max_redirects` (5) of them, and never from https to http. `timeout` is in seconds, for connecting and
    for each wait for bytes. `retry` is the policy for failures that may pass (statuses 408, 429 and 5xx, lost
    connections); Retry-After is honoured. `verify_ssl` false turns the check of certificates off. `http_client` is
    None for httpx2 where it is installed and the standard library else, ``"httpx"``, or ``"urllib"`` and
    ``"requests"``, which both mean the standard library in worker threads. A user and password in the address become
    an Authorization header.

    Ranges are fetched where the server knows them, else cut out of the whole file. A stream that breaks goes on where
    it was, if the server tells a strong etag or Last-Modified; a file that was replaced meanwhile is PreconditionFailed.
    A server that refuses HEAD with 401, 403, 405 or 501 is asked for one byte by GET instead, from then on.

    Raises ValueError for an address that is not http(s), or has a query. It can be used again after `close`.
    """

    CAPABILITIES = TWIN_CAPABILITIES
    _generated_twin = True

    def __init__(self, base_url: str, *, headers: Mapping[str, str | Secret] | None=None, timeout: float=30.0, retry: RetryPolicy | None=None, http_client: str | None=None, verify_ssl: bool=True, max_redirects: int=5) -> None:
        super().__init__(AsyncReadOnlyHttpBackend(base_url, headers=headers, timeout=timeout, retry=retry, http_client=http_client, verify_ssl=verify_ssl, max_redirects=max_redirects))

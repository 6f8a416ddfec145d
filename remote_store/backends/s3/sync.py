# Generated from remote_store/backends/s3/backend.py by tools/gen_sync.py. Edit that file.
"""S3Backend: the sync twin of AsyncS3Backend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from ..._core.retry import RetryPolicy
from ..._core.secret import Secret
from .credentials import CredentialProvider
from ..._bridge.twins import FlatTwin
from .backend import TWIN_CAPABILITIES, AsyncS3Backend

__all__ = ["S3Backend"]


class S3Backend(FlatTwin):
    """Files as objects of the S3 bucket `bucket`, on AWS or on a server with `endpoint_url`.

    Credentials: `key`, `secret` and `token`, else those of `credential_provider`, else those of `profile`, else
    botocore's whole chain, renewed before they expire; `anonymous` signs nothing, and nothing else does so.
    `credential_provider` is a function, blocking or async, without parameters, that returns a mapping with
    ``access_key_id``, ``secret_access_key``, ``token`` and ``expires_at`` (a datetime with a time zone, None for no
    end). `addressing_style` is ``"auto"``, ``"path"`` or ``"virtual"``.
    `tls_ca_bundle` is a file of trusted certificates. `client_options` are further settings by s3fs's names
    (``client_kwargs``, ``config_kwargs``). `retry` is the one retry layer's policy.

    Content above `single_put_max` bytes (16 MiB), and streams above one part, go in parts of `part_size` bytes
    (8 MiB), `max_concurrency` (8) at a time; streams hold at most `byte_budget` bytes (256 MiB) together. At most
    `max_pool_connections` (64) sockets are open on an event loop. `checksum` is ``"auto"``, ``"required"`` or
    ``"off"`` (CRC64NVME).

    ``overwrite=False`` and `if_match` are decided by the service. A server with an endpoint of its own is asked once
    whether it honours conditions; if not, such writes raise CapabilityNotSupported, or with `look_before_create`
    look first, which loses races. `reject_write_under_file_ancestor` looks for files among the ancestors of a write.

    After `close` every call raises BackendClosed.
    """

    CAPABILITIES = TWIN_CAPABILITIES
    _generated_twin = True

    def __init__(self, bucket: str, *, endpoint_url: str | None=None, key: str | Secret | None=None, secret: str | Secret | None=None, region_name: str | None=None, tls_ca_bundle: str | None=None, client_options: Mapping[str, Any] | None=None, retry: RetryPolicy | None=None, reject_write_under_file_ancestor: bool=False, token: str | Secret | None=None, profile: str | None=None, anonymous: bool=False, addressing_style: str='auto', look_before_create: bool=False, part_size: int=8 * 1024 * 1024, max_concurrency: int=8, byte_budget: int=256 * 1024 * 1024, single_put_max: int=16 * 1024 * 1024, max_pool_connections: int=64, checksum: str='auto', credential_provider: CredentialProvider | None=None) -> None:
        super().__init__(AsyncS3Backend(bucket, endpoint_url=endpoint_url, key=key, secret=secret, region_name=region_name, tls_ca_bundle=tls_ca_bundle, client_options=client_options, retry=retry, reject_write_under_file_ancestor=reject_write_under_file_ancestor, token=token, profile=profile, anonymous=anonymous, addressing_style=addressing_style, look_before_create=look_before_create, part_size=part_size, max_concurrency=max_concurrency, byte_budget=byte_budget, single_put_max=single_put_max, max_pool_connections=max_pool_connections, checksum=checksum, credential_provider=credential_provider))

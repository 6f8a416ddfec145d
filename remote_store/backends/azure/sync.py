# Generated from remote_store/backends/azure/backend.py by tools/gen_sync.py. Edit that file.
"""AzureBackend: the sync twin of AsyncAzureBackend."""

from __future__ import annotations

from typing import Any
from ..._core.retry import RetryPolicy
from ..._core.secret import Secret
from ..._bridge.twins import FlatTwin
from .backend import TWIN_CAPABILITIES, AsyncAzureBackend

__all__ = ["AzureBackend"]


class AzureBackend(FlatTwin):
    """Files as blobs of the Azure container `container`, of any cloud, or of an Azurite.

    The account is `account_name`, or `account_url` (sovereign clouds, custom domains, ``http://host:port/account``),
    or what `connection_string` says. Credentials: `account_key`, `sas_token`, or `credential`, any credential object
    of azure-core or azure-identity, or not, refreshed while running; with none of them DefaultAzureCredential;
    `anonymous` signs nothing. `client_options` are further settings by the SDK's names (``connection_timeout``,
    ``read_timeout``, ``connection_verify``, ``proxies``, ``max_block_size``, ...). `retry` is the one retry layer's
    policy. `hns` says whether the account has a hierarchical namespace (Data Lake Storage Gen2): real directories, and
    renames in one step. None asks the account at the first call.

    Content above `single_put_max` bytes (16 MiB), and streams above one block, go in blocks of `block_size` bytes
    (8 MiB), `max_concurrency` (1) at a time, as many as large reads have ranges at a time; streams hold at most
    `byte_budget` bytes (256 MiB) together. At most `max_pool_connections` (64) sockets are open on an event loop.
    `checksum` ``"auto"`` compares the MD5 of blobs that carry one, ``"md5"`` sends one with each write as well,
    ``"off"`` does neither.

    ``overwrite=False`` and `if_match` are decided by the service. `reject_write_under_file_ancestor` looks for files
    among the ancestors of a write.

    After `close` every call raises BackendClosed.
    """

    CAPABILITIES = TWIN_CAPABILITIES
    _generated_twin = True

    def __init__(self, container: str, *, hns: bool | None=None, account_name: str | None=None, account_url: str | None=None, account_key: str | Secret | None=None, sas_token: str | Secret | None=None, connection_string: str | Secret | None=None, credential: Any | None=None, client_options: dict[str, Any] | None=None, retry: RetryPolicy | None=None, max_concurrency: int=1, reject_write_under_file_ancestor: bool=False, anonymous: bool=False, block_size: int=8 * 1024 * 1024, single_put_max: int=16 * 1024 * 1024, byte_budget: int=256 * 1024 * 1024, max_pool_connections: int=64, checksum: str='auto') -> None:
        super().__init__(AsyncAzureBackend(container, hns=hns, account_name=account_name, account_url=account_url, account_key=account_key, sas_token=sas_token, connection_string=connection_string, credential=credential, client_options=client_options, retry=retry, max_concurrency=max_concurrency, reject_write_under_file_ancestor=reject_write_under_file_ancestor, anonymous=anonymous, block_size=block_size, single_put_max=single_put_max, byte_budget=byte_budget, max_pool_connections=max_pool_connections, checksum=checksum))

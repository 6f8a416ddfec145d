"""The constructor's arguments, checked, as what the pipeline is made of."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias

from ..._core.retry import RetryPolicy
from ..._core.secret import Secret
from .account import Account, account_of

__all__ = ["AzureConfig"]

log = logging.getLogger("remote_store.azure")

MEBIBYTE = 1024 * 1024
MAX_BLOCK_BYTES = 4000 * MEBIBYTE
"""https://learn.microsoft.com/rest/api/storageservices/put-block"""
MAX_PUT_BYTES = 5000 * MEBIBYTE
"""https://learn.microsoft.com/rest/api/storageservices/put-blob"""
CONNECT_SECONDS = 10.0
"""For a connection to be made: a host that is there answers within one; SYN retries make it seven."""
READ_SECONDS = 60.0
"""Between two bytes of an answer, as the SDK has it."""
API_VERSION = "2023-11-03"
"""Of the service's REST interface: what is read and written here is described there."""

ChecksumMode: TypeAlias = Literal["auto", "md5", "off"]

_OURS = frozenset({"max_single_put_size", "max_block_size", "min_large_block_upload_threshold"})
_SETTINGS = frozenset(
    {
        "connection_timeout",
        "read_timeout",
        "connection_verify",
        "connection_cert",
        "proxies",
        "use_env_settings",
        "api_version",
        "audience",
        "user_agent",
    }
)


@dataclass(frozen=True)
class AzureConfig:
    """Everything an Azure backend was made with; the names are those of the constructor's parameters."""

    container: str
    hns: bool | None = None
    account_name: str | None = None
    account_url: str | None = None
    account_key: Secret | None = None
    sas_token: Secret | None = None
    connection_string: Secret | None = None
    credential: Any = None
    client_options: Mapping[str, Any] | None = None
    retry: RetryPolicy | None = None
    max_concurrency: int = 1
    reject_write_under_file_ancestor: bool = False
    anonymous: bool = False
    block_size: int = 8 * MEBIBYTE
    single_put_max: int = 16 * MEBIBYTE
    byte_budget: int = 256 * MEBIBYTE
    max_pool_connections: int = 64
    checksum: ChecksumMode = "auto"
    account: Account = field(default=Account(""), repr=False, compare=False)
    """What the arguments, and the environment, come down to."""

    @classmethod
    def checked(cls, **given: Any) -> AzureConfig:
        """Return the configuration; ValueError or TypeError for what can't be one."""
        container = given["container"]
        if not isinstance(container, str):
            raise TypeError(f"container must be a str, not {type(container).__name__}")
        if not container.strip():
            raise ValueError("container must not be empty")
        for name in ("account_key", "sas_token", "connection_string"):
            given[name] = _secret(name, given[name])
        _check_numbers(given)
        _check_hns(given["hns"])
        if given["checksum"] not in ("auto", "md5", "off"):
            raise ValueError(f"checksum must be one of 'auto', 'md5', 'off', not {given['checksum']!r}")
        retry = given["retry"]
        if retry is not None and not isinstance(retry, RetryPolicy):
            raise TypeError(f"retry must be a RetryPolicy, not {type(retry).__name__}")
        return cls(**given, account=account_of(given))

    def arguments(self) -> dict[str, object]:
        """Return the constructor's arguments that differ from its defaults; what a pickle is made of."""
        mine = [each for each in fields(self) if each.name != "account"]
        return {
            each.name: getattr(self, each.name)
            for each in mine
            if each.name == "container" or getattr(self, each.name) != each.default
        }

    # client_options: the SDK's names

    @property
    def options(self) -> Mapping[str, Any]:
        """What `client_options` says, by the SDK's names."""
        return self.client_options or {}

    @property
    def largest_put(self) -> int:
        """Bytes up to which content of known size goes as one request."""
        return int(self.options.get("max_single_put_size", self.single_put_max))

    @property
    def block_bytes(self) -> int:
        """Bytes of a block."""
        return int(self.options.get("max_block_size", self.block_size))

    @property
    def timeouts(self) -> tuple[float, float]:
        """Seconds for a connection to be made, and between two bytes."""
        limit = self.policy.timeout or CONNECT_SECONDS
        connect = self.options.get("connection_timeout", min(CONNECT_SECONDS, limit))
        return float(connect), float(self.options.get("read_timeout", READ_SECONDS))

    def tls(self) -> ssl.SSLContext | None:
        """Return what certificates are checked with; None for an endpoint without TLS. Reads files."""
        if not self.account.url.startswith("https"):
            return None
        verify = self.options.get("connection_verify", True)
        context = ssl.create_default_context(cafile=os.fspath(verify) if not isinstance(verify, bool) else None)
        if verify is False:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if cert := self.options.get("connection_cert"):
            context.load_cert_chain(*((cert,) if isinstance(cert, (str, os.PathLike)) else cert))
        return context

    def proxy(self) -> str | None:
        """Return the proxy that `client_options` names for the endpoint's scheme."""
        proxies: Mapping[str, str] = self.options.get("proxies") or {}
        return proxies.get(self.account.url.partition("://")[0])

    def warn(self) -> None:
        """Tell in the log which settings have no effect, when the first client is made."""
        for name in self.options.keys() - _OURS - _SETTINGS:
            log.warning("client_options: %r has no effect here", name)

    @property
    def policy(self) -> RetryPolicy:
        """The retry policy in force."""
        return self.retry or RetryPolicy()

    def __repr__(self) -> str:
        return (
            f"container={self.container!r}, hns={self.hns!r}, account_name={self.account_name!r},"
            f" account_key={_mask(self.account_key)}, sas_token={_mask(self.sas_token)},"
            f" connection_string={_mask(self.connection_string)}, credential={_mask(self.credential)}"
        )


def _secret(name: str, value: object) -> Secret | None:
    if value is None or isinstance(value, Secret):
        secret = value
    elif isinstance(value, str):
        secret = Secret(value)
    else:
        raise TypeError(f"{name} must be a str or a Secret, not {type(value).__name__}")
    if secret is None or not secret.reveal():
        return None  # an unset variable in a configuration file
    text = secret.reveal()
    if text != text.strip() or not text.isprintable():
        raise ValueError(f"{name} has blanks or line breaks around it; was it pasted?")
    return secret


def _mask(secret: object) -> str:
    return "'***'" if secret is not None else "None"


def _check_numbers(given: Mapping[str, Any]) -> None:
    for name in ("max_concurrency", "block_size", "single_put_max", "byte_budget", "max_pool_connections"):
        value = given[name]
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} must be an int, not {type(value).__name__}")
        if value < 1:
            raise ValueError(f"{name} must be >= 1, not {value}")
    if given["block_size"] > MAX_BLOCK_BYTES:
        raise ValueError(f"block_size must be at most 4000 MiB (bytes), not {given['block_size']}")
    if given["single_put_max"] > MAX_PUT_BYTES:
        raise ValueError(f"single_put_max must be at most 5000 MiB (bytes), not {given['single_put_max']}")


def _check_hns(hns: object) -> None:
    if hns is not None and not isinstance(hns, bool):
        raise ValueError(f"hns must be True, False or None, not {hns!r}")

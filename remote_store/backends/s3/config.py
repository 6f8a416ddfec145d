"""The constructor's arguments, checked, as what the SDK wants to make a client."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from platform import python_version
from typing import Any

import botocore

from ..._core.retry import RetryPolicy
from ..._core.secret import Secret
from ..._core.version import __version__
from .checksums import AVAILABLE, ChecksumMode
from .credentials import CredentialProvider

__all__ = ["S3Config"]

log = logging.getLogger("remote_store.s3")

MEBIBYTE = 1024 * 1024
MIN_PART_BYTES = 5 * MEBIBYTE
"""S3's limit: a smaller part is refused unless it is the last."""
CONNECT_SECONDS = 10.0
"""For a connection to be made: a host that is there answers within one; SYN retries make it seven."""
READ_SECONDS = 60.0
"""Between two bytes of an answer, botocore's own default."""

_KNOWN_OPTIONS = frozenset({"client_kwargs", "config_kwargs", "anon", "token", "profile", "use_ssl", "requester_pays"})
_CA_VARIABLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


@dataclass(frozen=True)
class S3Config:
    """Everything an S3 backend was made with; the names are those of the constructor's parameters."""

    bucket: str
    endpoint_url: str | None = None
    key: Secret | None = None
    secret: Secret | None = None
    token: Secret | None = None
    region_name: str | None = None
    profile: str | None = None
    anonymous: bool = False
    addressing_style: str = "auto"
    tls_ca_bundle: str | None = None
    client_options: Mapping[str, Any] | None = None
    retry: RetryPolicy | None = None
    reject_write_under_file_ancestor: bool = False
    look_before_create: bool = False
    part_size: int = 8 * MEBIBYTE
    max_concurrency: int = 8
    byte_budget: int = 256 * MEBIBYTE
    single_put_max: int = 16 * MEBIBYTE
    max_pool_connections: int = 64
    checksum: ChecksumMode = "auto"
    credential_provider: CredentialProvider | None = None

    @classmethod
    def checked(cls, **given: Any) -> S3Config:
        """Return the configuration; ValueError or TypeError for what can't be one."""
        bucket = given["bucket"]
        if not isinstance(bucket, str):
            raise TypeError(f"bucket must be a str, not {type(bucket).__name__}")
        if not bucket.strip():
            raise ValueError("bucket must not be empty")
        for name in ("key", "secret", "token"):
            given[name] = _secret(name, given[name])
        if (given["key"] is None) != (given["secret"] is None):
            raise ValueError("key and secret belong together: give both, or neither for botocore's chain")
        _check_identity(given)
        given["endpoint_url"] = _endpoint(given["endpoint_url"])
        given["region_name"] = _region(given["region_name"])
        given["tls_ca_bundle"] = _ca_bundle(given["tls_ca_bundle"])
        _check_numbers(given)
        _check_choice("addressing_style", given["addressing_style"], ("auto", "path", "virtual"))
        _check_choice("checksum", given["checksum"], ("auto", "required", "off"))
        if given["checksum"] == "required" and not AVAILABLE:
            raise ValueError("checksum='required' needs awscrt: pip install 'remote-store-aio[s3]'")
        return cls(**given)

    def arguments(self) -> dict[str, object]:
        """Return the constructor's arguments that differ from its defaults; what a pickle is made of."""
        shown = {field.name: getattr(self, field.name) for field in fields(self)}
        defaults = {field.name: field.default for field in fields(self)}
        return {name: value for name, value in shown.items() if name == "bucket" or value != defaults[name]}

    # What the SDK is told

    def session_options(self) -> dict[str, Any]:
        """Return the arguments of the SDK's session."""
        options = self.client_options or {}
        profile = self.profile or options.get("profile")
        return {"profile": profile} if profile else {}

    def client_arguments(self) -> dict[str, Any]:
        """Return the arguments of `create_client`, but `config`."""
        options = dict(self.client_options or {})
        for name in options.keys() - _KNOWN_OPTIONS:
            log.warning("client_options: %r is not known here and has no effect", name)
        given = dict(options.get("client_kwargs") or {})
        if "config" in given:
            raise ValueError(
                "client_options: client_kwargs must not have 'config'; put its settings into config_kwargs"
            )
        own: dict[str, Any] = {
            "endpoint_url": self.endpoint_url,
            "region_name": self.region_name,
            "verify": self.tls_ca_bundle,
            "aws_access_key_id": _revealed(self.key),
            "aws_secret_access_key": _revealed(self.secret),
            "aws_session_token": _revealed(self.token) or options.get("token"),
        }
        given.update({name: value for name, value in own.items() if value is not None})
        if "use_ssl" in options:
            given["use_ssl"] = options["use_ssl"]
        if self.endpoint_url is not None and not given.get("region_name") and not _region_in_environment():
            # Other servers take any region, but one must be there to sign with.
            given["region_name"] = "us-east-1"
        return given

    def s3fs_options(self) -> dict[str, Any]:
        """Return the same settings as s3fs wants them."""
        options = dict(self.client_options or {})
        arguments = self.client_arguments()
        kwargs = {**(options.pop("client_kwargs", None) or {})}
        kwargs |= {name: arguments[name] for name in ("region_name", "verify") if name in arguments}
        own = {"endpoint_url": self.endpoint_url, "key": _revealed(self.key), "secret": _revealed(self.secret)}
        options.update({name: value for name, value in own.items() if value is not None})
        return {**options, "token": _revealed(self.token), "anon": self.anonymous, "client_kwargs": kwargs}

    def config_arguments(self) -> dict[str, Any]:
        """Return the arguments of the SDK's Config."""
        given = dict((self.client_options or {}).get("config_kwargs") or {})
        if given.pop("retries", None) is not None:
            log.warning("client_options: config_kwargs['retries'] has no effect; retries go by retry=RetryPolicy(...)")
        s3 = {"addressing_style": self._style(), **(given.pop("s3", None) or {})}
        if self.anonymous or (self.client_options or {}).get("anon"):
            from botocore import UNSIGNED

            given.setdefault("signature_version", UNSIGNED)
        timeout = self.policy.timeout
        defaults = {
            "connect_timeout": min(CONNECT_SECONDS, timeout or CONNECT_SECONDS),
            "read_timeout": READ_SECONDS,
            "signature_version": "s3v4",  # the SDK presigns with the old one where the region allows it
            "max_pool_connections": self.max_pool_connections,
            # Ours are computed and compared elsewhere (`checksums`); botocore's default would break other servers.
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
            # As a whole: the SDK puts its own together anew for each request, which takes 0.1 ms.
            "user_agent": f"remote-store-aio/{__version__} Botocore/{botocore.__version__} Python/{python_version()}",
        }
        return {**defaults, **given, "s3": s3, "retries": {"total_max_attempts": 1, "mode": "standard"}}

    def _style(self) -> str:
        # Virtual hosts need a DNS entry for each bucket, which a server on its own address rarely has.
        return "path" if self.addressing_style == "auto" and self.endpoint_url is not None else self.addressing_style

    @property
    def policy(self) -> RetryPolicy:
        """The retry policy in force."""
        return self.retry or RetryPolicy()

    def __repr__(self) -> str:
        return (
            f"bucket={self.bucket!r}, endpoint_url={self.endpoint_url!r}, key={_mask(self.key)},"
            f" secret={_mask(self.secret)}, region_name={self.region_name!r}, tls_ca_bundle={self.tls_ca_bundle!r}"
        )


def _check_identity(given: Mapping[str, Any]) -> None:
    """Refuse contradictions about who asks: which of them counts would be a guess."""
    ways = {
        "key": given["key"] is not None,
        "anonymous": bool(given["anonymous"]),
        "credential_provider": given["credential_provider"] is not None,
    }
    chosen = [name for name, there in ways.items() if there]
    if len(chosen) > 1:
        raise ValueError(f"give only one of {' and '.join(chosen)}")
    if given["token"] is not None and given["key"] is None:
        raise ValueError("token belongs to key and secret: give all three, or none for botocore's chain")
    if given["credential_provider"] is not None and not callable(given["credential_provider"]):
        raise TypeError(f"credential_provider must be a function, not {type(given['credential_provider']).__name__}")


def _secret(name: str, value: object) -> Secret | None:
    if value is None or isinstance(value, Secret):
        secret = value
    elif isinstance(value, str):
        secret = Secret(value)
    else:
        raise TypeError(f"{name} must be a str or a Secret, not {type(value).__name__}")
    if secret is None:
        return None
    text = secret.reveal()
    if not text:
        return None  # an unset variable in a configuration file
    if text != text.strip() or not text.isprintable():
        raise ValueError(f"{name} has blanks or line breaks around it; was it pasted?")
    return secret


def _revealed(secret: Secret | None) -> str | None:
    return secret.reveal() if secret is not None else None


def _mask(secret: Secret | None) -> str:
    return "'***'" if secret is not None else "None"


def _endpoint(url: object) -> str | None:
    if url is None or (isinstance(url, str) and not url.strip()):
        return None
    if not isinstance(url, str):
        raise TypeError(f"endpoint_url must be a str, not {type(url).__name__}")
    text = url.strip() if "://" in url else f"https://{url.strip()}"
    scheme, _, rest = text.partition("://")
    host = rest.partition("/")[0]
    if scheme.lower() not in ("http", "https") or not host:
        raise ValueError(f"endpoint_url must be http://host[:port] or https://host[:port], not scheme {scheme!r}")
    if "@" in host:
        raise ValueError("endpoint_url must not have a user or password in it; give key= and secret=")
    if "?" in rest or "#" in rest:
        raise ValueError("endpoint_url must have no query and no fragment")
    return text.rstrip("/")


def _region(region: object) -> str | None:
    if region is None or region == "":
        return None
    if not isinstance(region, str) or not region.replace("-", "").isalnum() or not region.isascii():
        raise ValueError(f"region_name must be a region such as 'eu-central-1', not {region!r}")
    return region


def _region_in_environment() -> bool:
    return bool(os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"))


def _ca_bundle(path: str | None) -> str | None:
    """Return the file of trusted certificates: the argument, else the variables that others read too."""
    if path is None or not str(path).strip():
        path = next((os.environ[name] for name in _CA_VARIABLES if os.environ.get(name)), None)
    if path is not None and not os.path.isfile(path):
        raise ValueError(f"tls_ca_bundle {os.fspath(path)!r} does not exist or is not a file")
    return None if path is None else os.fspath(path)


def _check_numbers(given: dict[str, Any]) -> None:
    for name in ("part_size", "max_concurrency", "byte_budget", "single_put_max", "max_pool_connections"):
        value = given[name]
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} must be an int, not {type(value).__name__}")
        if value < 1:
            raise ValueError(f"{name} must be >= 1, not {value}")
    if not MIN_PART_BYTES <= given["part_size"] <= 5 * 1024 * MEBIBYTE:
        raise ValueError(f"part_size must be 5 MiB to 5 GiB (bytes), not {given['part_size']}")
    if given["single_put_max"] > 5 * 1024 * MEBIBYTE:
        raise ValueError(f"single_put_max must be at most 5 GiB (bytes), not {given['single_put_max']}")
    retry = given["retry"]
    if retry is not None and not isinstance(retry, RetryPolicy):
        raise TypeError(f"retry must be a RetryPolicy, not {type(retry).__name__}")


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}")

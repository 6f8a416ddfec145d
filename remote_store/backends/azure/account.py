"""Which account a backend talks to, and with what: from arguments, connection strings and the environment."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from ..._core.secret import Secret

__all__ = ["Account", "account_of"]

DEVELOPMENT_URL = "http://127.0.0.1:10000/devstoreaccount1"
DEVELOPMENT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's, the same on every machine and published by Microsoft: it protects nothing."""

_ACCOUNT_HOST = re.compile(r"(?P<name>[a-z0-9]+)(-secondary)?(-ipv6|-dualstack)?(\.z\d+)?\.(blob|dfs)\.", re.IGNORECASE)
_DFS = re.compile(r"^([^./]+(?:\.z\d+)?)\.dfs\.", re.IGNORECASE)
_BLOB = re.compile(r"^(https?://[^./]+(?:\.z\d+)?)\.blob\.", re.IGNORECASE)


@dataclass(frozen=True)
class Account:
    """An account's blob endpoint, without a slash at its end, and what requests to it are signed with.

    At most one of `key` (base64), `sas` and `credential` is set; none of them means that nothing is signed.
    """

    url: str
    name: str | None = None
    key: Secret | None = None
    sas: Secret | None = None
    credential: Any = None
    dfs: str | None = None
    """The Data Lake Storage endpoint, where a connection string tells it."""

    @property
    def dfs_url(self) -> str:
        """The Data Lake Storage endpoint; the blob endpoint itself where the host has no name for it (emulators)."""
        return self.dfs or _BLOB.sub(r"\1.dfs.", self.url)

    @property
    def has_dfs(self) -> bool:
        """Whether the Data Lake Storage endpoint has an address of its own."""
        return self.dfs_url != self.url

    @property
    def signs(self) -> bool:
        """Whether requests carry any credentials."""
        return self.key is not None or self.sas is not None or self.credential is not None

    @property
    def host(self) -> str:
        """Host and port."""
        return urlsplit(self.url).netloc


def account_of(given: Mapping[str, Any]) -> Account:
    """Return the account that the constructor's arguments name; ValueError where they name none, or one half.

    Arguments come before the connection string, that before the environment, whose secrets are used only for the
    account that it names itself.
    """
    stored = _parsed(given["connection_string"])
    outer = _environment(given, stored)
    url, query = _url(given, stored, outer)
    found = Account(url, _name(given, stored, outer, url), dfs=_dfs(given, stored, outer))
    if given["anonymous"]:
        return found
    found = _signed(found, given["account_key"], given["sas_token"], given["credential"])
    for source in (stored, outer):
        if not found.signs:
            found = _signed(found, source.get("AccountKey"), source.get("SharedAccessSignature"), None)
    if query and not found.signs:
        found = _signed(found, None, Secret(query), None)
    if found.key is not None and found.name is None:
        raise ValueError("account_name is needed beside account_key: this account_url does not tell it")
    if not url.startswith("https") and hasattr(found.credential, "get_token"):
        raise ValueError("a token credential needs an account_url with https: tokens are not sent in the clear")
    return found


# Sources


def _parsed(text: Secret | None) -> dict[str, Any]:
    """Return the settings in a connection string."""
    if text is None:
        return {}
    settings: dict[str, str] = {}
    for item in filter(None, text.reveal().split(";")):
        name, equals, value = item.partition("=")
        if not equals or not name.strip():
            raise ValueError("connection_string is no list of name=value pairs with ';' between them")
        settings[name.strip().lower()] = value.strip()
    if settings.get("usedevelopmentstorage", "").lower() == "true":
        return {"url": DEVELOPMENT_URL, "AccountKey": Secret(DEVELOPMENT_KEY), "name": "devstoreaccount1"}
    account: str | None = settings.get("accountname")
    url: str | None = settings.get("blobendpoint")
    if url is None and account is not None:
        suffix = settings.get("endpointsuffix", "core.windows.net")
        url = f"{settings.get('defaultendpointsprotocol', 'https')}://{account}.blob.{suffix}"
    if url is None:
        raise ValueError("connection_string has neither BlobEndpoint nor AccountName")
    found: dict[str, Any] = {"url": url, "name": account, "dfs": settings.get("dfsendpoint")}
    if settings.get("accountkey"):
        found["AccountKey"] = Secret(settings["accountkey"])
    elif settings.get("sharedaccesssignature"):
        found["SharedAccessSignature"] = Secret(settings["sharedaccesssignature"])
    return found


def _environment(given: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the environment's variables say of the account that is meant."""
    text = os.environ.get("AZURE_STORAGE_CONNECTION_STRING")
    outer = _parsed(Secret(text)) if text else {}
    name = os.environ.get("AZURE_STORAGE_ACCOUNT_NAME") or os.environ.get("AZURE_STORAGE_ACCOUNT")
    if name:
        outer = {"name": name, **outer}
    for variables, setting in (
        (("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_KEY"), "AccountKey"),
        (("AZURE_STORAGE_SAS_TOKEN",), "SharedAccessSignature"),
    ):
        value = next((os.environ[each] for each in variables if os.environ.get(each)), None)
        if value and setting not in outer:
            outer[setting] = Secret(value)
    asked = given["account_name"] or stored.get("name")
    elsewhere = given["account_url"] or stored.get("url")
    if elsewhere and not asked:
        asked = _host_name(elsewhere)
    return outer if (not asked and not elsewhere) or asked == outer.get("name") else {}


# Parts


def _url(given: Mapping[str, Any], stored: Mapping[str, Any], outer: Mapping[str, Any]) -> tuple[str, str]:
    """Return the blob endpoint, and the query that stood behind it."""
    name = given["account_name"]
    by_name = f"https://{name}.blob.core.windows.net" if name else None
    url = given["account_url"] or stored.get("url") or by_name or outer.get("url")
    if url is None and outer.get("name"):
        url = f"https://{outer['name']}.blob.core.windows.net"
    if url is None:
        raise ValueError("one of account_name, account_url or connection_string must be given")
    if not isinstance(url, str):
        raise TypeError(f"account_url must be a str, not {type(url).__name__}")
    parts = urlsplit(url.strip() if "://" in url else f"https://{url.strip()}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"account_url must be http(s)://host[:port][/account], not scheme {parts.scheme!r}")
    if "@" in parts.netloc:
        raise ValueError("account_url must not have a user or password in it; give account_key= or credential=")
    if parts.fragment:
        raise ValueError("account_url must have no fragment")
    host = _DFS.sub(r"\1.blob.", parts.netloc)
    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}", parts.query


def _dfs(given: Mapping[str, Any], stored: Mapping[str, Any], outer: Mapping[str, Any]) -> str | None:
    """Return the Data Lake Storage endpoint of the connection string that the blob endpoint comes from."""
    if given["account_url"] is not None:
        return None
    found = stored.get("dfs") if stored.get("url") else (None if given["account_name"] else outer.get("dfs"))
    return found.rstrip("/") if found else None


def _name(given: Mapping[str, Any], stored: Mapping[str, Any], outer: Mapping[str, Any], url: str) -> str | None:
    name = given["account_name"] or stored.get("name") or _host_name(url) or outer.get("name")
    if name is not None and not isinstance(name, str):
        raise TypeError(f"account_name must be a str, not {type(name).__name__}")
    return name


def _host_name(url: str) -> str | None:
    """Return the account that a URL tells: by its host, or by its path as emulators have it."""
    parts = urlsplit(url)
    match = _ACCOUNT_HOST.match(parts.netloc)
    return match["name"] if match else parts.path.strip("/").partition("/")[0] or None


def _signed(account: Account, key: Secret | None, sas: Secret | None, credential: Any) -> Account:
    """Return the account with the first of these that is given."""
    if isinstance(credential, (str, Secret)):
        text = credential if isinstance(credential, Secret) else Secret(credential)
        key, sas, credential = (None, text, None) if "sig=" in text.reveal() else (text, None, None)
    if isinstance(credential, Mapping):
        account = replace(account, name=credential.get("account_name") or account.name)
        key, credential = Secret(credential["account_key"]), None
    if credential is not None:
        if not any(hasattr(credential, wanted) for wanted in ("get_token", "get_token_info", "signature", "named_key")):
            raise TypeError(
                f"credential must be one of azure-core's or azure-identity's, not {type(credential).__name__}"
            )
        return replace(account, credential=credential)
    if key is not None:
        return replace(account, key=_checked_key(key))
    if sas is not None:
        return replace(account, sas=Secret(sas.reveal().lstrip("?")))
    return account


def _checked_key(key: Secret) -> Secret:
    try:
        raw = base64.b64decode(key.reveal(), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not raw:
        raise ValueError("account_key is no base64; was it pasted whole?")
    return key

"""Who may ask: shared keys and shared access signatures, checked as the reference tells how to make them.

"Authorize with Shared Key" and "Create an account SAS" / "Create a service SAS" of the storage services' REST reference.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from calendar import timegm

from .asked import Asked
from .tree import Refused

__all__ = ["check"]

STANDARD = (
    "content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
    "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range",
)  # fmt: skip


def check(asked: Asked, account: str, key: str) -> None:
    """Raise Refused (403) unless the request is signed for this account."""
    header = asked.headers.get("authorization", "")
    if header.startswith("SharedKey "):
        expected = f"SharedKey {account}:{signature(key, shared_key_text(asked, account))}"
        if "x-ms-date" not in asked.headers or not hmac.compare_digest(header, expected):
            raise Refused(403, "AuthenticationFailed")
    elif "sig" in asked.query:
        _check_sas(asked, account, key)
    else:
        raise Refused(401, "NoAuthenticationInformation")


def signature(key: str, text: str) -> str:
    """Return the base64 HMAC-SHA256 of a text under a base64 key."""
    return base64.b64encode(hmac.digest(base64.b64decode(key), text.encode(), hashlib.sha256)).decode()


def shared_key_text(asked: Asked, account: str) -> str:
    """Return what a shared key signs."""
    named = [asked.headers.get(name, "") for name in STANDARD]
    if named[2] == "0":
        named[2] = ""
    if "x-ms-date" in asked.headers:
        named[5] = ""
    extra = sorted((name, " ".join(value.split())) for name, value in asked.headers.items() if name.startswith("x-ms-"))
    resource = f"/{account}{asked.raw_path}"
    query = "".join(f"\n{name.lower()}:{value}" for name, value in sorted(asked.query.items()))
    return "\n".join([asked.method, *named]) + "\n" + "".join(f"{n}:{v}\n" for n, v in extra) + resource + query


def _check_sas(asked: Asked, account: str, key: str) -> None:
    query = asked.query
    resource = query.get("sr")
    text = _service_text(query, account, asked, resource) if resource else _account_text(query, account)
    if not hmac.compare_digest(query["sig"], signature(key, text)):
        raise Refused(403, "AuthenticationFailed")
    if timegm(time.strptime(query.get("se", "1970-01-01T00:00:00Z"), "%Y-%m-%dT%H:%M:%SZ")) < time.time():
        raise Refused(403, "AuthenticationFailed")
    if not set(asked.permissions) & set(query.get("sp", "")):
        raise Refused(403, "AuthorizationPermissionMismatch")


def _account_text(query: dict[str, str], account: str) -> str:
    names = ("sp", "ss", "srt", "st", "se", "sip", "spr", "sv", "ses")
    return "\n".join([account, *(query.get(name, "") for name in names)]) + "\n"


def _service_text(query: dict[str, str], account: str, asked: Asked, resource: str) -> str:
    if resource not in ("b", "c"):
        raise Refused(403, "AuthenticationFailed")
    signed = f"/blob/{account}/{asked.filesystem}" + (f"/{asked.path}" if resource == "b" else "")
    first = [query.get(name, "") for name in ("sp", "st", "se")]
    rest = [query.get(name, "") for name in ("si", "sip", "spr", "sv", "sr")]
    last = [query.get(name, "") for name in ("rscc", "rscd", "rsce", "rscl", "rsct")]
    return "\n".join([*first, signed, *rest, "", query.get("ses", ""), *last])

"""The constructor's arguments, checked; what they mean for a request."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from ..._core.retry import RetryPolicy
from ..._core.secret import Secret
from ..._core.version import __version__

__all__ = ["HttpConfig"]

CLIENTS = ("urllib", "requests", "httpx")
"""Names of `http_client`. The blocking two are one transport here, in worker threads."""


@dataclass(frozen=True)
class HttpConfig:
    """What a backend was made with. `base_url` ends with ``/`` and has no user info; that is among `headers`."""

    base_url: str
    headers: Mapping[str, Secret]
    timeout: float
    retry: RetryPolicy | None
    http_client: str | None
    verify_ssl: bool
    max_redirects: int
    given_url: str

    @classmethod
    def checked(
        cls,
        base_url: str,
        headers: Mapping[str, str | Secret] | None,
        timeout: float,
        retry: RetryPolicy | None,
        http_client: str | None,
        verify_ssl: bool,
        max_redirects: int,
    ) -> HttpConfig:
        """Return the configuration; ValueError and TypeError for what can't be used."""
        if http_client is not None and http_client not in CLIENTS:
            raise ValueError(f"Unknown http_client: {http_client!r}; there are {', '.join(map(repr, CLIENTS))}")
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
            raise TypeError(f"timeout must be a number of seconds, not {type(timeout).__name__}")
        if not 0 < timeout < math.inf:
            raise ValueError(f"timeout must be > 0 and finite (seconds), not {timeout}")
        if isinstance(max_redirects, bool) or not isinstance(max_redirects, int):
            raise TypeError(f"max_redirects must be an int, not {type(max_redirects).__name__}")
        if max_redirects < 0:
            raise ValueError(f"max_redirects must be >= 0, not {max_redirects}")
        if retry is not None and not isinstance(retry, RetryPolicy):
            raise TypeError(f"retry must be a RetryPolicy, not {type(retry).__name__}")
        address, sign_in = _address(base_url)
        sent = _headers(headers or {})
        if sign_in is not None and not any(name.lower() == "authorization" for name in sent):
            sent["Authorization"] = sign_in
        return cls(address, sent, float(timeout), retry, http_client, bool(verify_ssl), max_redirects, base_url)

    @property
    def policy(self) -> RetryPolicy:
        """The retry policy in force."""
        return self.retry or RetryPolicy()

    @property
    def host(self) -> str:
        """The server's name and port, whose retries are counted together."""
        return urlsplit(self.base_url).netloc

    def url(self, key: str) -> str:
        """Return the address of a key."""
        return self.base_url + quote(key, safe="/", errors="surrogateescape")

    def key(self, url: str) -> str:
        """Return the key of an address, or the address itself if it is not below this one."""
        return unquote(url.removeprefix(self.base_url)) if url.startswith(self.base_url) else url

    def request_headers(self) -> dict[str, str]:
        """Return the headers of every request to the server itself: the user's, then those of `PLAIN` that go anywhere.

        The user's own User-Agent stands, which some servers ask for; bytes are wanted unencoded whatever was said.
        """
        own = {name: value.reveal() for name, value in self.headers.items() if name.lower() != "accept-encoding"}
        named = {name.lower() for name in own}
        return own | {name: value for name, value in PLAIN.items() if name.lower() not in named}

    def httpx(self) -> Any:
        """Return the module of the HTTP library, None where the blocking transport is to be used."""
        if self.http_client in ("urllib", "requests"):
            return None
        for name in ("httpx2", "httpx"):
            if find_spec(name) is not None:
                return __import__(name)
        if self.http_client == "httpx":
            raise ImportError("http_client='httpx' needs httpx2: pip install 'remote-store-aio[http]'")
        return None

    def arguments(self) -> dict[str, object]:
        """Return the constructor's arguments, for a copy of the backend."""
        return {
            "base_url": self.given_url,
            "headers": dict(self.headers) or None,
            "timeout": self.timeout,
            "retry": self.retry,
            "http_client": self.http_client,
            "verify_ssl": self.verify_ssl,
            "max_redirects": self.max_redirects,
        }


PLAIN = {"Accept-Encoding": "identity", "User-Agent": f"remote-store-aio/{__version__}"}
"""What tells nobody's secret. The bytes are wanted as they are stored: ranges are of those."""


def _address(base_url: str) -> tuple[str, Secret | None]:
    """Return the URL without user info and with a slash at its end, and the Authorization header it stands for."""
    if not isinstance(base_url, str):
        raise TypeError(f"base_url must be a str, not {type(base_url).__name__}")
    if not base_url:
        raise ValueError("base_url must not be empty")
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"base_url must use the http or https scheme, not {parts.scheme!r}")
    if not parts.hostname:
        raise ValueError("base_url must have a host, as in 'https://host/folder/'")
    if parts.query or parts.fragment:
        raise ValueError("base_url must have no query and no fragment: keys are appended to it")
    user_info, _, place = parts.netloc.rpartition("@")
    sign_in = None
    if user_info:
        user, _, password = user_info.partition(":")
        plain = f"{unquote(user)}:{unquote(password)}".encode()
        sign_in = "Basic " + base64.b64encode(plain).decode()
    path = parts.path if parts.path.endswith("/") else parts.path + "/"
    return urlunsplit((parts.scheme, place, path, "", "")), Secret(sign_in) if sign_in else None


def _headers(headers: Mapping[Any, Any]) -> dict[str, Secret]:
    sent: dict[str, Secret] = {}
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, (str, Secret)):
            raise TypeError("headers must be str to str")
        secret = value if isinstance(value, Secret) else Secret(value)
        if not name or any(character in name + secret.reveal() for character in "\r\n\0"):
            raise ValueError(f"header {name!r} must have a name and no line break")
        sent[name] = secret
    return sent

"""What the URL of a store says, read without opening anything.

Known here: ``file:``, ``memory:``, ``s3:`` (also ``s3a:``), ``az:``, ``abfs:``, ``abfss:`` and Azure's https
addresses, ``sftp:`` (also ``ssh:``). Any other scheme is split by RFC 3986 and left to the plug-in that owns it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

from remote_store._core.errors import InvalidConfig
from remote_store._core.secret import MASK, is_secret_name

__all__ = ["ParsedUrl", "parse_url"]


@dataclass(frozen=True, repr=False)
class ParsedUrl:
    """The parts of a store's URL, percent-decoded.

    | URL | scheme | container | host, port, user | path |
    |---|---|---|---|---|
    | ``/srv/data``, ``data``, ``file:///srv/data`` | file | | | ``/srv/data``, ``data`` |
    | ``memory://name/sub`` | memory | name | | ``sub`` |
    | ``s3://bucket/a/b`` | s3 | bucket | | ``a/b`` |
    | ``az://c/a``, ``abfss://c@acc.dfs.core.windows.net/a``, ``https://acc.blob.core.windows.net/c/a`` | az | c | the account's host | ``a`` |
    | ``sftp://me@host:2222/srv`` | sftp | | host, 2222, me | ``/srv`` |
    | ``other://u@h:1/p`` | other | | h, 1, u | ``/p`` |

    `scheme` is in lower case; s3a is read as s3, ssh as sftp, Azure's four as az. `path` has no slash around it
    where a container stands before it. `options` is the query: texts, not checked against any backend.
    """

    scheme: str
    path: str = ""
    container: str = ""
    host: str = ""
    port: int | None = None
    user: str | None = None
    options: dict[str, str] = field(default_factory=dict)

    @property
    def account(self) -> str:
        """The Azure account: the first label of the host, ``""`` without one."""
        return self.host.partition(".")[0] if self.scheme == "az" else ""

    def __repr__(self) -> str:
        shown = dict(vars(self))
        shown["options"] = {name: MASK if is_secret_name(name) else text for name, text in self.options.items()}
        if self.user is not None and self.scheme != "sftp":
            shown["user"] = MASK  # elsewhere a token may stand there
        return f"ParsedUrl({', '.join(f'{name}={value!r}' for name, value in shown.items() if value)})"


@dataclass(frozen=True, repr=False)
class _Parts:
    """A URL cut by RFC 3986, nothing decoded; no repr, for it may hold what must not be shown."""

    scheme: str
    authority: str
    path: str
    options: dict[str, str]


def parse_url(url: str | os.PathLike[str]) -> ParsedUrl:
    """Return what `url` says; a text without a scheme is the path of a local folder, taken as it is.

    Options come from the query; ``+`` is a plus there, blanks are ``%20``. Raises InvalidConfig, telling what to
    write and never repeating a password, for: a password or another secret in the URL, a fragment, control
    characters, an option given twice, a bucket, container, host or port that can't be one. TypeError for no str.
    """
    text = os.fspath(url)
    if not isinstance(text, str):
        raise TypeError(f"a store's URL must be a str, not {type(url).__name__}")
    _refuse_controls(text)
    scheme = _scheme_of(text)
    if scheme is None:
        if not text:
            raise InvalidConfig("the store's URL is empty; write '.' for the current folder")
        return ParsedUrl("file", path=text)
    return _READERS.get(scheme, _read_other)(_split(scheme, text))


# Cutting: RFC 3986, appendix B. (urlsplit drops line ends silently, and its errors repeat passwords.)

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_REST = re.compile(r"(?://(?P<authority>[^/?#]*))?(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?P<fragment>#.*)?", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def _refuse_controls(text: str) -> None:
    if _CONTROL.search(text):
        raise InvalidConfig("the store's URL has a line end or another control character in it; remove it")


def _scheme_of(text: str) -> str | None:
    """Return the scheme in lower case, None for a bare path (``C:/x``, ``a:b`` and ``./a://b`` are paths)."""
    match = _SCHEME.match(text)
    before, mark, _ = text.partition("://")
    if match and (len(before) == match.end() - 1 if mark else match[1].lower() in _READERS):
        return match[1].lower()
    if mark and "/" not in before and "\\" not in before:
        raise InvalidConfig("the text before '://' is no URL scheme; write for instance 's3://bucket/folder' or a path")
    return None


def _split(scheme: str, text: str) -> _Parts:
    match = _REST.fullmatch(text, len(scheme) + 1)
    assert match is not None  # every text fits
    if match["fragment"]:
        raise InvalidConfig(f"a {scheme} URL has no fragment; write a '#' in a name as %23")
    if text != text.rstrip():
        raise InvalidConfig(f"the {scheme} URL has blanks at its end; remove them, or write one in a name as %20")
    bare = match["path"].startswith("/") if scheme == "file" else scheme == "memory" and not match["path"]
    if match["authority"] is None and not bare:  # "file:/folder" and "memory:" are fine
        raise InvalidConfig(f"a {scheme} URL starts with '{scheme}://'; write {_EXAMPLES[scheme]}")
    return _Parts(scheme, match["authority"] or "", match["path"], _options(match["query"]))


def _decoded(text: str, what: str, *, errors: str = "strict") -> str:
    if _BROKEN_ESCAPE.search(text):
        raise InvalidConfig(f"the {what} has a '%' that starts no escape; write a percent sign as %25")
    try:
        plain = unquote(text, errors=errors)
    except UnicodeDecodeError:
        raise InvalidConfig(f"the {what} is not UTF-8 after percent-decoding; write names in UTF-8") from None
    _refuse_controls(plain)
    return plain


# Options: the query

# Names under which nothing harmless is ever passed; `key` alone is the access key of CONTRACT 115.
_SECRET_PARAMETERS = re.compile(
    r"(?:.*_)?(?:secret|password|passwd|pwd|passphrase|token|signature|sas)"
    r"|(?:.*_)?(?:access|account|api|private|shared)_?key"
    r"|key|sig|connection_?string|client_certificate"
)
_USERINFO = re.compile(r"://[^/?#]*@|://[^/?#@]*:(?!\d+(/|$))[^@]*@")


def _options(query: str | None) -> dict[str, str]:
    options: dict[str, str] = {}
    for item in query.split("&") if query else []:
        raw, equals, value = item.partition("=")
        name = _decoded(raw, "query")
        if not name or not equals:
            # Only names are repeated: a value may be a secret, also one that lost its name.
            raise InvalidConfig("an option in the URL has no name or no value; write '?name=value&other=value'")
        if name in options:
            raise InvalidConfig(f"option {name!r} stands twice in the URL; write it once")
        options[name] = _harmless(name, _decoded(value, f"option {name!r}"))
    return options


def _harmless(name: str, value: str) -> str:
    plain = name.lower().replace("-", "_")
    if _SECRET_PARAMETERS.fullmatch(plain):
        raise InvalidConfig(
            f"option {name!r} is a secret and doesn't belong in a URL; pass it as an argument, by an environment"
            " variable or in a profile"
        )
    if _USERINFO.search(value):
        raise InvalidConfig(f"option {name!r} has a user or password in it; pass those as arguments")
    return value


# Authority: user, host, port

_HOST = re.compile(r"[^\W_](?:[\w.-]*\w)?\.?")
_BRACKETED = re.compile(r"\[([^\[\]]*)\]")


def _user_and_place(parts: _Parts) -> tuple[str | None, str]:
    """Cut the authority at its ``@``; a password is refused, and so is a second ``@``."""
    raw, at, place = parts.authority.rpartition("@")
    user = _decoded(raw, "user")
    if ":" in user:
        raise InvalidConfig(
            f"a password doesn't belong in a URL; write {_EXAMPLES.get(parts.scheme, parts.scheme + '://user@host/p')}"
            " and pass it as an argument, by an environment variable or in a profile"
        )
    if "@" in raw:
        raise InvalidConfig("the URL has two '@' before its host; write one of them as %40")
    return (user if at else None), place


def _host_and_port(place: str) -> tuple[str, int | None]:
    host, colon, digits = place.rpartition(":")
    if not colon or place.endswith("]"):
        return place, None
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5 and 1 <= int(digits) <= 65535):
        # Not repeated: it may be the start of a password with a slash in it.
        raise InvalidConfig("what follows the host's ':' is no port; write a number from 1 to 65535, and no password")
    return host, int(digits)


def _checked_host(host: str) -> str:
    bracketed = _BRACKETED.fullmatch(host)
    if bracketed:
        return _ipv6(bracketed[1])
    if not _HOST.fullmatch(host) or ".." in host:
        # Also keeps options of ssh out ("-oProxyCommand=..."), and blanks.
        raise InvalidConfig("the URL's host is missing or can't be one; write 'host.example', '192.0.2.1' or '[::1]'")
    return host.lower()


def _ipv6(text: str) -> str:
    from ipaddress import IPv6Address

    try:
        return str(IPv6Address(unquote(text)))
    except ValueError:
        raise InvalidConfig("what stands in brackets is no IPv6 address; write for instance '[2001:db8::1]'") from None


def _refuse_authority(parts: _Parts, name: str) -> None:
    if "@" in parts.authority or ":" in parts.authority:
        raise InvalidConfig(
            f"a {parts.scheme} URL has no user, password or port; write {_EXAMPLES[parts.scheme]},"
            f" the {name} alone after '//'"
        )


def _key(path: str, scheme: str) -> str:
    """Return the folder below a container: decoded, without empty and ``.`` segments, as keys are written."""
    segments = [
        segment for segment in _decoded(path, f"path of the {scheme} URL").split("/") if segment not in ("", ".")
    ]
    if ".." in segments:
        raise InvalidConfig(f"the path of the {scheme} URL contains '..'; write the folder itself")
    return "/".join(segments)


# Schemes, one reader each


def _read_file(parts: _Parts) -> ParsedUrl:
    if parts.authority.lower() not in ("", "localhost"):
        raise InvalidConfig("a file URL names no other host; write three slashes, file:///folder, or a plain path")
    if not parts.path:
        raise InvalidConfig("the file URL has no path; write file:///folder, or file:/// for the root")
    # Names on a disk need not be UTF-8: bytes that aren't come through as they do from os.listdir.
    path = _decoded(parts.path, "path of the file URL", errors="surrogateescape")
    if os.name == "nt" and re.match(r"/[A-Za-z]:(/|$)", path):
        path = path[1:]
    return ParsedUrl("file", path=path, options=parts.options)


def _read_memory(parts: _Parts) -> ParsedUrl:
    name = _decoded(parts.authority, "name of the memory URL")
    if not re.fullmatch(r"[\w.-]*", name):
        raise InvalidConfig(
            "the name in a memory URL has letters, digits, '.', '_' and '-'; write memory://name/folder"
        )
    path = _key(parts.path, "memory")
    if path and not name:
        raise InvalidConfig("the memory URL has a folder but no name; write memory://name/folder")
    return ParsedUrl("memory", path=path, container=name, options=parts.options)


_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_IPV4 = re.compile(r"\d+\.\d+\.\d+\.\d+")


def _read_s3(parts: _Parts) -> ParsedUrl:
    bucket = parts.authority
    if not bucket:
        raise InvalidConfig(f"the {parts.scheme} URL has no bucket; write {_EXAMPLES['s3']}, with two slashes")
    _refuse_authority(parts, "bucket")
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    if not _BUCKET.fullmatch(bucket) or ".." in bucket or _IPV4.fullmatch(bucket):
        raise InvalidConfig(
            f"{bucket!r} can't be a bucket: 3 to 63 lower-case letters, digits, '.' and '-', no '..', no IP address;"
            f" write {_EXAMPLES['s3']} (an endpoint goes into ?endpoint=)"
        )
    return ParsedUrl("s3", path=_key(parts.path, "s3"), container=bucket, options=parts.options)


_CONTAINER = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,62}|\$(?:root|web|logs)")
_AZURE_HOST = re.compile(
    r"[a-z0-9-]+(\.z\d+)?\.(blob|dfs)\.(core\.(windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)|storage\.azure\.net)"
)


def _read_az(parts: _Parts) -> ParsedUrl:
    container, at, host = parts.authority.rpartition("@")
    if not at:
        container, host = host, ""
    if ":" in parts.authority or "@" in container:
        _refuse_authority(parts, "container")
    host = _checked_host(host) if at else ""
    return _azure(container, host, parts.path, parts.options)


def _azure(container: str, host: str, path: str, options: dict[str, str]) -> ParsedUrl:
    if not container:
        raise InvalidConfig(f"the Azure URL has no container; write {_EXAMPLES['az']}")
    if not _CONTAINER.fullmatch(container) or len(container) > 63:
        raise InvalidConfig(
            f"{container!r} can't be a container: 3 to 63 lower-case letters, digits and single '-';"
            f" write {_EXAMPLES['az']}"
        )
    return ParsedUrl("az", path=_key(path, "Azure"), container=container, host=host, options=options)


def _read_http(parts: _Parts) -> ParsedUrl:
    """Read an address of Azure's blob service as such; any other is left to whoever owns http."""
    user, place = _user_and_place(parts)
    host, port = _host_and_port(place)
    host = _checked_host(host)
    if not _AZURE_HOST.fullmatch(host):
        return _read_other(parts)
    if parts.scheme != "https" or user is not None or port is not None:
        raise InvalidConfig("an Azure address has https, no user and no port; write " + _EXAMPLES["https"])
    container, _, path = parts.path.lstrip("/").partition("/")
    return _azure(_decoded(container, "container"), host, path, parts.options)


def _read_sftp(parts: _Parts) -> ParsedUrl:
    user, place = _user_and_place(parts)
    host, port = _host_and_port(place)
    if user is not None and (not user or user.startswith("-")):
        raise InvalidConfig(f"the URL's user can't be one; write {_EXAMPLES['sftp']} or leave the user out")
    path = "/" + _key(parts.path, "sftp")
    return ParsedUrl("sftp", path=path, host=_checked_host(host), port=port, user=user, options=parts.options)


def _read_other(parts: _Parts) -> ParsedUrl:
    user, place = _user_and_place(parts)
    host, port = _host_and_port(place)
    path = _decoded(parts.path, f"path of the {parts.scheme} URL")
    return ParsedUrl(parts.scheme, path=path, host=host, port=port, user=user, options=parts.options)


_READERS: dict[str, Callable[[_Parts], ParsedUrl]] = {
    "file": _read_file,
    "memory": _read_memory,
    "s3": _read_s3,
    "s3a": _read_s3,
    "az": _read_az,
    "abfs": _read_az,
    "abfss": _read_az,
    "http": _read_http,
    "https": _read_http,
    "sftp": _read_sftp,
    "ssh": _read_sftp,
}

_EXAMPLES = {
    "file": "file:///folder",
    "memory": "memory://name",
    "s3": "s3://bucket/folder",
    "s3a": "s3://bucket/folder",
    "az": "az://container/folder",
    "abfs": "abfss://container@account.dfs.core.windows.net/folder",
    "abfss": "abfss://container@account.dfs.core.windows.net/folder",
    "http": "https://host/folder",
    "https": "https://account.blob.core.windows.net/container/folder",
    "sftp": "sftp://user@host:22/folder",
    "ssh": "sftp://user@host:22/folder",
}

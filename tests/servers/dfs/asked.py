"""A request, taken apart, and the answer to one."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from .tree import Conditions, Refused

__all__ = ["Answer", "Asked"]


@dataclass
class Answer:
    """An answer. A `body` of a HEAD is counted and not sent."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Asked:
    """A request. `path` has no slash at its ends; header names are in lower case."""

    method: str
    raw_path: str
    filesystem: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    permissions: str = ""
    """The letters of a shared access signature that allow it; any of them is enough."""

    @classmethod
    def parsed(cls, method: str, target: str, headers: dict[str, str], body: bytes, account: str) -> Asked:
        """Take a request line apart; the account is the first segment of the path, as with Azurite."""
        parts = urlsplit(target)
        first, _, rest = parts.path.lstrip("/").partition("/")
        if first != account:
            raise Refused(404, "ResourceNotFound")
        filesystem, _, path = rest.partition("/")
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        return cls(method, parts.path, unquote(filesystem), unquote(path).strip("/"), query, headers, body)

    @property
    def conditions(self) -> Conditions:
        """The conditions on the target."""
        return Conditions(self.headers.get("if-match"), self.headers.get("if-none-match"))

    @property
    def source_conditions(self) -> Conditions:
        """The conditions on the source of a rename or a copy."""
        return Conditions(self.headers.get("x-ms-source-if-match"), self.headers.get("x-ms-source-if-none-match"))

    def number(self, name: str, default: int | None = None) -> int:
        """Return a query parameter as a count."""
        text = self.query.get(name)
        if text is None and default is not None:
            return default
        if text is None:
            raise Refused(400, "MissingRequiredQueryParameter")
        if not text.isdigit():
            raise Refused(400, "InvalidQueryParameterValue")
        return int(text)

    def flag(self, name: str) -> bool | None:
        """Return a query parameter that is true or false; None where it is missing."""
        text = self.query.get(name)
        if text not in (None, "true", "false"):
            raise Refused(400, "InvalidQueryParameterValue")
        return None if text is None else text == "true"

    def no_body(self) -> None:
        """Refuse a body where the reference wants none."""
        if self.body:
            raise Refused(400, "ContentLengthMustBeZero")

    def only(self, *names: str) -> None:
        """Refuse query parameters that the operation does not have, those of a signature apart."""
        signed = (
            {"sv", "ss", "srt", "sp", "se", "st", "spr", "sip", "sig", "sr", "ses"} if "sig" in self.query else set()
        )
        if set(self.query) - {*names, "timeout"} - signed:
            raise Refused(400, "InvalidQueryParameterValue")

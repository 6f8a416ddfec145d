"""How the service is asked for a conditional request."""

from __future__ import annotations

from typing import assert_never

from ..._core.condition import ALWAYS, IF_ABSENT, Condition, IfMatch

__all__ = ["plain_etag", "quoted", "write_condition"]


def write_condition(condition: Condition) -> dict[str, str]:
    """Return the headers of a put, a copy or a commit that make it conditional (RFC 9110, section 13.1)."""
    if condition is ALWAYS:
        return {}
    if condition is IF_ABSENT:
        return {"If-None-Match": "*"}
    if isinstance(condition, IfMatch):
        return {"If-Match": quoted(condition.etag)}
    assert_never(condition)


def quoted(etag: str) -> str:
    """Return an etag as a header wants it."""
    return etag if etag == "*" or etag.startswith('"') else f'"{etag}"'


def plain_etag(header: str | None) -> str | None:
    """Return an etag without quotes; None for none. Its case is kept: ``0x8D...`` is compared as it is written."""
    return (header or "").removeprefix("W/").strip('"') or None

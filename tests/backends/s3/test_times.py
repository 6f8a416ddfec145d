"""Times as the service tells them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from remote_store.backends.s3.times import moment_of

NOON = datetime(2026, 11, 21, 12, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "told",
    [
        "2026-11-21T12:00:05.000Z",
        "2026-11-21T12:00:05Z",
        "2026-11-21T13:00:05+01:00",
        "20261121T120005Z",
        "Sat, 21 Nov 2026 12:00:05 GMT",
        "Saturday, 21-Nov-26 12:00:05 GMT",
        "2026-11-21 12:00:05",
        NOON.timestamp(),
    ],
)
def test_a_time_is_read_in_each_of_its_forms(told: Any) -> None:
    """RFC 3339 in documents, RFC 9110 5.6.7 in headers, seconds from other services; always aware."""
    moment = moment_of(told)
    assert moment == NOON
    assert moment is not None
    assert moment.tzinfo is not None


@pytest.mark.parametrize(
    "told", ["", "yesterday", "0000-00-00T00:00:00Z", "2026-13-45", "Sat, 99 Nov 2026 99:00:05 GMT"]
)
def test_what_is_no_time_is_unknown(told: str) -> None:
    """RELIABILITY, server-supplied values: a garbled date does not spoil the rest of an answer."""
    assert moment_of(told) is None

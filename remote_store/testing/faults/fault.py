"""What a script is made of: which exchange is spoilt, and how."""

from __future__ import annotations

import random
import shlex
from dataclasses import asdict, dataclass, fields
from enum import Enum
from typing import Any, TypeAlias

__all__ = ["CONNECT", "KINDS", "FOR_EVER", "Fault", "Kind", "Level", "noise"]

CONNECT = "connect"
"""The verb of a connection that is being made, before anything is said on it."""
FOR_EVER = 0
"""The `count` of a fault that does not stop."""


class Level(Enum):
    """Where a kind strikes."""

    PORT = "the port, from the script's start"
    CONNECTION = "a connection as it is made"
    EXCHANGE = "a request and its answer"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: what it does, where, and whether a connection whose protocol is unknown can have it (`raw`)."""

    text: str
    level: Level = Level.EXCHANGE
    raw: bool = False


KINDS: dict[str, Kind] = {
    "refuse": Kind(
        "the port is closed for `seconds` (0: until the next script), open connections are reset", Level.PORT, raw=True
    ),
    "reset": Kind("the request is read, then the connection is reset without an answer", raw=True),
    "close": Kind("the request is read, then the connection is closed without an answer", raw=True),
    "blackhole": Kind("the request is read and never answered; after `seconds` (0: never) it is reset", raw=True),
    "delay": Kind("the answer comes `seconds` late", raw=True),
    "stale": Kind("a connection that has been used before is closed as the next request arrives"),
    "cut": Kind("the answer's body ends at byte `offset`; argument 'reset' resets instead of closing", raw=True),
    "trickle": Kind("from byte `offset` of the body on, a byte every `seconds` (0: 1 s)", raw=True),
    "stall-upload": Kind(
        "from byte `offset` of the request's body on nothing is read for `seconds` (0: ever)", raw=True
    ),
    "flip-down": Kind("one bit of the answer's body is flipped, at `offset` or where the seed says", raw=True),
    "flip-up": Kind("one bit of the request's body is flipped, at `offset` or where the seed says", raw=True),
    "content-length": Kind("a wrong Content-Length: short, long, missing, duplicate, negative or words (argument)"),
    "chunked": Kind("the body comes as chunks whose sizes are no numbers"),
    "content-range": Kind("a wrong Content-Range: shifted, size, missing or unasked (argument)"),
    "whole": Kind(
        "the range that was asked for is ignored: all comes with status 200, from the URL in argument if there is one"
    ),
    "not-satisfiable": Kind("416, whatever range was asked for"),
    "replaced": Kind("the body is cut at `offset`, and noise of the same length is PUT to the URL in argument"),
    "splice": Kind(
        "the body is cut at `offset`; the rest is another version's, with its etag or (argument 'same-etag') the old one"
    ),
    "error": Kind("an error answer, such as argument '503 SlowDown'; `seconds` are its Retry-After"),
    "redirect": Kind("argument '307 http://host:port/path'; without a URL it leads to the proxy's trap"),
    "region": Kind("301: the bucket is in the region of argument"),
    "error-200": Kind("status 200 with an error document, of code argument or InternalError"),
    "empty": Kind("status 200 without a body and without any header of the service"),
    "html": Kind("status 200 with the login page of a captive portal"),
    "garbage": Kind("status 200 with a body of noise"),
    "truncated": Kind("the right answer, its document cut at `offset`, of which Content-Length tells"),
    "huge": Kind("status 200 with a well-formed document of `offset` bytes (default 256 MiB)"),
    "entities": Kind("status 200 with a document whose entities expand a billionfold"),
    "list-repeat": Kind("each page of a listing says that there is more, under the same token"),
    "list-loop": Kind("each page of a listing says that there is more, under two tokens in turn"),
    "list-duplicates": Kind("each entry of a listing comes twice"),
    "list-empty-page": Kind("a page without entries, after which the listing begins"),
    "duplicate": Kind("the answer is sent twice on the connection"),
    "no-close-notify": Kind("under TLS the body ends at `offset`, and the connection without a farewell"),
    "tls-reset": Kind("the connection is reset in the TLS handshake", Level.CONNECTION),
    "certificate": Kind(
        "the connection has another certificate: argument is a PEM file of key and chain", Level.CONNECTION
    ),
}
"""Every kind by name."""

Position: TypeAlias = int | None


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of a script: spoil the `nth` exchange that `verb` fits, and the `count` - 1 after it.

    `verb` is an operation as the dialect names it (``"GetObject"``), an HTTP method, or ``"connect"``; patterns with
    ``*`` and several with ``,`` between them are understood. `count` 0 means for ever. `offset` is a byte of the body,
    from the end if negative; None lets the kind choose (most: the middle). `seconds` is the kind's duration.
    `argument` is what else the kind needs to know. With `done` the request is carried out before it is answered
    wrongly or not at all. `seed` decides what is left to chance: which bit, what noise.

    Raises ValueError for an unknown kind and for numbers out of range.
    """

    kind: str
    verb: str = "*"
    nth: int = 1
    count: int = 1
    offset: int | None = None
    seconds: float = 0.0
    argument: str = ""
    done: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind {self.kind!r}; there are {', '.join(KINDS)}")
        if self.nth < 1:
            raise ValueError(f"nth must be >= 1, not {self.nth}")
        if self.count < 0:
            raise ValueError(f"count must be >= 0 (0: for ever), not {self.count}")
        if not 0 <= self.seconds < float("inf"):
            raise ValueError(f"seconds must be >= 0 and finite, not {self.seconds}")

    @classmethod
    def parsed(cls, text: str) -> Fault:
        """Return the fault that a text names: ``"cut verb=GetObject offset=10"``; blanks go in quotes.

        Raises ValueError for words that are none.
        """
        kind, *words = shlex.split(text) or [""]
        given: dict[str, Any] = {}
        kinds = {field.name: str(field.type) for field in fields(cls)}
        for word in words:
            name, mark, value = word.partition("=")
            if not mark or name not in kinds or name == "kind":
                raise ValueError(f"{word!r} is not one of {', '.join(f'{each}=' for each in list(kinds)[1:])}")
            given[name] = _value(kinds[name], value)
        return cls(kind, **given)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, as JSON takes them."""
        return asdict(self)

    def strikes(self, match: int) -> bool:
        """Return whether the exchange that fits for the `match`-th time (from 1 on) is spoilt."""
        return match >= self.nth and (self.count == FOR_EVER or match < self.nth + self.count)

    def position(self, size: int) -> int:
        """Return the offset in a body of `size` bytes, inside it."""
        if self.offset is None:
            return size // 2
        return min(size, self.offset) if self.offset >= 0 else max(0, size + self.offset)

    def flipped(self, data: bytes) -> tuple[bytes, int]:
        """Return bytes with one bit turned over, and where that was; nothing happens to no bytes."""
        if not data:
            return data, 0
        chance = random.Random(self.seed)  # noqa: S311  # must come again
        at = chance.randrange(len(data)) if self.offset is None else min(self.position(len(data)), len(data) - 1)
        return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :], at


def noise(seed: int, size: int) -> bytes:
    """Return the bytes that a seed stands for: what ``replaced`` stores and ``garbage`` sends."""
    return random.Random(seed).randbytes(size)  # noqa: S311  # must come again


def _value(kind: str, text: str) -> Any:
    if kind.startswith("int"):
        return int(text)
    if kind == "float":
        return float(text)
    if kind == "bool":
        return text.lower() in ("1", "true", "yes")
    return text

"""What each kind makes of an exchange: the bytes that are sent, how fast, and what becomes of the connection."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeAlias
from urllib.parse import urlsplit

from .dialects import Dialect
from .fault import Fault, noise
from .messages import INVENTED_ID, Answer, Request, handed_on

__all__ = ["Delivery", "End", "Exchange", "Memory", "answered", "spoilt"]

HUGE = 256 * 1024 * 1024
"""Bytes of the document of `huge` where no offset is given."""
XML = [("Content-Type", "application/xml"), ("x-amz-request-id", INVENTED_ID)]


OWN_TOKEN = "fault-token-"  # noqa: S105
"""How the tokens begin that the proxy puts into listings; the server would not know them."""

Memory: TypeAlias = dict[str, Answer]
"""Answers that a later exchange of the same script comes back to."""


class End(Enum):
    """What becomes of a connection after the bytes."""

    KEEP = "kept open"
    CLOSE = "closed"
    RESET = "reset"
    ABANDON = "closed without a farewell"


@dataclass
class Delivery:
    """What is sent: `first` at once, `slowly` a byte every `pace` seconds, then a wait of `hold` seconds, and the end.

    `before` is waited for ahead of all. A wait of None has no end but the script's.
    """

    text: str
    first: Iterable[bytes] = ()
    slowly: bytes = b""
    pace: float = 0.0
    before: float = 0.0
    hold: float | None = 0.0
    end: End = End.KEEP


@dataclass
class Exchange:
    """A request, its fault, and what may be done with it. `memory` is the script's own, from one exchange to the next."""

    request: Request
    fault: Fault
    dialect: Dialect
    send: Callable[[Request], Answer]
    trap: str
    match: int
    number: str
    memory: Memory = field(default_factory=dict)

    def answer(self) -> Answer:
        """Have the request carried out."""
        return answered(self.request, self.send, self.memory)

    def deliver(self, answer: Answer, text: str) -> Delivery:
        """Return the delivery of an answer; one that was invented has a request id of its own, as a service's have."""
        for name in ("x-amz-request-id", "x-ms-request-id"):
            if answer.header(name) == INVENTED_ID:
                answer = answer.with_headers((name, f"{INVENTED_ID}-{self.number}"))
        return Delivery(text, answer.parts(self.request))


Maker = Callable[[Exchange], Delivery]


def answered(request: Request, send: Callable[[Request], Answer], memory: Memory) -> Answer:
    """Have a request carried out; under a token of our own comes the listing's first page, which the server gave."""
    if "page" in memory and any(value.startswith(OWN_TOKEN) for value in request.query.values()):
        return memory["page"]
    return send(request)


def spoilt(exchange: Exchange) -> Delivery:
    """Return what a fault makes of an exchange."""
    fault = exchange.fault
    delivery = _MAKERS[fault.kind](exchange)
    if fault.done and fault.kind in _UNANSWERED | _INVENTED:
        done = exchange.answer()
        delivery.text += f", after it was carried out with status {done.status}"
    return delivery


# No answer, or a late one


def _ended(exchange: Exchange) -> Delivery:
    end = End.RESET if exchange.fault.kind == "reset" else End.CLOSE
    return Delivery(f"{end.value} without an answer", end=end)


def _blackhole(exchange: Exchange) -> Delivery:
    return Delivery("never answered", hold=exchange.fault.seconds or None, end=End.RESET)


def _delay(exchange: Exchange) -> Delivery:
    delivery = exchange.deliver(exchange.answer(), f"answered {exchange.fault.seconds:g} s late")
    delivery.before = exchange.fault.seconds
    return delivery


# The right answer, not all of it


def _cut(exchange: Exchange) -> Delivery:
    end = End.ABANDON if exchange.fault.kind == "no-close-notify" else End.CLOSE
    return _cut_off(exchange.fault, exchange.answer(), End.RESET if exchange.fault.argument == "reset" else end)


def _cut_off(fault: Fault, answer: Answer, end: End, more: str = "") -> Delivery:
    at = fault.position(len(answer.body))
    return Delivery(f"cut at byte {at} of {len(answer.body)}{more}", (answer.head(), answer.body[:at]), end=end)


def _trickle(exchange: Exchange) -> Delivery:
    answer = exchange.answer()
    at = exchange.fault.position(len(answer.body)) if exchange.fault.offset is not None else 0
    pace = exchange.fault.seconds or 1.0
    first = (answer.head(), answer.body[:at])
    return Delivery(f"a byte every {pace:g} s from byte {at} on", first, slowly=answer.body[at:], pace=pace)


def _stalled(exchange: Exchange) -> Delivery:
    return exchange.deliver(exchange.answer(), "answered after the upload had stalled")


# Spoilt bytes and headers


def _flip_down(exchange: Exchange) -> Delivery:
    answer = exchange.answer()
    body, at = exchange.fault.flipped(answer.body)
    return exchange.deliver(replace(answer, body=body), f"a bit flipped in byte {at} of {len(body)}")


def _flip_up(exchange: Exchange) -> Delivery:
    body, at = exchange.fault.flipped(exchange.request.body)
    answer = exchange.send(replace(exchange.request, body=body))
    return exchange.deliver(answer, f"a bit flipped in byte {at} of {len(body)} on the way up")


def _content_length(exchange: Exchange) -> Delivery:
    answer = exchange.answer()
    size, how = len(answer.body), exchange.fault.argument or "long"
    told = {
        "short": [str(max(0, size - 1))],
        "long": [str(size + 1)],
        "missing": [],
        "duplicate": [str(size), str(size + 1)],
        "negative": ["-1"],
        "words": ["many"],
    }
    if how not in told:
        raise ValueError(f"content-length: argument must be one of {', '.join(told)}, not {how!r}")
    plain = [pair for pair in answer.headers if pair[0].lower() != "content-length"]
    wrong = replace(answer, sized=False, headers=[*plain, *(("Content-Length", each) for each in told[how])])
    delivery = exchange.deliver(wrong, f"Content-Length {' and '.join(told[how]) or 'missing'} for {size} bytes")
    delivery.end = End.CLOSE if how in ("long", "missing") else End.KEEP
    return delivery


def _chunked(exchange: Exchange) -> Delivery:
    answer = exchange.answer()
    plain = replace(answer, sized=False).with_headers(("Transfer-Encoding", "chunked"))
    garbage = b"zz" + noise(exchange.fault.seed, 16).hex().encode() + b"\r\n"
    return Delivery("chunks without a size", (plain.head(), garbage, answer.body, b"\r\n0\r\n\r\n"))


def _content_range(exchange: Exchange) -> Delivery:
    answer = exchange.answer()
    told, how = answer.header("content-range"), exchange.fault.argument or "shifted"
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", told)
    first, last, size = (int(each) for each in match.groups()) if match else (0, len(answer.body) - 1, len(answer.body))
    if how == "shifted":
        wrong = f"bytes {first + 1}-{last + 1}/{size + 1}"
    elif how == "size":
        wrong = f"bytes {first}-{last}/{max(1, last)}"
    elif how == "unasked":
        wrong = f"bytes {first}-{last}/{size + 1}"
    else:
        wrong = ""
    plain = replace(answer, status=206, headers=[pair for pair in answer.headers if pair[0].lower() != "content-range"])
    if wrong:
        plain = plain.with_headers(("Content-Range", wrong))
    return exchange.deliver(plain, f"206 with Content-Range {wrong or 'missing'}, not {told or 'none'}")


def _whole(exchange: Exchange) -> Delivery:
    asked = exchange.request.header("range") or "(none)"
    answer = (
        _fetched(exchange.fault.argument)
        if exchange.fault.argument
        else exchange.send(exchange.request.without("range"))
    )
    return exchange.deliver(answer, f"the range {asked} ignored")


def _fetched(url: str) -> Answer:
    """Return what is at a URL: a header that was signed can't be taken away from a request."""
    with urllib.request.urlopen(url) as reply:  # noqa: S310  # the test says where
        return Answer(reply.status, handed_on(reply.getheaders()), reply.read())


def _not_satisfiable(exchange: Exchange) -> Delivery:
    return exchange.deliver(exchange.dialect.error(416, "InvalidRange"), "416")


# Another version


def _replaced(exchange: Exchange) -> Delivery:
    if "replaced" in exchange.memory:
        answer = exchange.answer()
        return exchange.deliver(answer, f"passed on after the replacement, status {answer.status}")
    answer = exchange.memory["replaced"] = exchange.answer()
    body = noise(exchange.fault.seed, len(answer.body))
    put = urllib.request.Request(exchange.fault.argument, data=body, method="PUT")  # noqa: S310
    put.add_header("Content-Type", "")
    with urllib.request.urlopen(put) as reply:  # noqa: S310  # the test says where
        return _cut_off(exchange.fault, answer, End.CLOSE, f", and replaced with status {reply.status}")


def _splice(exchange: Exchange) -> Delivery:
    """After a cut body, ranges of a version that never was come, under its own etag or (argument) under the old one."""
    if "spliced" not in exchange.memory:
        answer = exchange.memory["spliced"] = exchange.answer()
        return _cut_off(exchange.fault, answer, End.CLOSE)
    old = exchange.memory["spliced"]
    body = noise(exchange.fault.seed, len(old.body))
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", exchange.request.header("range"))
    start, stop = (int(asked[1]), min(len(body), int(asked[2] or len(body)) + 1)) if asked else (0, len(body))
    new = replace(old, body=body[start:stop], status=206 if asked else 200)
    if asked:
        new = new.with_headers(("Content-Range", f"bytes {start}-{stop - 1}/{len(body)}"))
    if exchange.fault.argument != "same-etag":
        new = new.with_headers(("ETag", '"another"'))
    return exchange.deliver(new, f"bytes {start} to {stop} of another version")


# Invented answers


def _error(exchange: Exchange) -> Delivery:
    status, _, code = (exchange.fault.argument or "503 SlowDown").partition(" ")
    answer = exchange.dialect.error(int(status), code or status)
    if exchange.fault.seconds:
        answer = answer.with_headers(("Retry-After", f"{exchange.fault.seconds:g}"))
    return exchange.deliver(answer, f"{status} {code}")


def _redirect(exchange: Exchange) -> Delivery:
    status, _, place = (exchange.fault.argument or "307").partition(" ")
    place = place or exchange.trap + exchange.request.target
    answer = exchange.dialect.error(int(status), "TemporaryRedirect").with_headers(("Location", place))
    return exchange.deliver(answer, f"{status} to {urlsplit(place).netloc}")


def _region(exchange: Exchange) -> Delivery:
    region = exchange.fault.argument or "eu-north-1"
    answer = exchange.dialect.error(301, "PermanentRedirect").with_headers(("x-amz-bucket-region", region))
    body = answer.body.replace(b"<Message>", f"<Region>{region}</Region><Message>".encode())
    return exchange.deliver(replace(answer, body=body), f"301, the region is {region}")


def _error_200(exchange: Exchange) -> Delivery:
    code = exchange.fault.argument or "InternalError"
    return exchange.deliver(replace(exchange.dialect.error(500, code), status=200), f"200 with the error {code}")


def _empty(exchange: Exchange) -> Delivery:
    return exchange.deliver(Answer(200), "200 and nothing else")


def _html(exchange: Exchange) -> Delivery:
    page = b"<!DOCTYPE html><html><head><title>Welcome</title></head><body>Please log in.<br></body></html>"
    return exchange.deliver(Answer(200, [("Content-Type", "text/html")], page), "a portal's page")


def _garbage(exchange: Exchange) -> Delivery:
    body = noise(exchange.fault.seed, abs(exchange.fault.offset or 1000))
    return exchange.deliver(Answer(200, list(XML), body), f"{len(body)} bytes of noise")


def _truncated(exchange: Exchange) -> Delivery:
    answer = exchange.answer()
    at = exchange.fault.position(len(answer.body))
    return exchange.deliver(replace(answer, body=answer.body[:at]), f"the document ends at {at} of {len(answer.body)}")


def _huge(exchange: Exchange) -> Delivery:
    size = exchange.fault.offset or HUGE
    opening, entry, closing = (
        b"<ListBucketResult>",
        b"<Contents><Key>" + b"k" * 1000 + b"</Key></Contents>",
        b"</ListBucketResult>",
    )
    times = max(1, (size - len(opening) - len(closing)) // len(entry))
    total = len(opening) + times * len(entry) + len(closing)
    head = Answer(200, [*XML, ("Content-Length", str(total))]).head()

    def pieces() -> Iterator[bytes]:
        yield head + opening
        for start in range(0, times, 1000):
            yield entry * min(1000, times - start)
        yield closing

    return Delivery(f"a document of {total} bytes", pieces())


def _entities(exchange: Exchange) -> Delivery:
    lines = ['<!ENTITY a0 "ha">', *(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))]
    text = f"<?xml version='1.0'?><!DOCTYPE x [{''.join(lines)}]><ListBucketResult><Name>&a9;</Name></ListBucketResult>"
    return exchange.deliver(Answer(200, list(XML), text.encode()), "a document of a billion laughs")


# Listings


def _page(exchange: Exchange, body: bytes, text: str) -> Delivery:
    return exchange.deliver(replace(exchange.memory["page"], body=body), text)


def _first(exchange: Exchange) -> bytes:
    return exchange.memory.setdefault("page", exchange.answer()).body


def _list_repeat(exchange: Exchange) -> Delivery:
    return _page(exchange, exchange.dialect.more(_first(exchange), f"{OWN_TOKEN}1"), "more, under one token")


def _list_loop(exchange: Exchange) -> Delivery:
    token = f"{OWN_TOKEN}{1 + exchange.match % 2}"
    return _page(exchange, exchange.dialect.more(_first(exchange), token), "more, under two tokens in turn")


def _list_duplicates(exchange: Exchange) -> Delivery:
    return _page(exchange, exchange.dialect.doubled(_first(exchange)), "each entry twice")


def _list_empty_page(exchange: Exchange) -> Delivery:
    empty = exchange.dialect.more(exchange.dialect.emptied(_first(exchange)), f"{OWN_TOKEN}0")
    return _page(exchange, empty, "a page without entries, and more to come")


# Connections


def _duplicate(exchange: Exchange) -> Delivery:
    delivery = exchange.deliver(exchange.answer(), "answered twice")
    delivery.first = (b"".join(delivery.first) * 2,)
    return delivery


_MAKERS: dict[str, Maker] = {
    "reset": _ended,
    "close": _ended,
    "blackhole": _blackhole,
    "delay": _delay,
    "cut": _cut,
    "no-close-notify": _cut,
    "trickle": _trickle,
    "stall-upload": _stalled,
    "flip-down": _flip_down,
    "flip-up": _flip_up,
    "content-length": _content_length,
    "chunked": _chunked,
    "content-range": _content_range,
    "whole": _whole,
    "not-satisfiable": _not_satisfiable,
    "replaced": _replaced,
    "splice": _splice,
    "error": _error,
    "redirect": _redirect,
    "region": _region,
    "error-200": _error_200,
    "empty": _empty,
    "html": _html,
    "garbage": _garbage,
    "truncated": _truncated,
    "huge": _huge,
    "entities": _entities,
    "list-repeat": _list_repeat,
    "list-loop": _list_loop,
    "list-duplicates": _list_duplicates,
    "list-empty-page": _list_empty_page,
    "duplicate": _duplicate,
}
_UNANSWERED = frozenset({"reset", "close", "blackhole"})
_INVENTED = frozenset(
    {"error", "redirect", "region", "error-200", "empty", "html", "garbage", "huge", "entities", "not-satisfiable"}
)

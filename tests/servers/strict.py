"""A small S3 server in this process that keeps every condition, and misbehaves on demand.

Where SeaweedFS is not exact (a conditional completion there is not atomic) and for faults on the wire. It checks no
signatures.
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from awscrt import checksums

__all__ = ["Lost", "Reply", "StrictS3", "strict_s3"]

NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


@dataclass
class Stored:
    """An object."""

    data: bytes
    etag: str
    headers: dict[str, str] = field(default_factory=dict)
    parts: int = 0
    time: float = field(default_factory=time.time)


@dataclass
class Reply:
    """An answer. `cut` ends the body after so many bytes and closes the connection; `stall` waits before it (seconds)."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    stall: float = 0.0


class Lost(Exception):
    """Raised by a fault: the connection is closed without an answer. `done` says whether the request is carried out."""

    def __init__(self, *, done: bool) -> None:
        super().__init__()
        self.done = done


Fault = Callable[[Any, Callable[[], Reply]], Reply]
"""Gets the request and what carries it out; returns the answer to send."""


class StrictS3:
    """The server's state: one bucket, `b`. `requests` has (verb, key) of each request."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.objects: dict[str, Stored] = {}
        self.uploads: dict[str, tuple[str, dict[str, str], dict[int, bytes]]] = {}
        self.requests: list[tuple[str, str]] = []
        self.faults: list[tuple[str, Fault]] = []
        self.gate: Callable[[Any], Reply | None] = lambda request: None
        """Looks at each request first, and may answer it."""
        self.connections = 0
        """Connections that clients have made."""
        self.ignored: set[str] = set()
        """Verbs whose conditions are ignored."""
        self.endpoint = ""

    def fail(self, verb: str, fault: Fault, times: int = 1) -> None:
        """Let the next requests of this verb go through `fault`."""
        self.faults += [(verb, fault)] * times

    def count(self, verb: str) -> int:
        """Return how many requests of this verb have come."""
        return sum(seen == verb for seen, _ in self.requests)

    def put(self, key: str, data: bytes) -> None:
        """Store an object from outside."""
        self.objects[key] = Stored(data, hashlib.md5(data).hexdigest())

    # Verbs

    def answer(self, request: Request) -> Reply:
        """Carry a request out, or let a fault have it."""
        with self.lock:
            self.requests.append((request.verb, request.key))
            turned_away = self.gate(request)
            if turned_away is not None:
                return turned_away
            for index, (verb, chosen) in enumerate(self.faults):
                if verb == request.verb:
                    fault = chosen
                    del self.faults[index]
                    break
            else:
                return self.carry_out(request)
        return fault(request, lambda: self.carry_out(request))

    def carry_out(self, request: Request) -> Reply:
        """Do what the verb says."""
        with self.lock:
            if request.bucket != "b":
                return error(404, "NoSuchBucket")
            method: Callable[[Request], Reply] = getattr(self, f"_{request.verb}")
            return method(request)

    def _condition(self, request: Request) -> Reply | None:
        if request.verb in self.ignored:
            return None
        there = self.objects.get(request.key)
        wanted = request.headers.get("if-match")
        if wanted is not None and there is None:
            return error(404, "NoSuchKey")
        if wanted not in (None, "*") and there is not None and wanted.strip('"') != there.etag:
            return error(412, "PreconditionFailed")
        if request.headers.get("if-none-match") == "*" and there is not None:
            return error(412, "PreconditionFailed")
        return None

    def _put(self, request: Request) -> Reply:
        refused = self._condition(request) or self._checked(request)
        if refused:
            return refused
        kept = request.kept()
        self.objects[request.key] = Stored(request.body, hashlib.md5(request.body).hexdigest(), kept)
        return Reply(200, headers={"ETag": f'"{self.objects[request.key].etag}"'} | only_sum(kept))

    def _checked(self, request: Request) -> Reply | None:
        told = request.headers.get("x-amz-checksum-crc64nvme")
        return error(400, "BadDigest") if told is not None and told != crc(request.body) else None

    def _get(self, request: Request) -> Reply:
        there = self.objects.get(request.key)
        if there is None:
            return error(404, "NoSuchKey")
        wanted = request.headers.get("if-match")
        if wanted is not None and wanted.strip('"') != there.etag:
            return error(412, "PreconditionFailed")
        headers = {"ETag": f'"{there.etag}"', "Last-Modified": http_date(there.time), **there.headers}
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        if match is None:
            return Reply(200, there.data, headers)
        headers.pop("x-amz-checksum-crc64nvme", None)
        start = int(match[1])
        if start >= len(there.data):
            return error(416, "InvalidRange")
        stop = min(int(match[2]) + 1 if match[2] else len(there.data), len(there.data))
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(there.data)}"
        return Reply(206, there.data[start:stop], headers)

    def _head(self, request: Request) -> Reply:
        reply = self._get(request)
        return reply if reply.status == 200 else Reply(reply.status)

    def _delete(self, request: Request) -> Reply:
        refused = self._condition(request)
        if refused:
            return refused
        self.objects.pop(request.key, None)
        return Reply(204)

    def _delete_many(self, request: Request) -> Reply:
        for key in re.findall(r"<Key>(.*?)</Key>", request.body.decode()):
            self.objects.pop(key, None)
        return Reply(200, f"<DeleteResult {NAMESPACE}></DeleteResult>".encode())

    def _copy(self, request: Request) -> Reply:
        source = unquote(request.headers["x-amz-copy-source"]).removeprefix("b/").removeprefix("/b/")
        there = self.objects.get(source)
        if there is None:
            return error(404, "NoSuchKey")
        refused = self._condition(request)
        if refused:
            return refused
        pinned = request.headers.get("x-amz-copy-source-if-match")
        if pinned is not None and pinned.strip('"') != there.etag:
            return error(412, "PreconditionFailed")
        self.objects[request.key] = Stored(there.data, there.etag, dict(there.headers))
        text = f"<CopyObjectResult {NAMESPACE}><ETag>&quot;{there.etag}&quot;</ETag></CopyObjectResult>"
        return Reply(200, text.encode())

    def _list(self, request: Request) -> Reply:
        prefix, delimiter = request.query.get("prefix", ""), request.query.get("delimiter", "")
        after = request.query.get("continuation-token") or request.query.get("start-after", "")
        limit = min(int(request.query.get("max-keys", 1000)), 1000)
        entries: list[str] = []
        last = ""
        truncated = False
        for key in sorted(self.objects):
            if not key.startswith(prefix) or key <= after:
                continue
            rest = key[len(prefix) :]
            folder = prefix + rest.partition(delimiter)[0] + delimiter if delimiter and delimiter in rest else ""
            if folder and (folder == last or after.startswith(folder)):
                continue
            if len(entries) == limit:
                truncated = True
                break
            last = folder or key
            if folder:
                entries.append(f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>")
            else:
                there = self.objects[key]
                entries.append(
                    f"<Contents><Key>{escape(key)}</Key><Size>{len(there.data)}</Size><ETag>&quot;{there.etag}&quot;"
                    "</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
                )
        token = f"<NextContinuationToken>{escape(last)}</NextContinuationToken>" if truncated else ""
        text = (
            f"<ListBucketResult {NAMESPACE}><Name>b</Name><IsTruncated>{str(truncated).lower()}</IsTruncated>"
            f"{token}{''.join(entries)}</ListBucketResult>"
        )
        return Reply(200, text.encode())

    # Multipart

    def _create(self, request: Request) -> Reply:
        upload = uuid.uuid4().hex
        self.uploads[upload] = (request.key, request.kept(), {})
        text = (
            f"<InitiateMultipartUploadResult {NAMESPACE}><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
        )
        return Reply(200, text.encode())

    def _part(self, request: Request) -> Reply:
        upload = self.uploads.get(request.query["uploadId"])
        if upload is None:
            return error(404, "NoSuchUpload")
        if "x-amz-copy-source" in request.headers:
            return self._copied_part(request, upload[2])
        refused = self._checked(request)
        if refused:
            return refused
        upload[2][int(request.query["partNumber"])] = request.body
        return Reply(200, headers={"ETag": f'"{hashlib.md5(request.body).hexdigest()}"'})

    def _copied_part(self, request: Request, parts: dict[int, bytes]) -> Reply:
        source = self.objects[unquote(request.headers["x-amz-copy-source"]).lstrip("/").removeprefix("b/")]
        start, last = request.headers["x-amz-copy-source-range"].removeprefix("bytes=").split("-")
        piece = parts[int(request.query["partNumber"])] = source.data[int(start) : int(last) + 1]
        etag = hashlib.md5(piece).hexdigest()
        return Reply(200, f"<CopyPartResult {NAMESPACE}><ETag>&quot;{etag}&quot;</ETag></CopyPartResult>".encode())

    def _parts(self, request: Request) -> Reply:
        if request.query["uploadId"] not in self.uploads:
            return error(404, "NoSuchUpload")
        return Reply(200, f"<ListPartsResult {NAMESPACE}><IsTruncated>false</IsTruncated></ListPartsResult>".encode())

    def _complete(self, request: Request) -> Reply:
        upload = self.uploads.get(request.query["uploadId"])
        if upload is None:
            return error(404, "NoSuchUpload")
        refused = self._condition(request)
        if refused:
            return refused
        key, kept, parts = self.uploads.pop(request.query["uploadId"])
        numbers = [int(number) for number in re.findall(r"<PartNumber>(\d+)</PartNumber>", request.body.decode())]
        chosen = [parts[number] for number in numbers]
        data = b"".join(chosen)
        told = request.headers.get("x-amz-checksum-crc64nvme")
        if told is not None and told != crc(data):
            return error(400, "BadDigest")
        digest = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in chosen)).hexdigest()
        self.objects[key] = Stored(data, f"{digest}-{len(chosen)}", kept, len(chosen))
        text = f"<CompleteMultipartUploadResult {NAMESPACE}><ETag>&quot;{digest}-{len(chosen)}&quot;</ETag></CompleteMultipartUploadResult>"
        return Reply(200, text.encode())

    def _abort(self, request: Request) -> Reply:
        return Reply(204) if self.uploads.pop(request.query["uploadId"], None) else error(404, "NoSuchUpload")

    def _uploads(self, request: Request) -> Reply:
        entries = "".join(
            f"<Upload><Key>{escape(key)}</Key><UploadId>{upload}</UploadId><Initiated>2026-01-01T00:00:00.000Z"
            "</Initiated></Upload>"
            for upload, (key, _, _) in self.uploads.items()
            if key.startswith(request.query.get("prefix", ""))
        )
        text = f"<ListMultipartUploadsResult {NAMESPACE}><IsTruncated>false</IsTruncated>{entries}</ListMultipartUploadsResult>"
        return Reply(200, text.encode())

    def _head_bucket(self, request: Request) -> Reply:
        return Reply(200)


@dataclass
class Request:
    """A request, with the name of what it asks for."""

    method: str
    bucket: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def verb(self) -> str:
        """What it asks for."""
        query = self.query
        if "uploadId" in query:
            return {"PUT": "part", "GET": "parts", "POST": "complete", "DELETE": "abort"}[self.method]
        if "uploads" in query:
            return {"POST": "create", "GET": "uploads"}[self.method]
        if not self.key:
            return {"GET": "list", "POST": "delete_many", "HEAD": "head_bucket"}[self.method]
        if "x-amz-copy-source" in self.headers:
            return "copy"
        return self.method.lower()

    def kept(self) -> dict[str, str]:
        """Return the headers that are stored with an object."""
        return {
            name: value
            for name, value in self.headers.items()
            if name.startswith("x-amz-meta-") or name in ("content-type", "x-amz-checksum-crc64nvme")
        }


def only_sum(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name == "x-amz-checksum-crc64nvme"}


def crc(data: bytes) -> str:
    return base64.b64encode(checksums.crc64nvme(data).to_bytes(8, "big")).decode()


def error(status: int, code: str) -> Reply:
    """Return S3's error document."""
    return Reply(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())


def http_date(seconds: float) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(seconds))


@contextmanager
def strict_s3() -> Iterator[StrictS3]:
    """Run a server as long as the block lasts."""
    state = StrictS3()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            state.connections += 1
            super().setup()

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            bucket, _, key = unquote(parts.path.lstrip("/")).partition("/")
            query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            request = Request(self.command, bucket, key, query, headers, body)
            try:
                reply = state.answer(request)
            except Lost as lost:
                if lost.done:
                    state.carry_out(request)
                self.close_connection = True
                return
            self.send(reply)

        def send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            headers = {"Content-Length": str(len(reply.body)), "x-amz-request-id": uuid.uuid4().hex, **reply.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            self.wfile.write(reply.body[: reply.cut])
            if reply.stall:
                self.wfile.flush()
                stopped.wait(reply.stall)
            if reply.cut is not None:
                self.close_connection = True

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    stopped = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that go away are what is tested
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    state.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()

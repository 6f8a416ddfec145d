"""Fakes of the services that hand out AWS keys, on loopback: STS, SSO, instance metadata (v2) and container metadata.

No package runs all of them with an expiry and a fault of the test's choice; moto's keys live for hours.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

__all__ = ["Asked", "Identity", "identity_server"]

STS = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"'


@dataclass
class Asked:
    """A request for keys."""

    method: str
    path: str
    headers: dict[str, str]
    body: str

    @property
    def form(self) -> dict[str, str]:
        """The parameters of a call of STS."""
        return {name: values[0] for name, values in parse_qs(self.body).items()}


class Identity:
    """The services' state. Each set of keys is a new one: `KEY1`, `KEY2`, ..., with a secret and a token of its own."""

    def __init__(self) -> None:
        self.url = ""
        self.lasts: list[float] = []
        """Seconds that the next sets live, the last one for all that follow; an hour without any."""
        self.asked: list[Asked] = []
        self.given = 0
        self.fault: Callable[[Asked], tuple[int, dict[str, str], bytes] | None] = lambda asked: None
        """Answers instead of the service, unless it returns None."""

    def secrets(self) -> list[str]:
        """Return what must be in no text."""
        numbers = range(1, self.given + 1)
        return [text for number in numbers for text in (f"secret-of-{number}-xyz", f"token-of-{number}-xyz")]

    def keys(self) -> tuple[str, str, str, datetime]:
        """Return new keys: access key, secret, token, end."""
        lasts = self.lasts.pop(0) if len(self.lasts) > 1 else (self.lasts or [3600.0])[0]
        self.given += 1
        end = datetime.now(UTC) + timedelta(seconds=lasts)
        return f"KEY{self.given}", f"secret-of-{self.given}-xyz", f"token-of-{self.given}-xyz", end

    def document(self) -> dict[str, str]:
        """Return new keys as metadata services and processes write them."""
        access, secret, token, end = self.keys()
        return {
            "Code": "Success",
            "AccessKeyId": access,
            "SecretAccessKey": secret,
            "Token": token,
            "Expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ") if end.microsecond == 0 else end.isoformat(),
        }

    def answer(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body."""
        self.asked.append(asked)
        return self.fault(asked) or self._service(asked)

    def _service(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        path = urlsplit(asked.path).path
        if path.startswith("/latest/"):
            return self._metadata(asked, path)
        if path == "/container":
            return (200, {}, to_json(self.document())) if asked.headers.get("authorization") else (401, {}, b"")
        if path == "/federation/credentials":
            if asked.headers.get("x-amz-sso_bearer_token") != "sso-token-xyz":
                return 401, {"x-amzn-ErrorType": "UnauthorizedException"}, to_json({"message": "no"})
            access, secret, token, end = self.keys()
            keys = {"accessKeyId": access, "secretAccessKey": secret, "sessionToken": token}
            return 200, {}, to_json({"roleCredentials": {**keys, "expiration": int(end.timestamp() * 1000)}})
        if path == "/" and asked.method == "POST":
            return self._sts(asked)
        return 404, {}, b""

    def _metadata(self, asked: Asked, path: str) -> tuple[int, dict[str, str], bytes]:
        if asked.method == "PUT":
            return 200, {"x-aws-ec2-metadata-token-ttl-seconds": "21600"}, b"imds-token-xyz"
        if asked.headers.get("x-aws-ec2-metadata-token") != "imds-token-xyz":
            return 401, {}, b""
        if path == "/latest/meta-data/iam/security-credentials/":
            return 200, {}, b"role"
        if path == "/latest/meta-data/iam/security-credentials/role":
            return 200, {}, to_json(self.document())
        return 404, {}, b""

    def _sts(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        action = asked.form["Action"]
        access, secret, token, end = self.keys()
        text = (
            f"<{action}Response {STS}><{action}Result><Credentials><AccessKeyId>{access}</AccessKeyId>"
            f"<SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken>"
            f"<Expiration>{end.isoformat()}</Expiration></Credentials></{action}Result></{action}Response>"
        )
        return 200, {"Content-Type": "text/xml"}, text.encode()


def to_json(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


@contextmanager
def identity_server() -> Iterator[Identity]:
    """Run the services, all on one port, as long as the block lasts."""
    state = Identity()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0))).decode()
            with lock:
                status, extra, answer = state.answer(Asked(self.command, self.path, headers, body))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(answer)), **extra}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_PUT = do_POST = handle_any  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

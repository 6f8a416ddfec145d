"""CONTRACT 81, 82, 86, 90, 124, 145, 152: files on a web server."""

from __future__ import annotations

import logging
import pickle
import ssl
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from remote_store import (
    BackendUnavailable,
    Capability,
    CapabilityNotSupported,
    InvalidPath,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    RemoteStoreError,
    ResourceLocked,
    RetryPolicy,
    Secret,
    Store,
    TimeoutExceeded,
    UnexpectedResponse,
    open_store,
)
from remote_store.backends import ReadOnlyHttpBackend
from tests.backends.http.conftest import QUICK, Client
from tests.servers.certificates import Authority
from tests.servers.web import Web, web_server

DATA = bytes(range(256)) * 4096  # 1 MiB

# What is made


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"base_url": ""}, ValueError, "must not be empty"),
        ({"base_url": "ftp://host/"}, ValueError, "http or https scheme"),
        ({"base_url": "file:///etc/passwd"}, ValueError, "http or https scheme"),
        ({"base_url": "https:///x"}, ValueError, "host"),
        ({"base_url": "https://host/?token=1"}, ValueError, "query"),
        ({"base_url": "https://host/", "http_client": "curl"}, ValueError, "Unknown http_client"),
        ({"base_url": "https://host/", "timeout": 0}, ValueError, "timeout"),
        ({"base_url": "https://host/", "timeout": float("nan")}, ValueError, "timeout"),
        ({"base_url": "https://host/", "max_redirects": -1}, ValueError, "max_redirects"),
        ({"base_url": "https://host/", "headers": {"X": "a\r\nHost: b"}}, ValueError, "line break"),
        ({"base_url": "https://host/", "headers": {"X": 1}}, TypeError, "headers"),
        ({"base_url": "https://host/", "retry": 3}, TypeError, "RetryPolicy"),
        ({"base_url": "https://host/", "colour": "red"}, TypeError, "colour"),
    ],
)
def test_arguments_that_can_t_be_used_are_refused(arguments: dict[str, Any], error: type[Exception], text: str) -> None:
    """CONTRACT 152; RELIABILITY, config and URLs: at once."""
    with pytest.raises(error, match=text):
        ReadOnlyHttpBackend(**arguments)


def test_it_declares_reading_alone() -> None:
    """CONTRACT C."""
    backend = ReadOnlyHttpBackend("https://host/data")
    assert (backend.name, set(backend.capabilities)) == (
        "http",
        {Capability.READ, Capability.METADATA, Capability.LAZY_READ},
    )


def test_names_and_addresses_are_inverse() -> None:
    """CONTRACT 81, 82: the key is quoted, `/` kept; other addresses come back as they are."""
    backend = ReadOnlyHttpBackend("https://host/data")
    assert backend.native_path("") == "https://host/data/"
    for key in ("a b.txt", "données/é.csv", "x?y#z", "a%20b", "deep/er/f"):
        assert backend.to_key(backend.native_path(key)) == key
    assert backend.native_path("a b/c?d") == "https://host/data/a%20b/c%3Fd"
    assert backend.to_key("https://other/x") == "https://other/x"
    plan = backend.resolve("k")
    assert (plan.kind, plan.details) == ("http", {"url": "https://host/data/k", "method": "GET"})


def test_no_text_has_a_secret() -> None:
    """CONTRACT 124, 145: values of headers are masked, a password in the address is none of its texts."""
    backend = ReadOnlyHttpBackend("https://me:pass%20word@host/x", headers={"X-Key": "hidden"}, timeout=3)
    text = repr(backend)
    assert text == (
        "ReadOnlyHttpBackend(base_url='https://host/x/', headers={'X-Key': '***', 'Authorization': '***'}, timeout=3.0)"
    )
    for each in (text, backend.native_path("k"), str(backend.resolve("k")), repr(vars(backend))):
        assert "pass" not in each
        assert "hidden" not in each


def test_a_copy_is_made_of_its_arguments(web: Web) -> None:
    """DECISIONS 19: secrets travel."""
    web.put("k", b"data")
    backend = ReadOnlyHttpBackend(web.base, headers={"X-Key": Secret("hidden")}, retry=QUICK)
    copy = pickle.loads(pickle.dumps(backend))
    assert copy.read_bytes("k") == b"data"
    assert web.asked[-1].headers["x-key"] == "hidden"
    copy.close()


def test_a_url_opens_it(web: Web) -> None:
    """Issue 3: http and https addresses."""
    web.put("folder/k", b"data")
    with open_store(f"{web.base}folder") as store:
        assert store.read_text("k") == "data"


# Reading


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "chunked"])
def test_a_file_is_read(client: Client, chunked: bool) -> None:
    """CONTRACT 152."""
    client.web.put("d/k", DATA, chunked=chunked)
    assert client.do("read_bytes", "d/k") == DATA
    assert client.do("read", "d/k") == DATA
    client.web.put("empty", b"", chunked=chunked)
    assert client.do("read_bytes", "empty") == b""
    assert all(asked.headers["accept-encoding"] == "identity" for asked in client.web.asked)


@pytest.mark.parametrize("knows", [True, False], ids=["ranges known", "ranges ignored"])
def test_ranges_are_fetched_or_cut_out(client: Client, knows: bool) -> None:
    """Issue 10; RELIABILITY: 200 in place of 206 is sliced."""
    client.web.put("k", DATA)
    client.web.knows_ranges = knows
    asked = [(0, 10), (1000, 1010), (len(DATA) - 5, len(DATA) + 5), (len(DATA), len(DATA) + 1), (7, 7)]
    assert client.do("read_ranges", "k", asked) == [DATA[start:stop] for start, stop in asked]
    buffer = bytearray(100)
    assert client.do("read_into", "k", buffer, 500_000) == 100
    assert bytes(buffer) == DATA[500_000:500_100]
    assert client.do("read_into", "k", bytearray(10), len(DATA) + 7) == 0


def test_a_blocking_stream_seeks(web: Web) -> None:
    """Issue 10: seekable reads, by ranges."""
    web.put("k", DATA)
    backend = ReadOnlyHttpBackend(web.base, retry=QUICK)
    with Store(backend) as store:
        with store.read_seekable("k") as stream:
            assert stream.seekable()
            assert stream.read(4) == DATA[:4]
            assert stream.seek(-10, 2) == len(DATA) - 10
            assert stream.read() == DATA[-10:]
            stream.seek(5000)
            assert stream.read(3) == DATA[5000:5003]


@pytest.mark.parametrize("etag", ['"v1"', 'W/"v1"', None], ids=["etag", "weak etag, Last-Modified", "Last-Modified"])
def test_a_stream_goes_on_where_it_was_cut(client: Client, etag: str | None) -> None:
    """RELIABILITY 6: pinned by If-Range, at every kind of place."""
    for cut in (0, 1, 300_000, len(DATA) - 1):
        client.web.asked.clear()
        client.web.put("k", DATA, etag=etag)
        client.web.cuts["/k"] = [cut]
        assert client.do("read", "k") == DATA
        if cut:
            resumed = client.web.asked[-1].headers
            assert resumed["if-range"] == (etag if etag == '"v1"' else client.web.pages["/k"].modified)


def test_a_stream_of_no_known_version_is_not_patched(client: Client) -> None:
    """RELIABILITY 12: never a mix; without etag and Last-Modified the rest is not asked for."""
    client.web.put("k", DATA, etag=None, modified=None)
    client.web.cuts["/k"] = [300_000]
    with pytest.raises(BackendUnavailable, match="Stream error"):
        client.do("read", "k")


def test_a_body_that_is_always_cut_is_told(client: Client) -> None:
    """RELIABILITY 6: within the policy's attempts."""
    client.web.put("k", DATA)
    client.web.cuts["/k"] = [100_000] * 50
    with pytest.raises(BackendUnavailable, match="Stream error"):
        client.do("read", "k", retry=RetryPolicy.disabled())


@pytest.mark.parametrize("knows", [True, False], ids=["If-Range known", "If-Range ignored"])
def test_a_file_that_was_replaced_meanwhile_is_told(client: Client, knows: bool) -> None:
    """RELIABILITY 12: PreconditionFailed, never a mix."""
    client.web.put("k", DATA)
    client.web.knows_if_range = knows
    client.web.cuts["/k"] = [300_000]
    client.web.after_cut["/k"] = type(client.web.pages["/k"])(DATA[::-1], etag='"v2"')
    with pytest.raises(PreconditionFailed):
        client.do("read", "k")


def test_another_range_than_was_asked_for_is_refused(client: Client) -> None:
    """RELIABILITY 11."""
    client.web.put("k", DATA, headers={"Content-Range": "bytes 5-14/100"})
    client.web.answers["/k"] = []
    with pytest.raises(UnexpectedResponse):
        client.do("read_ranges", "k", [(0, 10)], retry=RetryPolicy.disabled())


# Information


def test_information_comes_from_headers(client: Client) -> None:
    """CONTRACT 152."""
    client.web.put("d/k", b"12345", etag='"abc"', content_type="text/csv")
    info = client.do("get_file_info", "d/k")
    assert (str(info.path), info.name, info.size, info.etag, info.content_type) == (
        "d/k",
        "k",
        5,
        '"abc"',
        "text/csv",
    )
    assert info.modified_at == datetime(2026, 3, 15, 12, tzinfo=UTC)
    assert info.extra["headers"]["content-length"] == "5"
    assert client.web.count("GET") == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Last-Modified": "yesterday", "ETag": ""},
        {"Last-Modified": "Sun, 99 Mar 0000 12:00:00 GMT"},
        {"Last-Modified": "Mon, 01 Jan 10000 00:00:00 GMT"},
    ],
)
def test_headers_that_can_t_be_read_count_as_absent(client: Client, headers: dict[str, str]) -> None:
    """RELIABILITY, server-supplied values: date garbage, year 0, year 10000."""
    client.web.put("k", b"x", etag=None, modified=None, headers=headers)
    info = client.do("get_file_info", "k")
    assert (info.modified_at, info.etag, info.size) == (datetime.min.replace(tzinfo=UTC), None, 1)


@pytest.mark.parametrize("status", [401, 403, 405, 501])
def test_a_refused_head_becomes_a_get_of_one_byte_and_is_remembered(client: Client, status: int) -> None:
    """CONTRACT 152."""
    client.web.put("a", DATA)
    client.web.put("empty", b"")
    client.web.head_status = status

    assert client.do("get_file_info", "a").size == len(DATA)
    client.web.knows_ranges = False
    assert client.do("exists", "a") is True
    client.web.knows_ranges = True
    assert client.do("get_file_info", "empty").size == 0
    assert client.do("exists", "missing") is False


def test_head_is_not_tried_again(web: Web) -> None:
    """CONTRACT 152: remembered for the backend's life."""
    web.put("a", DATA)
    web.head_status = 403
    backend = ReadOnlyHttpBackend(web.base, retry=QUICK)
    assert backend.exists("a")
    assert backend.get_file_info("a").size == len(DATA)
    assert (web.count("HEAD"), web.count("GET")) == (1, 2)
    backend.close()


def test_denied_both_ways_is_denied(client: Client) -> None:
    """CONTRACT 152: the first answer counts."""
    client.web.head_status = 403
    client.web.answers["/k"] = [(401, {})] * 9
    with pytest.raises(PermissionDenied):
        client.do("exists", "k")


def test_there_are_no_folders(client: Client) -> None:
    """CONTRACT 152."""
    client.web.put("d/k", b"x")
    assert [client.do("is_folder", path) for path in ("d", "d/k", "")] == [False] * 3
    assert client.do("exists", "") is True
    for path in ("d", "", "d/k"):
        with pytest.raises(NotFound):
            client.do("get_folder_info", path)
    for path in ("", ".", "/abs", "../x", "a\0b"):
        with pytest.raises(InvalidPath):
            client.do("read_bytes", path)
    assert client.web.asked == []


# Refusals

REFUSALS = [
    (401, PermissionDenied),
    (403, PermissionDenied),
    (404, NotFound),
    (410, NotFound),
    (418, RemoteStoreError),
    (423, ResourceLocked),
    (429, BackendUnavailable),
    (500, BackendUnavailable),
    (503, BackendUnavailable),
]


@pytest.mark.parametrize(("status", "error"), REFUSALS, ids=[str(status) for status, _ in REFUSALS])
def test_a_status_has_its_error(client: Client, status: int, error: type[Exception]) -> None:
    """CONTRACT 86: with path and backend."""
    client.web.answers["/k"] = [(status, {})] * 9
    with pytest.raises(error, match="k") as raised:
        client.do("read_bytes", "k")
    assert type(raised.value) is error
    assert (raised.value.path, raised.value.backend) == ("k", "http")  # type: ignore[attr-defined]
    assert str(status) in str(raised.value) or status in (404, 410)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(client: Client, status: int) -> None:
    """CONTRACT 152."""
    client.web.put("k", b"data")
    client.web.answers["/k"] = [(status, {"Retry-After": "0"}), (status, {})]
    assert client.do("read_bytes", "k") == b"data"
    assert client.web.count("GET") == 3


def test_the_policy_bounds_the_attempts(client: Client) -> None:
    """CONTRACT 152."""
    client.web.answers["/k"] = [(503, {})] * 9
    with pytest.raises(BackendUnavailable, match="3 attempts"):
        client.do("read_bytes", "k")
    assert client.web.count("GET") == 3


def test_a_pause_of_the_server_is_the_floor(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """CONTRACT 152: Retry-After; here it is longer than the policy's own pause."""
    import anyio

    pauses: list[float] = []
    sleep = anyio.sleep

    async def noted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr("remote_store._http.retrying.anyio.sleep", noted)
    web.put("k", b"data")
    web.answers["/k"] = [(503, {"Retry-After": "7"})]
    backend = ReadOnlyHttpBackend(web.base, retry=QUICK)
    assert backend.read_bytes("k") == b"data"
    assert pauses == [7.0]
    backend.close()


def test_a_server_that_can_t_be_reached(client: Client) -> None:
    """RELIABILITY 1: BackendUnavailable with a text."""
    with web_server() as gone:
        base = gone.base
    with pytest.raises(BackendUnavailable, match="Can't reach"):
        client.do("read_bytes", "k", base=base)


def test_a_server_that_does_not_answer(client: Client) -> None:
    """RELIABILITY 4: TimeoutExceeded."""
    client.web.silent.clear()
    client.web.put("k", b"x")
    with pytest.raises(TimeoutExceeded):
        client.do("read_bytes", "k", timeout=0.05, retry=RetryPolicy.disabled())


def test_the_whole_operation_has_a_deadline(client: Client) -> None:
    """RELIABILITY: the policy's timeout ends it, whatever the attempts and the timeout of one wait."""
    client.web.silent.clear()
    with pytest.raises(TimeoutExceeded):
        client.do("read_bytes", "k", timeout=1000.0, retry=RetryPolicy(max_attempts=100, timeout=0.2))


@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("write", ("k", b"x")),
        ("write_atomic", ("k", b"x")),
        ("delete", ("k",)),
        ("delete_folder", ("d",)),
        ("move", ("a", "b")),
        ("copy", ("a", "b")),
        ("list_files", ("",)),
        ("list_folders", ("",)),
        ("iter_children", ("",)),
        ("glob", ("*",)),
        ("unwrap", (str,)),
    ],
)
def test_what_it_does_not_do_is_refused_without_a_request(client: Client, method: str, args: tuple[Any, ...]) -> None:
    """CONTRACT 152."""
    with pytest.raises(CapabilityNotSupported):
        answer = client.do(method, *args)
        list(answer)
    assert client.web.asked == []


def test_health_asks_for_the_address_itself(client: Client) -> None:
    """CONTRACT 73, 152."""
    client.web.put("", b"index")
    assert client.do("check_health") is None
    client.web.head_status = 403
    assert client.do("check_health") is None
    del client.web.pages["/"]
    client.web.head_status = None
    with pytest.raises(BackendUnavailable, match="404"):
        client.do("check_health")
    client.web.answers["/"] = [(503, {})] * 9
    with pytest.raises(BackendUnavailable, match="503"):
        client.do("check_health")


# Redirects


def test_a_redirect_is_followed_with_the_headers_on_the_same_server(client: Client) -> None:
    """CONTRACT 152."""
    client.web.put("new", DATA)
    client.web.answers["/k"] = [(302, {"Location": "/new"})] * 2
    headers = {"Authorization": "Bearer hidden"}
    assert client.do("read_bytes", "k", headers=headers) == DATA
    assert client.web.asked[-1].headers["authorization"] == "Bearer hidden"
    assert client.do("read_ranges", "k", [(5, 9)], headers=headers) == [DATA[5:9]]


@pytest.mark.parametrize("name", ["User-Agent", "user-agent"])
def test_the_user_s_own_agent_is_sent_and_bytes_are_asked_for_as_they_are(client: Client, name: str) -> None:
    """CONTRACT 152: `headers` go with every request to the server; some serve nobody who does not name himself."""
    client.web.put("k", DATA)
    assert client.do("read_bytes", "k", headers={name: "us me@example.org", "accept-encoding": "gzip"}) == DATA
    assert client.web.asked[-1].headers["user-agent"] == "us me@example.org"
    assert client.web.asked[-1].headers["accept-encoding"] == "identity"
    client.do("read_bytes", "k")
    assert client.web.asked[-1].headers["user-agent"].startswith("remote-store-aio/")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_credentials_go_to_another_host(client: Client, status: int) -> None:
    """RELIABILITY 16: the file is read there, without any of the user's headers."""
    with web_server() as other:
        other.put("k", DATA)
        client.web.answers["/k"] = [(status, {"Location": f"{other.base}k?signature=abc"})]
        headers = {"Authorization": "Bearer hidden", "X-Api-Key": "hidden", "Cookie": "hidden"}
        assert client.do("read_bytes", "k", headers=headers) == DATA
        (asked,) = other.asked
        assert not any("hidden" in value for value in asked.headers.values())
        assert asked.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/x", "file:///etc/passwd", "http://me:secret@127.0.0.1/x", None])
def test_a_redirect_to_where_nobody_goes_is_refused(client: Client, location: str | None) -> None:
    """RELIABILITY 16 and server-supplied values: UnexpectedResponse, without the password in the text."""
    client.web.answers["/k"] = [(302, {"Location": location} if location else {})]
    with pytest.raises(UnexpectedResponse) as raised:
        client.do("read_bytes", "k")
    assert "secret" not in str(raised.value)


def test_redirects_are_counted(client: Client) -> None:
    """CONTRACT 152: `max_redirects`."""
    client.web.answers["/a"] = [(302, {"Location": "/b"})] * 20
    client.web.answers["/b"] = [(302, {"Location": "/a"})] * 20
    with pytest.raises(RemoteStoreError, match=r"Too many redirects \(max 2\)"):
        client.do("read_bytes", "a", max_redirects=2)
    assert client.web.count("GET") == 3


# Transport security, life, logs


def test_a_certificate_nobody_trusts_is_denied(client: Client, tmp_path: Path) -> None:
    """RELIABILITY 22: not retried; `verify_ssl=False` reads."""
    leaf = Authority(tmp_path).leaf("good")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf)
    with web_server(tls=context) as secure:
        secure.put("k", b"data")
        with pytest.raises(PermissionDenied, match="certificate"):
            client.do("read_bytes", "k", base=secure.base)
        assert client.do("read_bytes", "k", base=secure.base, verify_ssl=False) == b"data"


def test_it_works_again_after_it_was_closed(web: Web) -> None:
    """CONTRACT 90."""
    web.put("k", b"data")
    backend = ReadOnlyHttpBackend(web.base, retry=QUICK)
    for _ in range(2):
        assert backend.read_bytes("k") == b"data"
        backend.close()
        backend.close()


def test_a_request_is_one_debug_line_without_the_query(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    """CONVENTIONS, logging: redacted."""
    web.put("new", b"data")
    web.answers["/k"] = [(302, {"Location": "/new?signature=hidden"})]
    backend = ReadOnlyHttpBackend(web.base, headers={"X-Key": "hidden"}, retry=QUICK)
    with caplog.at_level(logging.DEBUG, logger="remote_store.http"):
        backend.read_bytes("k")
    backend.close()
    lines = [record.getMessage() for record in caplog.records if record.name == "remote_store.http"]
    assert lines == [f"GET {web.base}k", f"GET {web.base}new?***"]


def test_without_httpx_the_standard_library_asks(web: Web) -> None:
    """CONTRACT A8: this backend is always there."""
    import subprocess

    web.put("k", b"data")
    code = f"""
import sys
sys.modules["httpx2"] = sys.modules["httpx"] = None
import importlib.util as u
find = u.find_spec
u.find_spec = lambda name, *rest: None if name in ("httpx2", "httpx") else find(name, *rest)
from remote_store.backends import ReadOnlyHttpBackend
backend = ReadOnlyHttpBackend({web.base!r})
print(backend.read_bytes("k"))
backend.close()
try:
    ReadOnlyHttpBackend({web.base!r}, http_client="httpx")
except ImportError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60)
    assert run.stdout.splitlines()[0] == "b'data'", run.stderr
    assert "remote-store-aio[http]" in run.stdout

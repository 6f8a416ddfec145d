"""The fault proxy does what its script says, to the byte, and writes down what it did (RELIABILITY, 24 kinds)."""

from __future__ import annotations

import http.client
import json
import os
import select
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remote_store.testing.faults import KINDS, Fault, FaultProxy, ProxyFailed, noise
from remote_store.testing.faults.script import Script
from tests.servers.certificates import Authority
from tests.servers.strict import StrictS3, strict_s3

BODY = bytes(range(256)) * 400
SIZE = len(BODY)
Heard = tuple[int, bytes, dict[str, str]]


@pytest.fixture(scope="module")
def server() -> Iterator[StrictS3]:
    with strict_s3() as server:
        yield server


@pytest.fixture(scope="module")
def running(server: StrictS3) -> Iterator[FaultProxy]:
    with FaultProxy(server.endpoint) as proxy:
        yield proxy


@pytest.fixture
def proxy(running: FaultProxy, server: StrictS3) -> FaultProxy:
    server.objects.clear()
    server.put("file", BODY)
    running.script()
    return running


def ask(proxy: FaultProxy, method: str = "GET", target: str = "/b/file", **more: Any) -> Heard:
    """Send one request on a connection of its own and return what came, as far as it came."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    try:
        connection.request(method, target, **more)
        reply = connection.getresponse()
        return reply.status, reply.read(), {name.lower(): value for name, value in reply.getheaders()}
    finally:
        connection.close()


def raw(proxy: FaultProxy, times: int = 1, request: bytes = b"GET /b/file HTTP/1.1\r\n\r\n") -> bytes:
    """Send bytes and return all that comes until the proxy closes, or has been quiet for a moment."""
    with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
        connection.sendall(request * times)
        connection.shutdown(socket.SHUT_WR)
        pieces = []
        while piece := connection.recv(1 << 20):
            pieces.append(piece)
    return b"".join(pieces)


# The script


def test_without_a_script_everything_is_passed_on(proxy: FaultProxy, server: StrictS3) -> None:
    """A real server's answers come through as they are, both ways."""
    assert ask(proxy)[:2] == (200, BODY)
    assert ask(proxy, headers={"Range": "bytes=5-9"})[:2] == (206, BODY[5:10])
    assert ask(proxy, "PUT", "/b/other", body=BODY)[0] == 200
    assert server.objects["other"].data == BODY
    status, body, headers = ask(proxy, "HEAD")
    assert (status, body, headers["content-length"]) == (200, b"", str(SIZE))
    assert [each.kind for each in proxy.log()] == [""] * 4


def test_a_fault_strikes_the_nth_match_of_its_verb_and_so_many_after_it(proxy: FaultProxy) -> None:
    """Verb filter, n-th match and count; other verbs neither suffer nor count."""
    proxy.script(Fault("error", verb="GetObject", nth=2, count=2))
    statuses = []
    for _ in range(4):
        statuses.append(ask(proxy)[0])
        assert ask(proxy, "HEAD")[0] == 200
    assert statuses == [200, 503, 503, 200]
    assert [(each.verb, each.kind) for each in proxy.log()][:4] == [
        ("GetObject", ""),
        ("HeadObject", ""),
        ("GetObject", "error"),
        ("HeadObject", ""),
    ]
    assert proxy.counters().requests == {"GetObject": 4, "HeadObject": 4}
    assert proxy.counters().struck == {"error": 2}


def test_a_count_of_0_is_for_ever_and_verbs_may_be_patterns(proxy: FaultProxy) -> None:
    """``*`` in a verb, several verbs, and HTTP methods."""
    proxy.script(Fault("error", verb="Head*,PUT", count=0, argument="500 InternalError"))
    assert [ask(proxy, method)[0] for method in ("HEAD", "GET", "PUT", "HEAD")] == [500, 200, 500, 500]


def test_the_first_of_two_faults_that_fit_strikes(proxy: FaultProxy) -> None:
    proxy.script(Fault("error", argument="500 InternalError"), Fault("error", count=2, argument="429 TooManyRequests"))
    assert [ask(proxy)[0] for _ in range(3)] == [500, 429, 200]


def test_what_a_script_strikes_is_let_go_with_that_script() -> None:
    """A thread that was slow to hold its exchange back held it for the script after, and so a connection for ever."""
    script = Script()
    script.load([Fault("blackhole")])
    strike = script.asking(1, "GetObject", "GET", "/b/file", used=False)
    script.load([])
    assert strike.ended.is_set()
    assert not script.ended.is_set()


def test_the_same_seed_gives_the_same_bytes(proxy: FaultProxy) -> None:
    """Deterministic: bytes and decisions come again."""
    runs = []
    for seed in (1, 1, 2):
        proxy.script(Fault("flip-down", seed=seed), Fault("garbage", nth=2, seed=seed), Fault("cut", nth=3, offset=9))
        bodies = [ask(proxy)[1] for _ in range(2)]
        with pytest.raises(http.client.IncompleteRead):
            ask(proxy)
        runs.append((bodies, [each.text for each in proxy.log()]))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_a_text_makes_a_fault() -> None:
    """The command line's way; what is wrong is told, not ignored."""
    assert Fault.parsed("error verb=GET nth=3 count=0 argument='503 SlowDown' seconds=1.5 done=yes") == Fault(
        "error", verb="GET", nth=3, count=0, argument="503 SlowDown", seconds=1.5, done=True
    )
    for text in ("nonsense", "", "cut of=1", "cut offset=x", "cut nth=0", "cut count=-1", "cut seconds=inf"):
        with pytest.raises(ValueError, match=r"\S"):
            Fault.parsed(text)


def test_a_command_that_is_wrong_is_refused_and_the_proxy_goes_on(proxy: FaultProxy) -> None:
    with pytest.raises(ProxyFailed, match="unknown command"):
        proxy._ask({"do": "dance"})
    assert ask(proxy)[0] == 200


# Kinds


def test_a_reset_and_a_close_come_before_any_answer(proxy: FaultProxy, server: StrictS3) -> None:
    """RELIABILITY 3 and 19: not carried out, or (`done`) carried out and its answer lost."""
    proxy.script(Fault("reset", nth=1), Fault("close", nth=2), Fault("reset", nth=3, done=True))
    with pytest.raises(ConnectionResetError):
        ask(proxy, "PUT", "/b/lost", body=b"x")
    with pytest.raises(http.client.RemoteDisconnected):
        ask(proxy, "PUT", "/b/lost", body=b"x")
    assert "lost" not in server.objects
    with pytest.raises(ConnectionResetError):
        ask(proxy, "PUT", "/b/lost", body=b"x")
    assert server.objects["lost"].data == b"x"


def test_a_port_that_refuses_comes_back(proxy: FaultProxy) -> None:
    """RELIABILITY 1: refused from the moment the script is there; open connections are reset."""
    with socket.create_connection(("127.0.0.1", proxy.port)) as idle:
        proxy.script(Fault("refuse"))
        with pytest.raises(ConnectionResetError):
            idle.recv(1)
    with pytest.raises(ConnectionRefusedError):
        ask(proxy)
    proxy.script()
    assert ask(proxy)[0] == 200


def test_a_black_hole_swallows_until_the_script_ends(proxy: FaultProxy, server: StrictS3) -> None:
    """RELIABILITY 4."""
    proxy.script(Fault("blackhole"))
    with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
        connection.sendall(b"GET /b/file HTTP/1.1\r\n\r\n")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        assert proxy.counters().open == 1
        connection.settimeout(10)
        proxy.script()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    assert proxy.wait_idle() == 0


def test_a_stale_connection_is_closed_at_its_second_request(proxy: FaultProxy) -> None:
    """RELIABILITY 5: a first request on a connection is never struck."""
    proxy.script(Fault("stale", count=0))
    assert ask(proxy)[0] == ask(proxy)[0] == 200
    assert raw(proxy, times=2).count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize(("offset", "left"), [(0, 0), (1, 1), (None, SIZE // 2), (-1, SIZE - 1)])
def test_a_body_is_cut_at_the_byte(proxy: FaultProxy, offset: int | None, left: int) -> None:
    """RELIABILITY 6."""
    proxy.script(Fault("cut", offset=offset))
    with pytest.raises(http.client.IncompleteRead) as raised:
        ask(proxy)
    assert raised.value.partial == BODY[:left]


def test_a_trickle_begins_at_the_byte(proxy: FaultProxy) -> None:
    """RELIABILITY 7: all of it comes, if one has the time."""
    proxy.script(Fault("trickle", offset=-5, seconds=0.001))
    assert ask(proxy)[1] == BODY


def test_an_upload_that_stalled_goes_on(proxy: FaultProxy, server: StrictS3) -> None:
    """RELIABILITY 8: for as long as it says nothing is read, then the request is carried out."""
    proxy.script(Fault("stall-upload", offset=10, seconds=0.05))
    assert ask(proxy, "PUT", "/b/slow", body=BODY)[0] == 200
    assert server.objects["slow"].data == BODY


def test_one_bit_is_flipped_each_way(proxy: FaultProxy, server: StrictS3) -> None:
    """RELIABILITY 9."""
    proxy.script(Fault("flip-down", offset=7), Fault("flip-up", verb="PUT"))
    body = ask(proxy)[1]
    assert [at for at in range(SIZE) if body[at] != BODY[at]] == [7]
    assert (body[7] ^ BODY[7]).bit_count() == 1
    ask(proxy, "PUT", "/b/up", body=BODY)
    stored = server.objects["up"].data
    assert sum((one ^ other).bit_count() for one, other in zip(stored, BODY, strict=True)) == 1


@pytest.mark.parametrize(
    ("how", "lines"),
    [
        ("short", [SIZE - 1]),
        ("long", [SIZE + 1]),
        ("missing", []),
        ("duplicate", [SIZE, SIZE + 1]),
        ("negative", [-1]),
        ("words", ["many"]),
    ],
)
def test_a_length_is_told_wrongly(proxy: FaultProxy, how: str, lines: list[Any]) -> None:
    """RELIABILITY 10."""
    proxy.script(Fault("content-length", argument=how))
    head, _, body = raw(proxy).partition(b"\r\n\r\n")
    assert [line for line in head.decode().split("\r\n") if "content-length" in line.lower()] == [
        f"Content-Length: {each}" for each in lines
    ]
    assert body == BODY


def test_chunks_are_garbage(proxy: FaultProxy) -> None:
    """RELIABILITY 10."""
    proxy.script(Fault("chunked"))
    with pytest.raises(http.client.IncompleteRead):
        ask(proxy)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("shifted", "bytes 6-10/102401"),
        ("size", "bytes 5-9/9"),
        ("unasked", "bytes 5-9/102401"),
        ("missing", None),
    ],
)
def test_a_range_is_told_wrongly(proxy: FaultProxy, how: str, told: str | None) -> None:
    """RELIABILITY 11."""
    proxy.script(Fault("content-range", argument=how))
    status, _, headers = ask(proxy, headers={"Range": "bytes=5-9"})
    assert (status, headers.get("content-range")) == (206, told)


def test_a_range_is_ignored_or_refused(proxy: FaultProxy, server: StrictS3) -> None:
    """RELIABILITY 11: 200 for 206, and 416; what a signature covers comes from a URL instead."""
    url = f"{server.endpoint}/b/file"
    proxy.script(Fault("whole"), Fault("whole", nth=2, argument=url), Fault("not-satisfiable", nth=3))
    asked = {"headers": {"Range": "bytes=5-9"}}
    assert ask(proxy, **asked)[:2] == ask(proxy, **asked)[:2] == (200, BODY)
    assert ask(proxy, **asked)[0] == 416


def test_an_object_is_replaced_while_it_is_read(proxy: FaultProxy, server: StrictS3) -> None:
    """RELIABILITY 12: by the noise that the seed stands for."""
    proxy.script(Fault("replaced", count=0, offset=100, seed=5, argument=f"{server.endpoint}/b/file"))
    with pytest.raises(http.client.IncompleteRead) as raised:
        ask(proxy)
    assert raised.value.partial == BODY[:100]
    assert server.objects["file"].data == ask(proxy)[1] == noise(5, SIZE)


@pytest.mark.parametrize("argument", ["", "same-etag"])
def test_the_rest_of_a_body_is_another_version(proxy: FaultProxy, server: StrictS3, argument: str) -> None:
    """RELIABILITY 12: and its etag may lie."""
    etag = f'"{server.objects["file"].etag}"'
    proxy.script(Fault("splice", count=0, offset=100, seed=5, argument=argument))
    with pytest.raises(http.client.IncompleteRead):
        ask(proxy)
    status, body, headers = ask(proxy, headers={"Range": "bytes=100-", "If-Match": etag})
    assert (status, body, headers["content-range"]) == (206, noise(5, SIZE)[100:], f"bytes 100-{SIZE - 1}/{SIZE}")
    assert (headers["etag"] == etag) == (argument == "same-etag")


def test_errors_have_the_service_s_document(proxy: FaultProxy, server: StrictS3) -> None:
    """RELIABILITY 13 to 15, 17, 20: before or (`done`) after the request was carried out."""
    proxy.script(
        Fault("error", argument="429 TooManyRequests", seconds=7),
        Fault("error-200", nth=2),
        Fault("error", nth=3, argument="500 InternalError", done=True),
    )
    status, body, headers = ask(proxy)
    assert (status, headers["retry-after"]) == (429, "7")
    assert b"<Code>TooManyRequests</Code>" in body
    status, body, _ = ask(proxy, "DELETE")
    assert status == 200
    assert b"<Code>InternalError</Code>" in body
    assert "file" in server.objects
    assert ask(proxy, "DELETE")[0] == 500
    assert "file" not in server.objects


def test_a_redirect_leads_into_the_trap(proxy: FaultProxy) -> None:
    """RELIABILITY 16: who follows is counted, and whether credentials were shown."""
    proxy.script(Fault("redirect", count=2))
    place = ask(proxy)[2]["location"]
    assert place == f"{proxy.trap}/b/file"
    for headers in ({}, {"Authorization": "secret"}):
        with urllib.request.urlopen(urllib.request.Request(place, headers=headers)) as reply:
            assert reply.read() == b"trapped"
    assert (proxy.counters().trapped, proxy.counters().trapped_credentials) == (2, 1)


def test_a_bucket_is_in_another_region(proxy: FaultProxy) -> None:
    """RELIABILITY 16."""
    proxy.script(Fault("region", argument="eu-west-9"))
    status, body, headers = ask(proxy)
    assert (status, headers["x-amz-bucket-region"]) == (301, "eu-west-9")
    assert b"<Region>eu-west-9</Region>" in body


def test_documents_are_not_what_was_asked_for(proxy: FaultProxy) -> None:
    """RELIABILITY 18: status 200 each time."""
    kinds = ["html", "empty", "garbage", "entities", "truncated"]
    proxy.script(
        *(Fault(kind, nth=number) for number, kind in enumerate(kinds, 1)), Fault("huge", offset=3 << 20, nth=6)
    )
    heard = [ask(proxy) for _ in range(6)]
    assert {status for status, _, _ in heard} == {200}
    page, nothing, garbage, laughs, half, huge = [body for _, body, _ in heard]
    assert page.startswith(b"<!DOCTYPE html>")
    assert (nothing, garbage, half) == (b"", noise(0, 1000), BODY[: SIZE // 2])
    assert laughs.count(b"<!ENTITY") == 10
    assert 2 << 20 < len(huge) <= 3 << 20
    assert huge.endswith(b"</ListBucketResult>")


def test_listings_go_astray(proxy: FaultProxy, server: StrictS3) -> None:
    """RELIABILITY 21: a token again, two in turn, entries twice, a page of nothing before the first."""

    def listed(token: str = "") -> str:
        return ask(proxy, target=f"/b?list-type=2&continuation-token={token}" if token else "/b?list-type=2")[
            1
        ].decode()

    def token(text: str) -> str:
        return text.partition("<NextContinuationToken>")[2].partition("<")[0]

    proxy.script(Fault("list-repeat", count=0))
    first = token(listed())
    assert first == token(listed(first)) != ""
    proxy.script(Fault("list-loop", count=0))
    tokens = [token(listed())]
    for _ in range(3):
        tokens.append(token(listed(tokens[-1])))
    assert tokens[0] == tokens[2] != tokens[1] == tokens[3]
    proxy.script(Fault("list-duplicates"))
    assert listed().count("<Key>file</Key>") == 2
    proxy.script(Fault("list-empty-page"))
    empty = listed()
    assert "<Key>" not in empty
    server.objects.clear()  # what comes under the proxy's token is not asked of the server
    assert listed(token(empty)).count("<Key>file</Key>") == 1


def test_an_answer_comes_twice(proxy: FaultProxy) -> None:
    """RELIABILITY: a second answer on one connection."""
    proxy.script(Fault("duplicate"))
    assert raw(proxy).count(BODY) == 2


# Connections


def test_connections_are_counted(proxy: FaultProxy) -> None:
    """Leaks are seen: what a client has open, and when it has closed all."""
    before = proxy.counters()
    assert before.open == 0
    sockets = [socket.create_connection(("127.0.0.1", proxy.port)) for _ in range(3)]
    for each in sockets:
        each.sendall(b"HEAD /b/file HTTP/1.1\r\n\r\n")
        assert each.recv(100)
    counted = proxy.counters()
    assert (counted.open, counted.opened - before.opened) == (3, 3)
    assert proxy.wait_idle(0.01) == 3
    for each in sockets:
        each.close()
    assert proxy.wait_idle() == 0
    assert proxy.counters().peak == 3


def test_a_connection_is_struck_as_it_is_made(proxy: FaultProxy) -> None:
    proxy.script(Fault("reset", verb="connect", nth=2))
    assert ask(proxy)[0] == 200
    with pytest.raises(ConnectionError):
        ask(proxy)
    assert ask(proxy)[0] == 200


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


def test_tls_fails_in_each_way(server: StrictS3, authority: Authority, tmp_path: Path) -> None:
    """RELIABILITY 22: wrong name, expired, unknown authority, reset in the handshake, no farewell."""
    server.put("file", BODY)
    stranger = Authority(tmp_path, "stranger")
    leaves = [
        authority.leaf("wrong", "elsewhere.example"),
        authority.leaf("old", expired=True),
        stranger.leaf("unknown"),
    ]
    context = ssl.create_default_context(cafile=str(authority.file))

    def get() -> bytes:
        with socket.create_connection(("127.0.0.1", secure.port)) as plain:
            with context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False) as connection:
                connection.sendall(b"GET /b/file HTTP/1.1\r\nConnection: close\r\n\r\n")
                pieces = []
                while piece := connection.recv(1 << 20):
                    pieces.append(piece)
                return b"".join(pieces)

    with FaultProxy(server.endpoint, certificate=authority.leaf("good"), host="localhost") as secure:
        assert secure.endpoint.startswith("https://localhost:")
        faults = [Fault("certificate", nth=number, argument=str(leaf)) for number, leaf in enumerate(leaves, 1)]
        secure.script(*faults, Fault("tls-reset", nth=4), Fault("no-close-notify", offset=100))
        for words in ("Hostname mismatch", "expired", "unable to get local issuer"):
            with pytest.raises(ssl.SSLCertVerificationError, match=words):
                get()
        with pytest.raises(ConnectionResetError):
            get()
        with pytest.raises(ssl.SSLEOFError):
            get()
        assert get().endswith(BODY)


# Bytes that are not read


@pytest.fixture
def echo() -> Iterator[str]:
    """A server that gives back what it gets."""
    code = (
        "import socketserver as s\n"
        "class H(s.BaseRequestHandler):\n"
        "    def handle(self):\n"
        "        while d := self.request.recv(65536): self.request.sendall(d)\n"
        "t = s.ThreadingTCPServer(('127.0.0.1', 0), H); t.daemon_threads = True\n"
        "print(t.server_address[1], flush=True); t.serve_forever()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"tcp://127.0.0.1:{process.stdout.readline().strip()}"
        process.kill()


def echoed(proxy: FaultProxy, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
        connection.sendall(data)
        heard = bytearray()
        while len(heard) < len(data) and (piece := connection.recv(1 << 20)):
            heard += piece
        return bytes(heard)


def test_a_protocol_that_is_not_known_has_faults_by_byte(echo: str) -> None:
    """RELIABILITY 1 to 9 below HTTP, as SFTP will need them."""
    data = os.urandom(100_000)
    with FaultProxy(echo) as proxy:
        assert proxy.endpoint == f"tcp://127.0.0.1:{proxy.port}"
        assert echoed(proxy, data) == data
        proxy.script(
            Fault("cut", verb="connect", nth=1, offset=70_000),
            Fault("flip-down", verb="connect", nth=2, offset=70_000),
            Fault("flip-up", verb="connect", nth=3, offset=5),
            Fault("trickle", verb="connect", nth=4, offset=99_995, seconds=0.001),
            Fault("stall-upload", verb="connect", nth=5, offset=10, seconds=0.05),
            Fault("close", verb="connect", nth=6),
            Fault("cut", verb="connect", nth=7, offset=0, argument="reset"),
        )
        assert echoed(proxy, data) == data[:70_000]
        for at in (70_000, 5):
            spoilt = echoed(proxy, data)
            assert [index for index in range(len(data)) if spoilt[index] != data[index]] == [at]
        assert echoed(proxy, data) == echoed(proxy, data) == data
        with socket.create_connection(("127.0.0.1", proxy.port)) as connection:
            assert connection.recv(1) == b""
        with pytest.raises(ConnectionResetError):
            echoed(proxy, data)
        assert [each.kind for each in proxy.log()][-2:] == ["close", "cut"]
        assert proxy.wait_idle() == 0


# The process


def test_the_process_ends_with_its_parent(server: StrictS3) -> None:
    """Nothing is left behind when a test run is killed: the pipe closes, and the proxy with it."""
    code = (
        "from remote_store.testing.faults import FaultProxy\n"
        f"proxy = FaultProxy({server.endpoint!r}); proxy.start(); print(proxy._process.pid, flush=True); input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        pidfd = os.pidfd_open(pid)
        parent.kill()
    assert select.select([pidfd], [], [], 30)[0], "the proxy outlived its parent"
    os.close(pidfd)


def test_a_proxy_that_is_not_running_says_so(server: StrictS3) -> None:
    proxy = FaultProxy(server.endpoint)
    with pytest.raises(ProxyFailed, match="not running"):
        proxy.counters()
    with pytest.raises(ProxyFailed, match="upstream must be"):
        FaultProxy("ftp://nowhere").start()
    with proxy:
        assert proxy.log() == []
    proxy.stop()


def test_the_command_explains_itself_and_tells_what_it_does(server: StrictS3) -> None:
    """``python -m remote_store.testing.faults``: help, mistakes, and decisions as lines of JSON."""
    command = [sys.executable, "-m", "remote_store.testing.faults"]
    shown = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout
    assert all(f"  {kind} " in shown for kind in KINDS)
    wrong = subprocess.run([*command, server.endpoint, "--fault", "dance"], capture_output=True, text=True)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "unknown kind 'dance'" in wrong.stderr
    server.put("file", BODY)
    with subprocess.Popen(
        [*command, server.endpoint, "--fault", "error argument='503 SlowDown'"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/b/file")
        decision = json.loads(process.stdout.readline())
        assert (decision["verb"], decision["kind"], decision["text"]) == ("GetObject", "error", "503 SlowDown")
        process.terminate()
        assert process.wait() == 0

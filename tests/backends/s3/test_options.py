"""What object stores keep beside the bytes, through every face (DECISIONS 23)."""

from __future__ import annotations

from typing import Any

import pytest

from remote_store import ProxyStore, Store, WriteOptions
from remote_store._core.errors import CapabilityNotSupported
from remote_store.aio import AsyncProxyStore, AsyncStore
from remote_store.backends import MemoryBackend, S3Backend
from remote_store.backends.s3.backend import AsyncS3Backend
from tests.servers.fixtures import Bucket

WANTED = WriteOptions(
    content_type="text/x-mine",
    cache_control="max-age=60",
    content_disposition='attachment; filename="a.txt"',
    content_encoding="identity",
    tags={"team": "a b", "x": "y&z"},
)


class Wrapped(ProxyStore):
    """A proxy that changes nothing."""

    def _wrap_child(self, inner_child: Store) -> Store:
        return Wrapped(inner_child)


def test_options_reach_the_service(bucket: Bucket) -> None:
    """Headers and tags of a single put and of an upload in parts; through a proxy, a store and the facade."""
    with Wrapped(Store(S3Backend(**bucket.options), "root")) as store:
        store.write("small", b"x", options=WANTED)
        store.write_atomic("large", bytes(17 << 20), options=WANTED)
        store.write_text("text", "x", options=WriteOptions(content_type="text/plain"))
        assert store.get_file_info("small").content_type == "text/x-mine"
    for key in ("root/small", "root/large"):
        head = bucket.client.head_object(Bucket=bucket.name, Key=key)
        assert (head["ContentType"], head["CacheControl"]) == ("text/x-mine", "max-age=60")
        assert head["ContentDisposition"] == 'attachment; filename="a.txt"'
        tags = bucket.client.get_object_tagging(Bucket=bucket.name, Key=key)["TagSet"]
        assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": "a b", "x": "y&z"}


@pytest.mark.anyio
async def test_the_content_type_is_guessed_from_the_name(bucket: Bucket) -> None:
    """Issue 4: by name; a packed file is no text."""
    async with AsyncS3Backend(**bucket.options) as backend:
        for key, wanted in (("a.json", "application/json"), ("b.csv.gz", "application/gzip"), ("c.html", "text/html")):
            await backend.write(key, b"x")
            assert (await backend.get_file_info(key)).content_type == wanted


@pytest.mark.anyio
async def test_an_older_version_can_be_read(moto_bucket: Bucket) -> None:
    """Issue 4: `version_id` in results, and on every read."""
    moto_bucket.client.put_bucket_versioning(Bucket=moto_bucket.name, VersioningConfiguration={"Status": "Enabled"})
    async with AsyncStore(AsyncS3Backend(**moto_bucket.options)) as store:
        old = (await store.write("file", b"old one")).version_id
        assert old is not None
        await store.write("file", b"new", overwrite=True)
        assert await store.read_bytes("file", version_id=old) == b"old one"
        assert b"".join([chunk async for chunk in store.read("file", version_id=old)]) == b"old one"
        assert await store.read_ranges("file", [(4, 7)], version_id=old) == [b"one"]
        buffer = bytearray(3)
        assert await store.read_into("file", buffer, version_id=old) == 3
        assert await store.read_text("file", version_id=old) == "old one"
        assert await store.read_text("file") == "new"
        assert await AsyncProxyStore(store).read_text("file", version_id=old) == "old one"
        assert await store.read_bytes("file") == b"new"
    with Store(S3Backend(**moto_bucket.options)) as blocking:
        for face in (blocking, ProxyStore(blocking)):
            assert face.read_text("file", version_id=old) == "old one"
            for opened in (face.read, face.read_seekable):
                with opened("file", version_id=old) as stream:
                    stream.seek(4)
                    assert stream.read() == b"one"


def test_a_listing_begins_after_a_key_and_ends_at_a_limit(moto_bucket: Bucket) -> None:
    """CONVENTIONS 17: `start_after` and `limit`, in the service's order."""
    for number in range(10):
        moto_bucket.poke(f"root/d/{number}", b"x")
    with Store(S3Backend(**moto_bucket.options), "root") as store:
        found = store.list_files("d", start_after="d/3", limit=4)
        assert [str(info.path) for info in found] == ["d/4", "d/5", "d/6", "d/7"]
        assert list(store.list_files("d", limit=0)) == []
        with pytest.raises(ValueError):
            store.list_files("d", limit=-1)
        with pytest.raises(ValueError):
            store.list_files("d", limit=2, pattern="*")


CALLS: list[Any] = [
    lambda store: store.write("a", b"", options=WANTED),
    lambda store: store.read_bytes("a", version_id="1"),
    lambda store: store.read("a", version_id="1"),
    lambda store: store.read_text("a", version_id="1"),
    lambda store: store.read_seekable("a", version_id="1"),
    lambda store: store.read_into("a", bytearray(1), version_id="1"),
    lambda store: store.read_ranges("a", [], version_id="1"),
    lambda store: list(store.list_files("", limit=1)),
    lambda store: list(store.list_files("", start_after="a")),
    lambda store: store.presign("a"),
    lambda store: store.list_uploads(),
]


@pytest.mark.parametrize("call", CALLS)
def test_other_backends_refuse_them(call: Any) -> None:
    """DECISIONS 23: CapabilityNotSupported, never silence."""
    with Store(MemoryBackend()) as store, pytest.raises(CapabilityNotSupported):
        call(store)
    with Store(Old(MemoryBackend())) as store, pytest.raises(CapabilityNotSupported):
        call(store)


class Old:
    """A duck-typed backend from before any of these."""

    def __init__(self, inner: MemoryBackend) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        if name in ("native_options", "presign", "list_uploads"):
            raise AttributeError(name)
        return getattr(self._inner, name)


BAD: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"content_type": "a\r\nX-Evil: 1"}, ValueError),
    ({"cache_control": "x" * 9000}, ValueError),
    ({"content_type": 5}, TypeError),
    ({"tags": {str(number): "" for number in range(11)}}, ValueError),
    ({"tags": {"": "x"}}, ValueError),
    ({"tags": {"a": 1}}, TypeError),
    ({"single_put_max": 0}, ValueError),
    ({"single_put_max": True}, TypeError),
]


@pytest.mark.parametrize(("options", "kind"), BAD)
def test_bad_options_are_refused(options: dict[str, Any], kind: type[Exception]) -> None:
    """RELIABILITY, metadata and headers: no header can be smuggled in."""
    with pytest.raises(kind):
        WriteOptions(**options)

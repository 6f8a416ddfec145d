"""Places for torch's checkpoints, each with a back door."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remote_store import open_store
from tests.servers.fixtures import Bucket

__all__ = ["KINDS", "Place", "local_place", "place_of"]

KINDS = ["local", "file-url", "memory", "store", "s3"]


@dataclass(frozen=True)
class Place:
    """A checkpoint's path with its options; `peek`, `poke` and `names` see what is really there."""

    kind: str
    path: Any
    peek: Callable[[str], bytes]
    poke: Callable[[str, bytes], None]
    names: Callable[[], list[str]]
    drop: Callable[[str], None]
    options: Mapping[str, Any] = field(default_factory=dict)


def local_place(root: Path, kind: str = "local") -> Place:
    folder = root / "runs" / "ckpt"

    def poke(name: str, data: bytes) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)

    def names() -> list[str]:
        return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())

    path = folder.as_uri() if kind == "file-url" else str(folder)
    return Place(
        kind, path, lambda name: (folder / name).read_bytes(), poke, names, lambda name: (folder / name).unlink()
    )


def place_of(kind: str, root: Path, bucket: Bucket | None) -> Place:
    if kind in ("local", "file-url"):
        return local_place(root, kind)
    if bucket is not None:
        return _bucket_place(bucket)
    url = f"memory://{uuid.uuid4().hex}"
    store = open_store(url)

    def names() -> list[str]:
        return sorted(
            str(info.path).removeprefix("runs/ckpt/") for info in store.list_files("runs/ckpt", recursive=True)
        )

    return Place(
        kind,
        "runs/ckpt" if kind == "store" else f"{url}/runs/ckpt",
        lambda name: store.read_bytes(f"runs/ckpt/{name}"),
        lambda name, data: void(store.write(f"runs/ckpt/{name}", data, overwrite=True)),
        names,
        lambda name: store.delete(f"runs/ckpt/{name}"),
        {"store": store} if kind == "store" else {},
    )


def _bucket_place(bucket: Bucket) -> Place:
    def peek(name: str) -> bytes:
        data = bucket.peek(f"runs/ckpt/{name}")
        assert data is not None, name
        return data

    return Place(
        "s3",
        f"s3://{bucket.name}/runs/ckpt?endpoint={bucket.server.endpoint}",
        peek,
        lambda name, data: bucket.poke(f"runs/ckpt/{name}", data),
        lambda: [key.removeprefix("runs/ckpt/") for key in list(bucket.keys())],
        lambda name: void(bucket.client.delete_object(Bucket=bucket.name, Key=f"runs/ckpt/{name}")),
        {"key": bucket.server.key, "secret": bucket.server.secret},
    )


def void(_: object) -> None:
    """Take a result that nobody wants."""

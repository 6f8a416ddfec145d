"""Trees of small files to S3 and back, beside rclone and s3fs: ``python -m benchmarks.trees [--files 10000]``.

A SeaweedFS is started for it. Wall seconds of one run each, after the server has been used once; what is not installed
is left out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from remote_store import Store
from remote_store.backends import S3Backend
from remote_store.ext.trees import download_tree, upload_tree
from tests.servers.seaweedfs import S3Server, seaweedfs

BUCKET = "trees"


def grow(folder: Path, files: int, size: int) -> None:
    """Make so many files of random bytes, 100 a folder."""
    for number in range(files):
        path = folder / f"{number // 100:04}" / f"{number:06}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))


def ours(
    server: S3Server, source: Path, target: Path
) -> tuple[Callable[[], Any], Callable[[], Any], Callable[[], Any]]:
    """Return what uploads, what downloads and what counts."""
    store = Store(S3Backend(BUCKET, endpoint_url=server.endpoint, key=server.key, secret=server.secret))
    return (
        lambda: upload_tree(store, source, "ours"),
        lambda: download_tree(store, "ours", target),
        lambda: store.get_folder_info("ours"),
    )


def rclone(
    server: S3Server, source: Path, target: Path
) -> tuple[Callable[[], Any], Callable[[], Any], Callable[[], Any]]:
    """Return the same of rclone, with 16 transfers."""
    remote = f":s3,provider=Other,endpoint='{server.endpoint}',env_auth=true:{BUCKET}/rclone"
    environ = {**os.environ, "AWS_ACCESS_KEY_ID": server.key, "AWS_SECRET_ACCESS_KEY": server.secret}

    def run(*arguments: str) -> None:
        command = [str(Path(sys.executable).with_name("rclone")), "--config", "", "--transfers", "16", *arguments]
        subprocess.run(command, env=environ, check=True, capture_output=True)

    return (
        lambda: run("copy", str(source), remote),
        lambda: run("copy", remote, str(target)),
        lambda: run("size", remote),
    )


def s3fs(
    server: S3Server, source: Path, target: Path
) -> tuple[Callable[[], Any], Callable[[], Any], Callable[[], Any]]:
    """Return the same of s3fs."""
    from s3fs import S3FileSystem

    files = S3FileSystem(key=server.key, secret=server.secret, endpoint_url=server.endpoint, use_listings_cache=False)
    return (
        lambda: files.put(f"{source}/", f"{BUCKET}/s3fs/", recursive=True),
        lambda: files.get(f"{BUCKET}/s3fs/", f"{target}/", recursive=True),
        lambda: files.du(f"{BUCKET}/s3fs"),
    )


def main() -> None:
    """Run each client and print its seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=4096, help="bytes of a file")
    asked = parser.parse_args()
    clients = {"remote_store": ours}
    if Path(sys.executable).with_name("rclone").exists():
        clients["rclone"] = rclone
    if find_spec("s3fs") is not None:
        clients["s3fs"] = s3fs
    with tempfile.TemporaryDirectory() as folder, seaweedfs() as server:
        import boto3

        boto3.client(
            "s3", endpoint_url=server.endpoint, aws_access_key_id=server.key, aws_secret_access_key=server.secret,
            region_name="us-east-1",
        ).create_bucket(Bucket=BUCKET)  # fmt: skip
        grow(Path(folder, "source"), asked.files, asked.size)
        print(f"{asked.files} files of {asked.size} bytes; seconds up, down, counted")
        for name, client in clients.items():
            target = Path(folder, "target")
            seconds = []
            for act in client(server, Path(folder, "source"), target):
                begun = time.perf_counter()
                act()
                seconds.append(time.perf_counter() - begun)
            count = sum(path.is_file() for path in target.rglob("*"))
            shutil.rmtree(target)
            print(
                f"{name:<14}"
                + "".join(f"{each:8.2f}" for each in seconds)
                + ("" if count == asked.files else "  short!")
            )


if __name__ == "__main__":
    main()

"""Run the demo against a SeaweedFS that is started for it and stopped at its end; arguments go to the demo."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.servers.fixtures import Bucket  # the repository's own, not installed
from tests.servers.seaweedfs import seaweedfs


def main(arguments: list[str]) -> int:
    """Return the demo's exit code."""
    command = Path(sysconfig.get_path("scripts")) / "remote-store"
    with seaweedfs() as server:
        print(f"SeaweedFS serves S3 at {server.endpoint}", flush=True)
        bucket = Bucket(server, "demo")
        bucket.client.create_bucket(Bucket=bucket.name)
        url = f"s3://{bucket.name}/checkpoints?endpoint={server.endpoint}&region=us-east-1"
        environment = {**os.environ, "AWS_ACCESS_KEY_ID": server.key, "AWS_SECRET_ACCESS_KEY": server.secret}
        done = subprocess.run([str(command), "demo", "--store", url, *arguments], env=environment, check=False)
        left, uploads = bucket.keys(), bucket.uploads()
        print(f"left in the bucket: {len(left)} objects, {len(uploads)} uploads in parts", flush=True)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

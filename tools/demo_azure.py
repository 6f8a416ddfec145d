"""Run the demo against an Azurite that is started for it and stopped at its end; arguments go to the demo."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.servers.azurite import azurite, missing  # the repository's own, not installed
from tests.servers.fixtures import Container


def main(arguments: list[str]) -> int:
    """Return the demo's exit code."""
    lack = missing()
    if lack is not None:
        print(lack, file=sys.stderr)
        return 1
    command = Path(sysconfig.get_path("scripts")) / "remote-store"
    with azurite() as server:
        print(f"Azurite serves blobs at {server.url}", flush=True)
        container = Container(server, "demo")
        container.client.create_container()
        url = f"az://{container.name}/checkpoints?endpoint={server.url}&max_concurrency=8"
        secrets = {"AZURE_STORAGE_ACCOUNT_NAME": server.account, "AZURE_STORAGE_ACCOUNT_KEY": server.key}
        run = [str(command), "demo", "--store", url, *arguments]
        done = subprocess.run(run, env={**os.environ, **secrets}, check=False)
        print(f"left in the container: {len(container.keys())} blobs", flush=True)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

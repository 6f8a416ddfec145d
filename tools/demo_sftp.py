"""Run the demo against an OpenSSH server that is started for it and stopped at its end; arguments go to the demo."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.servers.openssh import Shelf, openssh, sshd  # the repository's own, not installed


def main(arguments: list[str]) -> int:
    """Return the demo's exit code."""
    if sshd() is None:
        print("sshd is missing: make sshd, or apt-get install openssh-server", file=sys.stderr)
        return 1
    command = Path(sysconfig.get_path("scripts")) / "remote-store"
    with openssh() as server:
        print(f"OpenSSH serves SFTP at 127.0.0.1:{server.port}, with keys of its own", flush=True)
        known = server.folder / "known_hosts"
        known.write_text(server.known_hosts)
        place = f"sftp://{server.username}@127.0.0.1:{server.port}{server.root}/checkpoints"
        url = f"{place}?pkey={server.key}&host_keys_path={known}"
        done = subprocess.run([str(command), "demo", "--store", url, *arguments], check=False)
        print(f"left on the server: {len(Shelf(server, server.root).names())} files", flush=True)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The `remote-store` command; it needs the extra `cli`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line `argv` (default: the process's) and exit with a code of `remote_store.cli.exits`."""
    try:
        try:
            from .app import app
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in ("typer", "rich", "click"):
                raise
            print(
                f"remote-store: the command line needs {error.name}; pip install 'remote-store-aio[cli]'",
                file=sys.stderr,
            )
            sys.exit(2)
        app(args=None if argv is None else list(argv), prog_name="remote-store")
    except KeyboardInterrupt:
        # Also one that comes while commands are being imported; a second one during clean-up ends here too.
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)

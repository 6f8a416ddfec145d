"""Lets ``python -m remote_store.testing.faults`` run the proxy."""

import sys

from .control import main

if __name__ == "__main__":
    sys.exit(main())

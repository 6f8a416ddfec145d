"""`python -m remote_store.cli`, the same as `remote-store`."""

from . import main

if __name__ == "__main__":
    main()

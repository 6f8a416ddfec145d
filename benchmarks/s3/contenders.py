"""All contenders; run as a module, one of them."""

from __future__ import annotations

from . import ours, peers, raw
from .work import main

CONTENDERS = [*raw.CONTENDERS, *ours.CONTENDERS, *peers.CONTENDERS]

if __name__ == "__main__":
    main(CONTENDERS)

"""`python -m benchmarks`: the local figures, the only ones so far."""

from .local import main

main()

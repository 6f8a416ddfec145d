"""`python -m benchmarks`: the local figures; `python -m benchmarks.s3` has those on S3."""

from .local import main

main()

"""S3 figures beside peers, on one SeaweedFS in one run: `python -m benchmarks.s3`."""

"""Kind of fault x operation x face, for S3 on a real server behind the fault proxy (RELIABILITY, issue 5)."""

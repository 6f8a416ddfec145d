"""S3: AWS, and servers that speak its protocol."""

"""Azure figures beside peers."""

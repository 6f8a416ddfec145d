"""A file service: see `app`."""

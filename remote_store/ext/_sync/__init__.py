"""The sync side of the extensions."""

"""The sync side of the stores."""

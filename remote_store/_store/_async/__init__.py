"""The async side of the stores."""

"""The async side of the extensions."""

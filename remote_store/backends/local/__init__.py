"""Files below a folder of the local disk."""

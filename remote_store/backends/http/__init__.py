"""Files on any web server, for reading."""

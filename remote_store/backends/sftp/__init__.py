"""Files on an SFTP server, by asyncssh."""

"""An independent reader of logs, built from the Go checksum database's own code."""

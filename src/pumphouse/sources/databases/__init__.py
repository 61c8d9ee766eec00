"""Tables and queries of databases, read-only."""

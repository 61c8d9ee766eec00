"""The online store: features of every entity, read by key in microseconds, replaced whole while they are read."""

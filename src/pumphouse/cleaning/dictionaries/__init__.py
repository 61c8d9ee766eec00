"""Shorthand that a team keeps: what words are, entries as a trie, and the files they stand in."""

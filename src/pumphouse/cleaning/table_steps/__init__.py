"""Steps that learn from the table or look at more than one row: filling, dropping, merging."""

"""Which steps would suit a table: its columns are looked at, steps are tried on them, and what is sure is proposed."""

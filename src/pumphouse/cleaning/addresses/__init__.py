"""IP addresses read from text, a column at once, and looked up in tables of ranges."""

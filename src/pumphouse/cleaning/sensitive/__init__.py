"""What must not be seen in a text: where it stands, and what it is."""

"""Answers that were given on paper or to another survey tool, and stand in a table."""

"""Rows that arrive as messages: Singer taps and Airbyte sources, on the standard input."""

"""Asking over HTTP: services of functions, and APIs that are declared."""

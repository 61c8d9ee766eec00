"""Answers that people gave."""

"""Spelling variants of categories: proposing which are one, and the file of those that somebody accepted."""

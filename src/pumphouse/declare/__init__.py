"""Declarations: frozen values and the functions that make them. Importing or calling them does nothing else."""

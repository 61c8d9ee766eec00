"""Experiments: who gets which arm, who was exposed, and what came of it, as a verdict with its numbers."""

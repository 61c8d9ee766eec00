"""Tables made from other tables: SQL files and Python functions, whole or in slices, with their checks."""

"""Column steps: one family a module. What each gives, it gives as a step, as an SQL function and on one value."""

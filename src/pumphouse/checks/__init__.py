"""Rules for checks: what must hold of a table, beside a condition in SQL. The public face that projects import.

from pumphouse.checks import not_null, unique

known = ph.check("orders", not_null("customer_id"))
"""

from pumphouse.declare.checks import (
    between,
    fresh,
    matches,
    not_null,
    one_of,
    query,
    refers_to,
    row_count,
    steady,
    unique,
)

__all__ = [
    "between",
    "fresh",
    "matches",
    "not_null",
    "one_of",
    "query",
    "refers_to",
    "row_count",
    "steady",
    "unique",
]

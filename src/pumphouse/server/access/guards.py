"""Functions that make much of little, or take long over little, with a bound.

DuckDB does not count the texts and lists they make as memory, and heeds no interrupt before it has made those of 2,048
rows. Each is a macro of the same name in front of DuckDB's own. What is made by other ways, the wall of watch.py holds.
"""

from __future__ import annotations

TIMES_MAX = 100_000
"""How long `lpad` and the like make a text, and how often `repeat` repeats."""
ITEMS_MAX = 1_000_000
"""Items of a list that is made of numbers alone; `FROM range(...)` has no such bound."""

PAIRS_MAX = 100_000
"""Pairs of bytes that are compared for how alike two texts are: two of 300 each."""


def _most(value: str, most: int, name: str) -> str:
    return f"CASE WHEN {value} > {most} THEN error('{name} takes at most {most:,} here') ELSE {value} END"


def _counted(name: str) -> str:
    most = f"error('{name} makes at most {ITEMS_MAX:,} items here')"
    one, two, three = (f"TRY_CAST({part}::VARCHAR AS DOUBLE)" for part in ("a", "b", "c"))
    moments = "epoch(TRY_CAST(b::VARCHAR AS TIMESTAMP) - TRY_CAST(a::VARCHAR AS TIMESTAMP))"
    steps = f"coalesce(({two} - {one}) / {three}, {moments} / epoch(TRY_CAST(c::VARCHAR AS INTERVAL)))"
    return (
        f"{name}(a) AS system.main.{name}(CASE WHEN {one} > {ITEMS_MAX} THEN {most} ELSE a END),"
        f" (a, b) AS system.main.{name}(a, CASE WHEN {two} - {one} > {ITEMS_MAX} THEN {most} ELSE b END),"
        f" (a, b, c) AS system.main.{name}(a, CASE WHEN {steps} > {ITEMS_MAX} THEN {most} ELSE b END, c)"
    )


def _resized(name: str) -> str:
    size = _most("n", ITEMS_MAX, name)
    return f"{name}(l, n) AS system.main.{name}(l, {size}), (l, n, v) AS system.main.{name}(l, {size}, v)"


def _compared(name: str) -> str:
    # The texts are named once, in a list: of chance, what is looked at would not be what is compared.
    bound = f"error('{name} compares texts of at most {PAIRS_MAX:,} pairs of bytes here')"
    return (
        f"{name}(a, b) AS list_transform([{{'a': a, 'b': b}}], lambda v: CASE"
        f" WHEN strlen(v.a) * strlen(v.b) > {PAIRS_MAX} THEN {bound} ELSE system.main.{name}(v.a, v.b) END)[1]"
    )


GUARDS: tuple[str, ...] = (
    f"repeat(s, n) AS system.main.repeat(s, {_most('n', TIMES_MAX, 'repeat')})",
    *(f"{name}(s, n, p) AS system.main.{name}(s, {_most('n', TIMES_MAX, name)}, p)" for name in ("lpad", "rpad")),
    f"bitstring(s, n) AS system.main.bitstring(s, {_most('n', TIMES_MAX, 'bitstring')})",
    f"bar(x, a, b) AS system.main.bar(x, a, b), (x, a, b, n) AS system.main.bar(x, a, b, {_most('n', 1000, 'bar')})",
    (
        "to_base(x, r) AS system.main.to_base(x, r),"
        f" (x, r, n) AS system.main.to_base(x, r, {_most('n', 1000, 'to_base')})"
    ),
    *(_resized(name) for name in ("list_resize", "array_resize")),
    *(
        _compared(name)
        for name in ("levenshtein", "editdist3", "damerau_levenshtein", "jaro_similarity", "jaro_winkler_similarity")
    ),
    *(_counted(name) for name in ("range", "generate_series")),
)
"""What stands behind CREATE MACRO."""

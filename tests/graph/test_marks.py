from __future__ import annotations

import pytest

from pumphouse.graph.marks import ANY, ROWS, marked_columns

TABLES = {"people": {"income": frozenset({"I"}), "job": frozenset({"J"})}, "lost": {ANY: frozenset({"L"})}}


def marks(text: str) -> dict[str, str]:
    found = marked_columns(text, TABLES)
    assert found is not None
    return {name: "".join(sorted(those)) for name, those in found.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # What is selected, under whatever name.
        ("SELECT id, income FROM people", {"income": "I"}),
        ("SELECT id, p.income * 2 AS twice, twice + 1 AS more FROM people p", {"twice": "I", "more": "I"}),
        ("SELECT id, age FROM people", {}),
        ("SELECT id, income__filled FROM people", {}),
        ("SELECT count(*) AS n FROM people", {}),
        ("SELECT count(income) AS n FROM people", {"n": "I"}),
        ('SELECT P."Income" AS x FROM People AS P', {"x": "I"}),
        ("SELECT o.income FROM people p JOIN orders o ON o.id = p.id", {}),
        ("SELECT p AS whole FROM people p", {"whole": "IJ"}),
        ("SELECT sum(income) OVER (PARTITION BY job) AS s FROM people", {"s": "IJ"}),
        ("SELECT CASE WHEN job = 'x' THEN 1 END AS c FROM people", {"c": "J"}),
        # Stars.
        ("SELECT * FROM people", {"income": "I", "job": "J"}),
        ("FROM people", {"income": "I", "job": "J"}),
        ("SELECT o.* FROM people p JOIN orders o ON o.id = p.id", {}),
        ("SELECT p.* FROM people p JOIN orders o ON o.id = p.id", {"income": "I", "job": "J"}),
        ("SELECT * EXCLUDE (income) FROM people", {"job": "J"}),
        ("SELECT * REPLACE (1 AS income) FROM people", {"job": "J"}),
        ("SELECT * RENAME (income AS pay) FROM people", {"pay": "I", "job": "J"}),
        ("SELECT COLUMNS('i.*') FROM people", {ANY: "IJ"}),
        # What decides which rows there are.
        ("SELECT id FROM people WHERE income > 0", {ROWS: "I"}),
        ("SELECT o.id FROM orders o JOIN people p ON o.job = p.job", {ROWS: "J"}),
        ("SELECT id FROM orders JOIN people USING (job)", {ROWS: "J"}),
        ("SELECT count(*) AS n FROM people GROUP BY job", {ROWS: "J"}),
        ("SELECT job, count(*) AS n FROM people GROUP BY ALL", {"job": "J", ROWS: "J"}),
        ("SELECT job, count(*) AS n FROM people GROUP BY 1", {"job": "J", ROWS: "J"}),
        ("SELECT DISTINCT job FROM people", {"job": "J", ROWS: "J"}),
        ("SELECT id FROM people QUALIFY row_number() OVER (ORDER BY income) = 1", {ROWS: "I"}),
        ("SELECT id FROM people ORDER BY income", {}),
        ("SELECT id FROM people ORDER BY income LIMIT 3", {ROWS: "I"}),
        ("SELECT id FROM (SELECT id FROM people WHERE income > 0)", {"id": "I", ROWS: "I"}),
        ("SELECT count(*) AS n FROM (SELECT id FROM people WHERE income > 0)", {ROWS: "I"}),
        ("SELECT id FROM people ORDER BY income OFFSET 3", {ROWS: "I"}),
        ("SELECT row_number() OVER w AS r FROM people WINDOW w AS (ORDER BY income)", {ROWS: "I"}),
        # Columns by their place, and tables by their schema.
        ("SELECT #2 AS x FROM people", {"x": "IJ"}),
        ("SELECT main.people.income AS x FROM main.people", {"x": "I"}),
        ("SELECT l.main.people.income AS x FROM l.main.people", {"x": "I"}),
        # Queries in queries.
        ("WITH p AS (SELECT income AS x, id FROM people) SELECT x, id FROM p", {"x": "I"}),
        ("WITH p(a, b) AS (SELECT id, income FROM people) SELECT a, b FROM p", {"b": "I"}),
        ("WITH people AS (SELECT 1 AS income) SELECT income FROM people", {}),
        ("SELECT (SELECT max(income) FROM people) AS m FROM orders", {"m": "I"}),
        ("SELECT id FROM orders o WHERE EXISTS (SELECT 1 FROM people p WHERE p.id = o.id)", {}),
        ("SELECT id FROM orders o WHERE o.id IN (SELECT id FROM people WHERE job = 'x')", {ROWS: "J"}),
        ("SELECT x FROM orders, LATERAL (SELECT income AS x FROM people) AS l", {"x": "I"}),
        (
            """WITH RECURSIVE r AS (SELECT income AS x, 1 AS n FROM people UNION ALL SELECT x, n + 1 FROM r WHERE n < 3)
            SELECT x, n FROM r""",
            {"x": "I"},
        ),
        # Sets, by place or by name.
        ("SELECT id AS a, 1 AS b FROM orders UNION ALL SELECT id, income FROM people", {"b": "I"}),
        ("SELECT 1 AS id, 2 AS income UNION ALL BY NAME SELECT * FROM people", {"income": "I", "job": "J"}),
        ("SELECT id FROM orders UNION ALL SELECT * FROM people", {ANY: "IJ"}),
        # What can't be told.
        ("SELECT anything FROM lost", {"anything": "L"}),
        ("SELECT * FROM lost", {ANY: "L"}),
        ("PIVOT people ON job USING sum(income)", {ANY: "IJ"}),
        ("UNPIVOT people ON income", {ANY: "IJ"}),
        ("SELECT x FROM (PIVOT people ON job USING sum(income))", {"x": "IJ"}),
        ("SELECT id FROM people PIVOT (sum(income) FOR job IN ('x'))", {"id": "IJ"}),
    ],
)
def test_a_column_carries_the_marks_of_what_it_is_made_from(text: str, expected: dict[str, str]) -> None:
    assert marks(text) == expected


def test_a_text_that_can_not_be_read_says_so() -> None:
    assert marked_columns("SELECT FROM WHERE (", TABLES) is None

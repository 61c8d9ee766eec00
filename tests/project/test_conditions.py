from __future__ import annotations

import pytest

from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import QueryError
from pumphouse.project.conditions import condition


@pytest.fixture(scope="module")
def engine() -> DuckDB:
    return DuckDB(threads=1)


@pytest.mark.parametrize(
    "text",
    [
        "a > 1",
        "a > 1 -- and that is all",
        "a /* b */ IN (SELECT 1)",
        "EXISTS (FROM t WHERE x ORDER BY y LIMIT 1)",
        "a = 'x; y) --'",
        "(a, b) = (1, 2)",
        "CASE WHEN a THEN b END",
        "count(*) > 1",
    ],
)
def test_an_expression_is_one_between_parentheses_too(text: str, engine: DuckDB) -> None:
    assert condition(text, engine=engine) == f"({text}\n)"


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        ("a >", 3),
        ("é > 1)", 5),
        ("a) OR (b", 1),
        ("'a", 0),
        ("a /*", 2),
        ("a $$", 2),
        *(
            (f"a > 1 {more}", 0)
            for more in (
                "; SELECT 1",
                "GROUP BY a",
                "GROUP BY ALL",
                "HAVING true",
                "ORDER BY a",
                "LIMIT 1",
                "LIMIT 1 OFFSET 1",
                "OFFSET 1",
                "QUALIFY true",
                "UNION SELECT 1",
                "EXCEPT SELECT 1",
                "USING SAMPLE 1",
            )
        ),
    ],
)
def test_what_is_more_or_less_than_an_expression_is_refused_where_it_goes_wrong(
    text: str, position: int, engine: DuckDB
) -> None:
    with pytest.raises(QueryError) as raised:
        condition(text, engine=engine)
    assert raised.value.position == position

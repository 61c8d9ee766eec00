from __future__ import annotations

import pyarrow as pa
import pytest

from pumphouse.server.postgres.hints import hinted
from pumphouse.server.postgres.lexing import statements
from pumphouse.server.postgres.types import columns_of

COLUMNS = {
    column.name: column
    for column in columns_of(
        pa.schema(
            {"id": pa.int64(), "name": pa.string(), "at": pa.timestamp("us", tz="UTC"), "odd": pa.list_(pa.int32())}
        )
    )
}
INT8, TEXT, TIMESTAMPTZ, INT8S = 20, 25, 1184, 1016


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("SELECT $1::INTEGER, CAST($2 AS date), $3::uuid[], TRY_CAST($4 AS DOUBLE)", {1: 23, 2: 1082, 3: 2951, 4: 701}),
        ("SELECT * FROM t WHERE id = $1 AND t.at >= $2 AND name <> $3", {1: INT8, 2: TIMESTAMPTZ, 3: TEXT}),
        ('SELECT * FROM t WHERE $1 < id AND "name" = $2', {1: INT8, 2: TEXT}),
        ("SELECT * FROM t WHERE id IN ($1, $2) AND name NOT IN ($3)", {1: INT8, 2: INT8, 3: TEXT}),
        ("SELECT * FROM t WHERE at BETWEEN $1 AND $2 AND name LIKE $3", {1: TIMESTAMPTZ, 2: TIMESTAMPTZ, 3: TEXT}),
        ("SELECT * FROM t WHERE id = ANY($1) LIMIT $2 OFFSET $3", {1: INT8S, 2: INT8, 3: INT8}),
        ("SELECT $1, f($2), other = $3, odd = $4, 1 + $5", {}),
        ("$1 =", {}),
        ("= $1 = = $2", {}),
    ],
)
def test_type_of_a_parameter_is_told_by_what_stands_beside_it(text: str, wanted: dict[int, int]) -> None:
    assert hinted(statements(text)[0], COLUMNS) == wanted

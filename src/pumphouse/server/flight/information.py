"""What the server says of itself: SqlInfo, by which drivers decide what they may ask. Source: FlightSql.proto."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version

import pyarrow as pa

_CASE_INSENSITIVE, _NULLS_AT_END, _NO_ISOLATION = 1, 3, 0
_STRING, _BOOL, _BIGINT, _INT32, _STRINGS, _MAP = range(6)
_CHILDREN = (
    ("string_value", pa.string()),
    ("bool_value", pa.bool_()),
    ("bigint_value", pa.int64()),
    ("int32_bitmask", pa.int32()),
    ("string_list", pa.list_(pa.string())),
    ("int32_to_int32_list_map", pa.map_(pa.int32(), pa.list_(pa.int32()))),
)
SCHEMA = pa.schema(
    [
        pa.field("info_name", pa.uint32(), nullable=False),
        pa.field("value", pa.dense_union([pa.field(*child) for child in _CHILDREN]), nullable=False),
    ]
)

_Value = tuple[int, object]
"""Which child of the union, and what it holds."""


def information(*, statement_timeout_s: float, keywords: Sequence[str]) -> Mapping[int, _Value]:
    """All there is to say, by number."""
    true, false = (_BOOL, True), (_BOOL, False)
    return {
        0: (_STRING, "Pumphouse"),
        1: (_STRING, version("pumphouse")),
        2: (_STRING, pa.__version__),
        3: true,  # read only
        4: true,  # SQL
        5: false,  # Substrait
        8: (_INT32, 0),  # transactions: none
        9: true,  # cancel
        10: false,  # bulk ingestion
        11: false,
        100: (_INT32, int(statement_timeout_s * 1000)),
        101: (_INT32, 0),
        500: false,  # catalogues, schemas and tables are made by builds
        501: false,
        502: false,
        503: (_BIGINT, _CASE_INSENSITIVE),
        504: (_STRING, '"'),
        505: (_BIGINT, _CASE_INSENSITIVE),
        506: true,  # all tables that are listed can be read
        507: (_BIGINT, _NULLS_AT_END),
        508: (_STRINGS, list(keywords)),
        513: (_STRING, "\\"),
        514: (_STRING, ""),
        515: true,  # column aliases
        516: true,  # NULL || 'a' is NULL
        518: true,  # table aliases
        519: false,
        520: true,  # expressions in ORDER BY
        521: true,  # columns in ORDER BY that are not selected
        522: (_INT32, 0b11),  # GROUP BY of what is not selected, and of more than is
        523: true,  # LIKE ... ESCAPE
        524: true,
        525: (_INT32, 0b111),
        526: (_INT32, 0b001),
        527: false,  # no foreign keys
        528: (_INT32, 0b100),  # all outer joins
        529: (_STRING, "schema"),
        530: (_STRING, ""),
        531: (_STRING, "catalog"),
        532: true,
        533: (_INT32, 0),  # a table is named without its schema
        534: (_INT32, 0),
        535: (_INT32, 0),
        536: false,
        537: false,
        538: (_INT32, 0b1111),  # subqueries wherever they may be
        539: true,
        540: (_INT32, 0b11),  # UNION and UNION ALL
        558: (_BIGINT, 0),
        562: (_BIGINT, _NO_ISOLATION),
        563: false,
        564: (_INT32, 0),
        565: false,
        566: false,
        567: (_INT32, 0b10),  # forward only
        572: false,
        573: false,
        574: false,
        575: false,
        576: false,
    }


def answer(known: Mapping[int, _Value], asked: Sequence[int]) -> pa.Table:
    """Those that were asked for, all where none was named; of what is not known, nothing."""
    numbers = [number for number in (asked or sorted(known)) if number in known]
    children: list[list[object]] = [[] for _ in _CHILDREN]
    kinds, offsets = [], []
    for number in numbers:
        kind, value = known[number]
        kinds.append(kind)
        offsets.append(len(children[kind]))
        children[kind].append(value)
    values = pa.UnionArray.from_dense(
        pa.array(kinds, pa.int8()),
        pa.array(offsets, pa.int32()),
        [pa.array(held, kind) for held, (_, kind) in zip(children, _CHILDREN, strict=True)],
        [name for name, _ in _CHILDREN],
    )
    return pa.Table.from_arrays([pa.array(numbers, pa.uint32()), values], schema=SCHEMA)

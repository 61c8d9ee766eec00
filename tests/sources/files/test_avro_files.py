from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from uuid import UUID

import fastavro
import pytest

from pumphouse.errors import SourceError

WHO = UUID("12345678-1234-5678-1234-567812345678")
SCHEMA = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "day", "type": ["null", {"type": "int", "logicalType": "date"}]},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "who", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["new", "old"]}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "never", "type": ["null", "double"]},
    ],
}


def written(rows, schema=SCHEMA, codec="deflate") -> bytes:
    sink = io.BytesIO()
    fastavro.writer(sink, schema, rows, codec=codec)
    return sink.getvalue()


def row(number: int) -> dict[str, object]:
    at = dt.datetime(2024, 1, 2, 3, 4, 5, 600, tzinfo=dt.UTC)
    given = {"id": number, "at": at, "day": dt.date(2024, 2, 29) if number else None, "price": Decimal("1.20")}
    return {**given, "who": WHO, "kind": "new", "tags": ["ä", "b"], "never": None}


def test_records_keep_their_logical_types_and_every_column(desk):
    came = desk.read({"a.avro": written([row(1), row(0)])})
    at = dt.datetime(2024, 1, 2, 3, 4, 5, 600, tzinfo=dt.UTC)
    assert came.rows[0] == (1, at, dt.date(2024, 2, 29), Decimal("1.20"), str(WHO), "new", '["ä","b"]', None)
    assert came.rows[1][2] is None
    assert came.types["at"] == "timestamp[us, tz=UTC]"
    empty = desk.read({"a.avro": written([])})
    assert (empty.rows, list(empty.types)) == ([], [field["name"] for field in SCHEMA["fields"]])


@pytest.mark.parametrize("cut", [10, 0.6, -3])
def test_a_file_that_was_cut_off_is_refused(desk, cut):
    body = written([row(number) for number in range(5000)])
    end = cut if isinstance(cut, int) else int(len(body) * cut)
    with pytest.raises(SourceError, match=r"a\.avro: it is no whole Avro file"):
        desk.read({"a.avro": body[:end]})
    with pytest.raises(SourceError, match="its values are no records"):
        desk.read({"a.avro": written([1, 2], "long")})

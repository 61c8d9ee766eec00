"""What is written reads back as what it was, in both formats: psycopg's own loaders say what a client sees."""

from __future__ import annotations

import datetime as dt
import struct
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.pq import Format

from pumphouse.errors import BadRequest
from pumphouse.server.postgres.moments import Zone, zone_named
from pumphouse.server.postgres.rows import messages_of
from pumphouse.server.postgres.types import TYPE_KEY, columns_of


def cells(messages: memoryview) -> list[list[bytes | None]]:
    data, at, rows = bytes(messages), 0, []
    while at < len(data):
        assert data[at : at + 1] == b"D"
        size, count = struct.unpack_from(">ih", data, at + 1)
        place, row = at + 7, []
        for _ in range(count):
            (length,) = struct.unpack_from(">i", data, place)
            place += 4
            row.append(None if length < 0 else data[place : place + length])
            place += max(length, 0)
        at += 1 + size
        assert place == at
        rows.append(row)
    return rows


def written(array: pa.Array, *, binary: bool, zone: Zone | None = None, kind: str | None = None) -> list[bytes | None]:
    field = pa.field("value", array.type, metadata={TYPE_KEY: kind.encode()} if kind else None)
    batch = pa.record_batch([array], schema=pa.schema([field]))
    rows = cells(messages_of(batch, columns_of(batch.schema), [int(binary)], zone or Zone()))
    return [row[0] for row in rows]


def texts(array: pa.Array, *, zone: Zone | None = None) -> list[str | None]:
    return [None if one is None else one.decode() for one in written(array, binary=False, zone=zone)]


def loaded(array: pa.Array, *, binary: bool) -> list[Any]:
    (column,) = columns_of(pa.schema([pa.field("value", array.type)]))
    form = Format.BINARY if binary else Format.TEXT
    loader = psycopg.adapters.get_loader(column.oid, form)
    assert loader is not None
    load = loader(column.oid).load
    return [None if one is None else load(one) for one in written(array, binary=binary)]


def decimal_of(unscaled: int, scale: int) -> Decimal:
    return Decimal((int(unscaled < 0), tuple(map(int, str(abs(unscaled)))), -scale))


DECIMALS = ((1, 0), (4, 4), (9, 2), (18, 0), (18, 3), (18, 17), (19, 18), (38, 0), (38, 19), (38, 38))
KINDS: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.bool_(), st.booleans()),
    (pa.int8(), st.integers(-(2**7), 2**7 - 1)),
    (pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    (pa.uint16(), st.integers(0, 2**16 - 1)),
    (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    (pa.uint32(), st.integers(0, 2**32 - 1)),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.uint64(), st.integers(0, 2**64 - 1).map(Decimal)),
    (pa.float32(), st.floats(width=32, allow_nan=False)),
    (pa.float64(), st.floats(allow_nan=False)),
    (pa.string(), st.text(st.characters(exclude_characters="\0", codec="utf-8"))),
    (pa.binary(), st.binary()),
    (pa.date32(), st.dates()),
    (pa.time64("us"), st.times()),
    (pa.timestamp("us"), st.datetimes()),
    *(
        (
            pa.decimal128(precision, scale),
            st.integers(-(10**precision) + 1, 10**precision - 1).map(lambda one, by=scale: decimal_of(one, by)),
        )
        for precision, scale in (
            (1, 0),
            (4, 4),
            (9, 2),
            (18, 0),
            (18, 3),
            (18, 17),
            (19, 18),
            (38, 0),
            (38, 19),
            (38, 38),
        )
    ),
]
KINDS += [(pa.list_(kind), st.lists(st.none() | values, max_size=4)) for kind, values in KINDS if kind != pa.bool_()]


@pytest.mark.parametrize(("kind", "values"), KINDS, ids=lambda one: str(one) if isinstance(one, pa.DataType) else "")
@settings(max_examples=20)
@given(data=st.data())
def test_client_reads_what_was_there_in_both_formats(kind: pa.DataType, values: Any, data: st.DataObject) -> None:
    wanted = data.draw(st.lists(st.none() | values, max_size=8))
    cut = data.draw(st.integers(0, len(wanted)))
    array = pa.array(wanted, kind).slice(cut)
    if len(array):
        for binary in (False, True):
            found = loaded(array, binary=binary)
            # A client that makes a double of a float's shortest text has the float once it is one again.
            assert pa.array(found, kind).to_pylist() == wanted[cut:]


@settings(max_examples=20)
@given(moments=st.lists(st.none() | st.datetimes(), min_size=1))
def test_moments_are_the_same_in_every_zone(moments: list[dt.datetime | None]) -> None:
    wanted = [one and one.replace(year=1901 + one.year % 200, day=1, tzinfo=dt.UTC) for one in moments]
    array = pa.array(wanted, pa.timestamp("us", tz="Europe/Berlin"))
    for name in ("UTC", "Asia/Kathmandu", "America/St_Johns", "-09:30"):
        zone = zone_named(name)
        found = [one and dt.datetime.fromisoformat(one) for one in texts(array, zone=zone)]
        assert found == wanted
    assert [one and dt.datetime(2000, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=struct.unpack(">q", one)[0])
            for one in written(array, binary=True)] == wanted  # fmt: skip


def test_text_is_in_the_notation_of_postgresql() -> None:
    assert texts(pa.array([1.0, 1e20, float("nan"), float("-inf"), -0.0, 0.1])) == [
        "1", "1e+20", "NaN", "-Infinity", "-0", "0.1",
    ]  # fmt: skip
    assert texts(pa.array([Decimal("0E-10"), Decimal("-0.5")], pa.decimal128(20, 10))) == [
        "0.0000000000",
        "-0.5000000000",
    ]
    assert texts(pa.array([b"", b"\x00\xff"])) == ["\\x", "\\x00ff"]
    assert texts(pa.array([True, False, None])) == ["t", "f", None]
    assert texts(pa.array([0, 45_296_500_000, 86_399_999_999, 86_400_000_000], pa.time64("us"))) == [
        "00:00:00", "12:34:56.5", "23:59:59.999999", "24:00:00",
    ]  # fmt: skip
    lists = pa.array([[], ["a b", "", None, "null", 'x"y\\z', "plain"], None])
    assert texts(lists) == ["{}", '{"a b","",NULL,"null","x\\"y\\\\z",plain}', None]


def test_dates_beyond_four_digits_have_an_era_or_more_digits_or_no_end() -> None:
    days = pa.array([-719_162, -719_163, 2_932_897, 2**31 - 1, -(2**31) + 1, 0], pa.date32())
    assert texts(days) == ["0001-01-01", "0001-12-31 BC", "10000-01-01", "infinity", "-infinity", "1970-01-01"]
    assert [struct.unpack(">i", one or b"")[0] for one in written(days, binary=True)][3:5] == [2**31 - 1, -(2**31)]
    moments = pa.array([2**63 - 1, -(2**63) + 1, -62_135_596_800_000_001], pa.timestamp("us"))
    assert texts(moments) == ["infinity", "-infinity", "0001-12-31 23:59:59.999999 BC"]
    assert [struct.unpack(">q", one or b"")[0] for one in written(moments, binary=True)][:2] == [2**63 - 1, -(2**63)]
    zoned = pa.array([2**63 - 1, -5_364_662_400_000_000], pa.timestamp("us", tz="UTC"))
    assert texts(zoned, zone=zone_named("Europe/Berlin")) == ["infinity", "1800-01-01 00:53:28+00:53:28"]


def test_interval_is_in_months_days_and_microseconds() -> None:
    array = pa.array([(14, 3, 4_000_000_000), (-1, 2, -3_500_000_000), (0, 0, 0), None], pa.month_day_nano_interval())
    assert texts(array) == ["1 year 2 mons 3 days 00:00:04", "-1 mons +2 days -00:00:03.5", "00:00:00", None]
    found = written(array, binary=True)
    assert [one and struct.unpack(">qii", one) for one in found] == [
        (4_000_000, 3, 14), (-3_500_000, 2, -1), (0, 0, 0), None,
    ]  # fmt: skip


def test_what_has_no_type_there_is_json() -> None:
    structs = pa.array([{"a": 1, "b": 'x"\n\x01'}, None, {"a": None, "b": "é"}])
    assert texts(structs) == ['{"a":1,"b":"x\\"\\n\\u0001"}', None, '{"a":null,"b":"é"}']
    nested = pa.array([[[1.5], []], None, [None, [float("inf")]]])
    assert texts(nested) == ["[[1.5],[]]", None, '[null,["Infinity"]]']
    maps = pa.array([[("k", [True])], [], None], pa.map_(pa.string(), pa.list_(pa.bool_())))
    assert texts(maps) == ['{"k":[true]}', "{}", None]
    assert written(structs, binary=True) == written(structs, binary=False)


def test_catalogue_names_types_that_arrow_has_not() -> None:
    assert written(pa.array(["1259", "orders"]), binary=True, kind="regclass") == [
        struct.pack(">I", 1259), struct.pack(">I", 0),
    ]  # fmt: skip
    ids = pa.array(["01234567-89ab-cdef-0123-456789abcdef", None])
    assert written(ids, binary=True, kind="uuid") == [bytes.fromhex("0123456789abcdef0123456789abcdef"), None]
    assert written(pa.array([16385, None], pa.int64()), binary=True, kind="oid") == [struct.pack(">I", 16385), None]


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize(
    ("array", "why"),
    [
        (pa.array(["a\0b"]), "zero byte"),
        (pa.array([["a\0b"]]), "zero byte"),
        (pa.array([1_700_000_000_000_000_001], pa.timestamp("ns")), "without changing it"),
    ],
)
def test_what_could_only_be_sent_changed_is_refused(array: pa.Array, why: str, binary: bool) -> None:
    with pytest.raises(BadRequest, match=why):
        written(array, binary=binary)


def test_dates_before_postgresql_has_any_are_refused_in_binary() -> None:
    for array in (pa.array([-2_440_589], pa.date32()), pa.array([-(2**63) + 2], pa.timestamp("us"))):
        with pytest.raises(BadRequest, match="4713 BC"):
            written(array, binary=True)


def test_rows_of_many_columns_are_put_together_in_their_order() -> None:
    table = pa.table({"a": [1, 2], "b": ["x", None], "c": [True, False], "d": [None, 2.5], "e": ["", "y"]})
    batch = table.to_batches()[0]
    rows = cells(messages_of(batch, columns_of(batch.schema), [0, 1, 0, 1, 0], Zone()))
    assert rows == [[b"1", b"x", b"t", None, b""], [b"2", None, b"f", struct.pack(">d", 2.5), b"y"]]
    empty = pa.RecordBatch.from_struct_array(pa.array([{}, {}], pa.struct([])))
    assert cells(messages_of(empty, [], [], Zone())) == [[], []]

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from pumphouse.server.flight.catalogue import like
from pumphouse.server.flight.messages import (
    CommandGetCatalogs,
    CommandGetCrossReference,
    CommandGetDbSchemas,
    CommandGetExportedKeys,
    CommandGetImportedKeys,
    CommandGetPrimaryKeys,
    CommandGetSqlInfo,
    CommandGetTables,
    CommandGetTableTypes,
    CommandGetXdbcTypeInfo,
)

ORDERS = {"catalog_name": "shop", "db_schema_name": "public", "table_name": "orders"}


def names(raw: Any, **asked: Any) -> list[str]:
    return [row["table_name"] for row in raw.rows(CommandGetTables(**asked)).to_pylist()]


def test_tables_are_found_by_catalogue_schema_name_and_kind(raw: Any) -> None:
    everything = names(raw)
    assert {"orders", "tickets", "raw_orders"} <= set(everything)
    assert everything == sorted(everything)
    assert names(raw, table_name_filter_pattern="%orders") == ["orders", "raw_orders"]
    assert names(raw, table_name_filter_pattern="order_") == ["orders"]
    assert names(raw, table_name_filter_pattern="raw\\_orders") == ["raw_orders"]
    assert names(raw, catalog="shop", db_schema_filter_pattern="pub%", table_types=("TABLE", "VIEW")) == everything
    for nothing in ({"catalog": "elsewhere"}, {"catalog": ""}, {"db_schema_filter_pattern": "main"}):
        assert names(raw, **nothing) == []
    assert names(raw, table_types=("VIEW",)) == []


def test_pattern_takes_no_longer_than_its_letters() -> None:
    assert like(["a" * 60 + "b"], "%a" * 200 + "c") == []
    assert like(["a.b", "axb"], "a.b") == ["a.b"]


def test_visitor_is_told_of_what_they_may_see(connect: Any, served: Any) -> None:
    bob = connect(served.shop.lake.state.tokens.make("bob", scope="read", tables=["tickets"]))
    assert names(bob) == ["tickets"]
    assert bob.rows(CommandGetPrimaryKeys(table="orders")).num_rows == 0
    with pytest.raises(KeyError, match="no table 'orders'"):
        bob.rows("SELECT * FROM orders")


def test_columns_come_with_what_drivers_ask_of_them(raw: Any) -> None:
    asked = CommandGetTables(table_name_filter_pattern="orders", include_schema=True)
    (row,) = raw.rows(asked).to_pylist()
    columns = pa.ipc.read_schema(pa.py_buffer(row["table_schema"]))
    assert columns.names == ["order_id", "customer", "amount", "paid_at"]
    assert columns.field("paid_at").type == pa.timestamp("us", "UTC")
    assert columns.field("paid_at").metadata[b"ARROW:FLIGHT:SQL:TYPE_NAME"] == b"TIMESTAMP WITH TIME ZONE"


def test_info_has_the_columns_that_the_rows_have(raw: Any) -> None:
    for command in (
        CommandGetCatalogs(),
        CommandGetDbSchemas(),
        CommandGetTables(),
        CommandGetTables(include_schema=True),
        CommandGetTableTypes(),
        CommandGetPrimaryKeys(table="orders"),
        CommandGetExportedKeys(table="orders"),
        CommandGetImportedKeys(table="orders"),
        CommandGetCrossReference(pk_table="orders", fk_table="tickets"),
        CommandGetXdbcTypeInfo(),
        CommandGetSqlInfo(),
    ):
        info = raw.info(command)
        assert raw.open(info).read_all().schema == info.schema


def test_catalogues_schemas_keys_and_types(raw: Any) -> None:
    assert raw.rows(CommandGetCatalogs()).to_pylist() == [{"catalog_name": "shop"}]
    assert raw.rows(CommandGetDbSchemas()).to_pylist() == [{"catalog_name": "shop", "db_schema_name": "public"}]
    assert raw.rows(CommandGetDbSchemas(db_schema_filter_pattern="x%")).num_rows == 0
    assert raw.rows(CommandGetTableTypes()).to_pylist() == [{"table_type": "TABLE"}]
    assert raw.rows(CommandGetPrimaryKeys(table="orders")).to_pylist() == [
        {**ORDERS, "column_name": "order_id", "key_name": None, "key_sequence": 1}
    ]
    for table in ("tickets", "nothing"):
        assert raw.rows(CommandGetPrimaryKeys(table=table)).num_rows == 0
    assert raw.rows(CommandGetImportedKeys(table="orders")).num_rows == 0
    bigint = raw.rows(CommandGetXdbcTypeInfo(data_type=-5)).to_pylist()
    assert [row["type_name"] for row in bigint] == ["BIGINT", "UINTEGER"]


def test_server_says_what_it_can_do(raw: Any) -> None:
    told = {row["info_name"]: row["value"] for row in raw.rows(CommandGetSqlInfo()).to_pylist()}
    assert (told[0], told[3], told[4], told[8], told[9]) == ("Pumphouse", True, True, 0, True)
    assert "select" in told[508]
    some = raw.rows(CommandGetSqlInfo(info=(504, 3, 99_999))).to_pylist()
    assert some == [{"info_name": 504, "value": '"'}, {"info_name": 3, "value": True}]


def test_driver_finds_its_way_through_the_catalogue(cursor: Any) -> None:
    connection = cursor.connection
    (catalogue,) = connection.adbc_get_objects(depth="all", table_name_filter="orders").read_all().to_pylist()
    (schema,) = catalogue["catalog_db_schemas"]
    (table,) = schema["db_schema_tables"]
    assert (catalogue["catalog_name"], schema["db_schema_name"], table["table_name"]) == ("shop", "public", "orders")
    assert [column["column_name"] for column in table["table_columns"]] == ["order_id", "customer", "amount", "paid_at"]
    assert connection.adbc_get_table_schema("orders").field("amount").type == pa.float64()
    assert connection.adbc_get_table_types() == ["TABLE"]
    assert connection.adbc_get_info()["vendor_name"] == "Pumphouse"

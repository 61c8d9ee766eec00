"""The package that is made for R installs with its help pages, and reads a value as it is or says that it can't."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from tests.server.conftest import TOKEN, Served

from pumphouse.clients.address import Address
from pumphouse.clients.r import package
from pumphouse.clients.writing import write
from pumphouse_client import Column, Description, connect

pytestmark = pytest.mark.skipif(
    shutil.which("Rscript") is None or not Path("/usr/lib/R/site-library/RPostgreSQL").exists(),
    reason="R with DBI and RPostgreSQL is not installed here",
)
VALUES = pa.table(
    {
        "whole": pa.array([2**53, None], pa.int64()),
        "beyond": pa.array([2**53 + 1, None], pa.int64()),
        "small": pa.array([-7, None], pa.int32()),
        "number": pa.array([0.1, None], pa.float64()),
        "price": pa.array([Decimal("1234567890.50"), None], pa.decimal128(38, 2)),
        "said": pa.array(["Köln 'x' 東京", None]),
        "empty": pa.array(["", None]),
        "is": pa.array([True, None]),
        "day": pa.array([date(2026, 11, 1), None]),
        "at": pa.array([datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC), None], pa.timestamp("us", tz="UTC")),
        "raw": pa.array([b"\x00\xff", None]),
        "long": pa.array([Decimal("-0.00123456789012345"), None], pa.decimal128(38, 20)),
        "many": pa.array([[1, None], None], pa.list_(pa.int64())),
    }
)
USED = """
library(shopclient)
shop <- connect()
values <- r_values(shop, columns = setdiff(COLUMNS, "beyond"))
one <- values[1, ]
stopifnot(nrow(values) == 2, all(is.na(unlist(lapply(values, function(column) column[2])))))
stopifnot(one$whole == 2^53, one$small == -7L, one$number == 0.1, one$price == 1234567890.5)
stopifnot(one$said == "K\\u00f6ln 'x' \\u6771\\u4eac", one$empty == "", one$is, one$day == as.Date("2026-11-01"))
stopifnot(format(one$at, "%Y-%m-%dT%H:%M:%OS6", tz = "UTC") == "2026-11-01T12:00:00.123456")
stopifnot(one$raw == "00FF", one$many == "[1, NULL]", one$long == -0.00123456789012345)
refused <- tryCatch(r_values(shop), error = conditionMessage)
stopifnot(grepl("'beyond' has 9007199254740993, which is more digits", refused))
stopifnot(r_values(shop, columns = "beyond", digits = "text")$beyond[1] == "9007199254740993")
some <- orders(shop, where = "amount > ?least AND customer <> ?who AND paid_at > ?since",
               least = 9, who = "it's -- ; me", since = as.POSIXct("2026-01-01", tz = "UTC"),
               order = "-order_id", limit = 2)
stopifnot(identical(some$order_id, c(40, 39)), identical(names(some), c("order_id", "customer", "amount", "paid_at")))
stopifnot(nrow(orders(shop, where = "order_id < 0")) == 0)
wrong <- tryCatch(orders(shop, columns = "order_di"), error = conditionMessage)
stopifnot(grepl("has no column 'order_di'", wrong))
disconnect(shop)
cat("all is well")
"""


def run(*words: str | Path, library: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "R_LIBS": str(library), "PUMPHOUSE_TOKEN": TOKEN, "LC_ALL": "C.UTF-8"}
    return subprocess.run(list(map(str, words)), env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def library(served: Served, address: Address, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package is installed."""
    served.shop.fill("r_values", VALUES)
    with connect(served.url, token=TOKEN, cache=False) as connection:
        tables = {name: one for name, one in connection.tables.items() if name in ("orders", "r_values")}
    folder = tmp_path_factory.mktemp("r")
    tables["evil"] = Description(
        name="evil", doc="100% {of} \\it", columns=(Column(name="a%b", type="int64", doc="}"),)
    )
    write(package(tables, address), folder / "made")
    (folder / "library").mkdir()
    done = run("R", "CMD", "INSTALL", "--library=" + str(folder / "library"), folder / "made", library=folder)
    assert done.returncode == 0, done.stderr
    assert "arning" not in done.stderr
    return folder / "library"


def test_it_reads_every_value_as_it_is(library: Path) -> None:
    columns = ", ".join(f'"{name}"' for name in VALUES.column_names)
    done = run("Rscript", "-e", USED.replace("COLUMNS", f"c({columns})"), library=library)
    assert done.stdout == "all is well", done.stderr


def test_its_readme_begins_in_three_lines(library: Path) -> None:
    readme = (library.parent / "made" / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```r\n(.*?)```", readme, re.DOTALL)
    assert len(shown.splitlines()) == 3
    done = run("Rscript", "-e", shown, library=library)
    assert done.returncode == 0, done.stderr
    assert "order_id" in done.stdout


def test_a_help_page_says_what_the_columns_are(library: Path) -> None:
    shown = run("Rscript", "-e", "library(shopclient); help(evil, help_type = 'text')", library=library).stdout
    plain = re.sub(r".\x08", "", shown)
    assert "100% {of} \\it" in plain
    assert "a%b" in plain

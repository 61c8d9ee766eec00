"""The package that is made for TypeScript compiles, knows its columns, and reads every value as it is."""

from __future__ import annotations

import json
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

from pumphouse.clients.address import address_of
from pumphouse.clients.typescript import ARROW_VERSION, package, typescript_type
from pumphouse.clients.writing import write
from pumphouse_client import connect

TOOLS = Path(__file__).resolve().parents[2] / "clients" / "typescript"
TSC = TOOLS / "node_modules" / "typescript" / "bin" / "tsc"
pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not TSC.exists(), reason="clients/typescript is not installed here"
)
VALUES = pa.table(
    {
        "whole": pa.array([2**63 - 1, None], pa.int64()),
        "small": pa.array([-7, None], pa.int32()),
        "number": pa.array([0.1, None], pa.float64()),
        "exact": pa.array([Decimal("12345678901234567890123456789012345.678"), None], pa.decimal128(38, 3)),
        "said": pa.array(["Köln */ 東京", None]),
        "is": pa.array([True, None]),
        "day": pa.array([date(2026, 11, 1), None]),
        "at": pa.array([datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC), None], pa.timestamp("us", tz="UTC")),
        "local": pa.array(["2026-11-01T12:00:00", None]).cast(pa.timestamp("us")),
        "raw": pa.array([b"\x00\xff", None]),
        "many": pa.array([[1, None, 3], None], pa.list_(pa.int64())),
        "prices": pa.array([[Decimal("1.50")], None], pa.list_(pa.decimal128(9, 2))),
        "record": pa.array([{"a": 1, "b": ["x"]}, None], pa.struct([("a", pa.int32()), ("b", pa.list_(pa.string()))])),
    }
)
EXPECTED = {
    "whole": "9223372036854775807n", "small": -7, "number": 0.1, "exact": "12345678901234567890123456789012345.678",
    "said": "Köln */ 東京", "is": True, "day": "2026-11-01", "at": "2026-11-01T12:00:00.123456Z",
    "local": "2026-11-01T12:00:00.000000", "raw": {"0": 0, "1": 255}, "many": ["1n", None, "3n"], "prices": ["1.50"],
    "record": {"a": 1, "b": ["x"]},
}  # fmt: skip
USED = """
import { connect, PumphouseError } from "shop-client";
const shop = connect();
const digits = (_: string, one: unknown) => typeof one === "bigint" ? `${one}n` : one;
const show = (value: unknown) => console.log(JSON.stringify(value, digits));
show(await shop.values_.all());
const some = shop.orders.where("amount > $least AND paid_at > $since", { least: 9, since: new Date(0) });
const last = some.order("-order_id").select("order_id", "amount").limit(2);
const rows: { order_id: bigint; amount: number | null }[] = await last.all();
show(rows);
show((await shop.orders.arrow()).numRows);
let count = 0;
for await (const row of shop.orders.rows()) { count += 1; if (row.order_id > 2n) break; }
show(count);
show(await shop.orders.where("order_id = $id", { id: 9007199254740993n }).all());
await shop.orders.where("nothing = 1").all().catch((error: PumphouseError) => show([error.status, error.name]));
"""
MISUSED = """
import { connect } from "shop-client";
const shop = connect();
shop.orders.select("order_di");
shop.order;
for (const row of await shop.orders.all()) { const id: number = row.order_id; row.amuont; }
"""


def node(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PUMPHOUSE_TOKEN": TOKEN}
    return subprocess.run(["node", *map(str, words)], cwd=cwd, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def consumer(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two programs in which the package is installed, and what the compiler said of them."""
    served.shop.fill("values_", VALUES)
    with connect(served.url, token=TOKEN, cache=False) as connection:
        tables = {name: one for name, one in connection.tables.items() if "__" not in name}
    folder = tmp_path_factory.mktemp("typescript")
    made = folder / "made"
    write(package(tables, address_of(served.url, project="shop", user="ada")), made)
    (made / "node_modules").symlink_to(TOOLS / "node_modules")
    compiled = node(TSC, cwd=made)
    assert compiled.returncode == 0, compiled.stdout
    program = folder / "program"
    (program / "node_modules" / "@types").mkdir(parents=True)
    (program / "node_modules" / "shop-client").symlink_to(made)
    (program / "node_modules" / "@types" / "node").symlink_to(TOOLS / "node_modules" / "@types" / "node")
    (program / "package.json").write_text('{"type": "module"}')
    options = {"target": "ES2022", "module": "NodeNext", "strict": True, "skipLibCheck": True, "types": ["node"]}
    (program / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "include": ["*.ts"]}))
    (program / "used.ts").write_text(USED, encoding="utf-8")
    (program / "misused.ts").write_text(MISUSED, encoding="utf-8")
    (program / "said.txt").write_text(node(TSC, cwd=program).stdout, encoding="utf-8")
    return program


def test_it_reads_every_value_as_it_is_and_stops_when_it_is_left(consumer: Path) -> None:
    done = node("used.js", cwd=consumer)
    assert done.returncode == 0, done.stderr
    values, some, all_, left, none, error = map(json.loads, done.stdout.splitlines())
    assert values == [EXPECTED, dict.fromkeys(EXPECTED)]
    assert some == [{"order_id": "40n", "amount": 9.75}, {"order_id": "39n", "amount": 9.5}]
    assert (all_, left, none, error) == (40, 3, [], [400, "PumphouseError"])


def test_its_readme_begins_in_three_lines(consumer: Path) -> None:
    readme = (consumer / "node_modules" / "shop-client" / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```ts\n(.*?)```", readme, re.DOTALL)
    assert len(shown.splitlines()) == 3
    (consumer / "readme.js").write_text(shown, encoding="utf-8")
    done = node("readme.js", cwd=consumer)
    assert done.returncode == 0, done.stderr
    assert "order_id: 1n" in done.stdout


def test_the_compiler_finds_a_wrong_name(consumer: Path) -> None:
    said = (consumer / "said.txt").read_text(encoding="utf-8")
    assert not re.search(r"^used.ts", said, re.MULTILINE)
    assert re.findall(r"^misused.ts\((\d+),\d+\): error (TS\d+)", said, re.MULTILINE) == [
        ("4", "TS2345"), ("5", "TS2551"), ("6", "TS2322"), ("6", "TS2551"),
    ]  # fmt: skip


def test_the_pinned_version_is_the_one_that_is_tried() -> None:
    pinned = json.loads((TOOLS / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert pinned == {"apache-arrow": ARROW_VERSION}


def test_a_type_of_arrow_is_one_of_typescript() -> None:
    assert typescript_type(str(pa.list_(pa.list_(pa.decimal128(9, 2))))) == "((string | null)[] | null)[]"
    assert typescript_type(str(pa.map_(pa.string(), pa.int8()))) == "unknown"

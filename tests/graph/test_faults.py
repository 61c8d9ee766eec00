"""Every kind of fault: each names its file and line, says what is wrong and how to mend it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pumphouse.errors import Fault

Faults = Callable[[Mapping[str, str]], tuple[Fault, ...]]

ORDERS = {"gather.py": 'import pumphouse as ph\n\norders = ph.files("orders/*.csv")\n'}
NOW = "is a clock: the same inputs would not give the same table"

SQL_FAULTS = [
    pytest.param(
        "SELECT *\nFROM ordrs",
        2,
        "'report_table' needs 'ordrs', which nobody defines",
        "Did you mean 'orders'?",
        id="unknown",
    ),
    pytest.param(
        "SELECT a\nFROM\n orders x y z", 3, "the SQL does not parse at column 11 near 'y'", "reads = [", id="syntax"
    ),
    pytest.param("SELECT 1;\nSELECT 2", 2, "more than one statement", "Give each its own file", id="two statements"),
    pytest.param("-- all\nDELETE FROM orders", 2, "the statement is not a SELECT", "Write one SELECT", id="delete"),
    pytest.param("WITH a AS (SELECT 1)\nINSERT INTO orders FROM a", 1, "not a SELECT", "Write one SELECT", id="insert"),
    pytest.param("-- nothing yet", 1, "the file holds no SQL", "Write one SELECT", id="empty"),
    pytest.param("SELECT *\nFROM orders WHERE a = 'x", 2, "a quote or a comment that is never closed", "", id="quote"),
    pytest.param("SELECT\n now() AS at FROM orders", 2, f"now() {NOW}", "$today", id="now"),
    pytest.param("SELECT current_date AS d FROM orders", 1, f"current_date() {NOW}", "$today", id="current_date"),
    pytest.param("SELECT Today() AS d FROM orders", 1, f"Today() {NOW}", "$today", id="today"),
    pytest.param("SELECT age(born) AS a FROM orders", 1, f"age() {NOW}", "$today", id="age of today"),
    pytest.param("SELECT 1 AS a, random() AS r FROM orders", 1, "random() is random", "hash(order_id)", id="random"),
    pytest.param("SELECT id,\n, 1 AS a FROM orders", 1, "two commas with nothing between", "Take one out", id="commas"),
    pytest.param("SELECT main.random() AS r", 1, "random() is random", "hash(order_id)", id="of_a_schema"),
    pytest.param("SELECT system.main.now() AS r", 1, "now() is a clock", "$today", id="clock_of_a_schema"),
    pytest.param("SELECT txid_current() AS r", 1, "txid_current() is a clock", "$today", id="transaction"),
    pytest.param("SELECT getenv('HOME') AS r", 1, "getenv() reads what no asset stores", "Gather it", id="getenv"),
    pytest.param("SELECT uuid() AS r FROM orders", 1, "uuid() is random", "hash(order_id)", id="uuid"),
    pytest.param("SELECT * FROM orders USING SAMPLE 10%", 1, "a sample without a seed", "(bernoulli, 42)", id="sample"),
    pytest.param("SELECT *\nFROM search('a', 'refund')", 2, "search() reads an index", "pumphouse query", id="search"),
    *(
        pytest.param(f"SELECT a\n{rest}", 2, "search() reads an index", "pumphouse query", id=f"search {number}")
        for number, rest in enumerate(
            (
                "FROM a, Search ('a', 'refund') s",
                "FROM a JOIN (search('a', $words)) USING (a)",
                "FROM a CROSS JOIN LATERAL main.search('a', 'refund')",
                "FROM a WHERE id IN (FROM \"search\"(/* the index */ 'a', 'refund'))",
                ", search('a', 'refund') FROM a",
            )
        )
    ),
    pytest.param(
        "SELECT * FROM read_csv('a.csv')", 1, "read_csv() reads what no asset stores", "ph.files", id="read_csv"
    ),
    pytest.param("SELECT * FROM 'a.csv'", 1, "'a.csv' in FROM is a file", "ph.files", id="file"),
    pytest.param(
        "SELECT * FROM lake.orders", 1, "'lake.orders' is not the name of an asset", "alone: orders", id="qualified"
    ),
    pytest.param("SELECT * FROM orders WHERE a = $1", 1, "'$1' has no name", "$name", id="positional"),
    pytest.param(
        "SELECT * FROM orders, moments", 1, "reads moments, which only a feature does", "feature", id="moments"
    ),
    pytest.param("SELECT * FROM report_table", 1, "loop: report_table reads report_table", "", id="itself"),
    pytest.param(
        "SELECT * FROM orders, spend", 1, "'report_table' reads 'spend', which is a feature", "tables", id="feature"
    ),
    pytest.param(
        '/* pumphouse\nkey = "a"\nkeys = 1 */ SELECT a FROM orders', 3, "no 'keys'", "'key'", id="unknown key"
    ),
    pytest.param("/* pumphouse\nkey = 1 */ SELECT a FROM orders", 2, "'key' in the header", "", id="form of a key"),
    pytest.param(
        '/* pumphouse\nkey = "a"\nb = \n*/ SELECT a FROM orders', 3, "the header is not TOML", "key =", id="toml"
    ),
    pytest.param('/* pumphouse\nslice = "d daily" */ SELECT d FROM orders', 2, "'d daily'", "", id="slice"),
    pytest.param(
        "/* pumphouse\nlookback = 2 */ SELECT d FROM orders", 2, "'lookback' means nothing", "slice", id="lookback"
    ),
    pytest.param('/* pumphouse\nkind = "lable" */ SELECT d FROM orders', 2, "'lable'", "'label'", id="kind"),
    pytest.param(
        '/* pumphouse\nkind = "label" */ SELECT d FROM orders', 1, "header needs 'entity'", "entity =", id="entity"
    ),
    pytest.param(
        'SELECT a FROM orders /* pumphouse\nkey = "a" */', 1, "not a closed comment at the top", "", id="late header"
    ),
    pytest.param(
        "SELECT a\nFROM orders\n/* pumphouse */", 3, "not a closed comment at the top", "Move it", id="last header"
    ),
    pytest.param(
        '/* pumphouse\nkey = "b" */ SELECT a FROM orders', 1, "no column 'b', which the header", "are a", id="key"
    ),
]
SPEND = """
    /* pumphouse
    kind = "feature"
    entity = "customer_id" */
    SELECT m.customer_id, m.as_of, count(*) AS n FROM moments m JOIN orders o USING (customer_id) GROUP BY ALL
"""


@pytest.mark.parametrize(("text", "line", "what", "mend"), SQL_FAULTS)
def test_fault_of_sql(faults: Faults, text: str, line: int, what: str, mend: str) -> None:
    found = faults({**ORDERS, "spend.sql": SPEND, "deep/report_table.sql": text})
    told = [fault for fault in found if what in fault.what]
    assert told, found
    assert (told[0].place.file, told[0].place.line) == ("deep/report_table.sql", line)
    assert mend in told[0].mend


def test_a_query_or_a_column_may_be_called_search(loaded: Any) -> None:
    named = "WITH search(a) AS (SELECT 1), b AS (FROM search)"
    text = f"{named} SELECT s.search, 'search' AS of FROM b JOIN orders AS s ON (true)"
    assert loaded({**ORDERS, "b.sql": text}).assets["b"].inputs == ("orders",)


PYTHON_FAULTS = [
    pytest.param("@ph.table()\ndef t(\n    ordres,\n):\n    ...", 6, "'t' needs 'ordres'", "'orders'", id="unknown"),
    pytest.param("t = ph.check('orderz', 'a > 0')", 4, "'t' needs 'orderz'", "'orders'", id="unknown in a spec"),
    pytest.param(
        "@ph.table()\ndef t(orders: 'pl.LazyFram'): ...",
        5,
        "neither a form of a table nor a service",
        "LazyFrame",
        id="form",
    ),
    pytest.param(
        "@ph.table()\ndef t(orders, *, today, n): ...", 5, "setting 'n' has no default", "n=...", id="setting"
    ),
    pytest.param("@ph.table()\ndef t(orders, n=3): ...", 5, "'n' has a default", "*, n=3", id="default"),
    pytest.param("@ph.table()\ndef t(*tables): ...", 5, "'*tables' names no table", "of its own", id="star"),
    pytest.param("@ph.table()\ndef t(http: ph.Http): ...", 5, "a table can't ask for ph.Http", "tables", id="service"),
    pytest.param(
        "@ph.source()\ndef t(train: ph.TrainingSet): ...", 5, "can't ask for ph.TrainingSet", "ph.Http", id="train"
    ),
    pytest.param("@ph.source()\ndef t(orders): ...", 5, "a source reads no tables", "ph.Cursor, ph.Http", id="source"),
    pytest.param(
        "@ph.table()\ndef t(orders):\n    return dt.date.today()",
        6,
        "dt.date.today() is a clock",
        "*, today",
        id="clock",
    ),
    pytest.param(
        "@ph.source()\ndef s():\n    from datetime import datetime\n    yield datetime.now()",
        7,
        "datetime.now() is a clock",
        "*, today",
        id="clock imported inside",
    ),
    pytest.param(
        "c = ph.check('orders', 'at < now()')", 4, "the condition of 'c': now() is a clock", "$today", id="check"
    ),
    pytest.param(
        "c = ph.check('orders', 'a >')", 4, "the condition of 'c': the SQL does not parse", "one row", id="condition"
    ),
    pytest.param(
        "c = ph.check('orders', 'a IN (SELECT a FROM others)')",
        4,
        "it reads 'others'",
        'query("SELECT',
        id="check reads",
    ),
    pytest.param(
        "def day():\n    return time()\n@ph.table()\ndef t(orders):\n    return day()",
        5,
        "time() is a clock",
        "",
        id="helper",
    ),
    pytest.param(
        "import os\n\n@ph.table()\ndef t(orders):\n    return os.environ.get('X')",
        8,
        "reads the environment",
        "keyword-only parameter",
        id="environment",
    ),
    pytest.param(
        "@ph.table()\ndef t(orders):\n    return random.random()", 6, "random.random() is random", "Random(0)", id="r"
    ),
    pytest.param(
        "@ph.table()\ndef t(orders):\n    return random.Random()", 6, "random without a seed", "Random(0)", id="seed"
    ),
    pytest.param("moments = ph.files('m.csv')", 4, "'moments' is a reserved name", "another name", id="moments"),
    pytest.param("_secret = ph.files('m.csv')", 4, "starts with an underscore", "'secret'", id="underscore"),
    pytest.param("a__b = ph.files('m.csv')", 4, "two underscores", "'a_b'", id="two underscores"),
    pytest.param("Orders = ph.files('m.csv')", 4, "declared twice: here and at gather.py:3", "Rename", id="case"),
    pytest.param("a = b = ph.files('m.csv')", 4, "one declaration has the names 'a'", "once for each", id="two names"),
    pytest.param("s = ph.survey('no.json')", 4, "there is no file 'no.json'", "relative to the project", id="file"),
    pytest.param("1 / 0", 4, "can't be imported: ZeroDivisionError: division by zero", "", id="import"),
    pytest.param("del ph\na = ph.files('m.csv')", 5, "name 'ph' is not defined", "import pumphouse as ph", id="ph"),
    pytest.param("a = ph.files('m.csv', keey='x')", 4, "unexpected keyword argument 'keey'", "'key'?", id="option"),
    pytest.param(
        "from pumphouse.cleaning import e164\ne164(defualt='US')",
        5,
        "argument 'defualt'",
        "'default'?",
        id="option of a step",
    ),
    pytest.param("import gather", 4, "No module named 'gather'", "from shop.gather import", id="sibling"),
    pytest.param("import no_such_library", 4, "No module named 'no_such_library'", "installed?", id="library"),
    pytest.param("def broken(:\n    pass", 4, "not valid Python", "", id="syntax"),
    pytest.param("m = ph.scores('orders')", 4, "'m' reads 'orders', which is a files", "a rollout", id="kind"),
    pytest.param(
        "d = ph.deliver('orders', to='folder:o', format='tabel')", 4, "no format 'tabel'", 'format="csv"', id="format"
    ),
    pytest.param("d = ph.deliver('orders', to='sqlite:o.db')", 4, "no format 'csv'", 'format="table"', id="sqlite"),
    pytest.param("ph.mean('orders', within_days=1)", 4, "a metric names a column as", "", id="declaring"),
]
HEADER = "import pumphouse as ph, random, datetime as dt, time as clock\nfrom time import time\nimport polars as pl\n"


@pytest.mark.parametrize(("text", "line", "what", "mend"), PYTHON_FAULTS)
def test_fault_of_python(faults: Faults, text: str, line: int, what: str, mend: str) -> None:
    found = faults({**ORDERS, "sub/tables.py": HEADER + text + "\n"})
    told = [fault for fault in found if what in fault.what]
    assert told, found
    assert (told[0].place.file, told[0].place.line) == ("sub/tables.py", line)
    assert mend in told[0].mend


def test_loop_shows_its_chain_once(faults: Faults) -> None:
    found = faults(
        {"a.sql": "SELECT * FROM b", "b.sql": "SELECT * FROM c", "c.sql": "SELECT * FROM a", "d.sql": "FROM a"}
    )
    assert [str(fault) for fault in found] == [
        "a.sql:1: assets read each other in a loop: a reads b reads c reads a\n    Take one of them out of the loop."
    ]


def test_duplicate_across_sql_and_python_names_both_places(faults: Faults) -> None:
    (found,) = faults({**ORDERS, "deep/orders.sql": "SELECT 1 AS a"})
    assert found.what == "'orders' is declared twice: here and at gather.py:3"
    assert str(found.place) == "deep/orders.sql:1"


def test_every_fault_is_reported_in_one_pass(faults: Faults) -> None:
    found = faults(
        {
            "gather.py": "import pumphouse as ph\nmoments = ph.files('a.csv')\n",
            "broken.py": "def f(:\n",
            "failing.py": "raise RuntimeError('no')\n",
            "a.sql": "SELECT now() AS n FROM nowhere",
            "b.sql": "SELEC 1",
            "page.md": "<!-- pumphouse\ntitel = 'x' -->\n# Page\n\n```sql\nSELECT * FROM missing\n```\n",
        }
    )
    assert [str(fault.place) for fault in found] == [
        "a.sql:1", "a.sql:1", "b.sql:1", "broken.py:1", "failing.py:1", "gather.py:2", "page.md:2", "page.md:6",
    ]  # fmt: skip


def test_names_declared_in_a_broken_module_are_not_called_unknown(faults: Faults) -> None:
    (found,) = faults(
        {
            "gather.py": "import pumphouse as ph\nraw = 1\ncrm = ph.database('db', tables={'x': {}})\n1/0\n",
            "a.sql": "SELECT * FROM raw, crm_x",
        }
    )
    assert str(found.place) == "gather.py:4"


def test_module_that_others_import_is_one_fault(faults: Faults) -> None:
    (found,) = faults(
        {"rates.py": "import os\n1 / 0\n", "a.py": "from shop.rates import x\n", "b.py": "import shop.rates\n"}
    )
    assert str(found.place) == "rates.py:2"


def test_unreadable_and_undecodable_files_are_faults(faults: Faults, write) -> None:
    folder = write({"good.sql": "SELECT 1 AS a"})
    (folder / "bytes.sql").write_bytes(b"SELECT 'gr\xfc\xdfe' AS a")
    (folder / "bytes.py").write_bytes(b"x = 'gr\xfc\xdfe'\n")
    (folder / "gone.sql").symlink_to(folder / "nowhere.sql")
    found = {str(fault.place): fault.what for fault in faults({})}
    assert found["bytes.sql:1"] == "is not UTF-8 text (byte 10)"
    assert found["bytes.py:1"].startswith("is not UTF-8 text")
    assert found["gone.sql:1"] == "can't be read: No such file or directory"


def test_early_aggregate_of_a_feature(faults: Faults) -> None:
    header = '/* pumphouse\nkind = "feature"\nentity = "customer_id" */\n'
    early = """WITH totals AS (
          SELECT customer_id, sum(a) AS total FROM orders GROUP BY 1)
        SELECT m.customer_id, m.as_of, t.total FROM moments m JOIN totals t USING (customer_id)"""
    (found,) = faults({**ORDERS, "total.sql": header + early})
    assert str(found.place) == "total.sql:5"
    assert found.what.startswith("'orders' is aggregated before it meets moments")
    assert found.mend == "Join moments and 'orders' first, and aggregate what comes of it."


def test_feature_without_moments(faults: Faults) -> None:
    header = '/* pumphouse\nkind = "feature"\nentity = "customer_id" */\n'
    (found,) = faults({**ORDERS, "total.sql": header + "SELECT customer_id, as_of, 1 AS one FROM orders"})
    assert "a feature is a query over moments" in found.what


def test_model_names_a_label_and_features(faults: Faults) -> None:
    model = """
        import pumphouse as ph
        @ph.model(label="spend", features=["spend", "orders"])
        def chance(train: ph.TrainingSet): ...
        live = ph.rollout("chance", outcome="chance")
    """
    found = faults({**ORDERS, "spend.sql": SPEND, "learn.py": model})
    assert [fault.what for fault in found] == [
        "'chance' reads 'orders', which is a files",
        "the label of 'chance' is 'spend', which is a feature",
        "the outcome of 'live' is 'chance', which is a model",
    ]


def test_external_table_is_no_input_of_a_build(faults: Faults) -> None:
    files = {"far.py": 'import pumphouse as ph\n\naccounts = ph.external("accounts", connection="crm")\n'}
    found = faults({**files, "customers.sql": "SELECT * FROM accounts"})
    assert [one.what for one in found] == ["'customers' reads 'accounts', which is an external table"]
    assert found[0].mend is not None
    assert "gather it with ph.database" in found[0].mend

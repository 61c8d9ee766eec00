"""Law 3: what decides an asset's content changes its fingerprint, and nothing else does."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pumphouse.graph.assets import Graph, load
from pumphouse.graph.sql import read_query

SHOP = {
    "gather.py": """
        import pumphouse as ph

        raw = ph.files("data/*.csv", key="id")
    """,
    "rates.py": """
        \"\"\"Rates of exchange.\"\"\"
        EUR = 1.1
        USD = {"cents": 100}
        UNUSED = 7


        def in_usd(value, rate=EUR):
            \"\"\"Dollars.\"\"\"
            return value * rate  # rounded later


        class Money:
            unit = "USD"

            def cents(self):
                return USD["cents"]
    """,
    "tables.py": """
        from __future__ import annotations
        import pumphouse as ph
        from shop import rates
        from shop.rates import in_usd as dollars

        LIMIT = 10


        @ph.table(key="id")
        def converted(raw):
            \"\"\"In dollars.\"\"\"
            return [dollars(value) for value in raw]


        @ph.table()
        def limited(raw, *, most: int = 5):
            LIMIT_HERE = LIMIT
            return min(LIMIT_HERE, most), open("terms.csv")


        @ph.table()
        def worth(raw):
            def inner(value):
                return rates.Money().cents() * value
            return inner


        @ph.table()
        def plain(raw, LIMIT):
            return LIMIT
    """,
    "LIMIT.sql": "SELECT 1 AS one",
    "lookups/words.csv": "a,b\n",
    "terms.csv": "a,b\n",
    "orders.sql": """
        /* pumphouse
        key = "id"
        doc = "Orders." */
        SELECT id, amount FROM raw WHERE word = 'lookups/words.csv' AND day < $today
    """,
    "spend.sql": """
        /* pumphouse
        kind = "feature"
        entity = "id" */
        SELECT m.id, m.as_of, sum(o.amount) AS spend FROM moments m JOIN orders o USING (id) GROUP BY ALL
    """,
    "checks.py": "import pumphouse as ph\n\npositive = ph.check('orders', 'amount > 0')\n",
    "page.md": "<!-- pumphouse -->\n# Orders\n\n![](logo.png)\n\n```sql\nSELECT * FROM orders\n```\n",
    "logo.png": "not really",
}
SHOP = {name: textwrap.dedent(text).lstrip("\n") for name, text in SHOP.items()}


def fingerprints(graph: Graph) -> dict[str, str]:
    return {name: asset.fingerprint for name, asset in graph.assets.items()}


UNCHANGING = [
    pytest.param("orders.sql", "SELECT id,", "-- a comment\n  select   id /* another */,", id="sql comment and case"),
    pytest.param("orders.sql", "$today", "$today;\n-- the end", id="semicolon"),
    pytest.param(
        "orders.sql", 'doc = "Orders."', 'doc = "All orders."\nowner = "ann"\nevery = "1h"', id="doc and owner"
    ),
    pytest.param("orders.sql", 'doc = "Orders."', "retries = 2\ntimeout_s = 60", id="retries"),
    pytest.param("tables.py", '"""In dollars."""', '"""In US dollars."""\n    # exact', id="docstring"),
    pytest.param("tables.py", "def converted(raw):", "def converted( raw, ) :", id="layout"),
    pytest.param("tables.py", '@ph.table(key="id")', '@ph.table(key="id", timeout_s=9)', id="timeout"),
    pytest.param("tables.py", "LIMIT = 10", "LIMIT = (10)\nOTHER = 3\nimport os", id="what nobody reads"),
    pytest.param("rates.py", "UNUSED = 7", "UNUSED = 8", id="constant that nobody reads"),
    pytest.param("rates.py", '"""Dollars."""', "", id="docstring of a helper"),
    pytest.param("rates.py", "return value * rate", "return (value * rate)", id="brackets"),
    pytest.param("checks.py", "'amount > 0')", "'amount > 0', doc='why')", id="doc of a check"),
]


@pytest.mark.parametrize(("file", "old", "new"), UNCHANGING)
def test_comments_layout_and_words_change_nothing(loaded, file: str, old: str, new: str) -> None:
    before = fingerprints(loaded(SHOP))
    assert old in SHOP[file]
    assert fingerprints(loaded({file: SHOP[file].replace(old, new)})) == before


CHANGING = [
    pytest.param("orders.sql", "id, amount", "id, amount + 0 AS amount", {"orders"}, id="query"),
    pytest.param("orders.sql", 'key = "id"', 'key = ["id"]\nrequired = "amount"', {"orders"}, id="required"),
    pytest.param("orders.sql", "'lookups/words.csv'", "'Lookups/words.csv'", {"orders"}, id="case in quotes"),
    pytest.param("orders.sql", "id, amount", "id, Amount", {"orders"}, id="case of a column"),
    pytest.param("lookups/words.csv", "a,b", "a,c", {"orders"}, id="file that SQL names"),
    pytest.param("terms.csv", "a,b", "a,c", {"limited"}, id="file that Python names"),
    pytest.param("logo.png", "not", "never", {"page"}, id="picture of a report"),
    pytest.param("page.md", "# Orders", "# All orders", {"page"}, id="report"),
    pytest.param("spend.sql", "sum(", "max(", {"spend"}, id="feature"),
    pytest.param("checks.py", "> 0", ">= 0", {"positive", "orders"}, id="check"),
    pytest.param("rates.py", "value * rate", "value / rate", {"converted"}, id="helper imported by another name"),
    pytest.param("rates.py", "EUR = 1.1", "EUR = 1.2", {"converted"}, id="constant in a helper's default"),
    pytest.param("rates.py", '"cents": 100', '"cents": 10', {"worth"}, id="constant behind a class behind a module"),
    pytest.param("rates.py", "UNUSED = 7", 'USD["cents"] = 1', {"worth"}, id="constant changed later"),
    pytest.param(
        "rates.py", "UNUSED = 7", "for one in (1, 2):\n    USD.update(one=one)", {"worth"}, id="changed in a loop"
    ),
    pytest.param("tables.py", "LIMIT = 10", "LIMIT = 11", {"limited"}, id="constant, and a parameter of that name"),
    pytest.param("tables.py", "most: int = 5", "most: int = 6", {"limited"}, id="default of a setting"),
    pytest.param("tables.py", 'key="id"', 'key="number"', {"converted"}, id="key in Python"),
    pytest.param("gather.py", "data/*.csv", "data/*.txt", {"raw"}, id="pattern"),
]


@pytest.mark.parametrize(("file", "old", "new", "changed"), CHANGING)
def test_what_decides_the_content_changes_its_dependents_alone(
    loaded, file: str, old: str, new: str, changed: set[str]
) -> None:
    before = fingerprints(loaded(SHOP))
    assert old in SHOP[file]
    after = fingerprints(loaded({file: SHOP[file].replace(old, new)}))
    assert {name for name in after if after[name] != before[name]} == changed


def test_files_of_a_pattern_are_the_sources_clock_and_not_its_code(loaded) -> None:
    files = {"gather.py": "import pumphouse as ph\nraw = ph.files('raw.csv')\n", "raw.csv": "a\n1\n"}
    before = loaded(files).assets["raw"]
    after = loaded({"raw.csv": "a\n2\n"}).assets["raw"]
    assert before.files == after.files == ()
    assert before.fingerprint == after.fingerprint


def test_a_file_outside_of_the_project_counts_too(loaded, tmp_path: Path) -> None:
    outside = tmp_path / "outside" / "rates.csv"
    outside.parent.mkdir()
    outside.write_text("a")
    text = f"import pumphouse as ph\n\n@ph.table()\ndef read():\n    return open({str(outside)!r})\n"
    before = loaded({"reader.py": text}).assets["read"].fingerprint
    assert loaded({}).assets["read"].fingerprint == before
    outside.write_text("another")
    assert loaded({}).assets["read"].fingerprint != before


def test_named_files_are_recorded(loaded) -> None:
    graph = loaded(
        {
            **SHOP,
            "sub/reader.py": """
                from pathlib import Path
                import pumphouse as ph
                HERE = Path(__file__).parent
                @ph.table()
                def read(raw):
                    return HERE / "near.txt", Path("lookups") / "words.csv", open("missing.csv")
            """,
            "sub/near.txt": "near",
        }
    )
    assert graph.assets["read"].files == ("lookups/words.csv", "sub/near.txt")
    assert graph.assets["page"].files == ("logo.png",)


def test_helper_made_in_a_factory_counts(loaded) -> None:
    files = {
        "gather.py": "import pumphouse as ph\nraw = ph.files('raw.csv')\n",
        "made.py": """
            import pumphouse as ph
            SCALE = 2
            def scaled(factor):
                @ph.table()
                def made(raw):
                    return factor * SCALE
                return made
            twice = scaled(2)
            thrice = scaled(3)
        """,
    }
    before = fingerprints(loaded(files))
    assert before["twice"] != before["thrice"]
    after = fingerprints(loaded({"made.py": files["made.py"].replace("SCALE = 2", "SCALE = 4")}))
    assert {name for name in after if after[name] != before[name]} == {"twice", "thrice"}
    again = fingerprints(loaded({"made.py": files["made.py"].replace("scaled(3)", "scaled(4)")}))
    assert {name for name in again if again[name] != before[name]} == {"thrice"}


def test_functions_and_objects_in_a_spec_count_by_their_code(loaded) -> None:
    files = {
        "gather.py": "import pumphouse as ph\nraw = ph.files('raw.csv')\n",
        "steps.py": "FACTOR = 2\n\ndef double(x):\n    return x * FACTOR\n\nclass Odd:\n    pass\n",
        "own.py": """
            from pathlib import Path
            from pumphouse.declare.asset import Common, Declaration, place_of_caller
            from shop.steps import Odd, double
            def own(*spec):
                return Declaration(kind="clean", spec=spec, common=Common(), place=place_of_caller(), inputs=("raw",))
            LIMIT = 3
            by_function = own(double, Path("steps.txt"))
            by_lambda = own(lambda x: x + LIMIT)
            by_object = own(Odd(), LIMIT)
            by_value = own({"a": {1, 2}}, 1.5, b"x", None)
        """,
        "steps.txt": "one",
    }
    before = fingerprints(loaded(files))
    changes = {
        ("steps.py", "FACTOR = 2", "FACTOR = 3"): {"by_function"},
        ("own.py", "LIMIT = 3", "LIMIT = 4"): {"by_lambda", "by_object"},
        ("own.py", "x + LIMIT", "x - LIMIT"): {"by_lambda"},
        ("own.py", "1.5", "1.6"): {"by_value"},
        ("steps.txt", "one", "two"): {"by_function"},
    }
    for (file, old, new), changed in changes.items():
        after = fingerprints(loaded({**files, file: files[file].replace(old, new)}))
        assert {name for name in after if after[name] != before[name]} == changed, (old, new)


def test_relative_local_and_star_imports_are_followed(loaded) -> None:
    files = {
        "gather.py": "import pumphouse as ph\nraw = ph.files('raw.csv')\n",
        "deep/__init__.py": "",
        "deep/values.py": "A = 1\nB = 1\nC = 1\nD = 1\n",
        "deep/tables.py": """
            import pumphouse as ph
            from . import values
            from .values import *
            @ph.table()
            def by_module(raw):
                return values.A
            @ph.table()
            def by_star(raw):
                return B
            @ph.table()
            def inside(raw):
                from shop.deep.values import C
                return C
            @ph.table()
            def all_of_it(raw):
                return vars(values)
            @ph.table()
            def dotted(raw):
                import shop.deep.values
                return shop.deep.values.D
        """,
    }
    before = fingerprints(loaded(files))
    reader = {"A": "by_module", "B": "by_star", "C": "inside"}
    for name in "ABCD":
        after = fingerprints(loaded({"deep/values.py": files["deep/values.py"].replace(f"{name} = 1", f"{name} = 2")}))
        changed = {one for one in after if after[one] != before[one]}
        assert changed == {"all_of_it", "dotted"} | ({reader[name]} if name in reader else set())


def test_equal_in_another_process_and_another_folder(write, tmp_path: Path) -> None:
    folder = write(SHOP)
    elsewhere = tmp_path / "elsewhere" / "shop"
    shutil.copytree(folder, elsewhere)
    program = (
        "import json, sys; from pathlib import Path; from pumphouse.graph.assets import load; "
        "print(json.dumps({a.name: a.fingerprint for a in load(Path(sys.argv[1])).assets.values()}))"
    )
    told: list[Mapping[str, str]] = []
    for seed, place in (("1", folder), ("2", elsewhere)):
        done = subprocess.run(
            [sys.executable, "-c", program, str(place)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        )
        told.append(json.loads(done.stdout))
    assert told[0] == told[1] == fingerprints(load(folder))


WORDS = [
    "select",
    "id",
    "'it''s -- here'",
    ",",
    '"From"',
    "(",
    ")",
    "from",
    "raw",
    "where",
    "1.5e3",
    "$today",
    "<=",
    "/*x*/",
]


@given(
    st.lists(st.sampled_from(WORDS), min_size=1),
    st.lists(st.sampled_from([" ", "\n", "\t ", " -- note\n", " /* a\nb */ "]), min_size=1),
)
def test_normal_form_of_sql_ignores_whatever_stands_between_words(words: list[str], gaps: list[str]) -> None:
    chance = random.Random(len(words) * 31 + len(gaps))
    plain = read_query(" ".join(words))
    spread = read_query("".join(word + chance.choice(gaps) for word in words))
    assert plain.normal == spread.normal
    upper = read_query(" ".join(word.upper() if re.fullmatch("select|from|where", word) else word for word in words))
    assert upper.normal == plain.normal


@given(st.lists(st.sampled_from(WORDS), min_size=1), st.lists(st.sampled_from(WORDS), min_size=1))
def test_normal_form_of_sql_tells_different_words_apart(one: list[str], other: list[str]) -> None:
    meant = [[word for word in words if not word.startswith("/*")] for words in (one, other)]
    equal = read_query(" ".join(one)).normal == read_query(" ".join(other)).normal
    assert equal == (meant[0] == meant[1])

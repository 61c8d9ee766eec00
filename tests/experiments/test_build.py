from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pumphouse.declare.asset import Asset, Common, Time
from pumphouse.declare.learning import experiment, mean
from pumphouse.declare.tables import Sql
from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import BuildError, Place, UnknownName
from pumphouse.experiments.assignment import assign
from pumphouse.experiments.build import build, last_verdict
from pumphouse.experiments.exposures import expose, expose_all, exposures_of, flush_exposures
from pumphouse.lake.changes import hide
from pumphouse.lake.commit import Commit
from pumphouse.lake.context import Context
from pumphouse.lake.lake import Lake, Location

START = datetime(1998, 1, 1, tzinfo=UTC)
HALVES = {"control": 1, "badge": 1}
METRICS = {"spend": mean("orders.amount", within_days=14)}


class Site:
    """A lake with orders, and one experiment on its customers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lake = Lake(Location(folder=folder / "lake"), engine=DuckDB(threads=2))
        self.assets: dict[str, Asset] = {}
        self.add("orders", kind="sql", common=Common(time=Time(event="paid_at")))
        self.declare()

    def add(self, name: str, **values: Any) -> None:
        self.assets[name] = Asset(
            name=name, place=Place(file=f"{name}.py"), **{"spec": None, "common": Common()} | values
        )

    def declare(self, **values: Any) -> None:
        declared = experiment(**{"unit": "customer_id", "arms": HALVES, "metrics": METRICS} | values)
        self.add("badge", kind="experiment", spec=declared.spec)

    @property
    def badge(self) -> Asset:
        return self.assets["badge"]

    def pay(self, orders: list[tuple[int, datetime, float]]) -> None:
        table = pa.table(
            {
                "customer_id": pa.array([customer for customer, _, _ in orders], pa.int64()),
                "paid_at": pa.array([at for _, at, _ in orders], pa.timestamp("us", tz="UTC")),
                "amount": pa.array([amount for *_, amount in orders], pa.float64()),
            }
        )
        commit = Commit(self.lake, "orders", run="run-0", actor="ada")
        commit.append("orders", self.lake.stage(table.to_batches(), table.schema, stem=f"o{self.lake.snapshot()}"))
        commit.publish()

    def pay_on(self, orders: list[tuple[int, date, float]]) -> None:
        """Orders of which only the day is known, in a table made from the one that says so."""
        self.add("orders", kind="sql", spec=Sql(text="SELECT * FROM payments"), inputs=("payments",))
        self.add("payments", kind="files", common=Common(time=Time(event="paid_on")))
        columns = ([one[place] for one in orders] for place in range(3))
        table = pa.table(dict(zip(("customer_id", "paid_on", "amount"), columns, strict=True)))
        commit = Commit(self.lake, "orders", run="run-0", actor="ada")
        commit.replace("orders", self.lake.stage(table.to_batches(), table.schema, stem="days"))
        commit.publish()

    def flush(self):
        return flush_exposures(self.lake, self.badge, run="run-1", actor="ada")

    def verdict(self, today: date):
        context = Context(
            lake=self.lake,
            engine=self.lake.engine.fork(),
            folder=self.folder,
            assets=self.assets,
            now=datetime.combine(today, time(9), tzinfo=UTC),
            today=today,
            run="run-2",
            actor="ada",
            snapshot=self.lake.snapshot(),
        )
        built = build(self.badge, context)
        self.note, self.warnings, self.counts = built.note, built.warnings, built.counts
        return last_verdict(self.lake, "badge")

    def exposed(self) -> list[tuple[Any, ...]]:
        relation = self.lake.scan(exposures_of("badge")).relation
        return self.lake.engine.fork().execute(f"SELECT * FROM ({relation}) ORDER BY 1")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.lake.close()


def arm(unit: int) -> str:
    return assign("badge", unit, tuple(HALVES.items()))


def test_a_unit_is_exposed_once_and_keeps_its_arm_and_its_first_moment(site):
    for days in range(3):
        assert expose(site.lake, site.badge, 7, now=START + timedelta(days=days)) == arm(7)
    assert expose(site.lake, site.badge, "7", now=START) == arm(7)
    assert expose(site.lake, site.badge, 8, now=START) == arm(8)
    assert site.flush().note == "2 units exposed"
    assert site.exposed() == [("7", arm(7), START), ("8", arm(8), START)]


def test_exposures_reach_the_lake_once(site):
    expose_all(site.lake, site.badge, [(unit, START) for unit in range(50)])
    assert site.flush().counts.rows_out == 50
    assert site.flush().snapshot is None
    expose(site.lake, site.badge, 3, now=START + timedelta(days=9))
    assert site.flush().snapshot is None
    expose(site.lake, site.badge, 50, now=START)
    assert site.flush().counts.rows_out == 1
    assert len(site.exposed()) == 51


def test_only_the_days_after_exposure_count_and_nothing_counts_as_zero(site):
    late = START + timedelta(days=20)
    expose_all(site.lake, site.badge, [(unit, START) for unit in range(400)])
    expose_all(site.lake, site.badge, [(unit, late) for unit in range(400, 500)])
    site.flush()
    moments = (timedelta(microseconds=-1), timedelta(), timedelta(days=3), timedelta(days=14))
    site.pay([(unit, START + after, 10.0) for unit in range(0, 400, 2) for after in moments])
    site.pay([(9_999, START, 1e6)])
    found = site.verdict(date(1998, 1, 21))
    for name, sample in (("control", found.arms[0].metrics[0].control), ("badge", found.arms[0].metrics[0].arm)):
        totals = [20.0 * (unit % 2 == 0) for unit in range(400) if arm(unit) == name]
        assert sample.units == len(totals)
        assert sample.mean == pytest.approx(np.mean(totals))
        assert sample.variance == pytest.approx(np.var(totals, ddof=1))
    assert found.left_out == 100
    assert sum(found.exposed.values()) == 500


@pytest.mark.parametrize("hour", [0, 12])
def test_a_day_counts_from_the_day_of_exposure_for_as_many_days(site, hour: int):
    at = START + timedelta(days=5, hours=hour)
    expose_all(site.lake, site.badge, [(unit, at) for unit in range(400)])
    site.flush()
    days = {-1: 1.0, 0: 10.0, 13: 100.0, 14: 1000.0}
    site.pay_on([(unit, (at + timedelta(days=day)).date(), paid) for unit in range(400) for day, paid in days.items()])
    found = site.verdict(date(1998, 2, 1)).arms[0].metrics[0]
    assert (found.control.mean, found.arm.mean) == (110.0, 110.0)


def test_a_window_ends_with_the_project_s_day(site):
    expose_all(site.lake, site.badge, [(unit, START + timedelta(hours=1)) for unit in range(400)])
    site.flush()
    site.pay([(1, START + timedelta(days=1), 10.0)])
    assert site.verdict(date(1998, 1, 15)).left_out == 400
    assert site.verdict(date(1998, 1, 16)).left_out == 0


def test_a_difference_that_is_there_is_found_and_one_that_is_not_is_not(site):
    rng = np.random.default_rng(1)
    expose_all(site.lake, site.badge, [(unit, START) for unit in range(2_000)])
    site.flush()
    lift = {"control": 10.0, "badge": 11.0}
    site.pay([(unit, START + timedelta(days=1), lift[arm(unit)] + rng.normal()) for unit in range(2_000)])
    found = site.verdict(date(1998, 2, 1))
    assert found.outcome == "better"
    assert 0.8 < found.arms[0].metrics[0].found.difference < 1.2
    assert site.note.startswith("better: spend 10.99 in badge against 9.98")
    site.declare(metrics={"spend": mean("orders.amount", within_days=1)})
    assert site.verdict(date(1998, 2, 1)).outcome == "no difference found"


def test_a_verdict_names_its_snapshot_and_is_the_same_when_made_again(site):
    expose_all(site.lake, site.badge, [(unit, START) for unit in range(400)])
    site.flush()
    site.pay([(unit, START + timedelta(days=1), unit / 7) for unit in range(400)])
    before = site.lake.snapshot()
    first = site.verdict(date(1998, 2, 1))
    assert first.snapshot == before
    second = site.verdict(date(1998, 2, 1))
    assert second.snapshot > before
    assert replace(second, snapshot=before) == first


def test_a_person_who_is_hidden_leaves_the_experiment(site):
    expose_all(site.lake, site.badge, [(unit, START) for unit in range(400)])
    site.flush()
    hide(site.lake, entity="customer_id", value=7, why="asked to", run="run-3", actor="ada")
    site.pay([(1, START, 1.0)])
    assert sum(site.verdict(date(1998, 2, 1)).exposed.values()) == 399


def test_nobody_exposed_is_not_enough(site):
    site.pay([(1, START, 1.0)])
    found = site.verdict(date(1998, 2, 1))
    assert found.outcome == "not enough data"
    assert found.exposed == {"control": 0, "badge": 0}


def test_history_replayed_as_an_a_a_test_finds_no_difference(site):
    rng = np.random.default_rng(1997)
    first_bought = {unit: START + timedelta(days=int(rng.integers(0, 30))) for unit in range(3_000)}
    site.pay(
        [
            (unit, at + timedelta(days=int(after)), float(rng.lognormal(3, 1)))
            for unit, at in first_bought.items()
            for after in rng.integers(0, 60, rng.integers(0, 4))
        ]
    )
    assert expose_all(site.lake, site.badge, first_bought.items()) == 3_000
    site.flush()
    assert site.verdict(date(1998, 6, 1)).outcome == "no difference found"


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ({"metrics": {"spend": mean("orders.amonut", within_days=1)}}, r"no column 'amonut'.*Did you mean 'amount'"),
        ({"unit": "visitor_id"}, "no column 'visitor_id'"),
        ({"arms": {"control": 1}}, "needs two arms or more"),
        ({"arms": {"control": 1, "badge": 0}}, "each with a weight above 0"),
        ({"metrics": {"spend": mean("visits.pages", within_days=1)}}, "which column is the time of a row's event"),
    ],
)
def test_what_can_not_be_measured_is_refused(site, declared, reason: str):
    site.add("visits", kind="files")
    site.pay([(1, START, 1.0)])
    site.declare(**declared)
    with pytest.raises(BuildError, match=reason):
        site.verdict(date(1998, 2, 1))
    with pytest.raises(UnknownName, match="pumphouse run badge"):
        last_verdict(site.lake, "badge")


def test_values_that_are_no_numbers_are_refused(site):
    expose(site.lake, site.badge, 1, now=START)
    site.flush()
    site.pay([(1, START, float("nan"))])
    with pytest.raises(BuildError, match="has values that are no numbers"):
        site.verdict(date(1998, 2, 1))


def test_what_was_exposed_as_another_unit_is_left_out_and_counted(site):
    expose_all(site.lake, site.badge, [(unit, START) for unit in range(30)])
    site.flush()
    table = pa.table(
        {
            "account": [f"a{number}" for number in range(40)],
            "paid_at": [START + timedelta(days=1)] * 40,
            "amount": [2.0] * 40,
        }
    )
    commit = Commit(site.lake, "orders", run="run-0", actor="ada")
    commit.replace("orders", site.lake.stage(table.to_batches(), table.schema, stem="accounts"))
    commit.publish()
    site.declare(unit="account")
    verdict = site.verdict(date(1998, 6, 1))
    assert verdict.exposed == {"control": 0, "badge": 0}
    assert site.warnings == ("30 exposures have no 'account', which was not the unit then; left out",)
    expose_all(site.lake, site.badge, [(f"a{number}", START) for number in range(40)])
    flush_exposures(site.lake, site.badge, run="run-1", actor="ada", accept_schema=True)
    verdict = site.verdict(date(1998, 6, 1))
    assert sum(verdict.exposed.values()) == 40
    assert site.warnings == ("30 exposures have no 'account', which was not the unit then; left out",)
    assert (site.counts.rows_in, site.counts.rows_out, site.counts.dropped) == (70, 40, 30)
